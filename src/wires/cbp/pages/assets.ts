/** The styles of the page of cbp: register them at start, name them in the page. */
import { asset } from "../../../kit/pages/assets.ts";
import cbpStyles from "./cbp.css" with { type: "text" };

/** Styles that the page links. */
export const cbpStyleAsset = asset("cbp.css", cbpStyles);

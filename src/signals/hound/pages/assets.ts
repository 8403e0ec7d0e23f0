/** The styles of Hound's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import houndStyles from "./hound.css" with { type: "text" };

/** Styles that all pages of Hound link. */
export const houndStyleAsset = asset("hound.css", houndStyles);

/** The styles of Mediacheck's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import mediacheckStyles from "./mediacheck.css" with { type: "text" };

/** Styles that all pages of Mediacheck link. */
export const mediacheckStyleAsset = asset("mediacheck.css", mediacheckStyles);

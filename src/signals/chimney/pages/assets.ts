/** The styles of Chimney's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import chimneyStyles from "./chimney.css" with { type: "text" };

/** Styles that all pages of Chimney link. */
export const chimneyStyleAsset = asset("chimney.css", chimneyStyles);

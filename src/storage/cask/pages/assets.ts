/** The styles of Cask's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import caskStyles from "./cask.css" with { type: "text" };

/** Styles that all pages of Cask link. */
export const caskStyleAsset = asset("cask.css", caskStyles);

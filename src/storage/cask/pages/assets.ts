/** The styles and scripts of Cask's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import caskStyles from "./cask.css" with { type: "text" };
import uploadScript from "./upload.browser.js" with { type: "text" };

/** Styles that all pages of Cask link. */
export const caskStyleAsset = asset("cask.css", caskStyles);

/** The script of the upload page. */
export const caskUploadAsset = asset("cask-upload.js", uploadScript);

/**
 * The script and styles of a form that takes files, for every service with one. The form has `data-upload` and a field
 * `file`; upload.browser.js says what else of the page it looks at. Without script the form works as it is.
 */
import { asset } from "./assets.ts";
import uploadStyles from "./upload.css" with { type: "text" };
import uploadScript from "./upload.browser.js" with { type: "text" };

/** Dropping, several files at a time, and how far each is. */
export const uploadScriptAsset = asset("upload.js", uploadScript);

/** The looks of the form and of the files on their way. */
export const uploadStyleAsset = asset("upload.css", uploadStyles);

/** Styles and scripts of Fitor's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import fitorStyles from "./fitor.css" with { type: "text" };
import askScript from "./ask.browser.js" with { type: "text" };
import hearScript from "./hear.browser.js" with { type: "text" };
import roomScript from "./room.browser.js" with { type: "text" };
import speakScript from "./speak.browser.js" with { type: "text" };

/** Styles that all pages of Fitor link. */
export const fitorStyleAsset = asset("fitor.css", fitorStyles);
/** What makes the page of a room live. */
export const roomScriptAsset = asset("fitor-room.js", roomScript);
/** What asks for what is new. */
export const askScriptAsset = asset("fitor-ask.js", askScript);
/** What hears that there is something new. */
export const hearScriptAsset = asset("fitor-hear.js", hearScript);
/** What sends from it without a reload. */
export const speakScriptAsset = asset("fitor-speak.js", speakScript);

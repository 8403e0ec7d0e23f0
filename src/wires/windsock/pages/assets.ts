/** The styles and scripts of Windsock's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import chatScript from "./chat.browser.js" with { type: "text" };
import tapScript from "./tap.browser.js" with { type: "text" };
import windsockStyles from "./windsock.css" with { type: "text" };

/** Styles that all pages of Windsock link. */
export const windsockStyleAsset = asset("windsock.css", windsockStyles);

/** Messages as they come. */
export const tapScriptAsset = asset("windsock-tap.js", tapScript);

/** The room to talk in. */
export const chatScriptAsset = asset("windsock-chat.js", chatScript);

/** Styles and scripts of Fitor's pages: register them at start, name them in each page. */
/* eslint-disable import/default -- what is imported are the texts of files, not what they export */
import { type Asset, asset } from "../../../kit/pages/assets.ts";
import { ScriptModules } from "../../../kit/pages/script-modules.ts";
import fitorStyles from "./fitor.css" with { type: "text" };
import askScript from "./ask.browser.js" with { type: "text" };
import eventWayScript from "./event-way.browser.js" with { type: "text" };
import hearScript from "./hear.browser.js" with { type: "text" };
import pageScript from "./page.browser.js" with { type: "text" };
import roomScript from "./room.browser.js" with { type: "text" };
import speakScript from "./speak.browser.js" with { type: "text" };
import unreadScript from "./unread.browser.js" with { type: "text" };
import windsockWayScript from "./windsock-way.browser.js" with { type: "text" };

/** Each stands after those it imports. */
const modules = new ScriptModules();
modules.add("./page.browser.js", "fitor-page.js", pageScript);
modules.add("./unread.browser.js", "fitor-unread.js", unreadScript);
modules.add("./event-way.browser.js", "fitor-event-way.js", eventWayScript);
modules.add("./windsock-way.browser.js", "fitor-windsock-way.js", windsockWayScript);
const room = modules.add("./room.browser.js", "fitor-room.js", roomScript);
const speak = modules.add("./speak.browser.js", "fitor-speak.js", speakScript);
const ask = modules.add("./ask.browser.js", "fitor-ask.js", askScript);
const hear = modules.add("./hear.browser.js", "fitor-hear.js", hearScript);

/** Styles that all pages of Fitor link. */
export const fitorStyleAsset = asset("fitor.css", fitorStyles);

/** All that pages load, by way of other files as well. */
export const fitorAssets: readonly Asset[] = [fitorStyleAsset, ...modules.all];

/** What the page of a room links. */
export const roomAssets: readonly Asset[] = [fitorStyleAsset, room, speak, ask, hear];

/** The styles of Mountwatch's page: register them at start, name them in the page. */
import { asset } from "../../../kit/pages/assets.ts";
import mountwatchStyles from "./mountwatch.css" with { type: "text" };

/** Styles that the page links. */
export const mountwatchStyleAsset = asset("mountwatch.css", mountwatchStyles);

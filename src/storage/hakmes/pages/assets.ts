/** The styles of Hakmes' pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import hakmesStyles from "./hakmes.css" with { type: "text" };

/** Styles that all pages of Hakmes link. */
export const hakmesStyleAsset = asset("hakmes.css", hakmesStyles);

/** The styles of Reticulum's pages: register them at start, name them in each page. */
import { asset } from "../../../kit/pages/assets.ts";
import reticulumStyles from "./reticulum.css" with { type: "text" };

/** Styles that all pages of Reticulum link. */
export const reticulumStyleAsset = asset("reticulum.css", reticulumStyles);

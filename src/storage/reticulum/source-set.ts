/**
 * What a page needs to show an image on screens of all sizes: URLs of several widths as `srcset` has them, and the whole
 * `<img>` element to copy. Widths larger than the image are left out, as they would only cost bytes.
 */
import { Fault } from "../../kit/fault.ts";
import { targetOf } from "../../lib/resize/geometry.ts";

/** Widths when none are asked for. */
const usualWidths = [320, 640, 960, 1280, 1920, 2560];
const widthsMax = 20;

/** A set of URLs for one image. */
export interface SourceSet {
  readonly src: string;
  readonly srcset: string;
  readonly sizes: string;
  readonly width: number;
  readonly height: number;
  readonly html: string;
}

/**
 * The set that a query asks for: `widths=320,640`, `sizes=50vw`, `alt=` and `name=` (of the file, without extension).
 * Faults: `reticulum/widths` (400).
 */
export function sourceSet(
  image: { hash: string; extension: string; facts: { width: number; height: number } },
  query: URLSearchParams,
  urlOf: (spec: { kind: "box"; width: number }, filename: string) => string,
): SourceSet {
  const given = query.get("widths");
  const asked =
    given === null ? usualWidths : given.split(",").map((text) => (/^ *\d{1,5} *$/.test(text) ? Number(text) : 0));
  if (asked.length > widthsMax || asked.some((width) => width < 1))
    throw new Fault(
      "invalid",
      "reticulum/widths",
      `Cannot read widths: wanted at most ${widthsMax} whole numbers with commas between`,
    );
  const { height, width } = image.facts;
  const fitting = [...new Set(asked.filter((one) => one <= width))].sort((one, other) => one - other);
  const widths = fitting.length === 0 ? [width] : fitting;
  const name = (query.get("name") ?? "image").replaceAll(/[^\w.-]/g, "-").slice(0, 100) || "image";
  const entries = widths.map((one) => ({
    width: one,
    url: urlOf({ kind: "box", width: one }, `${name}.${image.extension}`),
  }));
  const largest = entries.at(-1) ?? { width, url: "" };
  const src = largest.url;
  const srcset = entries.map((entry) => `${entry.url} ${entry.width}w`).join(", ");
  const sizes = query.get("sizes") ?? "100vw";
  const size = targetOf({ kind: "box", width: largest.width }, { width, height });
  const attributes = [
    ["src", src],
    ["srcset", srcset],
    ["sizes", sizes],
    ["width", String(size.width)],
    ["height", String(size.height)],
    ["alt", query.get("alt") ?? ""],
    ["loading", "lazy"],
  ] as const;
  const html = `<img ${attributes.map(([key, value]) => `${key}="${escaped(value)}"`).join(" ")}>`;
  return { src, srcset, sizes, width: size.width, height: size.height, html };
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

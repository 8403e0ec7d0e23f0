/**
 * What a URL asks of an image's size, as a value and as text: `full`, `100s` (a square), `200w`, `100h`, `200w100h` (a box).
 * Reading is as generous as URLs of old need it: the first number with each letter counts and everything round it is
 * ignored, so `100h200w` and `0200w 100h` both mean `200w100h`; whoever serves images redirects to the normal form. Text
 * without any such number is no spec. The sizes that come of a spec are in geometry.ts.
 */

/** Sides are whole numbers of pixels; 0 means the side of the image itself. */
export type SizeSpec =
  | { readonly kind: "full" }
  | { readonly kind: "square"; readonly side: number }
  | { readonly kind: "box"; readonly width?: number; readonly height?: number };

/** The largest side there is; longer numbers mean this one. */
export const largestSide = Number.MAX_SAFE_INTEGER;

/** The first run of digits right before `letter`. Searched by hand, as a pattern would try every digit of a long run anew. */
function numberBefore(text: string, letter: string): number | undefined {
  for (let at = text.indexOf(letter); at !== -1; at = text.indexOf(letter, at + 1)) {
    let from = at;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from--;
    if (from < at) return Math.min(largestSide, Number(text.slice(from, at)));
  }
  return undefined;
}

const isDigit = (code: number) => code >= 0x30 && code <= 0x39;

/**
 * The spec that `text` means, or undefined when it holds none. A square wins over a box; letters are small ones.
 */
export function parseSizeSpec(text: string): SizeSpec | undefined {
  if (text === "full") return { kind: "full" };
  const side = numberBefore(text, "s");
  if (side !== undefined) return { kind: "square", side };
  const width = numberBefore(text, "w");
  const height = numberBefore(text, "h");
  if (width === undefined && height === undefined) return undefined;
  return { kind: "box", ...(width !== undefined && { width }), ...(height !== undefined && { height }) };
}

/** The one text for `spec`, which {@link parseSizeSpec} reads back. A box without sides prints as `0w`, which means the same. */
export function formatSizeSpec(spec: SizeSpec): string {
  if (spec.kind === "full") return "full";
  if (spec.kind === "square") return `${spec.side}s`;
  const { width, height } = spec;
  if (width === undefined) return height === undefined ? "0w" : `${height}h`;
  return height === undefined ? `${width}w` : `${width}w${height}h`;
}

/** The same request in the words of ImageMagick's `-resize`: `100x100^`, `100`, `x100`, `200x100`; `100%` for the whole. */
export function imageMagickGeometry(spec: SizeSpec): string {
  if (spec.kind === "full") return "100%";
  if (spec.kind === "square") return spec.side === 0 ? "100%" : `${spec.side}x${spec.side}^`;
  const width = spec.width === undefined || spec.width === 0 ? "" : String(spec.width);
  const height = spec.height === undefined || spec.height === 0 ? "" : `x${spec.height}`;
  return width + height || "100%";
}

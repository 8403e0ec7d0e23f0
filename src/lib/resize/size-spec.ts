/**
 * What a URL asks of an image's size, as a value: the whole, a square, or a box with one or two sides.
 */

/** Sides are whole numbers of pixels; 0 means the side of the image itself. */
export type SizeSpec =
  | { readonly kind: "full" }
  | { readonly kind: "square"; readonly side: number }
  | { readonly kind: "box"; readonly width?: number; readonly height?: number };

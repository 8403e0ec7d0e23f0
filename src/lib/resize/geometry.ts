/**
 * From a spec and the size of an image to the size of the result, to the pixel. The rules of thumbnails that are already
 * in people's pages: one side given is met exactly and the other rounded; a box is never cropped and its sides are cut down
 * to whole pixels; a square is covered and cropped, but an image smaller than it both ways stays as it is. All of them
 * enlarge unless told not to. Divisions are done in the order in which they have always been done, because another order
 * gives another pixel where a half is rounded. No side is ever less than 1.
 */
import { largestSide, type SizeSpec } from "./size-spec.ts";

/** Width and height in whole pixels, as an image is shown: with its EXIF orientation applied. */
export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** A part of an image. */
export interface PixelRect extends PixelSize {
  readonly left: number;
  readonly top: number;
}

/** How to reach a result: scale the whole to {@link scaled}, and then, if there is a {@link crop}, cut that out. */
export interface Target extends PixelSize {
  readonly scaled: PixelSize;
  /** In pixels of {@link scaled}; as large as the result. Absent when nothing is cut off. */
  readonly crop?: PixelRect;
}

/** Where a crop looks: the middle, or a point from 0 at the left and top to 1. */
export type Gravity = "centre" | { readonly x: number; readonly y: number };

/** What besides the spec decides a size. */
export interface TargetOptions {
  /** Never larger than the image; a square that would enlarge is only cropped. @default false */
  readonly noEnlarge?: boolean;
  /** Multiplies the sides of the spec, for screens with more than one pixel to a point. @default 1 */
  readonly pixelRatio?: number;
  /** @default "centre" */
  readonly gravity?: Gravity;
}

const rounded = (pixels: number) => Math.max(1, Math.min(largestSide, Math.floor(pixels + 0.5)));
const truncated = (pixels: number) => Math.max(1, Math.min(largestSide, Math.trunc(pixels)));

/**
 * The size of `spec` made from an image of `source`, and the way to it.
 *
 * @throws RangeError when a side of `source` is not a whole number from 1, or `pixelRatio` not a number above 0.
 */
export function targetOf(spec: SizeSpec, source: PixelSize, options: TargetOptions = {}): Target {
  requireSize(source);
  const { noEnlarge = false, pixelRatio = 1, gravity = "centre" } = options;
  if (!(pixelRatio > 0) || !Number.isFinite(pixelRatio))
    throw new RangeError(`Cannot use ${pixelRatio} as a pixel ratio: it must be a number above 0`);
  const times = (side: number | undefined) => (side === undefined || side === 0 ? 0 : rounded(side * pixelRatio));
  if (spec.kind === "full") return plain(source);
  if (spec.kind === "square") return squareOf(times(spec.side), source, noEnlarge, gravity);
  return plain(boxOf(times(spec.width), times(spec.height), source, noEnlarge));
}

const plain = ({ width, height }: PixelSize): Target => ({ width, height, scaled: { width, height } });

function boxOf(across: number, down: number, source: PixelSize, noEnlarge: boolean): PixelSize {
  const { width, height } = source;
  const wider = across > width;
  const taller = down > height;
  if (across === 0 && down === 0) return source;
  if (down === 0) return noEnlarge && wider ? source : { width: across, height: rounded(height / (width / across)) };
  if (across === 0) return noEnlarge && taller ? source : { width: rounded(width / (height / down)), height: down };
  const ratio = down / height < across / width ? down / height : across / width;
  if (noEnlarge && ratio > 1) return source;
  return { width: truncated(width * ratio), height: truncated(height * ratio) };
}

function squareOf(side: number, source: PixelSize, noEnlarge: boolean, gravity: Gravity): Target {
  const { width, height } = source;
  if (side === 0 || (width < side && height < side)) return plain(source);
  const short = Math.min(width, height);
  if (noEnlarge && short < side)
    return cropped(source, { width: Math.min(width, side), height: Math.min(height, side) }, gravity);
  const shrink = short / side;
  const scaled = {
    width: width === short ? side : rounded(width / shrink),
    height: height === short ? side : rounded(height / shrink),
  };
  return cropped(scaled, { width: side, height: side }, gravity);
}

function cropped(scaled: PixelSize, { width, height }: PixelSize, gravity: Gravity): Target {
  if (scaled.width === width && scaled.height === height) return plain(scaled);
  const crop = {
    left: offset(scaled.width, width, gravity === "centre" ? undefined : gravity.x),
    top: offset(scaled.height, height, gravity === "centre" ? undefined : gravity.y),
    width,
    height,
  };
  return { width, height, scaled, crop };
}

/** Where a part of `length` begins in `whole`; it never leaves it. `point` is from 0 to 1, or absent for the middle. */
function offset(whole: number, length: number, point: number | undefined): number {
  if (point === undefined) return Math.floor((whole - length + 1) / 2);
  return Math.max(0, Math.min(whole - length, Math.round(point * whole - length / 2)));
}

/**
 * The largest part of `source` with the shape of `box`, in pixels of `source`: what is seen when an image covers a box.
 *
 * @throws RangeError when a side is not a whole number from 1.
 */
export function coverOf(source: PixelSize, box: PixelSize, gravity: Gravity = "centre"): PixelRect {
  requireSize(source);
  requireSize(box);
  const asWide = source.width * box.height > source.height * box.width;
  const width = asWide ? Math.min(source.width, rounded((source.height * box.width) / box.height)) : source.width;
  const height = asWide ? source.height : Math.min(source.height, rounded((source.width * box.height) / box.width));
  const point = gravity === "centre" ? { x: 0.5, y: 0.5 } : gravity;
  return {
    left: Math.max(0, Math.min(source.width - width, Math.floor(point.x * source.width - width / 2))),
    top: Math.max(0, Math.min(source.height - height, Math.floor(point.y * source.height - height / 2))),
    width,
    height,
  };
}

/**
 * The largest size with the shape of `source` that fits in `box`, rounded to whole pixels: one side is always the box's.
 *
 * @throws RangeError when a side is not a whole number from 1.
 */
export function containOf(source: PixelSize, box: PixelSize): PixelSize {
  requireSize(source);
  requireSize(box);
  if (source.width * box.height > source.height * box.width)
    return { width: box.width, height: Math.min(box.height, rounded((source.height * box.width) / source.width)) };
  return { width: Math.min(box.width, rounded((source.width * box.height) / source.height)), height: box.height };
}

function requireSize({ width, height }: PixelSize): void {
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1)
    throw new RangeError(`Cannot use ${width}x${height} as a size: both sides must be whole numbers from 1`);
}

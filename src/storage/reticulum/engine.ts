/**
 * The port to whatever decodes and encodes images. Callers hand over bytes and get bytes; the engine keeps every limit before
 * it decodes, and nothing a hostile file does to it may reach the caller but a Fault. Jobs wait in a bounded queue in which
 * small ones go first; a job whose signal aborts is taken out of the queue, or its process ended.
 */
import type { SizeSpec } from "../../lib/resize/size-spec.ts";

/** The formats that are taken in and given out, by their real content. */
export const imageFormats = ["jpeg", "png", "gif", "webp", "avif"] as const;
/** One of {@link imageFormats}. */
export type ImageFormat = (typeof imageFormats)[number];

/** A point of an image as it is shown, from 0 at the left and top to 1. */
export interface FocalPoint {
  readonly x: number;
  readonly y: number;
}

/** What an image is, found by decoding it. */
export interface ImageFacts {
  readonly format: ImageFormat;
  /** As it is shown, with its orientation applied, in pixels. */
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1 to 8. */
  readonly orientation: number;
  /** Frames of an animation; 1 for a still image. */
  readonly pages: number;
  readonly hasAlpha: boolean;
  readonly hasProfile: boolean;
  /** The dominant colour, such as `#1a2b3c`. */
  readonly dominantColour: string;
  /** Base64 of a ThumbHash. */
  readonly thumbHash: string;
  /** With 4 by 3 components, fewer along the short side. */
  readonly blurHash: string;
}

/** What the header of an image says, as far as results depend on it. */
export type SourceHeader = Pick<
  ImageFacts,
  "format" | "width" | "height" | "orientation" | "pages" | "hasAlpha" | "hasProfile"
>;

/** One result to be made. */
export interface RenderJob {
  /** The whole original. */
  readonly source: Uint8Array;
  /** What an engine found in these very bytes before; without it their header is read once more. */
  readonly header?: SourceHeader;
  readonly spec: SizeSpec;
  /** Multiplies the sides of the spec. @default 1 */
  readonly pixelRatio?: number;
  /** Never larger than the original. @default false */
  readonly noEnlarge?: boolean;
  /** Where a square crop looks: the centre, a point, or what draws the eye. @default "centre" */
  readonly gravity?: "centre" | "attention" | FocalPoint;
  /** Absent for the format of the source. */
  readonly format?: ImageFormat;
  /** 1 to 100; absent for the format's usual one. */
  readonly quality?: number;
  /** How hard the encoder tries, 0 to 6; absent for a quick one, or for a thorough one of an idle job. */
  readonly effort?: number;
  /** Keep the frames of an animation where format and limits allow: all frames together count as one result. @default true */
  readonly animate?: boolean;
}

/** A result. */
export interface Rendered {
  readonly bytes: Uint8Array;
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
  readonly pages: number;
}

/** What is allowed; a job beyond it is refused before anything is decoded. */
export interface ImageLimits {
  /** Of the source, all pages together. */
  readonly inputPixels: number;
  readonly inputBytes: number;
  readonly pages: number;
  /** Of a result. */
  readonly outputSide: number;
  readonly outputPixels: number;
  /** Of one job; its process is ended then. */
  readonly timeMs: number;
  /** Resident memory of one process; it is ended beyond. */
  readonly memoryBytes: number;
}

/** How the engine fares. */
export interface EngineState {
  readonly processes: number;
  readonly busy: number;
  readonly waiting: number;
  readonly waitingMax: number;
  readonly restarts: number;
  readonly done: number;
  readonly failed: number;
  readonly refused: number;
}

/**
 * Decodes and encodes. Faults: `reticulum/not-an-image`, `reticulum/unsupported-format` (invalid, naming what it is),
 * `reticulum/damaged` (invalid), `reticulum/too-large` (too-large: pixels, pages or bytes), `reticulum/result-too-large`
 * (invalid), `reticulum/busy` (unavailable, with a time to wait), `reticulum/too-slow` (timeout),
 * `reticulum/engine-died` (unavailable), `reticulum/failed` (internal). Statuses: 415 for what is no image of the formats
 * taken, 422 for a damaged one. Who leaves by the signal gets its reason. After `close` everything is `reticulum/busy`.
 */
export interface Engine {
  /** Decodes all of it once, small, so that what is stored is known to be sound. */
  probe(source: Uint8Array, options?: { signal?: AbortSignal }): Promise<ImageFacts>;
  render(job: RenderJob, options?: { signal?: AbortSignal; idle?: boolean }): Promise<Rendered>;
  state(): EngineState;
  close(): Promise<void>;
}

/**
 * What the pages of Reticulum show, as plain values that whoever answers requests fills. Names, and what a camera wrote,
 * came from whoever uploaded an image: they are text here and are escaped where they are drawn. Addresses of pictures are
 * made by whoever fills the views, as some carry signatures; addresses of pages are made here.
 */
import type { Tab } from "../../../kit/pages/layout.tsx";
import type { Tone } from "../../../kit/pages/components.tsx";
import type { ExifLocation, ExifTag } from "../exif.ts";

/** What every page of Reticulum knows. */
export interface ReticulumFrame {
  /** `/reticulum`, or the empty string where Reticulum has an address of its own. */
  mountPath: string;
  /** Wall time of the view, epoch ms. */
  now: number;
}

/** How it fares, in one sentence. */
export interface Verdict {
  tone: Tone;
  sentence: string;
}

/** A picture as a page shows it. */
export interface PictureView {
  src: string;
  /** For screens with two pixels to a point. */
  fineSrc?: string | undefined;
  width: number;
  height: number;
}

/** One image on the light table. */
export interface PrintView {
  hash: string;
  name: string;
  /** Absent where no URL of it may be shown. */
  picture?: PictureView | undefined;
  colour: string;
  format: string;
  width: number;
  height: number;
  pages: number;
  bytes: number;
  uploadedAt: number;
}

/** The first page: what came last, and the form that takes more. */
export interface LightTableView extends ReticulumFrame {
  verdict: Verdict;
  prints: readonly PrintView[];
  /** All that came in through this node. */
  uploaded: number;
  /** Paths of the pages beside this one. */
  newer?: string | undefined;
  older?: string | undefined;
  /** Why the list could not be made. */
  listFailure?: string | undefined;
  /** Whether the form asks for an upload key. */
  keyWanted: boolean;
  maxUploadBytes: number;
  /** Why an image that was sent without script was not taken. */
  refusal?: string | undefined;
}

/** An image that was taken, for one who may not look at anything. */
export interface TakenView extends ReticulumFrame {
  hash: string;
  fullUrl: string;
}

/** One size that is tried out. */
export interface TrialView {
  /** As it was typed. */
  size: string;
  format: string;
  pixelRatio: number;
  /** What is wrong with what was typed. */
  failure?: string | undefined;
  /** The normal form, where another was typed. */
  normal?: string | undefined;
  /** Why it cannot be shown. */
  refusal?: string | undefined;
  made?:
    | {
        picture: PictureView;
        /** To be copied: whole, and signed where that is needed and allowed. */
        url: string;
        line: string;
        format: string;
        width: number;
        height: number;
        pages: number;
        bytes: number;
      }
    | undefined;
}

/** The page of one image. */
export interface ImageView extends ReticulumFrame {
  hash: string;
  key: string;
  name: string;
  format: string;
  extension: string;
  bytes: number;
  width: number;
  height: number;
  orientation: number;
  pages: number;
  hasAlpha: boolean;
  hasProfile: boolean;
  colour: string;
  thumbHash: string;
  blurHash: string;
  /** The placeholders as `data:` URLs. */
  thumbPicture?: string | undefined;
  blurPicture?: string | undefined;
  uploadedAt?: number | undefined;
  fullUrl: string;
  /** What was just done, as a sentence. */
  done?: string | undefined;
  trial: TrialView;
  /** Formats that may be asked for, the stored one first. */
  formats: readonly string[];
  /** Formats that are sent to browsers that accept them. */
  negotiated: readonly string[];
  strip: readonly { size: string; picture: PictureView }[];
  /** The element with several widths, to be copied. */
  sourceSet?: string | undefined;
  focus?: { x: number; y: number } | undefined;
  /** Small enough for every screen, so that a click on it has the same meaning everywhere. */
  whole?: PictureView | undefined;
  square?: PictureView | undefined;
  mayWrite: boolean;
  takenAt?: string | undefined;
  tags: readonly ExifTag[];
  warnings: readonly string[];
  location?: ExifLocation | undefined;
  locationTags: readonly ExifTag[];
  isLocationHidden: boolean;
  kept: readonly { size: string; format: string; width: number; height: number; bytes: number }[];
}

/** One node and whether it has the original. */
export interface CopyRow {
  node: string;
  url: string;
  id: string;
  self: boolean;
  /** It is among those that should have it. */
  owner: boolean;
  /** Undefined when the node did not answer. */
  held: boolean | undefined;
  verifiedAt?: number | undefined;
}

/** Where the copies of an original are. */
export interface CopiesView extends ReticulumFrame {
  hash: string;
  key: string;
  name: string;
  bytes: number;
  wanted: number;
  copies: readonly CopyRow[];
  picture?: PictureView | undefined;
  /** Where a node's own page on a key is, without a trailing slash; undefined when Cask runs elsewhere. */
  caskPages?: string | undefined;
}

/** How the node fares. */
export interface StateView extends ReticulumFrame {
  verdict: Verdict;
  findings: readonly { name: string; tone: Tone; sentence: string }[];
  served: { ready: number; kept: number; made: number; original: number };
  results: { count: number; contents: number; bytes: number; maxBytes: number; evicted: number; torn: number };
  memory: { answers: number; bytes: number; maxBytes: number };
  engine: {
    processes: number;
    busy: number;
    waiting: number;
    waitingMax: number;
    restarts: number;
    done: number;
    failed: number;
    refused: number;
  };
  making: { underWay: number; joined: number };
  images: { known: number; uploaded: number; refused: number };
  workers: readonly { name: string; summary: string; state: string; failure?: string | undefined }[];
  /** Where the originals are kept, in words or as addresses. */
  cask: string;
  algorithm: string;
  /** Which sizes are made, in words. */
  urls: string;
}

/** Paths of the pages, below the mount path. */
export const reticulumPaths = {
  table: "/",
  tableLive: "/live",
  show: "/show/",
  state: "/state/",
  stateLive: "/state/live",
} as const;

/** The page of an image. */
export function showPath(mountPath: string, hash: string): string {
  return `${mountPath}${reticulumPaths.show}${hash}/`;
}

/** The report on an image's copies. */
export function copiesPath(mountPath: string, hash: string, extension: string): string {
  return `${mountPath}/image/${hash}/debug/image.${extension}`;
}

/** The tabs of all pages. */
export function reticulumTabs(mountPath: string, current: "table" | "state" | undefined): Tab[] {
  return [
    { title: "Light table", href: `${mountPath}${reticulumPaths.table}`, current: current === "table" },
    { title: "State", href: `${mountPath}${reticulumPaths.state}`, current: current === "state" },
  ];
}

/** The name of a format as people write it. */
export function formatTitle(format: string): string {
  return format === "webp" ? "WebP" : format.toUpperCase();
}

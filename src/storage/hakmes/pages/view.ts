/**
 * What the pages of Hakmes show, as plain values that whoever answers requests fills. Names and types came from whoever
 * uploaded a file: they are text here and are escaped where they are drawn. Addresses of pages are made here.
 */

/** What every page of Hakmes knows. */
export interface HakmesFrame {
  /** `/hakmes`, or the empty string where Hakmes has an address of its own. */
  mountPath: string;
  /** Wall time of the view, epoch ms. */
  now: number;
}

/** One file in the list. */
export interface FileRow {
  key: string;
  /** Newest first; none for a file without a name. */
  names: readonly string[];
  mimetype: string;
  sizeBytes: number;
  chunkCount: number;
  createdAt: number;
  isProven: boolean;
}

/** How it fares, for the part of the page that is kept up to date. */
export interface StateView {
  files: number;
  bytes: number;
  names: number;
  /** Files whose content was not yet read and compared with their keys. */
  unproven: number;
  /** Imported files whose manifest is not in Cask yet. */
  unanchored: number;
  /** Resumable uploads that are not finished, and what of them has come. */
  unfinished: number;
  unfinishedBytes: number;
  /** Why files cannot be taken or given now, as a sentence; undefined when they can. */
  trouble?: string | undefined;
}

/** The first page: what there is, the list of files, and the form that takes more. */
export interface OverviewView extends HakmesFrame {
  state: StateView;
  /** Where the chunks are kept, in words or as addresses. */
  cask: string;
  /** How new files are cut, in words. */
  cut: string;
  algorithm: string;
  maxUploadBytes: number;
  query: { search: string; sort: "newest" | "name" | "size"; after: string };
  files: readonly FileRow[];
  /** Files that the search matches. */
  total: number;
  /** To ask for the next page. */
  next?: string | undefined;
  /** Why the list could not be made. */
  listFailure?: string | undefined;
  /** Why a file sent without script was not taken. */
  refusal?: string | undefined;
}

/** The page of one file. */
export interface FileView extends HakmesFrame {
  key: string;
  names: readonly { name: string; mimetype: string; addedAt: number }[];
  extension: string;
  mimetype: string;
  sizeBytes: number;
  createdAt: number;
  chunkCount: number;
  /** How it was cut, in words; undefined when that is not known. */
  cut?: string | undefined;
  manifest?: string | undefined;
  isProven: boolean;
  /** The first of them. */
  chunks: readonly { key: string; startBytes: number; sizeBytes: number }[];
  /** Why the chunks cannot be shown. */
  chunksFailure?: string | undefined;
  /** It was just uploaded, and whether it was here before. */
  stored?: "new" | "existed" | undefined;
  /** Where a chunk's copies can be looked up, without a trailing slash; undefined when Cask is elsewhere. */
  caskPages?: string | undefined;
}

/** Paths of the pages, below the mount path. */
export const hakmesPaths = { overview: "/", live: "/live", upload: "/upload/", show: "/show/" } as const;

/** Where the bytes of a key are. */
export function filePath(mountPath: string, key: string): string {
  return `${mountPath}/file/${encodeURIComponent(key).replaceAll("%3A", ":")}/`;
}

/** Where the record of a key is. */
export function infoPath(mountPath: string, key: string): string {
  return `${mountPath}/info/${encodeURIComponent(key).replaceAll("%3A", ":")}/`;
}

/** The page of a key. */
export function showPath(mountPath: string, key: string): string {
  return `${mountPath}${hakmesPaths.show}${encodeURIComponent(key).replaceAll("%3A", ":")}/`;
}

/** The list, as asked for. */
export function listPath(mountPath: string, query: { search?: string; sort?: string; after?: string }): string {
  const words = new URLSearchParams();
  if (query.search) words.set("search", query.search);
  if (query.sort && query.sort !== "newest") words.set("sort", query.sort);
  if (query.after) words.set("after", query.after);
  return `${mountPath}${hakmesPaths.overview}${words.size === 0 ? "" : `?${words.toString()}`}`;
}

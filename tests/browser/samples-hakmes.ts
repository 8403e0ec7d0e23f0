/** Sample views of Hakmes' pages: a well-filled node, one in trouble, nothing at all, hostile and endless names. */
import type { FileRow, FileView, OverviewView } from "../../src/storage/hakmes/pages/view.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const now = sampleNow;
const frame = { mountPath: "/hakmes", now };
const gib = 2 ** 30;
const mib = 2 ** 20;
const keyOf = (text: string) => `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;

function row(name: string, facts: Partial<FileRow> = {}): FileRow {
  return {
    key: keyOf(name),
    names: name === "" ? [] : [name],
    mimetype: "application/octet-stream",
    sizeBytes: 4 * mib,
    chunkCount: 4,
    createdAt: now - 400_000,
    isProven: true,
    ...facts,
  };
}

const well: OverviewView = {
  ...frame,
  state: {
    files: 4217,
    names: 4633,
    bytes: 1.83 * 1024 * gib,
    unproven: 0,
    unanchored: 0,
    unfinished: 2,
    unfinishedBytes: 3.1 * gib,
  },
  cask: "of this program",
  cut: "by content (fastcdc-1), about every 1.00 MiB, from 256 KiB to 4.00 MiB",
  algorithm: "sha256",
  maxUploadBytes: 16 * 1024 * gib,
  query: { search: "", sort: "newest", after: "" },
  total: 4217,
  next: "WyJuZXdlc3QiXQ",
  files: [
    row("backup-2026-11-21.tar", { sizeBytes: 212.4 * gib, chunkCount: 198_211, mimetype: "application/x-tar" }),
    row("holiday.mp4", {
      names: ["holiday.mp4", "IMG_2041.MP4", "for the grandparents.mp4"],
      sizeBytes: 3.4 * gib,
      chunkCount: 3112,
      mimetype: "video/mp4",
      createdAt: now - 7_200_000,
    }),
    row("notes.txt", {
      sizeBytes: 812,
      chunkCount: 1,
      mimetype: "text/plain; charset=utf-8",
      createdAt: now - 90_000_000,
    }),
    row("", { sizeBytes: 0, chunkCount: 0, createdAt: now - 270_000_000 }),
    row("debian-13.2.0-amd64-netinst.iso", {
      names: ["debian-13.2.0-amd64-netinst.iso", "a.iso", "b.iso", "c.iso", "d.iso", "e.iso"],
      sizeBytes: 783 * mib,
      chunkCount: 702,
      createdAt: now - 27_000_000_000,
    }),
  ],
};

const hostile = `${hostileName} ${"very-long-".repeat(20)}name.tar.gz`;

/** Views of the first page. */
export const hakmesOverviewSamples: Record<string, OverviewView> = {
  well,
  trouble: {
    ...well,
    state: {
      ...well.state,
      unproven: 212,
      unanchored: 14,
      trouble:
        "Files can be neither taken nor given: Cask at http://store-1.example:4100/cask does not answer: connection refused.",
    },
    cask: "http://store-1.example:4100/cask, http://store-2.example:4100/cask",
    files: well.files.map((each, position) => ({ ...each, isProven: position > 1 })),
    refusal: "Cannot store the file: it is larger than 17592186044416 bytes.",
    query: { search: "iso", sort: "size", after: "WyJ" },
  },
  empty: {
    ...well,
    state: { files: 0, names: 0, bytes: 0, unproven: 0, unanchored: 0, unfinished: 0, unfinishedBytes: 0 },
    files: [],
    total: 0,
    next: undefined,
  },
  nothing: {
    ...well,
    files: [],
    total: 0,
    next: undefined,
    query: { search: "no such <name>", sort: "newest", after: "" },
  },
  mark: {
    ...well,
    files: [],
    listFailure: "Cannot list what comes after: that is no mark of a page of this list.",
    next: undefined,
  },
  hostile: {
    ...well,
    files: [
      row(hostile, { mimetype: `text/${"x".repeat(120)}`, names: [hostile, hostileName, hostileName] }),
      row(hostileName),
    ],
    query: { search: hostileName, sort: "newest", after: "" },
  },
};

const file: FileView = {
  ...frame,
  key: keyOf("holiday.mp4"),
  names: [
    { name: "holiday.mp4", mimetype: "video/mp4", addedAt: now - 7_200_000 },
    { name: "IMG_2041.MP4", mimetype: "application/octet-stream", addedAt: now - 3_600_000 },
  ],
  extension: ".mp4",
  mimetype: "video/mp4",
  sizeBytes: 3_650_722_201,
  createdAt: now - 7_200_000,
  chunkCount: 3112,
  cut: "by content (fastcdc-1), about every 1.00 MiB, from 256 KiB to 4.00 MiB",
  manifest: keyOf("manifest"),
  isProven: true,
  chunks: [0, 1, 2, 3].map((number) => ({
    key: keyOf(`chunk ${number}`),
    startBytes: number * 1_171_003,
    sizeBytes: 1_171_003,
  })),
  caskPages: "/cask",
};

/** Views of the page of a file. */
export const hakmesFileSamples: Record<string, FileView> = {
  well: file,
  stored: { ...file, stored: "new" },
  existed: { ...file, stored: "existed" },
  trouble: {
    ...file,
    isProven: false,
    cut: undefined,
    caskPages: undefined,
    chunks: [],
    chunksFailure: "Cannot reach Cask at http://store-1.example:4100/cask: connection refused.",
  },
  empty: { ...file, names: [], sizeBytes: 0, chunkCount: 0, chunks: [], manifest: undefined },
  hostile: {
    ...file,
    names: [
      { name: hostile, mimetype: hostileName, addedAt: now },
      { name: hostileName, mimetype: "x/y", addedAt: now },
    ],
    mimetype: hostileName,
  },
};

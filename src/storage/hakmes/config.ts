/**
 * What can be configured of Hakmes, said once. Started alone, the predecessor's `HAKMES_*` variables count too, those it
 * also took without the prefix likewise. What it could not do safely is mapped to what is meant: a chunk size of 0 is
 * none, and its database's path says where this one may keep its own.
 */
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { choice, count, duration, flag, list, secret, size, url } from "../../kit/config/fields.ts";
import { goBytes, goFlag, goPort } from "../../kit/config/legacy.ts";
import type { CutPlan } from "../../lib/chunker/cut-plan.ts";

/** True as soon as the predecessor's environment is there: it cannot run without these. */
const standsIn = ["HAKMES_CASK_BASE", "HAKMES_DB_PATH", "CASK_BASE"] as const;
const chunkSizeNames = ["HAKMES_CHUNK_SIZE", "CHUNK_SIZE"] as const;

const longestChunkBytes = 64 * 1024 * 1024;

const fields = {
  algorithm: choice(["sha256", "sha1"], {
    summary: "The hash that names new files and their chunks. Files named by the other one stay readable.",
    unset: "sha256, or sha1 when standing in for a predecessor",
    legacy: { names: standsIn, read: () => "sha1" },
  }),
  cask: list(url({ example: "http://store-1.example:4100/cask" }), {
    summary:
      "Where the routes of Cask begin, for one that runs elsewhere. Several are tried in turn when one cannot answer. Empty takes the Cask of this program.",
    legacy: { names: ["HAKMES_CASK_BASE", "CASK_BASE"] },
  }),
  caskToken: secret({
    summary: "The API token for a Cask that runs elsewhere; it has to cover reading and writing.",
    unset: "none is sent",
  }),
  cut: choice(["content", "fixed"], {
    summary:
      "How files are cut into chunks: content finds its cuts again after an edit, so that little is stored twice; fixed cuts every chunk_size.",
    default: "content",
    legacy: { names: chunkSizeNames, read: (value) => (goBytes(value) === 0 ? undefined : "fixed") },
  }),
  chunkMinBytes: size({
    summary: "The shortest chunk when cutting by content; the last of a file may be shorter.",
    default: "256KiB",
    min: "4KiB",
    max: "64MiB",
  }),
  chunkAverageBytes: size({
    summary: "The usual length of a chunk when cutting by content.",
    default: "1MiB",
    min: "4KiB",
    max: "64MiB",
  }),
  chunkMaxBytes: size({
    summary: "The longest chunk when cutting by content.",
    default: "4MiB",
    min: "4KiB",
    max: "64MiB",
  }),
  chunkSizeBytes: size({
    summary: "The length of a chunk when cut is fixed.",
    default: "4MiB",
    min: "1",
    max: "64MiB",
    // The predecessor looped forever on 0, which was its default: whoever left it so meant no size in particular. It cut
    // as long as it was told; chunks here are held in memory, and files say how they were cut.
    legacy: { names: chunkSizeNames, read: (value) => Math.min(goBytes(value), longestChunkBytes) || undefined },
  }),
  maxUploadBytes: size({ summary: "The largest file that is taken.", default: "16TiB" }),
  uploadIdleMs: duration({ summary: "An upload that sends nothing for this long is ended.", default: "30s" }),
  unfinishedAfterMs: duration({
    summary: "What came of a resumable upload (tus) is kept this long after its last byte, for its sender to go on.",
    default: "1d",
    min: "1m",
    max: "365d",
  }),
  parallel: count({
    summary: "Chunks of one file that are on their way to or from Cask at the same time.",
    default: 8,
    min: 1,
    max: 64,
  }),
  readAheadBytes: size({
    summary: "How much of a file is fetched ahead of what its reader has taken.",
    default: "4MiB",
    min: "1",
    max: "1GiB",
  }),
  originalFailureStatus: flag({
    summary:
      "Answer failed uploads and reads with 500 and the predecessor's words, except to browsers and whoever asks for JSON.",
    legacy: { names: standsIn, read: () => true },
  }),
  serialize: flag({
    summary: "Print one record a line and end, instead of serving. Counts only when started alone.",
    legacy: { names: ["HAKMES_SERIALIZE", "SERIALIZE"], read: goFlag },
  }),
  ingest: flag({
    summary:
      "Read records from standard input, one a line, enter those that are new, and end, instead of serving. Counts only when started alone, and without serialize.",
    legacy: { names: ["HAKMES_INGEST", "INGEST"], read: goFlag },
  }),
} as const;

/** The options of Hakmes. */
export type HakmesOptions = OptionsOf<typeof fields>;

/** The predecessor spoke TLS only with both files. */
const bothOfTls = (environment: Readonly<Record<string, string | undefined>>) =>
  Boolean(environment.HAKMES_SSL_CERT || environment.SSL_CERT) &&
  Boolean(environment.HAKMES_SSL_KEY || environment.SSL_KEY);

/** The section `[hakmes]`. */
export const hakmesSection = section(
  "hakmes",
  "keeps files of any length: cuts them into chunks in Cask and puts them together again",
  fields,
  ({ cut, chunkMinBytes: min, chunkAverageBytes: average, chunkMaxBytes: max }) =>
    cut === "fixed" || (min <= average && average <= max)
      ? []
      : ["chunk_min, chunk_average and chunk_max are not in order: wanted each at least as large as the one before"],
  {
    nodeLegacy: {
      listen: { names: ["HAKMES_PORT"], read: goPort },
      // One file there, a folder here: beside it, under its name, as nothing else would be.
      data: {
        names: ["HAKMES_DB_PATH", "DB_PATH"],
        read: (value) => `${value.replace(/\/+$/, "")}.warren`,
      },
      tlsCertificate: {
        names: ["HAKMES_SSL_CERT", "SSL_CERT"],
        read: (value, environment) => (bothOfTls(environment) ? value : undefined),
      },
      tlsKey: {
        names: ["HAKMES_SSL_KEY", "SSL_KEY"],
        read: (value, environment) => (bothOfTls(environment) ? value : undefined),
      },
    },
  },
);

/** How new files are cut. */
export function cutPlanOf(options: HakmesOptions): CutPlan {
  return options.cut === "fixed"
    ? { kind: "fixed", sizeBytes: options.chunkSizeBytes }
    : {
        kind: "content",
        minBytes: options.chunkMinBytes,
        averageBytes: options.chunkAverageBytes,
        maxBytes: options.chunkMaxBytes,
      };
}

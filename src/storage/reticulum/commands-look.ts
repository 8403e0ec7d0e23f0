/**
 * `warren reticulum info` and `purge`: what is known of single images, and having their results forgotten.
 */
import { Fault } from "../../kit/fault.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import { formatColumns } from "../../kit/terminal/columns.ts";
import { type Key, parseKey } from "../cask/client.ts";
import type { VerbContext } from "./commands.ts";
import { keyOfHash } from "./image-url.ts";

/** The key that a word means: a bare hash, or a key. Fault `reticulum/hash`. */
export function imageKey(word: string): Key {
  const key = parseKey(word) ?? keyOfHash(word);
  if (key !== undefined) return key;
  throw new Fault(
    "invalid",
    "reticulum/hash",
    `Cannot read the hash "${word.slice(0, 100)}": wanted 40 or 64 lower-case hex digits`,
  );
}

/** Prints what is known of each; exit code 1 when one is not there. */
export async function infoVerb(
  { client, screen }: VerbContext,
  words: readonly string[],
  json: boolean,
): Promise<number> {
  let missing = 0;
  for (const key of words.map(imageKey)) {
    try {
      const facts = await client.facts(key);
      if (json) screen.print(JSON.stringify(facts));
      else {
        const { bytes, colour, exif, focus, format, height, name = "", pages, results, width } = facts;
        const rows: string[][] = [
          ["key", facts.key],
          ["name", name],
          ["image", `${format}, ${width}x${height}${pages > 1 ? `, ${pages} frames` : ""}, ${formatSize(bytes)}`],
          ["colour", colour],
          ["thumbhash", facts.thumb_hash],
          ["blurhash", facts.blur_hash],
          ["focus", focus === null ? "" : `${focus.x}, ${focus.y}`],
          ["uploaded", facts.uploaded_at ?? ""],
          ["taken", exif.taken_at ?? ""],
          ["place", exif.location === undefined ? "" : `${exif.location.latitude}, ${exif.location.longitude}`],
          ["results", results.map(({ size, format: made }) => `${size} ${made}`).join(", ")],
          ...exif.tags.map((tag) => [tag.name, tag.text]),
        ];
        const said = rows.filter(([, value]) => value !== "").map((row) => row.map(plainLine));
        for (const line of formatColumns(said, {})) screen.print(line);
      }
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind !== "missing") throw thrown;
      missing++;
      screen.note(`${key}: ${thrown.message}`);
    }
  }
  return missing === 0 ? 0 : 1;
}

/** Forgets results; exit code 1 when an image is not there. */
export async function purgeVerb({ client, screen }: VerbContext, words: readonly string[]): Promise<number> {
  let missing = 0;
  for (const key of words.map(imageKey)) {
    try {
      screen.print(`${key}  ${countOf(await client.purge(key), "result")} forgotten`);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind !== "missing") throw thrown;
      missing++;
      screen.note(`${key}: ${thrown.message}`);
    }
  }
  return missing === 0 ? 0 : 1;
}

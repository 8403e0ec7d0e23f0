/**
 * What every catalog decides alike: which of two entries for one key wins, how names are compared, and the marks between
 * pages of a list.
 */
import { z } from "zod";

import { Fault } from "../../kit/fault.ts";
import { type Key, parseKey } from "../cask/client.ts";
import type { ListQuery } from "./hakmes.ts";
import type { StoredFile } from "./record.ts";

/** Whether `offered` takes the place of `kept`. Never both ways round, so that all nodes come to the same. */
export function wins(offered: StoredFile, kept: StoredFile): boolean {
  if (offered.isProven !== kept.isProven) return offered.isProven;
  if ((offered.manifest === undefined) !== (kept.manifest === undefined)) return offered.manifest !== undefined;
  if (offered.createdAt !== kept.createdAt) return offered.createdAt < kept.createdAt;
  return offered.manifest !== undefined && kept.manifest !== undefined && offered.manifest < kept.manifest;
}

/** A name as it is compared and searched for. */
export function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** Where a page ended: the value that the list is sorted by, and the key. */
export interface PageMark {
  readonly value: string | number;
  readonly key: Key;
}

const markShape = z.tuple([z.enum(["newest", "name", "size"]), z.union([z.string(), z.number()]), z.string()]);

/** The mark as the caller gets it. */
export function formatMark(sort: NonNullable<ListQuery["sort"]>, mark: PageMark): string {
  return Buffer.from(JSON.stringify([sort, mark.value, mark.key])).toString("base64url");
}

/** Reads a mark. Throws `hakmes/list-mark` (invalid) for what is none, or is one of another order. */
export function parseMark(sort: NonNullable<ListQuery["sort"]>, text: string): PageMark {
  const [by, value, keyText] = markIn(text) ?? [];
  const key = keyText === undefined ? undefined : parseKey(keyText);
  if (by === sort && value !== undefined && key !== undefined && (typeof value === "string") === (sort === "name")) {
    return { value, key };
  }
  throw new Fault(
    "invalid",
    "hakmes/list-mark",
    "Cannot list what comes after: that is no mark of a page of this list",
  );
}

function markIn(text: string): z.infer<typeof markShape> | undefined {
  try {
    return markShape.safeParse(JSON.parse(Buffer.from(text, "base64url").toString())).data;
  } catch {
    return undefined;
  }
}

/** How many files a page has when nothing is said, and at most. */
const usualLimit = 50;
const mostLimit = 1000;

/** The number of files on a page. */
export function pageLimit(query: ListQuery): number {
  const wanted = Math.trunc(query.limit ?? usualLimit);
  return Number.isFinite(wanted) ? Math.min(Math.max(wanted, 1), mostLimit) : usualLimit;
}

/** What a search looks for: part of a name, and, when it may be one, the beginnings of keys. Undefined for everything. */
export function searchOf(query: ListQuery): { part: string; keyStarts: readonly string[] } | undefined {
  const text = (query.search ?? "").trim();
  if (text === "") return undefined;
  const part = folded(text);
  if (/^(?:sha1:[0-9a-f]{0,40}|sha256:[0-9a-f]{0,64})$/.test(part)) return { part, keyStarts: [part] };
  if (/^[0-9a-f]{4,64}$/.test(part)) return { part, keyStarts: [`sha1:${part}`, `sha256:${part}`] };
  return { part, keyStarts: [] };
}

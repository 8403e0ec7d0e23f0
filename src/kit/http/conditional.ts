/**
 * Conditional requests (RFC 9110, section 13): what `If-Match`, `If-None-Match`, `If-Modified-Since`,
 * `If-Unmodified-Since` and `If-Range` mean for an answer whose validators are known. Order and meaning are those of
 * `ServeContent` in Go's net/http, which the clients of the programs before this one were written against: a list ends
 * at its first unreadable entity tag, dates that cannot be read are ignored.
 */

/** What tells one state of a resource from another. */
export interface Validators {
  /** With its quotes, and `W/` if weak: `"abc"`. */
  etag?: string | undefined;
  /** Epoch ms; compared in whole seconds. */
  modifiedAt?: number | undefined;
}

/** What a request's conditions come to. `range` is the `Range` header to honour, if any. */
export type ConditionOutcome =
  { outcome: "proceed"; range: string | undefined } | { outcome: "not-modified" } | { outcome: "failed" };

/** Weighs all conditions of a request against the validators of what it would get. */
export function checkConditions(request: { method: string; headers: Headers }, current: Validators): ConditionOutcome {
  const { headers } = request;
  const reads = request.method === "GET" || request.method === "HEAD";

  const ifMatch = headers.get("if-match");
  if (ifMatch) {
    if (!listMatches(ifMatch, current.etag, strongMatch)) return { outcome: "failed" };
  } else {
    const unmodifiedSince = secondsOf(headers.get("if-unmodified-since"));
    const modified = secondsAt(current.modifiedAt);
    if (unmodifiedSince !== undefined && modified !== undefined && modified > unmodifiedSince) {
      return { outcome: "failed" };
    }
  }

  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch) {
    if (listMatches(ifNoneMatch, current.etag, weakMatch)) return { outcome: reads ? "not-modified" : "failed" };
  } else if (reads) {
    const modifiedSince = secondsOf(headers.get("if-modified-since"));
    const modified = secondsAt(current.modifiedAt);
    if (modifiedSince !== undefined && modified !== undefined && modified <= modifiedSince) {
      return { outcome: "not-modified" };
    }
  }

  const range = headers.get("range");
  if (!range || !reads || !rangeStillValid(headers.get("if-range"), current)) {
    return { outcome: "proceed", range: undefined };
  }
  return { outcome: "proceed", range };
}

/** `If-Range`: an entity tag must be the same byte for byte, a date the very second of the last change. */
function rangeStillValid(ifRange: string | null, current: Validators): boolean {
  if (!ifRange) return true;
  const tag = scanTag(ifRange);
  if (tag) return strongMatch(tag.tag, current.etag);
  const modified = secondsAt(current.modifiedAt);
  return modified !== undefined && secondsOf(ifRange) === modified;
}

function listMatches(
  list: string,
  etag: string | undefined,
  matches: (tag: string, etag: string | undefined) => boolean,
): boolean {
  let rest = list;
  for (;;) {
    rest = rest.replace(/^[ \t,]+/, "");
    if (rest === "") return false;
    if (rest.startsWith("*")) return true;
    const scanned = scanTag(rest);
    if (!scanned) return false;
    if (matches(scanned.tag, etag)) return true;
    rest = scanned.rest;
  }
}

/** The entity tag at the start of `text` and what follows it. */
function scanTag(text: string): { tag: string; rest: string } | undefined {
  // eslint-disable-next-line no-control-regex
  const found = /^[ \t]*((?:W\/)?"[\x21\x23-\x7e\x80-\uffff]*")/.exec(text);
  if (!found?.[1]) return undefined;
  return { tag: found[1], rest: text.slice(found[0].length) };
}

function strongMatch(tag: string, etag: string | undefined): boolean {
  return tag === etag && tag.startsWith('"');
}

function weakMatch(tag: string, etag: string | undefined): boolean {
  return etag !== undefined && opaque(tag) === opaque(etag);
}

function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

function secondsAt(epochMs: number | undefined): number | undefined {
  return epochMs === undefined ? undefined : Math.floor(epochMs / 1000);
}

function secondsOf(date: string | null): number | undefined {
  return date === null ? undefined : secondsAt(parseHttpDate(date));
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const imfDate = /^[a-z]{3}, (?<day>\d{2}) (?<month>[a-z]{3}) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) gmt$/;
const rfc850Date = /^[a-z]{6,9}, (?<day>\d{2})-(?<month>[a-z]{3})-(?<year>\d{2}) (?<time>\d{2}:\d{2}:\d{2}) gmt$/;
const asctimeDate = /^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/;

/** Epoch ms of a date in one of the three forms of RFC 9110, section 5.6.7; undefined when it is in none of them. */
export function parseHttpDate(text: string): number | undefined {
  const lower = text.trim().toLowerCase();
  const groups = (imfDate.exec(lower) ?? rfc850Date.exec(lower) ?? asctimeDate.exec(lower))?.groups;
  if (!groups) return undefined;
  const { day = "", month = "", year = "", time = "" } = groups;
  const [hour, minute, second] = time.split(":").map(Number);
  // Two digits: the nearer century, as Go reads them.
  const fullYear = year.length === 4 ? Number(year) : Number(year) + (Number(year) < 69 ? 2000 : 1900);
  const epochMs = Date.UTC(fullYear, months.indexOf(month), Number(day), hour, minute, second);
  // A day or an hour out of bounds would roll over into the next.
  const made = new Date(epochMs);
  const fits = made.getUTCDate() === Number(day) && made.toUTCString().includes(` ${time} `);
  return fits && months.includes(month) ? epochMs : undefined;
}

/** The date as HTTP headers carry it, such as `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function formatHttpDate(epochMs: number): string {
  return new Date(epochMs).toUTCString();
}

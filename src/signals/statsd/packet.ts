/**
 * A packet, which is one datagram or a run of whole lines from a stream, taken apart into lines. The plain lines that make
 * up nearly all traffic (`name:12|c`, `|g`, `|ms`, clean name, perhaps a plain rate and, in the full grammar, tags at the
 * end; `name:member|s` with a clean member) are read here in one pass without a pattern or an array; all others go to the
 * grammar. Time is linear in the packet's length whatever it holds.
 */
import { type FullRules, fullGrammar } from "./grammar-full.ts";
import { etsyGrammar } from "./grammar-etsy.ts";
import { originalGrammar } from "./grammar-original.ts";
import type { LineGrammar, Sink } from "./sink.ts";

/** How lines are read. */
export interface ReadingRules extends FullRules {
  grammar: "full" | "etsy" | "statsd-go";
  /** Etsy's `keyNameSanitize`. */
  sanitize: boolean;
}

/** Reads a packet's text into a sink; gives the number of lines that were not empty. Never throws. */
export type PacketReader = (text: string, sink: Sink) => number;

/** 1 for each character that a clean name without tags is made of. */
const plain = new Uint8Array(128);
for (const letter of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
  plain[letter.charCodeAt(0)] = 1;

const [colon, bar, dot, zero, nine, at64, hash] = [58, 124, 46, 48, 57, 64, 35];
const [letterC, letterG, letterM, letterS, carriageReturn] = [99, 103, 109, 115, 13];

/** Makes a path of a raw name and the text of its tags; undefined where a grammar has its own ways with tags. */
type TagNaming = ((raw: string, tags: string) => string) | undefined;

/** A reader by rules. It may remember names, so one is made and kept. */
export function createReader(rules: ReadingRules): PacketReader {
  const { read: grammar, nameOf } = grammarOf(rules);
  const hasSets = rules.grammar !== "statsd-go";
  return (text, sink) => {
    let lines = 0;
    let start = 0;
    while (start < text.length) {
      let end = text.indexOf("\n", start);
      if (end < 0) end = text.length;
      if (end > start) {
        lines++;
        if (!readPlain(text, start, end, nameOf, hasSets, sink)) grammar(text.slice(start, end), sink);
      }
      start = end + 1;
    }
    return lines;
  };
}

function grammarOf(rules: ReadingRules): { read: LineGrammar; nameOf?: TagNaming } {
  if (rules.grammar === "statsd-go") return { read: originalGrammar };
  return rules.grammar === "etsy" ? { read: etsyGrammar(rules.sanitize) } : fullGrammar(rules);
}

/** Reads a line that every grammar reads alike; false when it is not one of those. */
function readPlain(text: string, start: number, end: number, nameOf: TagNaming, hasSets: boolean, sink: Sink): boolean {
  let at = start;
  while (at < end && plain[text.charCodeAt(at)] === 1) at++;
  if (at === start || text.charCodeAt(at) !== colon) return false;
  const nameEnd = at;
  const valueStart = ++at;
  // A set ends with its type here, which is seen before its member is looked at.
  if (hasSets && text.charCodeAt(end - 1) === letterS && text.charCodeAt(end - 2) === bar) {
    while (at < end && plain[text.charCodeAt(at)] === 1) at++;
    if (at === valueStart || at !== end - 2) return false;
    sink.member(text.slice(start, nameEnd), text.slice(valueStart, at));
    return true;
  }
  let value = 0;
  let dots = 0;
  while (at < end) {
    const letter = text.charCodeAt(at);
    if (letter >= zero && letter <= nine) value = value * 10 + (letter - zero);
    else if (letter === dot) dots++;
    else break;
    at++;
  }
  const digits = at - valueStart - dots;
  if (digits === 0 || digits > 15 || dots > 1 || text.charCodeAt(at) !== bar || at >= end) return false;
  if (dots === 1) value = Number(text.slice(valueStart, at));
  const kind = text.charCodeAt(at + 1);
  const isTime = kind === letterM && text.charCodeAt(at + 2) === letterS;
  if (!isTime && kind !== letterC && kind !== letterG) return false;
  at += isTime ? 3 : 2;
  if (at > end) return false;
  let rate = 1;
  if (at < end && kind !== letterG && text.charCodeAt(at) === bar && text.charCodeAt(at + 1) === at64) {
    const rateStart = at + 2;
    at = rateEnd(text, rateStart, end);
    rate = Number(text.slice(rateStart, at));
    if (!(rate > 0)) return false;
  }
  let name = text.slice(start, nameEnd);
  if (at < end) {
    if (!nameOf || text.charCodeAt(at) !== bar || text.charCodeAt(at + 1) !== hash) return false;
    const tags = text.slice(at + 2, end);
    if (tags.includes("|") || text.charCodeAt(end - 1) === carriageReturn) return false;
    name = nameOf(name, tags);
  }
  if (kind === letterC) sink.count(name, value, rate);
  else if (isTime) sink.time(name, value, rate);
  else sink.gauge(name, value, false);
  return true;
}

/** Where a rate of digits with at most one dot ends; its start when it is none of those. */
function rateEnd(text: string, start: number, end: number): number {
  let dots = 0;
  let at = start;
  for (; at < end && at - start < 16; at++) {
    const letter = text.charCodeAt(at);
    if (letter === dot) dots++;
    else if (letter < zero || letter > nine) break;
  }
  return dots > 1 ? start : at;
}

/** Bytes from the wire as text: as UTF-8 where there is anything beyond ASCII, the quicker way where not. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  return /[\x80-\xff]/.test(text) ? bytes.toString("utf8") : text;
}

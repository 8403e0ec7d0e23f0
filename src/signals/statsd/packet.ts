/**
 * A packet, which is one datagram or a run of whole lines from a stream, taken apart into lines. The plain lines that make
 * up nearly all traffic (`name:12|c`, `|g`, `|ms`, clean name, no rate, no tags) are read here in one pass without a
 * pattern or an array; all others go to the grammar. Time is linear in the packet's length whatever it holds.
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

const [colon, bar, dot, zero, nine, letterC, letterG, letterM, letterS] = [58, 124, 46, 48, 57, 99, 103, 109, 115];

/** A reader by rules. It may remember names, so one is made and kept. */
export function createReader(rules: ReadingRules): PacketReader {
  const grammar = grammarOf(rules);
  return (text, sink) => {
    let lines = 0;
    let start = 0;
    while (start < text.length) {
      let end = text.indexOf("\n", start);
      if (end < 0) end = text.length;
      if (end > start) {
        lines++;
        if (!readPlain(text, start, end, sink)) grammar(text.slice(start, end), sink);
      }
      start = end + 1;
    }
    return lines;
  };
}

function grammarOf(rules: ReadingRules): LineGrammar {
  if (rules.grammar === "statsd-go") return originalGrammar;
  return rules.grammar === "etsy" ? etsyGrammar(rules.sanitize) : fullGrammar(rules);
}

/** Reads a line that every grammar reads alike; false when it is not one of those. */
function readPlain(text: string, start: number, end: number, sink: Sink): boolean {
  let at = start;
  while (at < end && plain[text.charCodeAt(at)] === 1) at++;
  if (at === start || text.charCodeAt(at) !== colon) return false;
  const nameEnd = at;
  const valueStart = ++at;
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
  const left = end - at;
  if (left === 2 && kind === letterC) sink.count(text.slice(start, nameEnd), value, 1);
  else if (left === 2 && kind === letterG) sink.gauge(text.slice(start, nameEnd), value, false);
  else if (left === 3 && kind === letterM && text.charCodeAt(at + 2) === letterS)
    sink.time(text.slice(start, nameEnd), value, 1);
  else return false;
  return true;
}

/** Bytes from the wire as text: as UTF-8 where there is anything beyond ASCII, the quicker way where not. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  return /[\x80-\xff]/.test(text) ? bytes.toString("utf8") : text;
}

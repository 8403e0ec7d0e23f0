/**
 * What becomes of words on their way: names from the bus that must not pass for somebody else, texts that must not look like
 * the bridge's own, and the content of publications. Pure.
 *
 * What may be believed in a channel: a line that begins with a name and a colon was said by that name on the bus; a line in
 * brackets was published as something else than a message. No name can begin with a bracket, and each line of a long message
 * carries its name, so the one cannot be made to look like the other.
 */
import { z } from "zod";

import { type FormattingChoice, formattedBy } from "../../lib/irc/formatting.ts";

/** What publications hold, by the predecessor's convention. */
export interface BusWords {
  /** `message`, `status`, or anything else. */
  type: string;
  nick: string;
  content: string;
}

const contentShape = z.object({
  message_type: z.string().max(100).catch(""),
  nick: z.string().max(10_000).catch(""),
  content: z.string(),
});

/** Reads the content of a publication; undefined for what is none of ours. */
export function readContent(text: string): BusWords | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Others publish other things on the same bus; that is no fault.
    return undefined;
  }
  const parsed = contentShape.safeParse(value);
  if (!parsed.success) return undefined;
  return { type: parsed.data.message_type, nick: parsed.data.nick, content: parsed.data.content };
}

/** The content of a publication. */
export function formatContent({ content, nick, type }: BusWords): string {
  return JSON.stringify({ message_type: type, nick, content });
}

const nickLength = 32;

/** A name as it may be shown before a colon: one visible word, of letters as they seem, that cannot be taken for a mark. */
export function cleanNick(nick: string): string {
  const seen = nick
    .normalize("NFKC")
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, "")
    .trim()
    .replaceAll(/\s+/g, "_")
    .replaceAll(":", "_")
    .replace(/^[^\p{L}\p{N}_]+/u, "_");
  const short = [...seen].slice(0, nickLength).join("");
  return short === "" ? "nobody" : short;
}

/** How a name from the bus is written. */
export interface NickRules {
  mark: "taken" | "always" | "never";
  /** Whether somebody in the channel holds it. */
  isTaken(nick: string): boolean;
}

/** A name from the bus, clean, and marked where it could be taken for somebody who is there. */
export function shownNick(nick: string, rules: NickRules): string {
  const clean = cleanNick(nick);
  const isMarked = rules.mark === "always" || (rules.mark === "taken" && rules.isTaken(clean));
  return isMarked ? `${clean}/web` : clean;
}

/** What of a text is relayed. */
export interface TextRules {
  formatting: FormattingChoice;
  maxLines: number;
}

/** So much of one line of a publication is relayed, in UTF-16 units: it becomes several lines. */
const longestLine = 2000;
/** No more of a publication is looked at: one of many megabytes must not hold up everything else. */
const longestText = 100_000;

/** The lines of a text, clean, not too many. */
export function relayedLines(text: string, rules: TextRules): string[] {
  const lines = text
    .slice(0, longestText)
    .split(/\r\n|\r|\n|\u2028|\u2029|\u0085/)
    .map((line) => formattedBy(rules.formatting, line).trimEnd())
    .filter((line) => line !== "");
  const shown = lines.slice(0, rules.maxLines).map(shortened);
  if (text.length > longestText) shown.push("(and much more)");
  else if (lines.length > shown.length) shown.push(`(${lines.length - shown.length} more lines)`);
  return shown;
}

function shortened(line: string): string {
  if (line.length <= longestLine) return line;
  return `${line.slice(0, longestLine).replace(/[\uD800-\uDBFF]$/, "")} (${line.length - longestLine} more characters)`;
}

/** The first sign of a word with the marks that belong to it, and what follows. */
const firstSign = /^(.\p{M}*)(.*)$/su;

/**
 * A text in which the given nicks are written with an unseen sign, so that no client takes them for a call. Which words are the
 * same `fold` says, as clients do: by the letters that their server takes for one.
 */
export function silenced(text: string, nicks: readonly string[], fold: (name: string) => string): string {
  if (nicks.length === 0) return text;
  const wanted = new Set(nicks.filter((nick) => nick.length > 1).map((nick) => fold(nick)));
  return text.replaceAll(/[\p{L}\p{N}\p{M}[\]\\`_^{|}-]+/gu, (word) =>
    wanted.has(fold(word)) ? word.replace(firstSign, "$1\u200b$2") : word,
  );
}

/** How names are compared that may have letters of any language: `fold` is the server's own way, which knows few of them. */
export function anyCase(fold: (name: string) => string): (name: string) => string {
  return (name) => fold(name.normalize("NFC").toLowerCase());
}

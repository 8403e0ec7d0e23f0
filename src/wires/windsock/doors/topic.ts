/**
 * Topics as clients and tokens write them, and whether one right covers one wish. A topic is an address such as `shop.1`,
 * or a pattern when one of its parts is `*` (any one part) or its last is `#` (any number of parts, none included); an
 * object names a prefix or takes an address literally. What covers does so by rule alone, never by asking what exists:
 * where it cannot be sure it says no.
 */
import { Fault } from "../../../kit/fault.ts";
import { concerns, hasTooManyParts, type Interest, maxPatternParts } from "../publication.ts";

/** A topic in a command: short, or said exactly. */
export type TopicText = string | { prefix: string } | { address: string } | { pattern: string };

/** Longer topics are refused. */
export const maxTopicLength = 1024;

/** What a topic asks for. Fault: `windsock/topic`. */
export function parseTopic(topic: TopicText): Interest {
  const interest = interestOf(topic);
  const text = textOf(interest);
  if (hasTooManyParts(interest)) {
    throw new Fault(
      "invalid",
      "windsock/topic",
      `Cannot take the topic "${text.slice(0, 60)}…": a pattern has at most ${maxPatternParts} parts`,
    );
  }
  if (text.length <= maxTopicLength) return interest;
  throw new Fault(
    "invalid",
    "windsock/topic",
    `Cannot take the topic "${text.slice(0, 60)}…": it has more than ${maxTopicLength} characters`,
  );
}

/** A topic that {@link parseTopic} reads as the interest; the short form where it says the same. */
export function topicOf(interest: Interest): TopicText {
  switch (interest.kind) {
    case "exact":
      return isPattern(interest.address) ? { address: interest.address } : interest.address;
    case "pattern":
      return isPattern(interest.pattern) ? interest.pattern : { pattern: interest.pattern };
    case "prefix":
    case "segment":
      return { prefix: interest.prefix };
  }
}

/** The words of an interest, for people. */
export function topicWords(interest: Interest): string {
  switch (interest.kind) {
    case "exact":
      return interest.address;
    case "pattern":
      return interest.pattern;
    case "prefix":
      return `${interest.prefix}…`;
    case "segment":
      return `${interest.prefix} and below`;
  }
}

/** Whether everything that `wanted` concerns is concerned by `granted` too. */
export function covers(granted: Interest, wanted: Interest): boolean {
  if (wanted.kind === "exact") return concerns(granted, wanted.address);
  if (granted.kind === "prefix" && granted.prefix === "") return true;
  switch (granted.kind) {
    case "prefix":
      return leadOf(wanted).startsWith(granted.prefix);
    case "segment":
      return coversBySegment(granted.prefix, wanted);
    case "exact":
      return wanted.kind === "pattern" && !isPattern(wanted.pattern) && wanted.pattern === granted.address;
    case "pattern": {
      const parts = broadPartsOf(wanted);
      return parts !== undefined && patternCovers(granted.pattern.split("."), parts);
    }
  }
}

function interestOf(topic: TopicText): Interest {
  if (typeof topic === "string") {
    return isPattern(topic) ? { kind: "pattern", pattern: topic } : { kind: "exact", address: topic };
  }
  if ("prefix" in topic) return { kind: "prefix", prefix: topic.prefix };
  return "address" in topic ? { kind: "exact", address: topic.address } : { kind: "pattern", pattern: topic.pattern };
}

function textOf(interest: Interest): string {
  if (interest.kind === "exact") return interest.address;
  return interest.kind === "pattern" ? interest.pattern : interest.prefix;
}

function isPattern(text: string): boolean {
  const parts = text.split(".");
  return parts.at(-1) === "#" || parts.includes("*");
}

/** What every address of an interest begins with. */
function leadOf(interest: Exclude<Interest, { kind: "exact" }>): string {
  if (interest.kind !== "pattern") return interest.prefix;
  const parts = interest.pattern.split(".");
  const wild = parts.findIndex((part, at) => part === "*" || (part === "#" && at === parts.length - 1));
  if (wild < 0) return interest.pattern;
  const lead = parts.slice(0, wild).join(".");
  // `a.#` is met by `a` itself; `a.*` only by what goes on after a dot.
  return wild === 0 || parts[wild] === "#" ? lead : `${lead}.`;
}

function coversBySegment(prefix: string, wanted: Exclude<Interest, { kind: "exact" }>): boolean {
  if (prefix === "") return true;
  const lead = leadOf(wanted);
  const goesOn = wanted.kind === "segment" || (wanted.kind === "pattern" && !lead.endsWith("."));
  // Parts of the lead are whole when the interest itself ends where a part does.
  if (goesOn) return concerns({ kind: "segment", prefix }, lead);
  if (!lead.startsWith(prefix)) return false;
  return prefix.endsWith(".") || lead[prefix.length] === ".";
}

/** A pattern that meets at least what the interest does. */
function broadPartsOf(interest: Exclude<Interest, { kind: "exact" }>): string[] | undefined {
  if (interest.kind === "pattern") return interest.pattern.split(".");
  const parts = interest.prefix === "" ? [""] : interest.prefix.split(".");
  if (parts.some((part) => part === "*" || part === "#")) return undefined;
  // The last part of a prefix may be but the beginning of one.
  const isWhole = interest.kind === "segment" && interest.prefix !== "" && !interest.prefix.endsWith(".");
  return [...(isWhole ? parts : parts.slice(0, -1)), "#"];
}

function patternCovers(granted: readonly string[], wanted: readonly string[]): boolean {
  for (let at = 0; at < granted.length; at++) {
    if (granted[at] === "#" && at === granted.length - 1) return true;
    const part = wanted[at];
    if (part === undefined) return false;
    if (part === "#" && at === wanted.length - 1) return false;
    if (granted[at] !== "*" && (part === "*" || granted[at] !== part)) return false;
  }
  return wanted.length === granted.length;
}

/**
 * What somebody may hear and where they may speak, as their token says. Interests may be as narrow as one likes within
 * that, never wider; the rules are about every address that could ever be met, not those that are known.
 */
import { Fault } from "../../kit/fault.ts";
import { concerns, hasTooManyParts, type Interest, maxPatternParts } from "./publication.ts";
import type { TokenFields } from "./token.ts";

/** What is allowed. */
export interface Grant {
  /** Whom the token names. */
  readonly user: string;
  /** The widest that may be heard: what is heard where nothing narrower is asked for. */
  readonly hears: Interest;
  /** Where what is said goes; addresses below it may be said, too. */
  readonly speaksAt: string;
  /** Whether prefixes end where a part of the address does. */
  readonly isBounded: boolean;
}

/** What a token allows. With `isBounded`, `room_1` does not hear `room_10`. */
export function grantOf(fields: TokenFields, isBounded: boolean): Grant {
  const { pubPrefix, subPrefix: prefix, user } = fields;
  return { user, hears: { kind: isBounded ? "segment" : "prefix", prefix }, speaksAt: pubPrefix, isBounded };
}

/** Whether all that an interest could ever meet is within the grant. */
export function mayHear(grant: Grant, interest: Interest): boolean {
  const within = grant.hears;
  switch (interest.kind) {
    case "exact":
      return concerns(within, interest.address);
    case "segment":
      return concerns(within, interest.prefix);
    case "prefix":
      // Of bytes, it goes on in the middle of a part; that must not lead out of the grant.
      if (within.kind === "segment" && within.prefix !== "" && interest.prefix === within.prefix) {
        return within.prefix.endsWith(".");
      }
      return concerns(within, interest.prefix);
    case "pattern":
      return concerns(within, headOf(interest.pattern));
  }
}

/** Whether an address may be published to: the grant's own, or, told by the rule of parts, one below it. */
export function maySpeak(grant: Grant, address: string): boolean {
  return concerns({ kind: grant.isBounded ? "segment" : "prefix", prefix: grant.speaksAt }, address);
}

/** The beginning that all addresses have which a pattern meets. */
function headOf(pattern: string): string {
  const parts = pattern.split(".");
  const at = parts.findIndex((part, index) => part === "*" || (part === "#" && index === parts.length - 1));
  if (at < 0) return pattern;
  const head = parts.slice(0, at).join(".");
  return parts[at] === "*" && at > 0 ? `${head}.` : head;
}

const longestInterest = 1024;

/** An interest as text: `prefix:a.b`, `segment:a.b`, `exact:a.b`, `pattern:a.*.#`. Fault `windsock/interest` (invalid). */
export function parseInterest(text: string): Interest {
  const at = text.indexOf(":");
  const [kind, rest] = [text.slice(0, at), text.slice(at + 1)];
  if (text.length <= longestInterest) {
    if (kind === "prefix" || kind === "segment") return { kind, prefix: rest };
    if (kind === "exact") return { kind, address: rest };
    if (kind === "pattern") {
      const interest: Interest = { kind, pattern: rest };
      if (!hasTooManyParts(interest)) return interest;
      throw new Fault(
        "invalid",
        "windsock/interest",
        `Cannot listen to "${text.slice(0, 100)}": a pattern has at most ${maxPatternParts} parts`,
      );
    }
  }
  throw new Fault(
    "invalid",
    "windsock/interest",
    `Cannot listen to "${text.slice(0, 100)}": wanted prefix:, segment:, exact: or pattern: and at most ${longestInterest} characters`,
  );
}

/** Does nothing when all interests are within the grant. Fault `windsock/not-yours` (forbidden). */
export function requireHearing(grant: Grant, interests: readonly Interest[]): void {
  if (interests.every((interest) => mayHear(grant, interest))) return;
  throw new Fault("forbidden", "windsock/not-yours", "Cannot listen to that: the token does not cover all of it");
}

/** Does nothing when the address is within the grant. Fault `windsock/not-yours` (forbidden). */
export function requireSpeaking(grant: Grant, address: string): void {
  if (maySpeak(grant, address)) return;
  throw new Fault("forbidden", "windsock/not-yours", "Cannot publish there: the token does not cover that address");
}

/**
 * What is published, and where in the order of things it stands. Positions are opaque to everyone but the log that gave
 * them: clients keep the newest they saw and show it to go on from there.
 */

/** The one data type of Windsock: where to, and what. Content means nothing here; by custom it is JSON. */
export interface Envelope {
  address: string;
  content: string;
}

/** An envelope that was accepted. */
export interface Publication extends Envelope {
  /** Where it stands; text without blanks, at most 200 characters. */
  position: string;
  /** When it was accepted, epoch ms. */
  at: number;
}

/** What somebody listens to. */
export type Interest =
  /** Every address that begins with it, as Windsock always did; empty is everything. */
  | { kind: "prefix"; prefix: string }
  /** As `prefix`, but the beginning has to end where a part of the address (between dots) does. */
  | { kind: "segment"; prefix: string }
  /** One address. */
  | { kind: "exact"; address: string }
  /** Parts between dots, of which `*` is any one and a last `#` any number, none included. */
  | { kind: "pattern"; pattern: string };

/** Whether an address is of interest. */
export function concerns(interest: Interest, address: string): boolean {
  switch (interest.kind) {
    case "prefix":
      return address.startsWith(interest.prefix);
    case "segment":
      return beginsWithParts(address, interest.prefix);
    case "exact":
      return address === interest.address;
    case "pattern":
      return fitsPattern(address.split("."), interest.pattern.split("."));
  }
}

/** A pattern of more parts is refused: each costs a step in the tree of all patterns. */
export const maxPatternParts = 64;

/** Whether an interest is a pattern of more than {@link maxPatternParts}. */
export function hasTooManyParts(interest: Interest): boolean {
  return interest.kind === "pattern" && interest.pattern.split(".", maxPatternParts + 1).length > maxPatternParts;
}

/** One text for each interest, equal for equal ones: what topics of sockets are named by. */
export function interestKey(interest: Interest): string {
  switch (interest.kind) {
    case "prefix":
    case "segment":
      return `${interest.kind}:${interest.prefix}`;
    case "exact":
      return `exact:${interest.address}`;
    case "pattern":
      return `pattern:${interest.pattern}`;
  }
}

function beginsWithParts(address: string, prefix: string): boolean {
  if (prefix === "" || address === prefix) return true;
  if (!address.startsWith(prefix)) return false;
  return prefix.endsWith(".") || address[prefix.length] === ".";
}

function fitsPattern(parts: readonly string[], wanted: readonly string[]): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (wanted[index] === "#" && index === wanted.length - 1) return true;
    if (index >= parts.length) return false;
    if (wanted[index] !== "*" && wanted[index] !== parts[index]) return false;
  }
  return parts.length === wanted.length;
}

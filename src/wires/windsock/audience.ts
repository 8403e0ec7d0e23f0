/**
 * Who hears what: interests, each held once however many have it, found by the address of a publication. Prefixes are
 * looked up by the lengths that occur, whole addresses by themselves, patterns in a tree of their parts, so finding does
 * not depend on how many listen.
 */
import { PrefixLengths } from "../../lib/zmtp/prefix-lengths.ts";
import { type Interest, interestKey } from "./publication.ts";

/** Those of one interest. */
interface Party<Member> {
  interest: Interest;
  members: Set<Member>;
}

/** A step in the tree of patterns. */
interface Step<Member> {
  /** The part by which it is reached. */
  readonly part: string;
  /** What follows, while it is one only: most steps are of one pattern, and a map costs more than all the rest. */
  only: Step<Member> | undefined;
  /** What follows, where there were ever two. */
  next: Map<string, Step<Member>> | undefined;
  /** Patterns that end here. */
  ends: Party<Member> | undefined;
  /** Patterns that end here with `#`. */
  rest: Party<Member> | undefined;
}

/** Prefixes by length. */
class Prefixes<Member> {
  readonly #byText = new Map<string, Party<Member>>();
  readonly #lengths = new PrefixLengths();

  set(text: string, party: Party<Member>): void {
    this.#byText.set(text, party);
    this.#lengths.add(text.length);
  }

  delete(text: string): void {
    if (this.#byText.delete(text)) this.#lengths.remove(text.length);
  }

  find(address: string, fits: (length: number) => boolean, found: Party<Member>[]): void {
    for (const length of this.#lengths.sorted) {
      if (length > address.length) return;
      if (!fits(length)) continue;
      const party = this.#byText.get(length === address.length ? address : address.slice(0, length));
      if (party) found.push(party);
    }
  }
}

const anyLength = () => true;

/** Members by interest. */
export class Audience<Member> {
  readonly #parties = new Map<string, Party<Member>>();
  readonly #prefixes = new Prefixes<Member>();
  readonly #segments = new Prefixes<Member>();
  readonly #exact = new Map<string, Party<Member>>();
  readonly #patterns: Step<Member> = newStep("");
  #patternCount = 0;

  /** Distinct interests that somebody has. */
  get interests(): number {
    return this.#parties.size;
  }

  /** Adds one; twice is once. */
  add(interest: Interest, member: Member): void {
    const key = interestKey(interest);
    let party = this.#parties.get(key);
    if (!party) {
      party = { interest, members: new Set() };
      this.#parties.set(key, party);
      this.#place(interest, party);
    }
    party.members.add(member);
  }

  /** Removes one; an interest that nobody has any more is forgotten. */
  remove(interest: Interest, member: Member): void {
    const key = interestKey(interest);
    const party = this.#parties.get(key);
    if (!party?.members.delete(member) || party.members.size > 0) return;
    this.#parties.delete(key);
    this.#place(interest, undefined);
  }

  /** The sets of those that hear an address. One that has several interests may be in several sets. */
  find(address: string): Set<Member>[] {
    const found: Party<Member>[] = [];
    this.#prefixes.find(address, anyLength, found);
    this.#segments.find(
      address,
      (length) => length === 0 || length === address.length || address[length] === "." || address[length - 1] === ".",
      found,
    );
    const exact = this.#exact.get(address);
    if (exact) found.push(exact);
    if (this.#patternCount > 0) walk(this.#patterns, address.split("."), 0, found);
    return found.map(({ members }) => members);
  }

  #place(interest: Interest, party: Party<Member> | undefined): void {
    switch (interest.kind) {
      case "prefix":
      case "segment": {
        const prefixes = interest.kind === "prefix" ? this.#prefixes : this.#segments;
        if (party) prefixes.set(interest.prefix, party);
        else prefixes.delete(interest.prefix);
        return;
      }
      case "exact":
        if (party) this.#exact.set(interest.address, party);
        else this.#exact.delete(interest.address);
        return;
      case "pattern":
        this.#patternCount += party ? 1 : -1;
        plant(this.#patterns, interest.pattern.split("."), 0, party);
    }
  }
}

function newStep<Member>(part: string): Step<Member> {
  return { part, only: undefined, next: undefined, ends: undefined, rest: undefined };
}

function nextOf<Member>({ next, only }: Step<Member>, part: string): Step<Member> | undefined {
  return next ? next.get(part) : only?.part === part ? only : undefined;
}

function growNext<Member>(step: Step<Member>, part: string): Step<Member> {
  const grown = newStep<Member>(part);
  if (step.next) step.next.set(part, grown);
  else if (!step.only) step.only = grown;
  else {
    step.next = new Map([step.only, grown].map((each) => [each.part, each]));
    step.only = undefined;
  }
  return grown;
}

/** Sets or removes what is at the end of a pattern; true when the step holds nothing any more. */
function plant<Member>(
  step: Step<Member>,
  parts: readonly string[],
  at: number,
  party: Party<Member> | undefined,
): boolean {
  const part = parts[at];
  if (part === undefined) step.ends = party;
  else if (part === "#" && at === parts.length - 1) step.rest = party;
  else {
    const next = nextOf(step, part) ?? (party && growNext(step, part));
    if (next && plant(next, parts, at + 1, party)) {
      step.next?.delete(part);
      step.only = undefined;
    }
  }
  return !step.only && !step.next?.size && step.ends === undefined && step.rest === undefined;
}

function walk<Member>(step: Step<Member>, parts: readonly string[], at: number, found: Party<Member>[]): void {
  if (step.rest) found.push(step.rest);
  const part = parts[at];
  if (part === undefined) {
    if (step.ends) found.push(step.ends);
    return;
  }
  const same = nextOf(step, part);
  if (same) walk(same, parts, at + 1, found);
  const any = part === "*" ? undefined : nextOf(step, "*");
  if (any) walk(any, parts, at + 1, found);
}

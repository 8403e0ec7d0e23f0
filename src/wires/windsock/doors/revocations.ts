/**
 * Tokens that were called back before their time: all of a user's that were made until now, or the one with a salt or
 * `jti`. Each entry is kept as long as a token of its kind may live, and the whole on disk, so that a restart lets nobody
 * in again. Other nodes are told by links/shared-revocations.ts, and what they tell is taken here.
 */
import { readFileSync } from "node:fs";

import { z } from "zod";

import type { Clock } from "../../../kit/clock.ts";
import { isSystemError, replaceFile } from "../../../kit/disk/atomic.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";

/** What is looked at of a token. */
export interface Revocable {
  readonly user: string;
  readonly madeAtSeconds?: number;
  readonly tokenId?: string;
}

/** What a list tells of. */
export interface RevocationsOptions {
  /** Where the list is kept; in memory only without. */
  path?: string;
  /** Another node told of one that is new here. */
  learned?(entry: Told): void;
  /** What another node told could not be written. */
  unsaved?(thrown: unknown): void;
}

/** What clients are told whose connection ends for it. */
export const calledBack = "the token was called back";

/** How long an entry counts unless said otherwise. */
const usualSeconds = 7 * 86_400;
const longestSeconds = 31_536_000;
const maxEntries = 100_000;
/** Clocks of two nodes may go so differently before an entry that both hold counts as another one. */
const toleranceSeconds = 60;

const fileShape = z.array(
  z.strictObject({
    kind: z.enum(["user", "token"]),
    name: z.string(),
    atSeconds: z.number(),
    untilSeconds: z.number(),
  }),
);
type Entry = z.infer<typeof fileShape>[number];

/** A revocation as nodes tell it each other: whose or which, when (epoch seconds), and for how many seconds more. */
type Told = ["user" | "token", string, number, number];

/** The list. */
export class Revocations {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #options: RevocationsOptions;
  readonly #listeners = new Set<(entry: Told) => void>();
  #writing: Promise<void> = Promise.resolve();
  /** A write that has not begun, and so will hold what is added now. */
  #next: Promise<void> | undefined;

  /** Fault `windsock/revocations` for a damaged file. */
  constructor(clock: Clock, options: RevocationsOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    const { path } = options;
    if (path !== undefined) for (const entry of readList(path)) this.#entries.set(keyOf(entry.kind, entry.name), entry);
  }

  get count(): number {
    return this.#entries.size;
  }

  /**
   * Calls back, from now on. Resolves when it is on disk; Fault `windsock/revocations` (unavailable) when it cannot be: it
   * then counts until a restart.
   */
  async revoke(what: { user: string } | { tokenId: string }, forSeconds: number = usualSeconds): Promise<void> {
    const nowSeconds = this.#clock.now() / 1000;
    const [kind, name] = "user" in what ? (["user", what.user] as const) : (["token", what.tokenId] as const);
    const entry = { kind, name, atSeconds: nowSeconds, untilSeconds: nowSeconds + forSeconds };
    this.#forgetOld(nowSeconds);
    if (!this.#put(entry)) {
      throw new Fault("limited", "windsock/revocations", `Cannot revoke more: ${maxEntries} revocations are in force`);
    }
    for (const tell of this.#listeners) tell([kind, name, nowSeconds, forSeconds]);
    try {
      await this.#save();
    } catch (thrown) {
      throw new Fault(
        "unavailable",
        "windsock/revocations",
        `Cannot keep the revocation: it is in force until this node starts again, but could not be written: ${reasonOf(thrown)}`,
        { cause: thrown },
      );
    }
  }

  /** All that are in force. */
  inForce(): Told[] {
    const nowSeconds = this.#clock.now() / 1000;
    return [...this.#entries.values()]
      .filter(({ untilSeconds }) => untilSeconds > nowSeconds)
      .map(({ atSeconds, kind, name, untilSeconds }) => [kind, name, atSeconds, untilSeconds - nowSeconds]);
  }

  /** Takes what another node tells, and gives those that were new. They are in force at once, and on disk soon. */
  learn(entries: readonly Told[]): Told[] {
    const nowSeconds = this.#clock.now() / 1000;
    this.#forgetOld(nowSeconds);
    const fresh = entries.filter(([kind, name, atSeconds, leftSeconds]) => {
      const held = this.#entries.get(keyOf(kind, name));
      const untilSeconds = nowSeconds + Math.min(leftSeconds, longestSeconds);
      if (!(untilSeconds > nowSeconds)) return false;
      if (held && atSeconds <= held.atSeconds && untilSeconds <= held.untilSeconds + toleranceSeconds) return false;
      return this.#put({
        kind,
        name,
        atSeconds: Math.max(atSeconds, held?.atSeconds ?? 0),
        untilSeconds: Math.max(untilSeconds, held?.untilSeconds ?? 0),
      });
    });
    if (fresh.length === 0) return [];
    for (const entry of fresh) this.#options.learned?.(entry);
    // Whoever told us keeps it, too, and tells it again after a restart.
    this.#save().catch((thrown: unknown) => this.#options.unsaved?.(thrown));
    return fresh;
  }

  /** Tells of each that is called back here, until the function is called. */
  onRevoke(tell: (entry: Told) => void): () => void {
    this.#listeners.add(tell);
    return () => void this.#listeners.delete(tell);
  }

  /** Fault `windsock/revoked` (unauthorized) for a token that was called back. */
  check(token: Revocable): void {
    if (!this.names(token)) return;
    throw new Fault("unauthorized", "windsock/revoked", "Cannot let you in: the token was called back");
  }

  /** Whether a token was called back. */
  names(token: Revocable): boolean {
    if (this.#entries.size === 0) return false;
    const nowSeconds = this.#clock.now() / 1000;
    const ofUser = token.user === "" ? undefined : this.#entries.get(keyOf("user", token.user));
    const ofToken = token.tokenId === undefined ? undefined : this.#entries.get(keyOf("token", token.tokenId));
    if (ofUser && ofUser.untilSeconds >= nowSeconds && (token.madeAtSeconds ?? 0) <= ofUser.atSeconds) return true;
    return ofToken !== undefined && ofToken.untilSeconds >= nowSeconds;
  }

  /** Whether there was room. */
  #put(entry: Entry): boolean {
    const key = keyOf(entry.kind, entry.name);
    if (this.#entries.size >= maxEntries && !this.#entries.has(key)) return false;
    this.#entries.set(key, entry);
    return true;
  }

  #forgetOld(nowSeconds: number): void {
    for (const [key, { untilSeconds }] of this.#entries) if (untilSeconds < nowSeconds) this.#entries.delete(key);
  }

  #save(): Promise<void> {
    const { path } = this.#options;
    if (path === undefined) return Promise.resolve();
    if (this.#next) return this.#next;
    const write = () => {
      this.#next = undefined;
      return replaceFile(path, JSON.stringify([...this.#entries.values()]));
    };
    // One after the other, whatever became of the one before.
    this.#writing = this.#next = this.#writing.then(write, write);
    return this.#writing;
  }
}

function keyOf(kind: "user" | "token", name: string): string {
  return `${kind}:${name}`;
}

function readList(path: string): Entry[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if (isSystemError(thrown, "ENOENT")) return [];
    throw thrown;
  }
  try {
    return fileShape.parse(JSON.parse(text));
  } catch (thrown) {
    throw new Fault(
      "unavailable",
      "windsock/revocations",
      `Cannot read "${path}": it is no list of revocations; restore it, or delete it to let in again whom it names`,
      { cause: thrown },
    );
  }
}

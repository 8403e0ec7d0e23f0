/**
 * Tokens that were called back before their time: all of a user's that were made until now, or the one with a salt or
 * `jti`. Each entry is kept as long as a token of its kind may live, and the whole on disk, so that a restart lets nobody
 * in again. Of this node: other nodes are told separately.
 */
import { readFileSync } from "node:fs";

import { z } from "zod";

import type { Clock } from "../../../kit/clock.ts";
import { isSystemError, replaceFile } from "../../../kit/disk/atomic.ts";
import { Fault } from "../../../kit/fault.ts";

/** What is looked at of a token. */
export interface Revocable {
  readonly user: string;
  readonly madeAtSeconds?: number;
  readonly tokenId?: string;
}

/** How long an entry counts unless said otherwise. */
const usualSeconds = 7 * 86_400;
const maxEntries = 100_000;

const fileShape = z.array(
  z.strictObject({
    kind: z.enum(["user", "token"]),
    name: z.string(),
    atSeconds: z.number(),
    untilSeconds: z.number(),
  }),
);
type Entry = z.infer<typeof fileShape>[number];

/** The list. */
export class Revocations {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #path: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** `path` is where the list is kept; it is in memory only without. Fault `windsock/revocations` for a damaged file. */
  constructor(clock: Clock, path?: string) {
    this.#clock = clock;
    this.#path = path;
    if (path !== undefined) for (const entry of readList(path)) this.#entries.set(keyOf(entry.kind, entry.name), entry);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Calls back. Resolves when it is on disk. */
  async revoke(what: { user: string } | { tokenId: string }, forSeconds: number = usualSeconds): Promise<void> {
    const nowSeconds = this.#clock.now() / 1000;
    for (const [key, entry] of this.#entries) if (entry.untilSeconds < nowSeconds) this.#entries.delete(key);
    if (this.#entries.size >= maxEntries) {
      throw new Fault("limited", "windsock/revocations", `Cannot revoke more: ${maxEntries} revocations are in force`);
    }
    const [kind, name] = "user" in what ? (["user", what.user] as const) : (["token", what.tokenId] as const);
    const entry = { kind, name, atSeconds: nowSeconds, untilSeconds: nowSeconds + forSeconds };
    this.#entries.set(keyOf(kind, name), entry);
    await this.#save();
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

  #save(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return Promise.resolve();
    const write = () => replaceFile(path, JSON.stringify([...this.#entries.values()]));
    // One after the other, whatever became of the one before.
    this.#writing = this.#writing.then(write, write);
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

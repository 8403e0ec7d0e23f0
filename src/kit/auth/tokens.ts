/**
 * API tokens: `wrn_<id>_<secret>`. The id (10 hexadecimal digits) is public and finds the row; of the secret (256 random
 * bits, 64 digits) only the SHA-256 is kept, which is enough because nobody guesses 256 bits. The token itself is shown once.
 * All rows are held in memory; at most once a second a verification looks whether another process changed the file, so
 * that a token revoked on the terminal is refused within that time and a request costs one hash and no query.
 */
import type { Database } from "bun:sqlite";
import { timingSafeEqual } from "node:crypto";
import { join } from "node:path";

import type { Clock } from "../clock.ts";
import { closeDatabase, inTransaction, openDatabase } from "../disk/sqlite.ts";
import { Fault, reasonOf } from "../fault.ts";
import type { Logger } from "../log.ts";
import { formatGrant, type Grant, parseGrant } from "./scope.ts";

/** What is known of a token. All times are epoch ms. */
export interface TokenRecord {
  id: string;
  name: string;
  grants: readonly Grant[];
  createdAt: number;
  expiresAt: number | undefined;
  /** To the nearest ten minutes. */
  lastUsedAt: number | undefined;
  revokedAt: number | undefined;
}

/** What a new token shall be. */
export interface NewToken {
  /** 1 to 64 letters, digits, dots, dashes and underscores; no other token in force has it. */
  name: string;
  grants: readonly Grant[];
  expiresAt?: number;
}

/** The tokens of one data folder. */
export interface Tokens {
  /** Makes a token. Its text is nowhere else. Faults: `warren/token-invalid`, `warren/token-exists`. */
  create(wanted: NewToken): { token: string; record: TokenRecord };
  /** All tokens, oldest first, those revoked too. */
  list(): TokenRecord[];
  /** Ends a token for good, by id or name. Fault: `warren/token-missing`. */
  revoke(idOrName: string): TokenRecord;
  /** Whose token this is; undefined when it is malformed, unknown, revoked or expired. */
  verify(token: string): TokenRecord | undefined;
  /** Whether the token of this id is neither revoked nor expired. */
  inForce(id: string): boolean;
  /** Whether any token is in force. One that merely expired counts, so that time alone never opens a door. */
  any(): boolean;
  close(): void;
}

/** Where the tokens of a data folder lie. */
export function tokensPath(dataFolder: string): string {
  return join(dataFolder, "tokens.sqlite");
}

const migrations = [
  `CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    grants TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked_at IS NULL;`,
];
const lookEveryMs = 1000;
const noteUseEveryMs = 600_000;
const pattern = /^wrn_([0-9a-f]{10})_([0-9a-f]{64})$/;

interface Row {
  id: string;
  name: string;
  hash: Uint8Array;
  grants: string;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
}

/** Opens (or makes) the tokens at `path`, see {@link tokensPath}. Faults: those of `openDatabase`. */
export function openTokens(path: string, options: { clock: Clock; log: Logger }): Tokens {
  return new TokenFile(openDatabase(path, { migrations, synchronous: "full" }), options);
}

class TokenFile implements Tokens {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  #held = new Map<string, { record: TokenRecord; hash: Uint8Array }>();
  #version = -1;
  #lookedAtMs = 0;

  constructor(database: Database, options: { clock: Clock; log: Logger }) {
    this.#database = database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#load();
  }

  create(wanted: NewToken): { token: string; record: TokenRecord } {
    const now = this.#clock.now();
    refuseUnfit(wanted, now);
    const id = randomHex(5);
    const secret = randomHex(32);
    inTransaction(this.#database, () => {
      const taken = this.#database
        .query<{ id: string }, [string]>("SELECT id FROM tokens WHERE name = ? AND revoked_at IS NULL")
        .get(wanted.name);
      if (taken) {
        throw new Fault(
          "conflict",
          "warren/token-exists",
          `Cannot create token "${wanted.name}": there is one of that name; revoke it first or choose another name`,
        );
      }
      this.#database
        .query("INSERT INTO tokens (id, name, hash, grants, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)")
        .run(id, wanted.name, sha256(secret), wanted.grants.map(formatGrant).join(" "), now, wanted.expiresAt ?? null);
    });
    this.#load();
    return { token: `wrn_${id}_${secret}`, record: this.#get(id) };
  }

  list(): TokenRecord[] {
    this.#load();
    return [...this.#held.values()]
      .map(({ record }) => record)
      .sort((one, other) => one.createdAt - other.createdAt || one.id.localeCompare(other.id));
  }

  revoke(idOrName: string): TokenRecord {
    const row = this.#database
      .query<{ id: string }, [number, string, string]>(
        "UPDATE tokens SET revoked_at = ? WHERE (id = ? OR name = ?) AND revoked_at IS NULL RETURNING id",
      )
      .get(this.#clock.now(), idOrName, idOrName);
    if (!row) {
      throw new Fault(
        "missing",
        "warren/token-missing",
        `Cannot revoke token "${idOrName}": none in force has that id or name; see warren token list`,
      );
    }
    this.#load();
    return this.#get(row.id);
  }

  verify(token: string): TokenRecord | undefined {
    this.#lookForChanges();
    const found = pattern.exec(token);
    if (!found) return undefined;
    const [, id = "", secret = ""] = found;
    const held = this.#held.get(id);
    const now = this.#clock.now();
    // Compared in any case, so that the time taken does not tell an unknown id from a wrong secret.
    const matches = timingSafeEqual(sha256(secret), held?.hash ?? noHash);
    if (!held || !matches || !isInForce(held.record, now)) return undefined;
    this.#noteUse(held.record, now);
    return held.record;
  }

  inForce(id: string): boolean {
    this.#lookForChanges();
    const held = this.#held.get(id);
    return held !== undefined && isInForce(held.record, this.#clock.now());
  }

  any(): boolean {
    this.#lookForChanges();
    for (const { record } of this.#held.values()) if (record.revokedAt === undefined) return true;
    return false;
  }

  close(): void {
    closeDatabase(this.#database);
  }

  #get(id: string): TokenRecord {
    const held = this.#held.get(id);
    if (!held) throw new Error(`Token ${id} vanished while it was written`);
    return held.record;
  }

  #lookForChanges(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedAtMs < lookEveryMs) return;
    this.#lookedAtMs = nowMs;
    if (this.#dataVersion() !== this.#version) this.#load();
  }

  /** Changes whenever another connection committed to the file; our own commits leave it. */
  #dataVersion(): number {
    return this.#database.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? -1;
  }

  #load(): void {
    // The version is read first: a change in between then leads to one reading too many, not to one too few.
    this.#version = this.#dataVersion();
    this.#lookedAtMs = this.#clock.monotonicMs();
    const rows = this.#database.query<Row, []>("SELECT * FROM tokens").all();
    this.#held = new Map(rows.map((row) => [row.id, { record: recordOf(row), hash: row.hash }]));
  }

  #noteUse(record: TokenRecord, now: number): void {
    if (record.lastUsedAt !== undefined && Math.abs(now - record.lastUsedAt) < noteUseEveryMs) return;
    record.lastUsedAt = now;
    try {
      this.#database.query("UPDATE tokens SET last_used_at = ? WHERE id = ?").run(now, record.id);
    } catch (thrown) {
      // Knowing when a token was last used is not worth refusing a request.
      this.#log.warn("The last use of a token could not be noted", { id: record.id, reason: reasonOf(thrown) });
    }
  }
}

function isInForce(record: TokenRecord, now: number): boolean {
  return record.revokedAt === undefined && (record.expiresAt === undefined || record.expiresAt > now);
}

const noHash = new Uint8Array(32);

function refuseUnfit(wanted: NewToken, now: number): void {
  const refuse = (reason: string) => {
    throw new Fault("invalid", "warren/token-invalid", `Cannot create token "${wanted.name}": ${reason}`);
  };
  if (!/^[\w.-]{1,64}$/.test(wanted.name)) {
    refuse("a name is 1 to 64 letters, digits, dots, dashes and underscores");
  }
  if (wanted.grants.length === 0) refuse("it needs at least one scope, such as cask:read");
  if (wanted.expiresAt !== undefined && !(wanted.expiresAt > now)) refuse("it would have expired already");
}

function recordOf(row: Row): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    grants: row.grants.split(" ").map(parseGrant),
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
  };
}

function sha256(text: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(text).digest();
}

function randomHex(sizeBytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(sizeBytes))).toString("hex");
}

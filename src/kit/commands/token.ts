/**
 * `warren token create | list | revoke`: the tokens of a data folder, whether or not a node runs on it. A running node
 * sees the change within a second. The text of a token is printed once, at its creation, and can never be shown again.
 */
import { chownSync, existsSync, statSync } from "node:fs";

import { formatGrant, parseGrant } from "../auth/scope.ts";
import { openTokens, type TokenRecord, type Tokens, tokensPath } from "../auth/tokens.ts";
import type { Clock } from "../clock.ts";
import { parseDuration } from "../config/units.ts";
import { makeFolders } from "../disk/atomic.ts";
import { Fault, reasonOf } from "../fault.ts";
import { silentLog } from "../log.ts";
import type { VerbResult } from "./check.ts";

/** Where the tokens are and what time it is. */
export interface TokenVerbContext {
  dataFolder: string;
  clock: Clock;
}

/** What `warren token create` was given. */
export interface TokenCreation {
  name: string;
  /** Such as `cask:write`; at least one. */
  scopes: readonly string[];
  /** A duration from now, such as `30d`; never when absent. */
  expires?: string;
  json?: boolean;
}

/** Makes a token and prints it. Faults: `warren/token-invalid`, `warren/token-exists`, `warren/scope-invalid`. */
export async function createTokenVerb(context: TokenVerbContext, wanted: TokenCreation): Promise<VerbResult> {
  const grants = wanted.scopes.map(parseGrant);
  const expiresAt = wanted.expires === undefined ? undefined : context.clock.now() + lifetimeMs(wanted.expires);
  return withTokens(context, (tokens) => {
    const { token, record } = tokens.create({
      name: wanted.name,
      grants,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
    if (wanted.json) return { text: JSON.stringify({ token, ...plain(record) }), exitCode: 0 };
    const end = expiresAt === undefined ? "until it is revoked" : `until ${new Date(expiresAt).toISOString()}`;
    const lines = [
      token,
      "",
      `Token "${record.name}" is good for ${grants.map(formatGrant).join(", ")} ${end}.`,
      "It is not kept and cannot be shown again. Send it as:",
      "  curl -H 'Authorization: Bearer <token>' …   or   curl -u :<token> …",
    ];
    return { text: lines.join("\n"), exitCode: 0 };
  });
}

/** Prints the tokens, oldest first; those that ended only with `all`. */
export async function listTokensVerb(
  context: TokenVerbContext,
  options: { all?: boolean; json?: boolean } = {},
): Promise<VerbResult> {
  return withTokens(context, (tokens) => {
    const now = context.clock.now();
    const records = tokens.list().filter((record) => options.all === true || stateOf(record, now) !== "revoked");
    if (options.json) return { text: JSON.stringify(records.map(plain)), exitCode: 0 };
    if (records.length === 0) return { text: "No tokens: on this machine everybody may do everything", exitCode: 0 };
    const rows = records.map((record) => [
      record.id,
      record.name,
      record.grants.map(formatGrant).join(","),
      stateOf(record, now),
      day(record.createdAt),
      record.expiresAt === undefined ? "never" : day(record.expiresAt),
      record.lastUsedAt === undefined ? "never" : day(record.lastUsedAt),
    ]);
    return {
      text: table([["ID", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USED"], ...rows]),
      exitCode: 0,
    };
  });
}

/** Ends a token by name or id. Fault: `warren/token-missing`. */
export async function revokeTokenVerb(context: TokenVerbContext, idOrName: string): Promise<VerbResult> {
  return withTokens(context, (tokens) => {
    const record = tokens.revoke(idOrName);
    const left = tokens.any() ? "" : "\nThat was the last one: on this machine everybody may do everything now";
    return { text: `Token "${record.name}" (${record.id}) is revoked${left}`, exitCode: 0 };
  });
}

async function withTokens(context: TokenVerbContext, work: (tokens: Tokens) => VerbResult): Promise<VerbResult> {
  await makeFolders(context.dataFolder);
  const path = tokensPath(context.dataFolder);
  const tokens = openTokens(path, { clock: context.clock, log: silentLog });
  try {
    return work(tokens);
  } finally {
    giveToFolderOwner(context.dataFolder, path);
    tokens.close();
  }
}

/** Root may make the file that the service, under a user of its own, has to read. */
function giveToFolderOwner(folder: string, path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chownSync(file, uid, gid);
}

function lifetimeMs(text: string): number {
  try {
    return parseDuration(text);
  } catch (thrown) {
    throw new Fault("invalid", "warren/token-invalid", reasonOf(thrown), { cause: thrown });
  }
}

function stateOf(record: TokenRecord, now: number): "good" | "expired" | "revoked" {
  if (record.revokedAt !== undefined) return "revoked";
  return record.expiresAt !== undefined && record.expiresAt <= now ? "expired" : "good";
}

function plain({ grants, ...record }: TokenRecord): Record<string, unknown> {
  return { ...record, scopes: grants.map(formatGrant) };
}

function day(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Tokens are shown once, kept as hashes, and end when they should, also across processes. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { silentLog } from "../log.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { parseGrant } from "./scope.ts";
import { openTokens, tokensPath } from "./tokens.ts";

const root = mkdtempSync(join(tmpdir(), "warren-tokens-"));
afterAll(() => rmSync(root, { recursive: true }));

function setup() {
  const folder = mkdtempSync(join(root, "data-"));
  const clock = new ManualClock(1_700_000_000_000);
  const open = () => openTokens(tokensPath(folder), { clock, log: silentLog });
  return { folder, open, pass: (durationMs: number) => clock.advance(durationMs), now: () => clock.now() };
}
const grants = [parseGrant("cask:write")];

test("create, verify: the token opens what it was made for, and its secret is nowhere on disk", () => {
  const { folder, open, now } = setup();
  const tokens = open();
  expect(tokens.any()).toBe(false);
  const { token, record } = tokens.create({ name: "backup", grants });
  expect(token).toMatch(/^wrn_[0-9a-f]{10}_[0-9a-f]{64}$/);
  expect(record).toEqual({
    id: record.id,
    name: "backup",
    grants,
    createdAt: now(),
    expiresAt: undefined,
    lastUsedAt: undefined,
    revokedAt: undefined,
  });
  expect(tokens.any()).toBe(true);
  expect(tokens.verify(token)?.name).toBe("backup");
  const secret = token.slice(-64);
  for (const file of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, file));
    expect(bytes.includes(secret)).toBe(false);
    expect(bytes.includes(Buffer.from(secret, "hex"))).toBe(false);
  }
  tokens.close();
  const again = open();
  expect(again.verify(token)?.id).toBe(record.id);
  again.close();
});

test("verify: nothing but the exact token is one", () => {
  const { open } = setup();
  const tokens = open();
  const { token } = tokens.create({ name: "one", grants });
  const other = tokens.create({ name: "two", grants }).token;
  const flipped = `${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`;
  for (const wrong of [
    flipped,
    "",
    token.toUpperCase(),
    ` ${token}`,
    token.slice(0, -1),
    `${token}0`,
    `${token.slice(0, 15)}${other.slice(15)}`,
    `wrn_0000000000_${token.slice(15)}`,
  ]) {
    expect(tokens.verify(wrong)).toBeUndefined();
  }
  fc.assert(fc.property(fc.string(), (text) => expect(tokens.verify(text)).toBeUndefined()));
  tokens.close();
});

test("verify: a token ends at its expiry, and still counts as existing", () => {
  const { open, pass, now } = setup();
  const tokens = open();
  const { token } = tokens.create({ name: "brief", grants, expiresAt: now() + 5000 });
  pass(4999);
  expect(tokens.verify(token)).toBeDefined();
  pass(1);
  expect(tokens.verify(token)).toBeUndefined();
  expect(tokens.any()).toBe(true);
  tokens.close();
});

test("revoke: by name or id, at once, and the name is free again", () => {
  const { open } = setup();
  const tokens = open();
  const first = tokens.create({ name: "same", grants });
  expect(() => tokens.create({ name: "same", grants })).toThrow("there is one of that name");
  expect(tokens.revoke("same").id).toBe(first.record.id);
  expect(tokens.verify(first.token)).toBeUndefined();
  expect(tokens.any()).toBe(false);
  const second = tokens.create({ name: "same", grants });
  tokens.revoke(second.record.id);
  expect(() => tokens.revoke("same")).toThrow("none in force");
  expect(tokens.list().map(({ name, revokedAt }) => [name, revokedAt !== undefined])).toEqual([
    ["same", true],
    ["same", true],
  ]);
  tokens.close();
});

test("verify: what another process changed shows within a second of the clock", () => {
  const { open, pass } = setup();
  const server = open();
  const terminal = open();
  const { token } = terminal.create({ name: "remote", grants });
  expect(server.any()).toBe(false);
  pass(1000);
  expect(server.verify(token)?.name).toBe("remote");
  terminal.revoke("remote");
  pass(999);
  expect(server.verify(token)).toBeDefined();
  pass(1);
  expect(server.verify(token)).toBeUndefined();
  server.close();
  terminal.close();
});

test("verify: the last use is noted to ten minutes", () => {
  const { open, pass, now } = setup();
  const tokens = open();
  const { token } = tokens.create({ name: "used", grants });
  const firstUse = now();
  tokens.verify(token);
  pass(599_999);
  tokens.verify(token);
  expect(tokens.list()[0]?.lastUsedAt).toBe(firstUse);
  pass(1);
  tokens.verify(token);
  expect(tokens.list()[0]?.lastUsedAt).toBe(now());
  tokens.close();
});

test("create: unfit names, no scope and a past expiry are refused", () => {
  const { open, now } = setup();
  const tokens = open();
  for (const name of ["", "a b", "x".repeat(65), "\u001b[2J", "ü"])
    expect(() => tokens.create({ name, grants })).toThrow("a name is 1 to 64");
  expect(() => tokens.create({ name: "a", grants: [] })).toThrow("at least one scope");
  expect(() => tokens.create({ name: "a", grants, expiresAt: now() })).toThrow("expired already");
  expect(() => tokens.create({ name: "a", grants, expiresAt: Number.NaN })).toThrow("expired already");
  expect(tokens.list()).toEqual([]);
  tokens.close();
});

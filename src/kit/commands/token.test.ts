/** The verbs on tokens, over a data folder that a node has open as well. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openTokens, tokensPath } from "../auth/tokens.ts";
import { silentLog } from "../log.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { createTokenVerb, listTokensVerb, revokeTokenVerb } from "./token.ts";

const root = mkdtempSync(join(tmpdir(), "warren-token-verb-"));
afterAll(() => rmSync(root, { recursive: true }));
const now = Date.UTC(2030, 0, 1);
const clock = new ManualClock(now);
const fresh = () => ({ dataFolder: join(mkdtempSync(join(root, "data-")), "made", "later"), clock });

test("createTokenVerb: prints a token that a node accepts, on its first line", async () => {
  const context = fresh();
  const { text, exitCode } = await createTokenVerb(context, {
    name: "backup",
    scopes: ["cask:write", "hound:read"],
    expires: "30d",
  });
  expect(exitCode).toBe(0);
  expect(text).toContain('Token "backup" is good for cask:write, hound:read until 2030-01-31T00:00:00.000Z.');
  const tokens = openTokens(tokensPath(context.dataFolder), { clock, log: silentLog });
  expect(tokens.verify(text.split("\n")[0] ?? "")?.name).toBe("backup");
  tokens.close();
  expect(statSync(tokensPath(context.dataFolder)).mode & 0o777).toBe(0o600);
  expect(statSync(context.dataFolder).mode & 0o777).toBe(0o700);
});

test("createTokenVerb: bad scopes, names and durations are Faults and make nothing", async () => {
  const context = fresh();
  await expect(createTokenVerb(context, { name: "a", scopes: ["cask"] })).rejects.toThrow('Cannot read scope "cask"');
  await expect(createTokenVerb(context, { name: "a b", scopes: ["cask:read"] })).rejects.toThrow("a name is");
  await expect(createTokenVerb(context, { name: "a", scopes: [] })).rejects.toThrow("at least one scope");
  await expect(createTokenVerb(context, { name: "a", scopes: ["cask:read"], expires: "soon" })).rejects.toThrow(
    "Cannot parse duration",
  );
  expect((await listTokensVerb(context, { all: true, json: true })).text).toBe("[]");
});

test("listTokensVerb: a table for people, records for programs, secrets for nobody", async () => {
  const context = fresh();
  expect((await listTokensVerb(context)).text).toContain("No tokens");
  const made = await createTokenVerb(context, { name: "one", scopes: ["*:admin"], json: true });
  const { token, id }: { token: string; id: string } = JSON.parse(made.text);
  await createTokenVerb(context, { name: "second", scopes: ["cask:read"], expires: "1d" });
  await revokeTokenVerb(context, "second");
  expect((await listTokensVerb(context)).text).toBe(
    `ID          NAME  SCOPES   STATE  CREATED     EXPIRES  LAST USED\n${id}  one   *:admin  good   2030-01-01  never    never`,
  );
  const all = await listTokensVerb(context, { all: true });
  expect(all.text).toMatch(/second +cask:read +revoked +2030-01-01 +2030-01-02 +never$/m);
  const json = (await listTokensVerb(context, { json: true })).text;
  expect(JSON.parse(json)).toEqual([{ id, name: "one", scopes: ["*:admin"], createdAt: now }]);
  expect(json).not.toContain(token.slice(-64));
});

test("revokeTokenVerb: says which, and when the door stands open again", async () => {
  const context = fresh();
  await createTokenVerb(context, { name: "one", scopes: ["*:admin"] });
  await createTokenVerb(context, { name: "two", scopes: ["*:admin"] });
  expect((await revokeTokenVerb(context, "one")).text).toMatch(/^Token "one" \([0-9a-f]{10}\) is revoked$/);
  expect((await revokeTokenVerb(context, "two")).text).toContain("That was the last one");
  await expect(revokeTokenVerb(context, "two")).rejects.toThrow("none in force");
});

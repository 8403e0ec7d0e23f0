/** Who comes in, with and without a token, from here and from elsewhere. */
import { expect, test } from "bun:test";

import { Fault } from "../fault.ts";
import { silentLog } from "../log.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { cookieFor, createGate, credentialsOf, type GateOptions, requireScope } from "./gate.ts";
import { parseGrant } from "./scope.ts";
import { openTokens } from "./tokens.ts";

function setup(options: Partial<GateOptions> = {}) {
  const clock = new ManualClock();
  const tokens = openTokens(":memory:", { clock, log: silentLog });
  const gate = createGate({ tokens, clock, log: silentLog, ...options });
  const admit = (headers: Record<string, string> = {}, address = "127.0.0.1", method = "GET") =>
    gate.admit({ method, headers: new Headers({ host: "localhost:4100", ...headers }) }, address);
  const codeOf = (...request: Parameters<typeof admit>): string => {
    try {
      const visitor = admit(...request);
      return visitor.open ? "open" : visitor.name;
    } catch (thrown) {
      if (thrown instanceof Fault) return thrown.code;
      throw thrown;
    }
  };
  const make = (name: string, ...scopes: string[]) => tokens.create({ name, grants: scopes.map(parseGrant) }).token;
  return { gate, admit, codeOf, make, tokens, pass: (durationMs: number) => clock.advance(durationMs) };
}

test("admit: this machine needs no token as long as there is none", () => {
  const { codeOf, make, tokens } = setup();
  expect(codeOf()).toBe("open");
  expect(codeOf({}, "::1")).toBe("open");
  expect(codeOf({}, "10.0.0.7")).toBe("anonymous");
  expect(codeOf({ "x-forwarded-for": "203.0.113.9" })).toBe("anonymous");
  make("first", "*:admin");
  expect(codeOf()).toBe("anonymous");
  tokens.revoke("first");
  expect(codeOf()).toBe("open");
});

test("admit: a node left open on purpose is open to all, until there is a token", () => {
  const { codeOf, make } = setup({ waived: true });
  expect(codeOf({ host: "10.0.0.1:4100" }, "10.0.0.7")).toBe("open");
  make("first", "*:admin");
  expect(codeOf({ host: "10.0.0.1:4100" }, "10.0.0.7")).toBe("anonymous");
});

test("admit: without tokens, a name that a stranger could point here is refused", () => {
  const { codeOf, make } = setup({ hosts: ["attic.example"] });
  for (const host of [
    "localhost",
    "localhost:4100",
    "127.0.0.1:4100",
    "[::1]:4100",
    "warren.localhost",
    "attic.example:4100",
    "Attic.Example",
  ]) {
    expect([host, codeOf({ host })]).toEqual([host, "open"]);
  }
  for (const host of [
    "evil.example",
    "evil.example:4100",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "a b",
  ]) {
    expect([host, codeOf({ host })]).toEqual([host, "warren/host-unknown"]);
  }
  const token = make("first", "*:admin");
  expect(codeOf({ host: "any.example", authorization: `Bearer ${token}` })).toBe("first");
});

test("admit: a page of another site may not change anything", () => {
  const { codeOf, make } = setup();
  const refused = "warren/cross-site";
  expect(codeOf({ "sec-fetch-site": "cross-site" }, "127.0.0.1", "POST")).toBe(refused);
  expect(codeOf({ "sec-fetch-site": "same-site" }, "127.0.0.1", "DELETE")).toBe(refused);
  expect(codeOf({ origin: "http://evil.example" }, "127.0.0.1", "POST")).toBe(refused);
  expect(codeOf({ origin: "http://localhost:3000" }, "127.0.0.1", "POST")).toBe(refused);
  expect(codeOf({ origin: "null" }, "127.0.0.1", "PUT")).toBe(refused);
  expect(codeOf({ origin: "http://evil.example", upgrade: "websocket" })).toBe(refused);
  expect(codeOf({ "sec-fetch-site": "cross-site" })).toBe("open");
  expect(codeOf({ "sec-fetch-site": "same-origin", origin: "http://localhost:4100" }, "127.0.0.1", "POST")).toBe(
    "open",
  );
  expect(codeOf({ origin: "http://localhost:4100" }, "127.0.0.1", "POST")).toBe("open");
  expect(codeOf({ "sec-fetch-site": "none" }, "127.0.0.1", "POST")).toBe("open");
  expect(codeOf({}, "127.0.0.1", "POST")).toBe("open");
  const token = make("first", "*:admin");
  const basic = `Basic ${btoa(`me:${token}`)}`;
  const foreign = { "sec-fetch-site": "cross-site" };
  expect(codeOf({ ...foreign, cookie: `warren=${token}` }, "10.0.0.7", "POST")).toBe(refused);
  expect(codeOf({ ...foreign, authorization: basic }, "10.0.0.7", "POST")).toBe(refused);
  expect(codeOf({ ...foreign, authorization: `Bearer ${token}` }, "10.0.0.7", "POST")).toBe("first");
});

test("admit: who may come from elsewhere comes without rights, whatever the browser remembers", () => {
  const { gate, make } = setup();
  const foreign = (headers: Record<string, string>, fromElsewhere: boolean) =>
    gate.admit(
      { method: "POST", headers: new Headers({ host: "localhost:4100", "sec-fetch-site": "cross-site", ...headers }) },
      "127.0.0.1",
      fromElsewhere,
    );
  expect(() => foreign({}, false)).toThrow("another site");
  const token = make("first", "*:admin");
  for (const headers of [{}, { cookie: `warren=${token}` }, { authorization: `Basic ${btoa(`me:${token}`)}` }]) {
    const visitor = foreign(headers, true);
    expect([visitor.name, visitor.open, visitor.may("reticulum", "read")]).toEqual(["anonymous", false, false]);
  }
  expect(foreign({ authorization: `Bearer ${token}` }, true).name).toBe("first");
});

test("admit: a bearer token of the service's own gives no rights here, nor does it count as a wrong one", () => {
  const { gate, make } = setup();
  const token = make("first", "*:admin");
  for (const shown of [token, ...Array.from({ length: 30 }, (_, index) => `a.b.${index}`)]) {
    const headers = new Headers({ host: "localhost:4100", authorization: `Bearer ${shown}` });
    const visitor = gate.admit({ method: "POST", headers }, "127.0.0.1", true, true);
    expect([visitor.name, visitor.may("windsock", "read")]).toEqual(["anonymous", false]);
  }
});

test("admit: bearer, basic and cookie all carry a token", () => {
  const { admit, make } = setup();
  const token = make("backup", "cask:write", "hound:read");
  for (const headers of [
    { authorization: `Bearer ${token}` },
    { authorization: `bearer  ${token} ` },
    { authorization: `Basic ${btoa(`anyone:${token}`)}` },
    { authorization: `Basic ${btoa(`:${token}`)}` },
    { cookie: `theme=dark; warren=${token}; other=1` },
  ]) {
    const visitor = admit(headers, "10.0.0.7");
    expect(visitor.name).toBe("backup");
    expect(visitor.may("cask", "write")).toBe(true);
    expect(visitor.may("cask", "admin")).toBe(false);
    expect(visitor.may("hound", "write")).toBe(false);
  }
});

test("admit: wrong tokens are refused, soon slowly, and never in the way of a right one", () => {
  const { admit, codeOf, make, pass } = setup();
  const token = make("first", "*:admin");
  const wrong = { authorization: "Bearer wrn_nonsense" };
  for (let turn = 0; turn < 10; turn++) expect(codeOf(wrong, "10.0.0.7")).toBe("warren/token-wrong");
  expect(codeOf(wrong, "10.0.0.7")).toBe("warren/token-limited");
  expect(codeOf({ authorization: "Basic Og==" }, "10.0.0.7")).toBe("warren/token-limited");
  expect(codeOf(wrong, "10.0.0.8")).toBe("warren/token-wrong");
  expect(codeOf({ authorization: `Bearer ${token}` }, "10.0.0.7")).toBe("first");
  try {
    admit(wrong, "10.0.0.7");
  } catch (thrown) {
    expect(thrown instanceof Fault && thrown.retryAfterMs).toBe(6000);
  }
  pass(6000);
  expect(codeOf(wrong, "10.0.0.7")).toBe("warren/token-wrong");
  expect(codeOf({ cookie: "warren=old" }, "10.0.0.7")).toBe("anonymous");
});

test("credentialsOf: what is no credential is none", () => {
  for (const headers of [
    {},
    { authorization: "Bearer" },
    { authorization: "Digest x" },
    { cookie: "warrens=1; warren" },
    { authorization: "Bearer a b" },
  ]) {
    expect(credentialsOf(new Headers(headers))).toBeUndefined();
  }
});

test("requireScope: 401 for strangers, 403 for tokens that lack it", () => {
  const { admit, make } = setup();
  const token = make("reader", "cask:read");
  const reader = admit({ authorization: `Bearer ${token}` });
  requireScope(reader, "cask", "read");
  expect(() => requireScope(reader, "cask", "write")).toThrow("the token lacks scope cask:write");
  expect(() => requireScope(admit(), "cask", "read")).toThrow("a token with scope cask:read is needed");
});

test("cookieFor: unreachable for scripts and other sites, and ends when empty", () => {
  expect(cookieFor("wrn_x", { secure: true, maxAgeSeconds: 60 })).toBe(
    "warren=wrn_x; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure",
  );
  expect(cookieFor("", { secure: false })).toBe("warren=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
});

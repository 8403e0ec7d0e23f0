/** One spelling for each path, and none that readers differ on. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { Fault } from "../fault.ts";
import { decodedPart, notAllowed, pathOf, refuseUnreadable } from "./target.ts";

test("pathOf: the path without query, with what needs no escape unescaped and all else as it stands", () => {
  for (const [url, path] of [
    ["http://h/", "/"],
    ["http://h", "/"],
    ["http://h:1/a/b?c=/d", "/a/b"],
    ["http://h/%64r%61in/%2D%2e%5F%7e%39", "/drain/-._~9"],
    ["http://h/a%2Fb%3A%25%zz%", "/a%2Fb%3A%25%zz%"],
    ["http://h/%40%5B%60%7B%00", "/%40%5B%60%7B%00"],
    ["/healthz", "/healthz"],
    ["/?x", "/"],
  ] as const) {
    expect(pathOf(url)).toBe(path);
  }
});

test("pathOf: every escape of an unreserved character is taken back, and only those", () => {
  for (let code = 0; code < 256; code++) {
    const escaped = `%${code.toString(16).padStart(2, "0")}`;
    const character = String.fromCharCode(code);
    expect(pathOf(`http://h/${escaped}`)).toBe(`/${/[A-Za-z0-9._~-]/.test(character) ? character : escaped}`);
  }
});

test("refuseUnreadable: dot segments in any spelling, and URLs without a usable host", () => {
  const codeOf = (url: string) => {
    try {
      refuseUnreadable(url, pathOf(url));
    } catch (thrown) {
      return thrown instanceof Fault ? thrown.code : thrown;
    }
    return undefined;
  };
  for (const url of [
    "http://h/..",
    "http://h/a/./b",
    "http://h/a/%2e%2E/b",
    "http://h/.%2e",
    "/a",
    "http://<s>/",
    "http://[/",
  ])
    expect([url, codeOf(url)]).toEqual([url, "http/request-target"]);
  for (const url of ["http://h/", "http://h/...", "http://h/.well-known/x", "http://h/a..b/c.", "https://[::1]:80/a"])
    expect([url, codeOf(url)]).toEqual([url, undefined]);
  const segment = fc.constantFrom("a", ".", "..", "%2e", "%2E.", "...", "", "b%2f");
  fc.assert(
    fc.property(fc.array(segment), (segments) => {
      const url = `http://h/${segments.join("/")}`;
      // What is let through is the same path to a reader that resolves segments.
      if (codeOf(url) === undefined) expect(new URL(url).pathname).toBe(pathOf(url));
    }),
  );
});

test("decodedPart: escapes are undone, and what is none stays", () => {
  expect(["a%20b%2Fc", "%zz", "%", "%c3%a9", "%ff"].map(decodedPart)).toEqual(["a b/c", "%zz", "%", "\u00e9", "%ff"]);
});

test("notAllowed: says which methods there are", () => {
  const answer = notAllowed("GET, HEAD");
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

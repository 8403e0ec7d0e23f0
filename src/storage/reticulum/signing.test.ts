/** Signatures: vectors made by hand with another program, and every change that must break one. */
import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";

import fc from "fast-check";

import { checkSignature, signPath } from "./signing.ts";

const key = "a key of sixteen or more";
const other = "another key of enough length";

/** Splits a signed URL as a request would. */
function check(signed: string, keys: readonly string[], now = 0) {
  const at = signed.indexOf("?");
  return checkSignature(at < 0 ? signed : signed.slice(0, at), at < 0 ? "" : signed.slice(at + 1), keys, now);
}

test("signPath: is HMAC-SHA256 in base64url over path and query", () => {
  const path = "/image/c1986af3c26609b8b7d8933f99c51c1a89e9ea6b/100s/image.png";
  // printf %s "$path" | openssl dgst -sha256 -hmac "$key" -binary | basenc --base64url | tr -d =
  expect(signPath(path, [key])).toBe(`${path}?s=${createHmac("sha256", key).update(path).digest("base64url")}`);
  expect(signPath(path, ["0123456789abcdef"])).toBe(`${path}?s=t_HfvWySdRHh1EZfl_tyKdO27SJo5hnGnUuqvwbmSO4`);
  const timed = `${path}?dpr=2&expires=1800000000`;
  expect(signPath(`${path}?dpr=2`, [key], 1_800_000_000_999)).toBe(
    `${timed}&s=${createHmac("sha256", key).update(timed).digest("base64url")}`,
  );
  expect(() => signPath(path, [])).toThrow(RangeError);
});

test("checkSignature: any of the keys is good, in any order", () => {
  const signed = signPath("/image/a/b/c.png", [key, other]);
  for (const keys of [[key], [key, other], [other, key]]) expect(check(signed, keys)).toEqual({ state: "good" });
  for (const keys of [[], [other], [`${key} `]]) expect(check(signed, keys)).toEqual({ state: "wrong" });
  expect(check("/image/a/b/c.png", [key])).toEqual({ state: "none" });
  expect(check("/image/a/b/c.png?dpr=2", [key])).toEqual({ state: "none" });
});

test("checkSignature: holds until the second it expires", () => {
  const signed = signPath("/image/a/b/c.png", [key], 5000);
  expect(check(signed, [key], 4999)).toEqual({ state: "good", expiresAt: 5000 });
  expect(check(signed, [key], 5000)).toEqual({ state: "expired" });
});

test("checkSignature: whatever is changed breaks it", () => {
  const signed = signPath("/image/a/100s/c.png?dpr=2", [key], 5000);
  const changed = [
    signed.replace("100s", "200s"),
    signed.replace("dpr=2", "dpr=3"),
    signed.replace("expires=5", "expires=6"),
    signed.replace("expires=5&", ""),
    signed.replace("c.png", "d.png"),
    `${signed}x`,
    signed.slice(0, -1),
    `${signed}&s=x`,
    signed.replace("?", "?s=x&"),
    `${signed}&dpr=4`,
    signed.replace(/s=([^&]*)$/, (_, mac: string) => `s=${mac.toUpperCase()}`),
  ];
  for (const url of changed) expect(check(url, [key], 0).state, url).toBe("wrong");
  // An expiry that was signed and is none is not a good one.
  for (const expires of ["", "x", "1e3", "-1", "9999999999999"]) {
    const made = signPath(`/image/a/b/c.png?expires=${expires}`, [key]);
    expect(check(made, [key], 0).state, made).toBe("wrong");
  }
});

test("checkSignature: never throws, and never takes what was not signed", () => {
  fc.assert(
    fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
      expect(["none", "wrong"]).toContain(checkSignature(path, query, [key], 0).state);
    }),
  );
  fc.assert(
    fc.property(fc.webPath(), fc.option(fc.integer({ min: 1, max: 2 ** 39 })), (path, expiresAt) => {
      const signed = expiresAt === null ? signPath(path, [key]) : signPath(path, [key], expiresAt * 1000);
      expect(check(signed, [key], 0).state).toBe("good");
    }),
  );
});

/** Which addresses are this machine's own, in every way of writing them. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { hostOf, isLoopback, plainAddress } from "./address.ts";

test("isLoopback: every form of this machine, and nothing that only looks like it", () => {
  for (const own of [
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::FFFF:7f00:1",
    "localhost",
    "LOCALHOST",
    "::1%lo",
  ]) {
    expect([own, isLoopback(own)]).toEqual([own, true]);
  }
  for (const other of [
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "128.0.0.1",
    "127.0.0.1.example",
    "127.1",
    "::ffff:10.0.0.1",
    "::2",
    "localhost.example",
    "",
    "1::1",
    "2001:db8::127.0.0.1",
  ]) {
    expect([other, isLoopback(other)]).toEqual([other, false]);
  }
});

test("hostOf: the host of an authority, or nothing", () => {
  expect(hostOf("localhost:4100")).toBe("localhost");
  expect(hostOf("Attic.Example.")).toBe("attic.example");
  expect(hostOf("[::1]:4100")).toBe("::1");
  expect(hostOf("[::ffff:10.1.2.3]")).toBe("10.1.2.3");
  for (const wrong of ["", ":80", "a b", "user@host", "host:port", "::1", "host/path", "[::1"])
    expect(hostOf(wrong)).toBeUndefined();
});

test("plainAddress, hostOf, isLoopback: arbitrary text never throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.stringMatching(/^[[\]:.%0-9a-f]{0,20}$/)), (text) => {
      isLoopback(text);
      hostOf(text);
      plainAddress(text);
    }),
  );
});

import { expect, test } from "bun:test";

import { concerns, type Interest, interestKey } from "./publication.ts";

const heard = (interest: Interest, addresses: readonly string[]) =>
  addresses.filter((address) => concerns(interest, address));

test("concerns: a prefix is one of bytes, as it always was", () => {
  expect(heard({ kind: "prefix", prefix: "gobot" }, ["gobot", "gobotany", "gobot.browser", "other", ""])).toEqual([
    "gobot",
    "gobotany",
    "gobot.browser",
  ]);
  expect(heard({ kind: "prefix", prefix: "" }, ["", "a.b"])).toEqual(["", "a.b"]);
});

test("concerns: with segments, room_1 does not hear room_10", () => {
  const addresses = ["app.room_1", "app.room_10", "app.room_1.anna", "app"];
  expect(heard({ kind: "segment", prefix: "app.room_1" }, addresses)).toEqual(["app.room_1", "app.room_1.anna"]);
  expect(heard({ kind: "segment", prefix: "app." }, addresses)).toEqual([
    "app.room_1",
    "app.room_10",
    "app.room_1.anna",
  ]);
  expect(heard({ kind: "segment", prefix: "" }, addresses)).toEqual(addresses);
});

test("concerns: patterns take one part by *, the rest by a last #", () => {
  const addresses = ["a", "a.b", "a.b.c", "x.b"];
  expect(heard({ kind: "pattern", pattern: "a.*" }, addresses)).toEqual(["a.b"]);
  expect(heard({ kind: "pattern", pattern: "*.b" }, addresses)).toEqual(["a.b", "x.b"]);
  expect(heard({ kind: "pattern", pattern: "a.#" }, addresses)).toEqual(["a", "a.b", "a.b.c"]);
  expect(heard({ kind: "pattern", pattern: "#" }, addresses)).toEqual(addresses);
  expect(heard({ kind: "pattern", pattern: "a.#.c" }, addresses)).toEqual([]);
});

test("interestKey: different interests have different keys", () => {
  const keys = [
    interestKey({ kind: "prefix", prefix: "a" }),
    interestKey({ kind: "segment", prefix: "a" }),
    interestKey({ kind: "exact", address: "a" }),
    interestKey({ kind: "pattern", pattern: "a" }),
  ];
  expect(new Set(keys).size).toBe(4);
});

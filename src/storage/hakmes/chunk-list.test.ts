import { expect, test } from "bun:test";

import { ChunkList } from "./chunk-list.ts";
import { keyOfShort } from "./digest.ts";

const keyNumbered = (number: number) => keyOfShort(number % 3 === 0 ? "sha1" : "sha256", `chunk ${number}`);

test("ChunkList: gives back keys of both kinds and sizes of any length, in order, from any place", () => {
  const list = new ChunkList();
  const wanted = Array.from({ length: 500 }, (_, number) => [keyNumbered(number), 2 ** (number % 50) + 1] as const);
  for (const [, size] of wanted) list.add(size);
  for (const [place, [key]] of [...wanted.entries()].toReversed()) list.name(place, key);
  expect([...list.from()]).toEqual(wanted);
  expect([...list.from(490)]).toEqual(wanted.slice(490));
  expect(list.length).toBe(500);
});

test("ChunkList.cutAt: forgets what is behind, and what comes then takes its place", () => {
  const list = new ChunkList();
  for (let number = 0; number < 5; number++) list.name(list.add(number + 1), keyNumbered(number));
  list.cutAt(2);
  list.name(4, keyNumbered(9));
  list.name(list.add(77), keyNumbered(8));
  expect([...list.from()]).toEqual([
    [keyNumbered(0), 1],
    [keyNumbered(1), 2],
    [keyNumbered(8), 77],
  ]);
});

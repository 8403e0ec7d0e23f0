import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

import fc from "fast-check";

import { NodeRing } from "./node-ring.ts";

interface TheirRing {
  get(name: string): string | undefined;
}
type MakeTheirRing = new (
  nodes: Record<string, number>,
  algorithm: string,
  options: Record<string, number>,
) => TheirRing;

/** What Etsy's proxy uses; an optional part of its package. */
const place = resolve(import.meta.dir, "../../../../node_modules/hashring");
const hashRing = existsSync(place) ? (createRequire(import.meta.url)(place) as MakeTheirRing) : undefined;
const theirs = (nodes: readonly string[]): TheirRing | undefined =>
  hashRing && new hashRing(Object.fromEntries(nodes.map((node) => [node, 100])), "md5", { replicas: 0 });

describe("NodeRing", () => {
  test("ownerOf: recorded owners of the package that Etsy's proxy uses", () => {
    const ring = new NodeRing(["127.0.0.1:8127", "127.0.0.1:8129", "127.0.0.1:8131"]);
    expect(["a", "b", "c", "shop.orders", "shop.carts", "é", ""].map((name) => ring.ownerOf(name))).toEqual([
      0, 1, 1, 2, 0, 0, 2,
    ]);
  });

  test.if(hashRing !== undefined)("ownerOf: every name is where that package puts it, with any number of nodes", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 })), { minLength: 1, maxLength: 12 }),
        // A name such as __proto__ changes what all objects of the package's program have.
        fc.array(
          fc.string({ unit: "binary" }).filter((name) => !(name in {})),
          { maxLength: 50 },
        ),
        (hosts, names) => {
          const nodes = [...new Set(hosts.map(([host, port]) => `${host}:${port}`))];
          const [ours, their] = [new NodeRing(nodes), theirs(nodes)];
          for (const name of names) expect(nodes[ours.ownerOf(name) ?? -1]).toBe(their?.get(name) as string);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("ownerOf: bytes are as their text, and no node owns nothing", () => {
    const ring = new NodeRing(["a:1", "b:2"]);
    for (const name of ["x", "é", "名前"]) expect(ring.ownerOf(Buffer.from(name))).toBe(ring.ownerOf(name));
    expect(new NodeRing([]).ownerOf("x")).toBeUndefined();
  });

  test("ownerOf: a node that goes takes nothing from the others", () => {
    const nodes = ["a:1", "b:2", "c:3", "d:4"];
    const [before, after] = [new NodeRing(nodes), new NodeRing(nodes.slice(1))];
    for (let number = 0; number < 500; number++) {
      const owner = nodes[before.ownerOf(`name.${number}`) ?? -1];
      if (owner !== "a:1") expect(nodes.slice(1)[after.ownerOf(`name.${number}`) ?? -1]).toBe(owner as string);
    }
  });
});

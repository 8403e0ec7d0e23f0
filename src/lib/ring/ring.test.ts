import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { pointsOf, Ring } from "./ring.ts";

const sha1 = (text: string) => new Bun.CryptoHasher("sha1").update(text).digest("hex");
// Ids and orders recorded from the original Cask's ring.
const ids = [
  "111b1f38-4a30-4bc1-9341-ea0a1c7976e2",
  "ead52d6c-f423-4c0a-a762-37bacac88d4f",
  "f864ab85-2cd1-4cc7-a541-3e34ec6fc18f",
  "53a5e5f2-9de4-4e72-a71e-fcc8c4e4a03e",
] as const;
const named = (order: readonly string[]) => order.map((id) => `N${ids.indexOf(id as (typeof ids)[number])}`).join(" ");

describe("Ring", () => {
  test("pointsOf: SHA-1 of the id followed by the decimal number", () => {
    expect(pointsOf("testuuid")[0]).toBe("753e9ada6fb9ee043fb329f4aa80642db371ec2c");
    expect(pointsOf("testuuid")).toHaveLength(16);
  });

  test("order: equals the original's recorded orders", () => {
    expect(new Ring(["a", "b", "c"]).order("a94a8fe5ccb19ba61c4c0873d391e987982fbbd3")).toEqual(["a", "b", "c"]);
    const ring = new Ring(ids);
    expect(named(ring.order(sha1("")))).toBe("N1 N0 N3 N2");
    expect(named(ring.order(sha1("hello\n")))).toBe("N1 N0 N3 N2");
    expect(named(ring.order(sha1("hello world")))).toBe("N2 N1 N3 N0");
    expect(named(ring.order(sha1("test")))).toBe("N3 N0 N1 N2");
    expect(named(ring.order(sha1("a")))).toBe("N2 N3 N0 N1");
    expect(named(ring.order(sha1("b")))).toBe("N0 N3 N1 N2");
    expect(named(ring.order(sha1("c")))).toBe("N2 N3 N0 N1");
    expect(named(ring.order("0".repeat(40)))).toBe("N3 N0 N1 N2");
    expect(named(ring.order("f".repeat(40)))).toBe("N3 N0 N1 N2");
    const without = new Ring(ids.filter((id) => id !== ids[2]));
    expect(named(without.order(sha1("hello world")))).toBe("N1 N3 N0");
  });

  test("order: a digest equal to a point belongs to the next point", () => {
    expect(named(new Ring(ids).order("0e293b370baad849a56ae2ad17d7d74aeaff885d"))).toBe("N2 N0 N1 N3");
  });

  test("order: names every node once, whatever the digest", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 9 }), fc.string(), (nodes, text) => {
        const order = new Ring(nodes).order(sha1(text));
        expect([...order].sort()).toEqual([...nodes].sort());
      }),
    );
  });

  test("order: taking a node away moves nothing among the others", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { minLength: 2, maxLength: 7 }), fc.string(), (nodes, text) => {
        const digest = sha1(text);
        const gone = nodes[0] as string;
        const before = new Ring(nodes).order(digest).filter((id) => id !== gone);
        expect(new Ring(nodes.slice(1)).order(digest)).toEqual(before);
      }),
    );
  });

  test("order: a longer digest goes where its first 40 digits go, unless they equal a point", () => {
    const ring = new Ring(ids);
    for (let index = 0; index < 200; index++) {
      const digest = new Bun.CryptoHasher("sha256").update(`${index}`).digest("hex");
      expect(ring.order(digest)).toEqual(ring.order(digest.slice(0, 40)));
    }
  });

  test("shares: add up to one", () => {
    const shares = new Ring(ids).shares();
    expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect([...shares.values()].every((share) => share > 0)).toBe(true);
  });
});

/** The list of a cluster's keys, with nodes that are gone, silent, originals, or on the move. */
import { describe, expect, test } from "bun:test";

import { bytesOf, ClusterFixture, keyFor, silent } from "./cluster-fixture.ts";
import { heldPageKeys } from "./held-keys.ts";
import { bucketOf, type Key, keyOf, type SizedKey } from "./key.ts";
import { type KeyListing, listKeys } from "./listing.ts";
import type { HeldPage } from "./peer.ts";

function listing(
  fixture: ClusterFixture,
  bucket: number,
  options: { after?: Key | undefined; nodesExpected?: number } = {},
): Promise<KeyListing> {
  const { nodesExpected = 0 } = options;
  return listKeys(bucket, options.after, fixture.placement("a", { nodesExpected }), {
    held: fixture.node("a").holdings.held,
    peerFor: fixture.peerFor,
    clock: fixture.clock,
    limitMs: 1000,
  });
}

const blob = bytesOf("on the move");
const key = keyFor(blob);
const bucket = bucketOf(key);

/** `count` keys of the bucket, sorted, the numbers from `from` on in their digests. */
function numbered(count: number, from = 0): SizedKey[] {
  return Array.from({ length: count }, (_, index) => ({
    key: keyOf("sha256", `${key.slice(7, 9)}${(from + index).toString(16).padStart(62, "0")}`),
    sizeBytes: index,
  }));
}

/** A peer's list of these keys, in pages of `limit`. */
function pages(
  keys: readonly SizedKey[],
  limit: number,
): (bucket: number, after: Key | undefined) => Promise<HeldPage> {
  return (_, after) => {
    const left = keys.filter((held) => after === undefined || held.key > after);
    return Promise.resolve({ keys: left.slice(0, limit), more: left.length > limit });
  };
}

describe("listKeys", () => {
  test("what any node holds is listed once, and nothing is left out when all were heard", async () => {
    const fixture = new ClusterFixture(["a", "b", "c"]);
    await fixture.node("b").holdings.keep("sha256", blob);
    await fixture.node("c").holdings.keep("sha256", blob);
    expect(await listing(fixture, bucket)).toEqual({
      keys: [{ key, sizeBytes: blob.byteLength }],
      complete: true,
      unasked: [],
    });
    expect((await listing(fixture, (bucket + 1) % 256)).keys).toEqual([]);
  });

  test("a node that is gone, is an original, fails or stays silent is named, and the others are listed", async () => {
    const fixture = new ClusterFixture(["a", "f", "e", "d", "c", "b"]);
    for (const id of ["a", "b", "c", "d", "e", "f"]) await fixture.node(id).holdings.keep("sha256", bytesOf(id));
    await fixture.node("f").holdings.keep("sha256", blob);
    fixture.states.set("b", { alive: false, goneMs: 10 });
    fixture.states.set("c", { speaksDigests: false });
    fixture.odd.set("d", { held: () => Promise.reject(new Error("reset")) });
    fixture.odd.set("e", { held: (_, __, signal) => silent(signal) });
    const listed = listing(fixture, bucket);
    await fixture.clock.advance(1001);
    expect(await listed).toEqual({
      keys: [{ key, sizeBytes: blob.byteLength }],
      complete: false,
      unasked: ["b", "c", "d", "e"],
    });
    expect(fixture.calls.filter((call) => call.startsWith("held"))).not.toContain("held b");
  });

  test("a node that exists and was never met keeps the list from being complete", async () => {
    const fixture = new ClusterFixture(["a", "b"]);
    expect(await listing(fixture, bucket, { nodesExpected: 3 })).toEqual({ keys: [], complete: false, unasked: [] });
  });

  test("a blob that a draining node gives away while the list is made is in it", async () => {
    const fixture = new ClusterFixture(["a", "b"]);
    const [giver, taker] = [fixture.node("b").holdings, fixture.node("a").holdings];
    await giver.keep("sha256", blob);
    fixture.states.set("b", { draining: true });
    fixture.odd.set("b", {
      held: async (...asked) => {
        const page = await giver.held.page(asked[0], asked[1]);
        await taker.keep("sha256", blob);
        await giver.drop(key, () => true);
        return page;
      },
    });
    expect((await listing(fixture, bucket)).keys).toHaveLength(1);
    expect((await listing(fixture, bucket)).keys).toHaveLength(1);
    // Had the list been made between, the one who took it would have had it.
    const moved = new ClusterFixture(["a", "b"]);
    await moved.node("b").holdings.keep("sha256", blob);
    moved.states.set("b", { draining: true });
    moved.odd.set("b", {
      held: async (...asked) => {
        await moved.node("a").holdings.keep("sha256", blob);
        await moved.node("b").holdings.drop(key, () => true);
        return moved.node("b").holdings.held.page(asked[0], asked[1]);
      },
    });
    expect((await listing(moved, bucket)).keys).toHaveLength(1);
  });

  test("pages of different lengths join without a gap: none goes beyond the shortest", async () => {
    const fixture = new ClusterFixture(["a", "b", "c"]);
    const [mine, theirs] = [numbered(50), numbered(50, 25)];
    fixture.odd.set("b", { held: pages(mine, 7) });
    fixture.odd.set("c", { held: pages(theirs, 11) });
    const found: Key[] = [];
    for (let asked = 0; asked < 30; asked++) {
      const { keys, next } = await listing(fixture, bucket, { after: found.at(-1) });
      found.push(...keys.map((held) => held.key));
      if (next === undefined) break;
      expect(next).toBe(found.at(-1) as Key);
    }
    expect(found).toEqual(numbered(75).map((held) => held.key));
  });

  test("a page is bounded, whatever the others send", async () => {
    const fixture = new ClusterFixture(["a", "b", "c"]);
    fixture.odd.set("b", { held: pages(numbered(heldPageKeys), heldPageKeys) });
    fixture.odd.set("c", { held: pages(numbered(heldPageKeys, heldPageKeys), heldPageKeys) });
    const first = await listing(fixture, bucket);
    expect([first.keys.length, first.next]).toEqual([heldPageKeys, first.keys.at(-1)?.key as Key]);
    const second = await listing(fixture, bucket, { after: first.next });
    expect([second.keys.length, second.next]).toEqual([heldPageKeys, undefined]);
    expect(second.keys[0]?.key).toBe(numbered(1, heldPageKeys)[0]?.key as Key);
  });
});

/** What every ledger must do, as one suite that each adapter's test runs. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { algorithmOf, digestOf, type Key, keyOf } from "./key.ts";
import type { BlobRecord, Ledger } from "./ledger.ts";

/** A ledger under test and how to be rid of it. */
export interface LedgerFixture {
  ledger: Ledger;
  /** Closes the ledger in good order and opens its place again, where what is kept outlives the object. */
  reopen?(): Promise<Ledger>;
  dispose(): Promise<void>;
}

/** Runs the suite against what `open` opens: an empty ledger. */
export function describeLedger(name: string, open: () => Promise<LedgerFixture>): void {
  describe(`${name} keeps the promises of a ledger:`, () => {
    let fixture: LedgerFixture;
    let ledger: Ledger;
    beforeEach(async () => {
      fixture = await open();
      ({ ledger } = fixture);
    });
    afterEach(() => fixture.dispose());

    test("put and find: gives back every field, for both algorithms", () => {
      for (const record of [recordOf(keyNumbered(1)), recordOf(keyNumbered(2, "sha1"), { surplusSince: 7 })]) {
        expect(ledger.find(record.key)).toBeUndefined();
        ledger.put(record);
        expect(ledger.find(record.key)).toEqual(record);
      }
      expect(ledger.count()).toBe(2);
    });

    test("find: what it gives is the caller's to change", () => {
      const record = recordOf(keyNumbered(1));
      ledger.put(record);
      const found = ledger.find(record.key);
      if (found) found.sizeBytes = -1;
      expect(ledger.find(record.key)).toEqual(record);
    });

    test("put: a second record of a key replaces the first, in the totals too", () => {
      const key = keyNumbered(1);
      ledger.put(recordOf(key, { sizeBytes: 10 }));
      ledger.put(recordOf(key, { sizeBytes: 30, stamp: "later" }));
      ledger.put(recordOf(keyNumbered(2), { sizeBytes: 5 }));
      expect(ledger.count()).toBe(2);
      expect(ledger.totalBytes()).toBe(35);
      expect(ledger.find(key)?.stamp).toBe("later");
    });

    test("totalBytes: is exact beyond 4 GiB", () => {
      ledger.put(recordOf(keyNumbered(1), { sizeBytes: 2 ** 45 + 1 }));
      ledger.put(recordOf(keyNumbered(2), { sizeBytes: 2 ** 45 }));
      expect(ledger.totalBytes()).toBe(2 ** 46 + 1);
    });

    test("verified and markSurplus: change their fields only, and nothing where there is no record", () => {
      const record = recordOf(keyNumbered(1));
      ledger.put(record);
      ledger.verified(record.key, "stamp 2", 5000);
      ledger.markSurplus(record.key, 6000);
      expect(ledger.find(record.key)).toEqual({ ...record, stamp: "stamp 2", verifiedAt: 5000, surplusSince: 6000 });
      ledger.verified(keyNumbered(9), "stamp", 1);
      ledger.markSurplus(keyNumbered(9), 1);
      expect(ledger.find(keyNumbered(9))).toBeUndefined();
      expect(ledger.count()).toBe(1);
    });

    test("remove: forgets the record and its bytes, and twice is no error", () => {
      const record = recordOf(keyNumbered(1), { sizeBytes: 9 });
      ledger.put(record);
      ledger.remove(record.key);
      ledger.remove(record.key);
      expect(ledger.find(record.key)).toBeUndefined();
      expect(ledger.count()).toBe(0);
      expect(ledger.totalBytes()).toBe(0);
    });

    test("sizesIn: pages through a bucket, both algorithms, without gap or repetition", () => {
      for (const bucket of [0x00, 0x41, 0xff]) {
        const keys = ["00", "11", "ff"].flatMap((end) => [keyIn(bucket, end, "sha1"), keyIn(bucket, end, "sha256")]);
        keys.forEach((key, place) => ledger.put(recordOf(key, { sizeBytes: place })));
        const sorted = keys.toSorted();
        for (let limit = 1; limit <= keys.length + 1; limit++) {
          const listed: Key[] = [];
          for (;;) {
            const page = ledger.sizesIn(bucket, listed.at(-1), limit);
            expect(page.length).toBeLessThanOrEqual(limit);
            for (const { key, sizeBytes } of page) expect(sizeBytes).toBe(keys.indexOf(key));
            listed.push(...page.map(({ key }) => key));
            if (page.length < limit) break;
          }
          expect(listed).toEqual(sorted);
        }
      }
      expect(ledger.sizesIn(0x01, undefined, 10)).toEqual([]);
    });

    test("inBucket: gives the records of that bucket only, sorted by key as text", () => {
      const first = [keyIn(0x41, "11", "sha256"), keyIn(0x41, "00", "sha256"), keyIn(0x41, "ff", "sha1")];
      for (const key of [...first, keyIn(0x40, "ff", "sha1"), keyIn(0x42, "00", "sha256")]) ledger.put(recordOf(key));
      ledger.put(recordOf(keyIn(0xff, "ff", "sha256")));
      ledger.put(recordOf(keyIn(0x00, "00", "sha1")));
      expect(ledger.inBucket(0x41).map((record) => record.key)).toEqual(first.toSorted());
      expect(ledger.inBucket(0xff)).toHaveLength(1);
      expect(ledger.inBucket(0x00)).toHaveLength(1);
      expect(ledger.inBucket(0x01)).toEqual([]);
    });

    test("leastRecentlyVerified: oldest first, within the limit, none verified at or after the bound", () => {
      const times = [50, 10, 40, 20, 30];
      for (const [index, verifiedAt] of times.entries()) ledger.put(recordOf(keyNumbered(index), { verifiedAt }));
      expect(ledger.leastRecentlyVerified(50, 10).map((record) => record.verifiedAt)).toEqual([10, 20, 30, 40]);
      expect(ledger.leastRecentlyVerified(50, 2).map((record) => record.verifiedAt)).toEqual([10, 20]);
      ledger.verified(keyNumbered(1), "s", 99);
      expect(ledger.leastRecentlyVerified(50, 1).map((record) => record.verifiedAt)).toEqual([20]);
      expect(ledger.leastRecentlyVerified(10, 5)).toEqual([]);
    });

    test("unverifiedSince: counts records and bytes before the bound", () => {
      for (const [index, verifiedAt] of [5, 10, 15].entries())
        ledger.put(recordOf(keyNumbered(index), { verifiedAt, sizeBytes: 100 }));
      expect(ledger.unverifiedSince(15)).toEqual({ count: 2, bytes: 200 });
      expect(ledger.unverifiedSince(0)).toEqual({ count: 0, bytes: 0 });
    });

    test("owe: is idempotent and needs no record", () => {
      const key = keyNumbered(1);
      ledger.owe(key, "node-a", 100);
      ledger.owe(key, "node-b", 101);
      ledger.postpone(key, "node-a", 5);
      ledger.owe(key, "node-a", 200);
      expect(ledger.owed()).toBe(2);
      expect(ledger.owes(key)).toBe(true);
      expect(ledger.owes(keyNumbered(2))).toBe(false);
      expect(ledger.due(1000, 10)).toEqual([
        { key, nodeId: "node-a", since: 100, attempts: 1, notBefore: 5 },
        { key, nodeId: "node-b", since: 101, attempts: 0, notBefore: 0 },
      ]);
    });

    test("due: those waiting longest first, within the limit, postponed ones not before their time", () => {
      for (const [index, since] of [30, 10, 20].entries()) ledger.owe(keyNumbered(index), "node", since);
      expect(ledger.due(50, 2).map((handOff) => handOff.since)).toEqual([10, 20]);
      ledger.postpone(keyNumbered(1), "node", 60);
      expect(ledger.due(50, 5).map((handOff) => handOff.since)).toEqual([20, 30]);
      expect(ledger.due(60, 5).map((handOff) => handOff.since)).toEqual([10, 20, 30]);
    });

    test("settle and postpone: touch that hand-off only, and nothing where there is none", () => {
      const key = keyNumbered(1);
      ledger.owe(key, "a", 1);
      ledger.owe(key, "b", 2);
      ledger.settle(key, "a");
      ledger.settle(key, "a");
      ledger.postpone(key, "a", 99);
      expect(ledger.due(10, 10).map((handOff) => handOff.nodeId)).toEqual(["b"]);
      expect(ledger.owes(key)).toBe(true);
      ledger.settle(key, "b");
      expect(ledger.owes(key)).toBe(false);
      expect(ledger.owed()).toBe(0);
    });

    test("note and recall: the last value noted, undefined when none was", () => {
      expect(ledger.recall("scrub")).toBeUndefined();
      ledger.note("scrub", "1");
      ledger.note("scrub", 'bucket "2"');
      expect(ledger.recall("scrub")).toBe('bucket "2"');
    });

    test("reopen: everything is there after closing in good order", async () => {
      const record = recordOf(keyNumbered(1), { sizeBytes: 77 });
      ledger.put(record);
      ledger.put(recordOf(keyNumbered(2)));
      ledger.remove(keyNumbered(2));
      ledger.owe(record.key, "node", 3);
      ledger.note("name", "value");
      if (fixture.reopen) ledger = await fixture.reopen();
      expect(ledger.find(record.key)).toEqual(record);
      expect([ledger.count(), ledger.totalBytes(), ledger.owed()]).toEqual([1, 77, 1]);
      expect(ledger.recall("name")).toBe("value");
    });
  });
}

/** The key of a made-up blob. */
export function keyNumbered(number: number, algorithm: "sha1" | "sha256" = "sha256"): Key {
  return keyOf(algorithm, new Bun.CryptoHasher(algorithm).update(`blob ${number}`).digest("hex"));
}

function keyIn(bucket: number, next: string, algorithm: "sha1" | "sha256"): Key {
  const start = bucket.toString(16).padStart(2, "0") + next;
  return keyOf(algorithm, start + digestOf(keyNumbered(0, algorithm)).slice(4));
}

/** A record of a made-up blob; a sha256 key's digest is its SHA-256, as in earnest. */
export function recordOf(key: Key, changes: Partial<BlobRecord> = {}): BlobRecord {
  const sha256 =
    algorithmOf(key) === "sha256" ? digestOf(key) : new Bun.CryptoHasher("sha256").update(key).digest("hex");
  return {
    key,
    sizeBytes: 1,
    stamp: "kx3f0.1a2b.c",
    sha256,
    storedAt: 1_700_000_000_000,
    verifiedAt: 1_700_000_000_001,
    surplusSince: 0,
    ...changes,
  };
}

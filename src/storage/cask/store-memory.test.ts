import { describe, expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { seededRandom } from "../../kit/random.ts";
import { type MemoryFaults, MemoryStore } from "./store-memory.ts";
import { codeOf, describeStore, nextKey, noise, put, readAll, sameBytes, text } from "./store.conformance.ts";

describeStore("MemoryStore", async () => ({
  store: new MemoryStore({ clock: systemClock }),
  dispose: async () => {},
}));

function storeWith(faults: Partial<MemoryFaults>, now: () => number = () => 0): MemoryStore {
  return new MemoryStore({ clock: { ...systemClock, now }, random: seededRandom(5), faults });
}

describe("MemoryStore", () => {
  test("crash: keeps what was committed and ends writes under way", async () => {
    const store = storeWith({});
    const key = nextKey();
    await put(store, key, text("kept"));
    const writer = store.create();
    await writer.write(text("lost"));
    store.crash();
    expect(store.keys()).toEqual([key]);
    expect(await codeOf(writer.commit(nextKey()))).toBe("cask/store-failed");
    await writer.abort();
  });

  test("dropFsync: a crash loses what the machine has not written back by itself", async () => {
    let nowMs = 0;
    const store = storeWith({ dropFsync: true }, () => nowMs);
    const [early, late] = [nextKey(), nextKey()];
    await put(store, early, text("early"));
    nowMs = 30_000;
    await put(store, late, text("late"));
    store.crash();
    expect(store.keys()).toEqual([early]);
  });

  test("wipe: nothing is left", async () => {
    const store = storeWith({ capacityBytes: 10 });
    await put(store, nextKey(), text("0123456789"));
    store.wipe();
    expect(store.keys()).toEqual([]);
    expect(store.space().freeBytes).toBe(10);
  });

  test("capacityBytes: refuses at once when the size is known, at the commit otherwise", async () => {
    const store = storeWith({ capacityBytes: 4 });
    expect(() => store.create(5)).toThrow("the store is full");
    const writer = store.create();
    await writer.write(text("12345"));
    expect(await codeOf(writer.commit(nextKey()))).toBe("cask/disk-full");
    expect(store.keys()).toEqual([]);
    await put(store, nextKey(), text("1234"));
    expect(store.space()).toEqual({ freeBytes: 0, totalBytes: 4 });
  });

  test("fsyncFails and shortWrite: the commit throws and leaves nothing", async () => {
    for (const faults of [{ fsyncFails: 1 }, { shortWrite: 1 }]) {
      const store = storeWith(faults);
      expect(await codeOf(put(store, nextKey(), text("x")))).toBe("cask/store-failed");
      expect(store.keys()).toEqual([]);
    }
  });

  test("tornWrite: the stat tells the smaller size", async () => {
    const store = storeWith({ tornWrite: 1 });
    const key = nextKey();
    const stat = await put(store, key, text("whole"));
    expect(stat.sizeBytes).toBeLessThan(5);
    expect(store.find(key)).toEqual(stat);
  });

  test("flippedWrite and lyingRead: one bit is wrong, on the disk or in the read", async () => {
    const whole = noise(100, 1);
    const key = nextKey();
    const flipped = storeWith({ flippedWrite: 1 });
    await put(flipped, key, whole);
    expect(sameBytes(flipped.peek(key) ?? whole, whole)).toBe(false);
    const lying = storeWith({ lyingRead: 1 });
    await put(lying, key, whole);
    expect(sameBytes(await readAll(lying, key), whole)).toBe(false);
    expect(sameBytes(lying.peek(key) ?? text(""), whole)).toBe(true);
  });

  test("readFails: reads throw", async () => {
    const store = storeWith({ readFails: 1 });
    const key = nextKey();
    await put(store, key, text("x"));
    expect(await codeOf(readAll(store, key))).toBe("cask/store-failed");
  });

  test("flipBit and truncate: change what is held, the former unseen by the stat", async () => {
    const store = storeWith({});
    const key = nextKey();
    const stat = await put(store, key, text("hello"));
    expect(store.flipBit(key)).toBe(true);
    expect(store.find(key)).toEqual(stat);
    expect(await readAll(store, key)).not.toEqual(text("hello"));
    expect(store.truncate(key)).toBe(true);
    expect(store.find(key)?.sizeBytes).toBeLessThan(5);
    expect(store.flipBit(nextKey())).toBe(false);
  });

  test("slowMs: waits on the clock", async () => {
    const waits: number[] = [];
    const clock = {
      ...systemClock,
      schedule(delayMs: number, callback: () => void) {
        waits.push(delayMs);
        queueMicrotask(callback);
        return () => {};
      },
    };
    const store = new MemoryStore({ clock, random: seededRandom(2), faults: { slowMs: 1000 } });
    const key = nextKey();
    await put(store, key, text("slow"));
    await readAll(store, key);
    expect(waits).toHaveLength(2);
  });

  test("faults: the same seed makes the same things go wrong", async () => {
    const keys = Array.from({ length: 50 }, () => nextKey());
    const run = async () => {
      const store = storeWith({ fsyncFails: 0.3, flippedWrite: 0.3 });
      await Promise.allSettled(keys.map((key) => put(store, key, text("abcdef"))));
      return store.keys().map((key) => [key, store.peek(key)]);
    };
    expect(await run()).toEqual(await run());
  });
});

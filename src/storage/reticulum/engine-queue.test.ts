import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { EngineQueue } from "./engine-queue.ts";

interface Named {
  name: string;
  estimateMs: number;
  sizeBytes: number;
  source: object;
  idle: boolean;
}
const job = (name: string, estimateMs: number, idle = false, sizeBytes = 1, source: object = {}): Named => ({
  name,
  estimateMs,
  sizeBytes,
  source,
  idle,
});
const queueOf = (waitingMax = 100, heldBytesMax = 100) => new EngineQueue<Named>({ waitingMax, heldBytesMax });

describe("EngineQueue", () => {
  test("gives short jobs first, equal ones in their order", () => {
    const queue = queueOf();
    queue.add(job("long", 500), 0);
    queue.add(job("short", 5), 1);
    queue.add(job("also short", 5), 2);
    expect([queue.take(true)?.name, queue.take(true)?.name, queue.take(true)?.name]).toEqual([
      "short",
      "also short",
      "long",
    ]);
    expect(queue.take(true)).toBeUndefined();
  });

  test("a long job is not overtaken for ever", () => {
    const queue = queueOf();
    queue.add(job("long", 1_000_000), 0);
    let overtakenBy = 0;
    for (let nowMs = 0; nowMs < 100_000; nowMs += 100) {
      queue.add(job("short", 5), nowMs);
      const next = queue.take(true);
      if (!next || next.name === "long") break;
      queue.release(next);
      overtakenBy++;
    }
    expect(overtakenBy).toBe(300);
  });

  test("idle jobs go when nothing else waits and there is room for them", () => {
    const queue = queueOf();
    queue.add(job("idle", 1, true), 0);
    queue.add(job("wanted", 500), 1);
    expect([queue.waiting, queue.idle, queue.estimateMs]).toEqual([1, 1, 500]);
    expect(queue.take(false)?.name).toBe("wanted");
    expect(queue.take(false)).toBeUndefined();
    expect(queue.take(true)?.name).toBe("idle");
  });

  test("the next job stays when it does not suit, and no other goes in its place", () => {
    const queue = queueOf();
    queue.add(job("first", 5), 0);
    queue.add(job("long", 500), 0);
    expect(queue.take(false, ({ name }) => name === "long")).toBeUndefined();
    expect(queue.take(false, ({ name }) => name === "first")?.name).toBe("first");
    expect(queue.waiting).toBe(1);
  });

  test("a job put back is the next", () => {
    const queue = queueOf();
    const first = job("first", 900);
    queue.add(first, 0);
    queue.take(true);
    queue.add(job("short", 1), 0);
    queue.putBack(first);
    expect(queue.take(true)).toBe(first);
  });

  test("bounds: never more jobs or bytes than allowed, and room comes back", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ source: fc.integer({ min: 0, max: 6 }), act: fc.integer({ min: 0, max: 3 }) })),
        (steps) => {
          const sources = [0, 5, 20, 40, 40, 60, 60].map((sizeBytes) => ({ sizeBytes }));
          const queue = queueOf(4, 100);
          const running: Named[] = [];
          const waiting = new Set<Named>();
          for (const { source: at, act } of steps) {
            const bytesOf = (jobs: Iterable<Named>) =>
              sources
                .filter((one) => [...jobs].some(({ source }) => source === one))
                .reduce((sum, one) => sum + one.sizeBytes, 0);
            if (act < 2) {
              const source = sources[at] ?? { sizeBytes: 0 };
              const added = job("any", 1, false, source.sizeBytes, source);
              const held = bytesOf([...running, ...waiting]);
              // Several jobs of one source hold its bytes once.
              const wouldHold = bytesOf([...running, ...waiting, added]);
              const isTaken = queue.add(added, 0);
              expect(isTaken).toBe(waiting.size < 4 && (held === 0 || wouldHold <= Math.max(held, 100)));
              if (isTaken) waiting.add(added);
            } else if (act === 2) {
              const next = queue.take(true);
              if (next) running.push(next);
              if (next) waiting.delete(next);
            } else {
              const done = running.shift();
              if (done) queue.release(done);
              const [left] = waiting;
              if (left && !done) expect(queue.remove(left)).toBe(true);
              if (left && !done) waiting.delete(left);
            }
            expect(queue.waiting).toBe(waiting.size);
          }
        },
      ),
    );
  });

  test("clear takes all out and gives their room back", () => {
    const queue = queueOf(4, 10);
    queue.add(job("one", 1, false, 6), 0);
    queue.add(job("two", 1, true, 4), 0);
    expect(queue.clear().map(({ name }) => name)).toEqual(["one", "two"]);
    expect(queue.add(job("three", 1, false, 10), 0)).toBe(true);
    expect(queue.remove(job("stranger", 1))).toBe(false);
  });
});

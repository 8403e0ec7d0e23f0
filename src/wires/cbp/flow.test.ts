/** A direction over sockets that take as much as chance wants: every byte arrives, in order, and the end after it. */
import { describe, expect, test } from "bun:test";

import { below, seededRandom } from "../../kit/random.ts";
import { Flow, type Socket, type Stage } from "./flow.ts";

class Reader implements Socket {
  readonly got: number[] = [];
  room = 0;
  isShut = false;
  isPaused = false;
  write(bytes: Uint8Array): number {
    if (this.isShut) throw new Error("Written after the end");
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.got.push(...bytes.subarray(0, taken));
    return taken === 0 && bytes.length > 0 ? -1 : taken;
  }
  shutdown(): void {
    this.isShut = true;
  }
  terminate(): void {}
  end(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
}

/** Passes everything on as it is. */
class Plain implements Stage {
  readonly #flow: Flow;
  constructor(flow: Flow) {
    this.#flow = flow;
  }
  take(chunk: Uint8Array): void {
    this.#flow.send(chunk);
  }
  end(): void {
    this.#flow.finish();
  }
  drained(): void {}
  stop(): void {}
}

describe("flow", () => {
  test("a receiver that is gone holds its sender no longer: what waits and what comes is dropped", () => {
    const [from, to] = [new Reader(), new Reader()];
    const flow = new Flow();
    flow.from = from;
    flow.connect(to);
    flow.take(Uint8Array.of(1, 2));
    expect([from.isPaused, flow.isWaiting]).toEqual([true, true]);
    flow.disconnect();
    expect([from.isPaused, flow.isWaiting]).toEqual([false, false]);
    flow.take(new Uint8Array(200_000));
    flow.end();
    expect([from.isPaused, flow.isWaiting, to.isShut, to.got.length]).toEqual([false, false, false, 0]);
  });

  for (const isStaged of [false, true]) {
    test(`${isStaged ? "through a stage" : "by itself"}: passes on every byte in order, then the end, and holds the sender`, () => {
      for (let seed = 1; seed <= 500; seed++) {
        const random = seededRandom(seed);
        const [from, to] = [new Reader(), new Reader()];
        const flow = new Flow();
        flow.from = from;
        if (isStaged) flow.stage = new Plain(flow);
        const sent: number[] = [];
        let isConnected = false;
        for (let step = 0; step < 40; step++) {
          const action = random();
          if (action < 0.5 && !from.isPaused) {
            const chunk = Uint8Array.from({ length: 1 + below(random, 20) }, () => below(random, 256));
            sent.push(...chunk);
            flow.take(chunk);
          } else if (action < 0.6 && !isConnected) {
            isConnected = true;
            flow.connect(to);
          } else {
            to.room += below(random, 30);
            flow.drain();
          }
          if (from.isPaused) expect(flow.isWaiting).toBe(true);
        }
        flow.end();
        if (!isConnected) flow.connect(to);
        expect(to.isShut).toBe(!flow.isWaiting);
        to.room = 10_000;
        flow.drain();
        expect(to.got).toEqual(sent);
        expect([to.isShut, flow.isShut, flow.bytes]).toEqual([true, true, sent.length]);
      }
    });
  }

  test("holds the sender as soon as the receiver is full, and before there is one after 64 KiB", () => {
    const [from, to] = [new Reader(), new Reader()];
    const flow = new Flow();
    flow.from = from;
    flow.take(new Uint8Array(60_000));
    expect(from.isPaused).toBe(false);
    flow.take(new Uint8Array(10_000));
    expect(from.isPaused).toBe(true);
    to.room = 70_000;
    flow.connect(to);
    expect([from.isPaused, to.got.length]).toEqual([false, 70_000]);
    to.room = 1;
    flow.take(new Uint8Array(2));
    expect(from.isPaused).toBe(true);
  });

  test("frees a large chunk that was taken whole, but none that the receiver or the sender may still look at", () => {
    for (const [retains, left] of [
      [false, 0],
      [true, 40_000],
    ] as const) {
      const [from, to] = [new Reader(), Object.assign(new Reader(), { retains })];
      to.room = 100_000;
      const flow = new Flow();
      flow.from = from;
      flow.connect(to);
      const chunk = new Uint8Array(40_000);
      flow.take(chunk);
      expect([to.got.length, chunk.length]).toEqual([40_000, left]);
      expect(flow.bytes).toBe(40_000);
    }
  });
});

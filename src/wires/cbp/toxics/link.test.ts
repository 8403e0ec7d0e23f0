/** Toxics on one direction, on a clock that only the test moves: what gets through, when, and how it ends. */
import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { seededRandom } from "../../../kit/random.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { Link } from "./link.ts";
import { type Toxic, toxicOf, type ToxicType } from "./toxic.ts";

interface Arrival {
  atMs: number;
  bytes: Buffer;
}

function line(seed = 1) {
  const clock = new ManualClock();
  const arrivals: Arrival[] = [];
  const state = { finishedAt: -1, cutAt: -1, isReset: false, holds: 0 };
  const link = new Link({
    clock,
    random: seededRandom(seed),
    out: {
      send: (chunk) => void arrivals.push({ atMs: clock.monotonicMs(), bytes: Buffer.from(chunk) }),
      finish: () => {
        expect(state.finishedAt).toBe(-1);
        state.finishedAt = clock.monotonicMs();
      },
      cut: (isReset) => {
        expect(state.cutAt).toBe(-1);
        Object.assign(state, { cutAt: clock.monotonicMs(), isReset });
      },
    },
    hold: () => void state.holds++,
    release: () => void state.holds--,
  });
  return {
    arrivals,
    clock,
    link,
    state,
    text: () => Buffer.concat(arrivals.map(({ bytes }) => bytes)).toString("latin1"),
  };
}

function toxic(type: ToxicType, attributes: Record<string, number> = {}, more: Partial<Toxic> = {}): Toxic {
  return toxicOf({ type, attributes, ...more });
}

const say = (text: string) => Buffer.from(text, "latin1");

/** Toxics that lose nothing. */
const gentle = fc.oneof(
  fc
    .record({ latency: fc.integer({ min: 0, max: 300 }), jitter: fc.integer({ min: 0, max: 400 }) })
    .map((attributes) => ({ type: "latency" as const, attributes })),
  fc
    .record({ rate: fc.integer({ min: 0, max: 20 }) })
    .map((attributes) => ({ type: "bandwidth" as const, attributes })),
  fc
    .record({
      average_size: fc.integer({ min: 5, max: 40 }),
      size_variation: fc.integer({ min: 0, max: 4 }),
      delay: fc.integer({ min: 0, max: 5000 }),
    })
    .map((attributes) => ({ type: "slicer" as const, attributes })),
  fc
    .record({ delay: fc.integer({ min: 0, max: 200 }) })
    .map((attributes) => ({ type: "slow_close" as const, attributes })),
  fc.constant({ type: "noop" as const, attributes: {} }),
);

/** What happens on a line, in order. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => ({ kind: "bytes" as const, bytes })),
  },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 500 }).map((forMs) => ({ kind: "wait" as const, forMs })) },
  { weight: 2, arbitrary: fc.tuple(gentle, fc.nat(4)).map(([made, slot]) => ({ kind: "add" as const, made, slot })) },
  { weight: 1, arbitrary: fc.nat(4).map((slot) => ({ kind: "remove" as const, slot })) },
);

test("Link: toxics that cut nothing lose, add and reorder no byte, however they come, change and go", () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(0, 0.5, 1), fc.array(step, { maxLength: 40 }), (seed, toxicity, steps) => {
      const { clock, link, state, text } = line(seed);
      const there = new Map<number, ToxicType>();
      let sent = "";
      for (const next of steps) {
        if (next.kind === "wait") clock.advance(next.forMs);
        else if (next.kind === "bytes") {
          link.take(next.bytes);
          sent += Buffer.from(next.bytes).toString("latin1");
        } else if (next.kind === "remove") {
          if (there.delete(next.slot)) link.remove(`slot ${next.slot}`);
        } else {
          const one = toxic(next.made.type, next.made.attributes, { name: `slot ${next.slot}`, toxicity });
          const before = there.get(next.slot);
          if (before === one.type) link.change(one);
          else {
            if (before) link.remove(one.name);
            link.add(one);
            there.set(next.slot, one.type);
          }
        }
        expect(sent.startsWith(text())).toBe(true);
      }
      link.end();
      clock.advance(3_600_000);
      expect(text()).toBe(sent);
      expect(state.finishedAt).toBeGreaterThanOrEqual(0);
      expect(state).toMatchObject({ cutAt: -1, holds: 0 });
      expect(clock.waiting).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test("Link: what is taken away gives on at once what waits, and its end", () => {
  fc.assert(
    fc.property(gentle, fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })), ({ attributes, type }, chunks) => {
      const { clock, link, state, text } = line();
      link.add(toxic(type, attributes, { name: "it" }));
      for (const chunk of chunks) link.take(chunk);
      link.end();
      link.remove("it");
      expect(text()).toBe(Buffer.concat(chunks).toString("latin1"));
      expect(state.finishedAt).toBe(0);
      expect([clock.waiting, link.isClear]).toEqual([0, true]);
    }),
  );
});

test("Link: a toxicity of 0 hits none and of 1 all, whatever chance says", () => {
  for (const random of [0, 0.5, 1 - Number.EPSILON]) {
    for (const toxicity of [0, 1]) {
      const out = { send: () => undefined, finish: () => undefined, cut: () => undefined };
      const link = new Link({ clock: new ManualClock(), random: () => random, out, hold() {}, release() {} });
      link.add(toxic("timeout", {}, { toxicity }));
      expect(link.isClear).toBe(toxicity === 0);
    }
  }
  const random = seededRandom(3);
  const hit = Array.from({ length: 2000 }, () => {
    const out = { send: () => undefined, finish: () => undefined, cut: () => undefined };
    const link = new Link({ clock: new ManualClock(), random, out, hold() {}, release() {} });
    link.add(toxic("timeout", {}, { toxicity: 0.3 }));
    return link.isClear ? 0 : 1;
  }).reduce<number>((sum, one) => sum + one, 0);
  expect(hit / 2000).toBeCloseTo(0.3, 1);
});

describe("latency", () => {
  test("delays every chunk by as much, not one after the other, and the end by nothing more", () => {
    const { arrivals, clock, link, state } = line();
    link.add(toxic("latency", { latency: 100 }));
    link.take(say("a"));
    clock.advance(30);
    link.take(say("b"));
    link.end();
    clock.advance(1000);
    expect(arrivals.map(({ atMs }) => atMs)).toEqual([100, 130]);
    expect(state.finishedAt).toBe(130);
  });

  test("jitter keeps within its bounds and keeps order", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 200 }), (seed, jitter) => {
        const { arrivals, clock, link } = line(seed);
        link.add(toxic("latency", { latency: 100, jitter }));
        for (let count = 0; count < 30; count++) {
          link.take(Uint8Array.of(count));
          clock.advance(1000);
        }
        expect(arrivals.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 30 }, (_, count) => count));
        arrivals.forEach(({ atMs }, count) => {
          expect(atMs - count * 1000).toBeGreaterThanOrEqual(Math.max(0, 100 - jitter));
          expect(atMs - count * 1000).toBeLessThanOrEqual(100 + jitter);
        });
      }),
    );
  });

  test("a change applies to what waits already", () => {
    const { arrivals, clock, link } = line();
    link.add(toxic("latency", { latency: 60_000 }));
    link.take(say("a"));
    clock.advance(10);
    link.change(toxic("latency", { latency: 50 }));
    clock.advance(100);
    expect(arrivals.map(({ atMs }) => atMs)).toEqual([50]);
  });
});

describe("bandwidth", () => {
  test("bytes take the time that the rate says, in small steps, whatever the chunks", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.array(fc.integer({ min: 1, max: 70_000 })), (rate, sizes) => {
        const { arrivals, clock, link } = line();
        link.add(toxic("bandwidth", { rate }));
        for (const size of sizes) link.take(Buffer.alloc(size));
        clock.advance(100_000_000);
        let bytes = 0;
        for (const arrival of arrivals) {
          bytes += arrival.bytes.length;
          expect(Math.abs(arrival.atMs - bytes / rate)).toBeLessThan(1);
          expect(arrival.bytes.length).toBeLessThanOrEqual(rate * 50);
        }
        expect(bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      }),
    );
  });

  test("a sender that is too fast is paused, and goes on when there is room", () => {
    const { clock, link, state } = line();
    link.add(toxic("bandwidth", { rate: 10 }));
    link.take(Buffer.alloc(60_000));
    expect(state.holds).toBe(0);
    link.take(Buffer.alloc(60_000));
    expect(state.holds).toBe(1);
    clock.advance(6000);
    expect(state.holds).toBe(0);
  });

  test("pauses that nobody waits for are not saved up", () => {
    const { arrivals, clock, link } = line();
    link.add(toxic("bandwidth", { rate: 1 }));
    clock.advance(10_000);
    link.take(Buffer.alloc(20));
    clock.advance(1000);
    expect(arrivals.map(({ atMs }) => atMs)).toEqual([10_020]);
  });
});

test("slicer: slices vary within their bounds, with the delay between them", () => {
  const { arrivals, clock, link } = line();
  link.add(toxic("slicer", { average_size: 20, size_variation: 5, delay: 10_000 }));
  link.take(Buffer.alloc(1000));
  clock.advance(10_000);
  const sizes = arrivals.map(({ bytes }) => bytes.length);
  expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(15);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(25);
  expect(new Set(sizes).size).toBeGreaterThan(3);
  expect(arrivals.map(({ atMs }) => Math.round(atMs))).toEqual(sizes.map((_, index) => index * 10));
});

test("slow_close: bytes pass at once, the end later, and together with latency after both", () => {
  const { arrivals, clock, link, state } = line();
  link.add(toxic("latency", { latency: 100 }));
  link.add(toxic("slow_close", { delay: 300 }));
  link.take(say("a"));
  link.end();
  clock.advance(1000);
  expect(arrivals[0]?.atMs).toBe(100);
  expect(state.finishedAt).toBe(400);
});

describe("timeout", () => {
  test("nothing gets through, and the connection is closed in time", () => {
    const { clock, link, state, text } = line();
    link.add(toxic("timeout", { timeout: 500 }));
    clock.advance(400);
    link.take(say("a"));
    clock.advance(99);
    expect(state.cutAt).toBe(-1);
    clock.advance(1);
    expect([text(), state.cutAt, state.isReset]).toEqual(["", 500, false]);
  });

  test("0 closes it only when the toxic goes, or the sender has ended", () => {
    const removed = line();
    removed.link.add(toxic("timeout", {}, { name: "it" }));
    removed.link.take(say("a"));
    removed.clock.advance(100_000_000);
    expect(removed.state.cutAt).toBe(-1);
    removed.link.remove("it");
    expect(removed.state.cutAt).toBe(100_000_000);
    const ended = line();
    ended.link.add(toxic("timeout"));
    ended.link.end();
    expect(ended.state).toMatchObject({ cutAt: 0, finishedAt: -1 });
  });
});

test("reset_peer: a while after the first bytes the connection is reset, and nothing of them arrives", () => {
  const { clock, link, state, text } = line();
  link.add(toxic("reset_peer", { timeout: 200 }));
  clock.advance(1000);
  expect(state.cutAt).toBe(-1);
  link.take(say("a"));
  clock.advance(100);
  link.take(say("b"));
  clock.advance(100);
  expect([text(), state.cutAt, state.isReset]).toEqual(["", 1200, true]);
});

test("limit_data: exactly so many bytes arrive, then the connection is closed, whatever follows", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })), (limit, chunks) => {
      const { clock, link, state, text } = line();
      link.add(toxic("limit_data", { bytes: limit }));
      link.add(toxic("latency", { latency: 10 }));
      for (const chunk of chunks) link.take(chunk);
      clock.advance(100);
      const sent = Buffer.concat(chunks).toString("latin1");
      expect(text()).toBe(sent.slice(0, limit));
      const isCut = sent.length > 0 && sent.length >= limit;
      expect(state.cutAt).toBe(isCut ? (limit === 0 ? 0 : 10) : -1);
      expect(clock.waiting).toBe(0);
    }),
  );
});

test("Link: without toxics bytes pass at once", () => {
  const { link, state, text } = line();
  link.take(say("abc"));
  link.end();
  expect([text(), state.finishedAt, link.isClear]).toEqual(["abc", 0, true]);
});

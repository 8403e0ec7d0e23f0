import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";

import type { Clock } from "../../kit/clock.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { renderers } from "../../lib/graphite/render-format.ts";
import { evaluateTargets } from "../../lib/graphite/evaluate.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { EventsStore } from "./events-store.ts";
import { render } from "./render.ts";
import { Schemas } from "./schemas.ts";
import { storeSource } from "./source.ts";
import { SeriesStore } from "./store.ts";
import { Turns } from "./turns.ts";

const nowSeconds = 1_700_000_000;
const [seriesCount, pointsEach] = [100, 5000];
const clock = new ManualClock(nowSeconds * 1000);
const bounds = { maxSeries: 1000, maxPoints: 10_000_000, timeoutMs: 1e9 };
const events = new EventsStore(":memory:");
const never = new AbortController().signal;
let store: SeriesStore;

beforeAll(async () => {
  const schemas = new Schemas("[all]\npattern = .*\nretentions = 1s:1d\n", "");
  store = await SeriesStore.open({ disk: new MemoryDisk(), clock, schemas });
  for (let which = 0; which < seriesCount; which++) {
    const path = which === 0 ? "small" : `big.s${which}`;
    const count = which === 0 ? 10 : pointsEach;
    store.write(
      Array.from({ length: count }, (_, at) => ({ path, value: at / 4 + which, atSeconds: nowSeconds - at })),
    );
  }
});
afterAll(async () => {
  events.close();
  await store.close();
});

/** A clock on which every look takes a few milliseconds, so that how often others get their turn is the same everywhere. */
function slowClock(): Clock {
  let ms = 0;
  return { now: () => clock.now(), monotonicMs: () => (ms += 5), schedule: () => () => undefined };
}

const asked = (target: string, format: string) => new URLSearchParams({ target, format, from: "-5000s" });

async function bytesOf(body: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body as string);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

test("render: others are answered, and datagrams taken, many times while one large answer is made", async () => {
  const parts = { store, events, clock: slowClock(), bounds };
  const done = new AbortController();
  let answered = 0;
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  let taken = 0;
  socket.on("message", () => taken++);
  const small = (async () => {
    while (!done.signal.aborted) {
      const { body } = await render(asked("small", "json"), { ...parts, clock }, never);
      expect(body).toBeString();
      answered++;
      socket.send("a:1|c", socket.address().port, "127.0.0.1");
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const { body } = await render(asked("big.*", "json"), parts, never);
  const whilePrepared = answered;
  expect(body).not.toBeString();
  const size = (await bytesOf(body)).length;
  const whileSent = answered - whilePrepared;
  done.abort();
  await small;
  socket.close();
  expect(size).toBeGreaterThan(10_000_000);
  expect(whilePrepared).toBeGreaterThan(20);
  expect(whileSent).toBeGreaterThan(20);
  expect(taken).toBeGreaterThan(20);
});

test("render: what is short is made at once, as a text whose length is known", async () => {
  let turns = 0;
  const give = () => Promise.resolve(void turns++);
  const { body } = await render(
    asked("small", "json"),
    { store, events, clock, bounds, turns: new Turns(clock, give) },
    never,
  );
  expect(JSON.parse(String(body))[0].datapoints).toHaveLength(5000);
  expect(turns).toBe(0);
});

test("render: every format says in pieces what it says as a whole", async () => {
  const source = storeSource(store, events, nowSeconds);
  const [fromSeconds, untilSeconds] = [nowSeconds - 5000, nowSeconds];
  const list = await evaluateTargets(["big.*"], { source, fromSeconds, untilSeconds, nowSeconds });
  for (const [format, renderer] of renderers) {
    const { body, contentType } = await render(
      asked("big.*", format),
      { store, events, clock: slowClock(), bounds },
      never,
    );
    const wanted = renderer(list, {});
    expect(contentType).toBe(wanted.contentType);
    expect((await bytesOf(body)).equals(Buffer.from(wanted.body as string)), format).toBe(true);
  }
});

test("render: a reader who leaves ends the work, before the answer is there and while it is sent", async () => {
  for (const [leavesAfter, isBegun] of [
    [3, false],
    [60, true],
  ] as const) {
    const leaving = new AbortController();
    let turns = 0;
    const slow = slowClock();
    const give = () => {
      if (++turns === leavesAfter) leaving.abort();
      return Promise.resolve();
    };
    const parts = { store, events, clock: slow, bounds, turns: new Turns(slow, give) };
    let hasBegun = false;
    const reading = (async () => {
      const { body } = await render(asked("big.*", "json"), parts, leaving.signal);
      hasBegun = true;
      await bytesOf(body);
    })();
    expect(await reading.catch((thrown: Error) => thrown.name)).toBe(isBegun ? "AbortError" : "Fault");
    expect(hasBegun).toBe(isBegun);
    expect(turns).toBe(leavesAfter);
  }
});

/** Limits of a body: size, silence, a client that goes away. */
import { expect, test } from "bun:test";

import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { Fault } from "../fault.ts";
import { limitBody, requestBody } from "./body.ts";

function streamOf(...chunks: number[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const size of chunks) controller.enqueue(new Uint8Array(size));
      controller.close();
    },
  });
}

async function outcomeOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let bytes = 0;
  try {
    for await (const chunk of body) bytes += chunk.length;
  } catch (thrown) {
    if (thrown instanceof Fault) return `${thrown.status} ${thrown.code} after ${bytes}`;
    throw thrown;
  }
  return `${bytes} bytes`;
}

/** A clock that stands until `pass` is called. */
function standingClock() {
  let nowMs = 0;
  const timers = new Set<{ dueMs: number; callback: () => void }>();
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    schedule(delayMs, callback) {
      const timer = { dueMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const pass = (durationMs: number) => {
    nowMs += durationMs;
    for (const timer of timers) {
      if (timer.dueMs > nowMs) continue;
      timers.delete(timer);
      timer.callback();
    }
  };
  return { clock, pass, pending: () => timers.size };
}

test("limitBody: gives every byte up to the limit and no more", async () => {
  const clock = systemClock;
  expect(await outcomeOf(limitBody(streamOf(4, 0, 6), { maxBytes: 10, clock }))).toBe("10 bytes");
  expect(await outcomeOf(limitBody(streamOf(4, 6, 1), { maxBytes: 10, clock }))).toBe(
    "413 http/body-too-large after 10",
  );
  expect(await outcomeOf(limitBody(null, { maxBytes: 10, clock }))).toBe("0 bytes");
});

test("requestBody: a Content-Length over the limit is refused unread", () => {
  const headers = new Headers({ "content-length": "11" });
  expect(() => requestBody({ headers, body: streamOf(1) }, { maxBytes: 10, clock: systemClock })).toThrow(
    "11 bytes exceeds the limit of 10 bytes",
  );
});

test("limitBody: silence beyond the limit ends the body, and the stream is given up", async () => {
  const { clock, pass, pending } = standingClock();
  let cancelled = false;
  const asked: (() => void)[] = [];
  let feed: (chunk: Uint8Array) => void = () => undefined;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        feed = (chunk) => controller.enqueue(chunk);
      },
      pull: () => asked.shift()?.(),
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const body = limitBody(stream, { maxBytes: 100, idleTimeoutMs: 1000, clock });
  const first = body.next();
  pass(900);
  feed(new Uint8Array(3));
  expect((await first).value?.length).toBe(3);
  // The reader's own time does not count.
  pass(5000);
  const second = body.next();
  pass(999);
  feed(new Uint8Array(2));
  expect((await second).value?.length).toBe(2);
  const third = outcomeOf(body);
  await Promise.resolve();
  pass(1000);
  expect(await third).toBe("408 http/body-slow after 0");
  expect(cancelled).toBe(true);
  expect(pending()).toBe(0);
});

test("limitBody: leaving early gives the stream up and cancels the watch", async () => {
  const { clock, pending } = standingClock();
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel() {
      cancelled = true;
    },
  });
  for await (const _ of limitBody(stream, { maxBytes: 100, clock })) break;
  expect(cancelled).toBe(true);
  expect(pending()).toBe(0);
});

test("limitBody: a stream that fails is a body cut short", async () => {
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("reset"));
    },
  });
  expect(await outcomeOf(limitBody(stream, { maxBytes: 1, clock: systemClock }))).toBe("400 http/body-cut after 0");
});

test("limitBody: holds a real sender back at the reader's pace", async () => {
  let peakBytes = 0;
  using server = Bun.serve({
    port: 0,
    maxRequestBodySize: 2 ** 32,
    async fetch(request) {
      const startBytes = process.memoryUsage.rss();
      let bytes = 0;
      for await (const chunk of limitBody(request.body, { maxBytes: 2 ** 32, clock: systemClock })) {
        bytes += chunk.length;
        // Slower than loopback by far: the whole would pile up if nobody held the sender back.
        if (bytes < 20 * 2 ** 20) await Bun.sleep(1);
        peakBytes = Math.max(peakBytes, process.memoryUsage.rss() - startBytes);
      }
      return new Response(String(bytes));
    },
  });
  const sender = Bun.spawn(["sh", "-c", `head -c 209715200 /dev/zero | curl -sS -T - ${server.url.href}`]);
  expect(await new Response(sender.stdout).text()).toBe("209715200");
  expect(peakBytes).toBeLessThan(64 * 2 ** 20);
});

/** Limits of a body: size, silence, a client that goes away. */
import { expect, test } from "bun:test";

import { systemClock } from "../clock.ts";
import { Fault } from "../fault.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { limitBody, requestBody, wholeBody } from "./body.ts";

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
  const clock = new ManualClock();
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
  clock.advance(900);
  feed(new Uint8Array(3));
  expect((await first).value?.length).toBe(3);
  // The reader's own time does not count.
  clock.advance(5000);
  const second = body.next();
  clock.advance(999);
  feed(new Uint8Array(2));
  expect((await second).value?.length).toBe(2);
  const third = outcomeOf(body);
  await Promise.resolve();
  clock.advance(1000);
  expect(await third).toBe("408 http/body-slow after 0");
  expect(cancelled).toBe(true);
  expect(clock.waiting).toBe(0);
});

test("wholeBody: gives all bytes, or says that they came too late or not at all", async () => {
  const clock = new ManualClock();
  const limits = { idleTimeoutMs: 1000, clock };
  const body = Promise.withResolvers<ArrayBuffer>();
  const whole = wholeBody({ arrayBuffer: () => body.promise }, 8192, limits);
  clock.advance(2999);
  body.resolve(Uint8Array.of(1, 2, 3).buffer);
  expect(await whole).toEqual(Uint8Array.of(1, 2, 3));

  const silent = wholeBody({ arrayBuffer: () => new Promise(() => {}) }, 8192, limits);
  clock.advance(3000);
  expect(await silent.catch((thrown: unknown) => thrown)).toMatchObject({ status: 408, code: "http/body-slow" });

  const cut = wholeBody({ arrayBuffer: () => Promise.reject(new Error("gone")) }, 8192, limits);
  expect(await cut.catch((thrown: unknown) => thrown)).toMatchObject({ status: 400, code: "http/body-cut" });
});

test("limitBody: leaving early gives the stream up and cancels the watch", async () => {
  const clock = new ManualClock();
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel() {
      cancelled = true;
    },
  });
  for await (const _ of limitBody(stream, { maxBytes: 100, clock })) break;
  expect(cancelled).toBe(true);
  expect(clock.waiting).toBe(0);
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
  // A sender that was not held back would have sent all it has while the reader takes a little.
  let takenBytes = 0;
  let goOn: () => void = () => undefined;
  const paused = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let reached: () => void = () => undefined;
  const reading = new Promise<void>((resolve) => {
    reached = resolve;
  });
  using server = Bun.serve({
    port: 0,
    maxRequestBodySize: 2 ** 32,
    async fetch(request) {
      for await (const chunk of limitBody(request.body, { maxBytes: 2 ** 32, clock: systemClock })) {
        takenBytes += chunk.length;
        reached();
        await paused;
      }
      return new Response(String(takenBytes));
    },
  });
  const totalBytes = 200 * 2 ** 20;
  let givenBytes = 0;
  let lastGivenMs = systemClock.monotonicMs();
  const block = new Uint8Array(1 << 20);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (givenBytes >= totalBytes) return controller.close();
      givenBytes += block.length;
      lastGivenMs = systemClock.monotonicMs();
      return controller.enqueue(block.slice());
    },
  });
  const answer = fetch(server.url, { method: "POST", body });
  await reading;
  // Until the sender has had nothing to do for a while.
  while (systemClock.monotonicMs() - lastGivenMs < 200) {
    await new Promise<void>((resolve) => {
      systemClock.schedule(10, resolve);
    });
  }
  expect(givenBytes).toBeLessThan(totalBytes / 2);
  goOn();
  expect(await (await answer).text()).toBe(String(totalBytes));
});

/** Sends the beginning of a request by hand, then closes the connection or stays silent. */
async function sendPart(server: Bun.Server<undefined>, head: string, closes: boolean): Promise<string> {
  let text = "";
  const ended = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port ?? 0,
    socket: {
      data(own, bytes) {
        text += bytes.toString();
        own.end();
      },
      close: () => ended.resolve(),
    },
  });
  socket.write(head);
  socket.flush();
  if (closes) socket.end();
  await ended.promise;
  return text;
}

test("limitBody: real clients that go away in the middle are cut, those that fall silent are slow", async () => {
  const outcomes: string[] = [];
  // Who goes away is not to be taken for silent, however late that is seen.
  let idleTimeoutMs = 60_000;
  let noted = Promise.withResolvers<void>();
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const outcome = await outcomeOf(requestBody(request, { maxBytes: 100, idleTimeoutMs, clock: systemClock }));
      outcomes.push(outcome);
      noted.resolve();
      return new Response(outcome, { status: 408 });
    },
  });
  const lengths = ["Content-Length: 50\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"];
  for (const rest of lengths) {
    await sendPart(server, `POST / HTTP/1.1\r\nHost: x\r\n${rest}`, true);
    await noted.promise;
    noted = Promise.withResolvers<void>();
  }
  expect(outcomes).toEqual(["400 http/body-cut after 3", "400 http/body-cut after 3"]);
  idleTimeoutMs = 50;
  for (const rest of lengths) {
    expect(await sendPart(server, `POST / HTTP/1.1\r\nHost: x\r\n${rest}`, false)).toContain(
      "408 http/body-slow after 3",
    );
  }
});

test("limitBody: a signal ends a body that is silent, with its own reason", async () => {
  const ending = new AbortController();
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    cancel() {
      cancelled = true;
    },
  });
  const body = limitBody(stream, { maxBytes: 10, clock: systemClock, signal: ending.signal });
  expect((await body.next()).value?.length).toBe(3);
  const waiting = body.next();
  ending.abort(new Fault("conflict", "test/taken-over", "Another request came"));
  await expect(waiting).rejects.toThrow("Another request came");
  expect(cancelled).toBe(true);
});

test("limitBody: a signal that aborted before gives no byte", async () => {
  const signal = AbortSignal.abort(new Fault("unavailable", "test/stopping", "The node stops"));
  expect(await outcomeOf(limitBody(streamOf(4), { maxBytes: 10, clock: systemClock, signal }))).toBe(
    "503 test/stopping after 0",
  );
});

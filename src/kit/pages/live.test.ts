import { expect, test } from "bun:test";
import fc from "fast-check";

import type { Clock } from "../clock.ts";
import { type StreamMessage, eventStream, formatMessage, liveParts } from "./live.ts";

/** A clock that passes only when told to. */
function standingClock(): Clock & { pass(ms: number): void } {
  let nowMs = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    schedule(delayMs, callback) {
      const timer = { at: nowMs + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    pass(ms) {
      const end = nowMs + ms;
      for (;;) {
        const [due] = [...timers].filter((timer) => timer.at <= end).sort((left, right) => left.at - right.at);
        if (!due) break;
        timers.delete(due);
        nowMs = due.at;
        due.callback();
      }
      nowMs = end;
    },
  };
}

/** What a browser makes of a stream's text, after WHATWG HTML 9.2.6, ids left out. */
function parseStream(text: string): StreamMessage[] {
  const messages: StreamMessage[] = [];
  let topic = "message";
  let lines: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") {
      if (lines.length > 0) messages.push({ topic, data: lines.join("\n") });
      topic = "message";
      lines = [];
    } else if (line.startsWith("event: ")) topic = line.slice(7);
    else if (line.startsWith("data: ")) lines.push(line.slice(6));
  }
  return messages;
}

function readerOf(response: Response) {
  if (response.body === null) throw new Error("The stream has no body");
  return response.body.getReader();
}

async function readText(reader: ReturnType<typeof readerOf>): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

test("formatMessage: any data arrives as one message and nothing else", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (data) => {
      expect(parseStream(formatMessage({ topic: "part", data, id: "7" }))).toEqual([
        { topic: "part", data: data.replace(/\r\n|\r/g, "\n") },
      ]);
    }),
  );
});

test("eventStream: a slow reader gets the newest of each topic, or the newest few of a list", async () => {
  const stopping = new AbortController();
  let send: (message: StreamMessage) => void = () => {};
  const subscribe = (sender: typeof send) => {
    send = sender;
    return () => {};
  };
  const state = readerOf(eventStream(stopping.signal, subscribe, { clock: standingClock() }));
  for (let count = 1; count <= 1000; count++) send({ topic: count % 2 === 0 ? "even" : "odd", data: String(count) });
  expect(parseStream(await readText(state))).toEqual([
    { topic: "odd", data: "999" },
    { topic: "even", data: "1000" },
  ]);

  const list = readerOf(eventStream(stopping.signal, subscribe, { clock: standingClock(), keep: 3 }));
  for (let count = 1; count <= 1000; count++) send({ topic: "line", data: String(count) });
  expect(parseStream(await readText(list)).map((message) => message.data)).toEqual(["998", "999", "1000"]);
  stopping.abort();
});

test("eventStream: breathes when there is no news", async () => {
  const clock = standingClock();
  const stopping = new AbortController();
  const reader = readerOf(eventStream(stopping.signal, () => () => {}, { clock, heartbeatMs: 1000 }));
  expect(await readText(reader)).toBe("retry: 2000\n\n");
  const next = readText(reader);
  await Promise.resolve();
  clock.pass(1000);
  expect(await next).toBe(": still here\n\n");
  stopping.abort();
});

test("eventStream: unsubscribes once when the reader leaves, when the signal aborts, and when it had aborted before", async () => {
  const ends: string[] = [];
  const clock = standingClock();
  const left = eventStream(new AbortController().signal, () => () => void ends.push("left"), { clock });
  await left.body?.cancel();

  const stopping = new AbortController();
  const stopped = readerOf(eventStream(stopping.signal, () => () => void ends.push("stopped"), { clock }));
  await readText(stopped);
  const last = stopped.read();
  stopping.abort();
  expect((await last).done).toBe(true);

  const late = eventStream(AbortSignal.abort(), () => () => void ends.push("late"), { clock });
  expect(await late.text()).toBe("");
  expect(ends).toEqual(["left", "stopped"]);
});

test("liveParts: sends every part at first, then only what changed, and outlives a part that cannot be drawn", async () => {
  const clock = standingClock();
  const stopping = new AbortController();
  const failures: unknown[] = [];
  let count = 1;
  let broken = false;
  let changed = () => {};
  const reader = readerOf(
    liveParts(stopping.signal, {
      clock,
      everyMs: 1000,
      render: () => {
        if (broken) throw new Error("no view");
        return { still: "the same", moving: `<${count}>` };
      },
      subscribe: (listener) => {
        changed = listener;
        return () => {};
      },
      failed: (thrown) => failures.push(thrown),
    }),
  );
  const topics = async () => parseStream(await readText(reader)).map(({ topic, data }) => `${topic} ${data}`);
  expect(await topics()).toEqual(["still the same", "moving &lt;1&gt;", "as-of 1970-01-01 00:00:00"]);
  count = 2;
  clock.pass(1000);
  expect(await topics()).toEqual(["moving &lt;2&gt;", "as-of 1970-01-01 00:00:01"]);
  broken = true;
  clock.pass(1000);
  broken = false;
  count = 3;
  for (let repeat = 0; repeat < 5; repeat++) changed();
  clock.pass(200);
  expect(await topics()).toEqual(["moving &lt;3&gt;", "as-of 1970-01-01 00:00:02"]);
  expect(failures.map(String)).toEqual(["Error: no view"]);
  stopping.abort();
});

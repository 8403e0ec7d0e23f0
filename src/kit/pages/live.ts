/**
 * Server-sent events with bounded memory. A reader that is slower than the news gets, for each topic, only the newest
 * state (or the newest few, where a topic is a list); a reader that comes back gets everything afresh. Nothing here knows
 * HTML or services: see {@link liveParts} for pages. Source: WHATWG HTML, section 9.2.
 */
import type { Clock } from "../clock.ts";
import { type Html, renderHtml } from "./html.ts";
import { formatInstant } from "./quantity.ts";

/** One message of a stream. */
export interface StreamMessage {
  /** The event's name and the topic within which newer replaces older. Letters, digits and dashes. */
  topic: string;
  data: string;
  /** What the browser repeats as `Last-Event-ID` when it comes back. */
  id?: string;
}

/** How a stream behaves. */
export interface StreamOptions {
  clock: Clock;
  /** A comment is sent after this much silence, so that proxies and both ends see that the other lives. @default 15_000 */
  heartbeatMs?: number;
  /** How many unsent messages a topic may hold before the oldest is dropped. @default 1 */
  keep?: number;
  /** How long the browser waits before it connects again. @default 2000 */
  retryMs?: number;
}

/** The bytes of one message. */
export function formatMessage(message: StreamMessage): string {
  const lines = message.data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  const id = message.id === undefined ? "" : `id: ${message.id.replace(/[\r\n\0]/g, "")}\n`;
  return `event: ${message.topic.replace(/[\r\n]/g, "")}\n${id}${lines.join("")}\n`;
}

/**
 * An answer that streams what `subscribe` sends until the reader leaves or `signal` aborts; then the function that
 * `subscribe` returned is called, once. `signal` is what `caller.keepOpen()` returned.
 */
export function eventStream(
  signal: AbortSignal,
  subscribe: (send: (message: StreamMessage) => void) => () => void,
  options: StreamOptions,
): Response {
  const heartbeatMs = options.heartbeatMs ?? 15_000;
  const keep = options.keep ?? 1;
  const encoder = new TextEncoder();
  const waiting = new Map<string, StreamMessage[]>();
  let wake: (() => void) | undefined;
  let ended = false;
  let unsubscribe = () => {};
  let cancelHeartbeat = () => {};

  const end = () => {
    if (ended) return;
    ended = true;
    cancelHeartbeat();
    signal.removeEventListener("abort", end);
    waiting.clear();
    unsubscribe();
    wake?.();
  };
  const send = (message: StreamMessage) => {
    if (ended) return;
    const queue = waiting.get(message.topic) ?? [];
    queue.push(message);
    if (queue.length > keep) queue.shift();
    waiting.set(message.topic, queue);
    wake?.();
  };
  const drain = () => {
    const text = [...waiting.values()].flat().map(formatMessage).join("");
    waiting.clear();
    return text;
  };

  let first = true;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A comment first: headers and proof of life reach the browser at once.
        let text = first ? `retry: ${options.retryMs ?? 2000}\n\n` : "";
        first = false;
        if (waiting.size === 0 && text === "" && !ended) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            cancelHeartbeat = options.clock.schedule(heartbeatMs, resolve);
          });
          wake = undefined;
          cancelHeartbeat();
        }
        if (ended) {
          controller.close();
          return;
        }
        text += waiting.size === 0 && text === "" ? ": still here\n\n" : drain();
        controller.enqueue(encoder.encode(text));
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );

  if (signal.aborted) end();
  else {
    signal.addEventListener("abort", end, { once: true });
    unsubscribe = subscribe(send);
    if (ended) unsubscribe();
  }
  return new Response(body, {
    headers: {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

/** What keeps the Live parts of a page fresh. */
export interface LivePartsOptions extends Omit<StreamOptions, "keep"> {
  /** The parts as they are now, by the name their Live component has in the page. */
  render: () => Record<string, Html>;
  /** Looks again this often. @default 2000 */
  everyMs?: number;
  /** Calls back after each change worth showing at once; changes close together are shown together. */
  subscribe?: (changed: () => void) => () => void;
  /** Told when `render` throws; the part of the page then stays as it was until it can be drawn again. */
  failed: (thrown: unknown) => void;
}

/** Changes that come within this time of each other are drawn once. */
const gatherMs = 200;

/** A stream that sends all parts at first, then each that has changed, and `as-of` with the time of the last look. */
export function liveParts(signal: AbortSignal, options: LivePartsOptions): Response {
  const { clock } = options;
  return eventStream(
    signal,
    (send) => {
      const sent = new Map<string, string>();
      let cancel = () => {};
      let gathering = false;
      const look = () => {
        gathering = false;
        cancel();
        cancel = clock.schedule(options.everyMs ?? 2000, look);
        try {
          for (const [topic, html] of Object.entries(options.render())) {
            const data = renderHtml(html);
            if (sent.get(topic) === data) continue;
            sent.set(topic, data);
            send({ topic, data });
          }
          send({ topic: "as-of", data: formatInstant(clock.now()) });
        } catch (thrown) {
          // A page that cannot be drawn must not end the program that it shows.
          options.failed(thrown);
        }
      };
      const unsubscribe = options.subscribe?.(() => {
        if (gathering) return;
        gathering = true;
        cancel();
        cancel = clock.schedule(gatherMs, look);
      });
      look();
      return () => {
        cancel();
        unsubscribe?.();
      };
    },
    options,
  );
}

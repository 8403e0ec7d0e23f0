/**
 * What happened on this node that a person may want to know: joins, repairs, refusals. A bounded memory plus live
 * subscribers; pages stream it. Not a log (those are for programs and hold more), not durable.
 */
import type { Clock } from "./clock.ts";

/** One thing that happened. */
export interface NodeEvent {
  /** Rises by one with each event of this process; usable as an SSE id. */
  id: number;
  /** Wall time, epoch ms. */
  at: number;
  /** The service it is about, or `node`. */
  service: string;
  level: "info" | "good" | "warn" | "bad";
  /** One sentence for people. Untrusted text in it is escaped by whoever shows it. */
  sentence: string;
}

/** The events of a node. */
export interface Events {
  add(service: string, level: NodeEvent["level"], sentence: string): void;
  /** The newest events, oldest first. */
  recent(): readonly NodeEvent[];
  /** Calls `listener` for each later event until the returned function is called, or until it throws. */
  subscribe(listener: (event: NodeEvent) => void): () => void;
}

/** An empty memory of at most `keep` events. */
export function createEvents(clock: Clock, keep = 300): Events {
  const kept: NodeEvent[] = [];
  const listeners = new Set<(event: NodeEvent) => void>();
  let nextId = 1;
  return {
    add(service, level, sentence) {
      const event: NodeEvent = { id: nextId++, at: clock.now(), service, level, sentence };
      kept.push(event);
      if (kept.length > keep) kept.shift();
      for (const listener of listeners) {
        try {
          listener(event);
        } catch {
          // Whoever reports an event must not fail because somebody who looks on does; that one is not asked again.
          listeners.delete(listener);
        }
      }
    },
    recent: () => kept,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** For tests: a hub in memory, and a listener that remembers. */
import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Listener } from "./hub.ts";
import { openHub, type OrderedHub } from "./hub-ordered.ts";

/** Of the logs of tests. */
export const bounds = { count: 1000, sizeBytes: 1_000_000, ageMs: 60_000 };

/** A hub in memory. */
export function makeHub(given: Partial<typeof bounds> = {}, clock = new ManualClock()): OrderedHub {
  return openHub({ clock, maxMessageBytes: 1000, bounds: { ...bounds, ...given } });
}

/** A listener that remembers; gaps are `-`. */
export function recorder(): Listener & { heard: string[]; positions: string[] } {
  const heard: string[] = [];
  const positions: string[] = [];
  return {
    heard,
    positions,
    hear({ address, content, position }) {
      heard.push(`${address}=${content}`);
      positions.push(position);
    },
    gap: () => void heard.push("-"),
  };
}

/** Short names, so that they meet often. */
export const shortAddress = fc
  .array(fc.constantFrom("a", "b", "ab", ""), { maxLength: 4 })
  .map((parts) => parts.join("."));

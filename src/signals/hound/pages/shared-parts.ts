/**
 * Live parts that are drawn once for all who look at the same page: thousands of rules take their time to draw, and a
 * hundred browsers would each take it again. What is drawn is good for a moment; a bounded number of pages is kept.
 */
import { raw } from "hono/html";

import type { Clock } from "../../../kit/clock.ts";
import { type Html, renderHtml } from "../../../kit/pages/html.ts";

/** Live parts by name. */
export type Parts = Record<string, Html>;

/** So long what was drawn is good. A browser looks every two seconds. */
const freshMs = 1000;
const pagesMax = 64;

/** Makes the keeper: gives the parts of a page, drawn now or a moment ago. */
export function sharedParts(clock: Clock): (page: string, draw: () => Parts) => Parts {
  const kept = new Map<string, { drawnMs: number; parts: Parts }>();
  return (page, draw) => {
    const nowMs = clock.monotonicMs();
    const before = kept.get(page);
    if (before && nowMs - before.drawnMs < freshMs) return before.parts;
    const drawn = Object.entries(draw()).map(([name, html]): [string, Html] => [name, raw(renderHtml(html))]);
    const parts = Object.fromEntries(drawn);
    kept.delete(page);
    kept.set(page, { drawnMs: nowMs, parts });
    for (const [oldest] of kept) {
      if (kept.size <= pagesMax) break;
      kept.delete(oldest);
    }
    return parts;
  };
}

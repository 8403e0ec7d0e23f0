/**
 * The predecessors' figures, at `/debug/vars` as Go's expvar writes them. The command line is that of the program alone:
 * what stands behind it may be nobody's business.
 */
import type { Clock } from "../../kit/clock.ts";

/** What is told of a broker, or of a windsock. */
export interface VarsParts {
  clock: Clock;
  startedMs: number;
  /** `NumMessages` for the broker; `NumZMQMessages`, `NumClients` and `TotalClients` for windsock; both for both. */
  figures(): Record<string, number>;
}

/** The figures as JSON text. */
export function varsText({ clock, figures, startedMs }: VarsParts): string {
  const { heapTotal, heapUsed, rss } = process.memoryUsage();
  return `${JSON.stringify({
    ...figures(),
    // In ns, as Go counts durations.
    Uptime: Math.round((clock.monotonicMs() - startedMs) * 1e6),
    cmdline: ["windsock"],
    memstats: { Alloc: heapUsed, HeapAlloc: heapUsed, HeapSys: heapTotal, Sys: rss },
  })}\n`;
}

/** The answer to a request for them. */
export function varsResponse(parts: VarsParts): Response {
  return new Response(varsText(parts), {
    headers: { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" },
  });
}

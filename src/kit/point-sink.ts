/**
 * Where measurements go from a service: a port with one verb. Sending never waits and never throws; whoever fulfils it
 * keeps what cannot be delivered, up to a bound, and tries again. Nothing here knows how points travel or are kept.
 */
import type { Point } from "../lib/graphite/path.ts";

/** Takes points. */
export interface PointSink {
  send(points: readonly Point[]): void;
}

/** A sink that can be ended; what is left is tried once more, or kept for the next start. */
export interface ClosingPointSink extends PointSink {
  close(): Promise<void>;
}

/** One sink that hands on to several, and closes them. */
export function sinkOf(sinks: readonly ClosingPointSink[]): ClosingPointSink {
  return {
    send(points) {
      for (const sink of sinks) sink.send(points);
    },
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

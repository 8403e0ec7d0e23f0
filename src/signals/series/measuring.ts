/**
 * Background work: figures of this machine and of the node itself go into the store at every round, on whole multiples of
 * its length, so that a dashboard has something to show before anybody sends anything.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Metrics } from "../../kit/metrics.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Point } from "../../lib/graphite/path.ts";
import { asNode, type HostGatherer } from "./host/gather.ts";
import { ownFigures } from "./host/own-figures.ts";

/** What {@link Measuring} works with. */
export interface MeasuringParts {
  clock: Clock;
  /** Undefined where the machine is not to be told of. */
  host: HostGatherer | undefined;
  /** Undefined where the node is not to be told of. */
  metrics: Metrics | undefined;
  /** Of the machine; the part before the first dot is used. */
  hostname: string;
  everyMs: number;
  take(points: readonly Point[]): void;
}

/** Measures in rounds. */
export class Measuring implements Work {
  readonly name = "measure";
  readonly summary = "Figures of this machine and of the node itself go into the store";
  readonly #parts: MeasuringParts;
  readonly #server: string;
  readonly #own: string;
  #figures = 0;
  #left = 0;

  constructor(parts: MeasuringParts) {
    this.#parts = parts;
    const node = asNode(parts.hostname.split(".")[0] ?? "");
    this.#server = `server.${node}.`;
    this.#own = `warren.${node}.`;
  }

  progress(): Record<string, string | number> {
    return { figures: this.#figures, ...(this.#left > 0 ? { "left out": this.#left } : {}) };
  }

  async step(): Promise<WorkOutcome> {
    const { clock, everyMs, host, metrics, take } = this.#parts;
    const atSeconds = Math.floor((Math.floor(clock.now() / everyMs) * everyMs) / 1000);
    const points: Point[] = [];
    const below = (start: string) => (name: string, value: number) => {
      if (Number.isFinite(value)) points.push({ path: start + name, value, atSeconds });
    };
    await host?.gather(below(this.#server));
    this.#left = metrics ? await ownFigures(metrics, below(this.#own)) : 0;
    this.#figures = points.length;
    take(points);
    return { waitMs: everyMs - (clock.now() % everyMs) };
  }
}

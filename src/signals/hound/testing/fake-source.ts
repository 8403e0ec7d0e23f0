/** A source of measurements for tests: what a function says a target is worth at an instant. */
import type { MetricSource, SourceSeries, TargetAnswer } from "../../../kit/metric-source/source.ts";

/** What a target has at an instant: a number, nothing, several series, or a fault. */
export type Said = number | null | TargetAnswer;

/** A source whose newest point lies at the end of what is asked. `say` may throw, as a source that is away does. */
export function fakeSource(say: (target: string, untilSeconds: number) => Said): MetricSource & { asked: number } {
  return {
    name: "fake",
    language: "graphite",
    asked: 0,
    async render(targets, { untilSeconds }) {
      this.asked++;
      return targets.map((target) => {
        const said = say(target, untilSeconds);
        return typeof said === "number" || said === null
          ? { series: [seriesOf(target, [[said, untilSeconds]])] }
          : said;
      });
    },
    find: async () => [],
  };
}

/** A source of which the test says what each target is worth. */
export function saying(values: Record<string, Said>): MetricSource & { asked: number } {
  return fakeSource((target) => values[target] ?? null);
}

/** A series. */
export function seriesOf(name: string, points: SourceSeries["points"]): SourceSeries {
  return { name, tags: {}, points };
}

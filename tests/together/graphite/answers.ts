/**
 * How the answers of both sides are had and compared: names, tags, times and values, numbers up to their last digits.
 */
import { ParameterError } from "../../../src/lib/graphite/call.ts";
import { evaluateTargets, type EvaluateOptions } from "../../../src/lib/graphite/evaluate.ts";
import { MemorySource } from "../../../src/lib/graphite/memory-source.ts";
import { seriesForJson, type RenderOptions } from "../../../src/lib/graphite/render-format.ts";
import type { Series } from "../../../src/lib/graphite/series.ts";
import type { Oracle } from "./oracle.ts";
import { events, nowSeconds, points } from "./points.ts";

/** A series of the JSON answer. */
export interface Answer {
  readonly target: string;
  readonly tags: Record<string, string>;
  readonly datapoints: readonly (readonly [number | null, number])[];
}

const source = new MemorySource(points, { events, nowSeconds });

/** Our series over a range. */
export function evaluate(
  targets: readonly string[],
  fromSeconds: number,
  untilSeconds: number,
  options: Partial<EvaluateOptions> = {},
): Promise<Series[]> {
  return evaluateTargets(targets, { source, fromSeconds, untilSeconds, nowSeconds, ...options });
}

/** Our answer, or the words of an error that is the asker's. */
export async function ours(
  target: string,
  fromSeconds: number,
  untilSeconds: number,
  render: RenderOptions = {},
  options: Partial<EvaluateOptions> = {},
): Promise<Answer[] | string> {
  try {
    return seriesForJson(await evaluate([target], fromSeconds, untilSeconds, options), render).map(
      ({ target: name, tags, datapoints }) => ({
        target: name,
        tags,
        datapoints: datapoints.map(([value, at]) => [value === value ? value : null, at] as const),
      }),
    );
  } catch (error) {
    if (error instanceof ParameterError || error instanceof SyntaxError || error instanceof RangeError)
      return error.message;
    throw error;
  }
}

/** The oracle's answer, or its error. */
export async function theirs(
  oracle: Oracle,
  target: string,
  fromSeconds: number,
  untilSeconds: number,
  extra: Readonly<Record<string, string>> = {},
): Promise<Answer[] | string> {
  const response = await oracle.render({
    target,
    format: "json",
    from: `${fromSeconds}`,
    until: `${untilSeconds}`,
    ...extra,
  });
  const text = await response.text();
  return response.ok ? (JSON.parse(text) as Answer[]) : text.slice(0, 300);
}

function isNear(left: number | null, right: number | null): boolean {
  if (left === null || right === null) return left === right;
  return left === right || Math.abs(left - right) <= 1e-9 * Math.max(Math.abs(left), Math.abs(right));
}

/** What is different first, in words; undefined when nothing is. Two errors are alike. */
export function difference(
  expected: readonly Answer[] | string,
  found: readonly Answer[] | string,
): string | undefined {
  if (typeof expected === "string" || typeof found === "string") {
    if (typeof expected === typeof found) return undefined;
    const words = (answer: readonly Answer[] | string) =>
      typeof answer === "string" ? `the error ${answer}` : "an answer";
    return `expected ${words(expected)}, found ${words(found)}`;
  }
  const names = (list: readonly Answer[]) => JSON.stringify(list.map(({ target }) => target));
  if (names(expected) !== names(found)) return `names: expected ${names(expected)}, found ${names(found)}`;
  for (const [index, one] of expected.entries()) {
    const other = found[index];
    if (other === undefined) return "fewer series";
    const tags = (answer: Answer) => JSON.stringify(Object.entries(answer.tags).sort());
    if (tags(one) !== tags(other)) return `tags of ${one.target}: expected ${tags(one)}, found ${tags(other)}`;
    if (one.datapoints.length !== other.datapoints.length) {
      return `${one.target}: expected ${one.datapoints.length} points, found ${other.datapoints.length}`;
    }
    for (const [at, [value, time]] of one.datapoints.entries()) {
      const [otherValue = null, otherTime] = other.datapoints[at] ?? [];
      if (time !== otherTime || !isNear(value, otherValue)) {
        return `${one.target}[${at}]: expected ${value} at ${time}, found ${otherValue} at ${otherTime}`;
      }
    }
  }
  return undefined;
}

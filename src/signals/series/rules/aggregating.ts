/**
 * Carbon's aggregation-rules.conf: `<env>.all.requests (60) = sum <env>.*.requests` makes one series of many, a value for
 * every 60 s. An interval is told when it is over, and again when more of it came late, for five intervals. What goes in
 * also stays by itself. Everything is bounded: rules, series made, intervals and values of each.
 *
 * Unlike carbon, an interval that is not over yet is not told. Source: carbon/aggregator/rules.py and buffers.py.
 */
import type { Pattern } from "../../../lib/graphite/pattern.ts";
import type { Point } from "../../../lib/graphite/path.ts";
import { KnownPaths } from "./known-paths.ts";
import { checkReplacement, linesOf, patternAt, rulesMax } from "./name-list.ts";

const shares = { p50: 0.5, p75: 0.75, p80: 0.8, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 } as const;
const simple = ["sum", "avg", "min", "max", "count"] as const;
type Method = (typeof simple)[number] | keyof typeof shares;

interface Rule {
  pattern: Pattern;
  /** As {@link Pattern.replaceAll} wants it. */
  template: string;
  method: Method;
  stepSeconds: number;
}

/** One interval of one series that is made. */
interface Interval {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** For shares only; the newest when there are more than the bound. */
  values: number[];
  isActive: boolean;
}

interface Made {
  readonly method: Method;
  readonly stepSeconds: number;
  readonly intervals: Map<number, Interval>;
  /** It was gathered by rules that are no more; those that are may make the same in another way. */
  isFormer: boolean;
}

const lateIntervals = 5;
const madeMax = 20_000;
const intervalsMax = 20 * lateIntervals;
/** Values that are held for shares, of one interval and of all. */
const valuesMax = 10_000;
const allValuesMax = 4_000_000;

/** Many series made into few. */
export class Aggregating {
  readonly #rules: readonly Rule[];
  readonly #made = new Map<string, Made>();
  /** What a path goes into. */
  readonly #known = new KnownPaths((path) => this.#outputs(path));
  #left = 0;
  #heldValues = 0;

  /** Throws SyntaxError with file and line for what cannot be read. */
  constructor(text: string, file: string) {
    this.#rules = linesOf(text).map(({ line, at }) => ruleOf(line, file, at));
    if (this.#rules.length > rulesMax) throw new SyntaxError(`Cannot read ${file}: more than ${rulesMax} rules`);
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** Points that were not counted in, since there were too many series to make, or too many intervals of one. */
  get left(): number {
    return this.#left;
  }

  /** Goes on with what others have gathered, so that an interval in which the rules were read again is whole. */
  takeOver(former: Aggregating): void {
    for (const [path, made] of former.#made) this.#made.set(path, Object.assign(made, { isFormer: true }));
    this.#left += former.#left;
    this.#heldValues += former.#heldValues;
  }

  /** Counts a point in. Returns whether its path is that of a series that is made, and the point is told with it. */
  take({ path, value, atSeconds }: Point): boolean {
    let isMade = false;
    for (const [output, rule] of this.#known.of(path)) {
      isMade ||= output === path;
      const { method, stepSeconds } = rule;
      let made = this.#made.get(output);
      if (made?.isFormer && (made.method !== method || made.stepSeconds !== stepSeconds)) {
        for (const at of made.intervals.keys()) this.#drop(made, at);
        made = undefined;
      }
      if (!made) {
        if (this.#made.size >= madeMax) {
          this.#left++;
          continue;
        }
        made = { method, stepSeconds, intervals: new Map(), isFormer: false };
        this.#made.set(output, made);
      }
      made.isFormer = false;
      this.#add(made, value, atSeconds);
    }
    return isMade;
  }

  /** What is to be told at this time: intervals that are over and have something new. With `all`, those that are not over too. */
  due(nowSeconds: number, all = false): Point[] {
    const points: Point[] = [];
    for (const [path, made] of this.#made) {
      const { stepSeconds, intervals } = made;
      const current = nowSeconds - (nowSeconds % stepSeconds);
      for (const [atSeconds, interval] of intervals) {
        if (interval.isActive && (all || atSeconds < current)) {
          points.push({ path, value: valueOf(made.method, interval), atSeconds });
          interval.isActive = false;
        }
        if (atSeconds < current - lateIntervals * stepSeconds) this.#drop(made, atSeconds);
      }
      if (intervals.size === 0) this.#made.delete(path);
    }
    return points;
  }

  #add(made: Made, value: number, atSeconds: number): void {
    const { intervals, method, stepSeconds } = made;
    const at = Math.floor(atSeconds / stepSeconds) * stepSeconds;
    let interval = intervals.get(at);
    if (!interval) {
      // A sender whose clock is far ahead makes no more of them than this, and those of the present have their place.
      if (intervals.size >= intervalsMax) {
        const farthest = Math.max(...intervals.keys());
        this.#left++;
        if (at >= farthest) return;
        this.#drop(made, farthest);
      }
      interval = { count: 0, sum: 0, min: Infinity, max: -Infinity, values: [], isActive: true };
      intervals.set(at, interval);
    }
    const { values } = interval;
    interval.count++;
    interval.sum += value;
    interval.min = Math.min(interval.min, value);
    interval.max = Math.max(interval.max, value);
    interval.isActive = true;
    if (!Object.hasOwn(shares, method)) return;
    if (values.length === 0 || (values.length < valuesMax && this.#heldValues < allValuesMax)) {
      values.push(value);
      this.#heldValues++;
    } else values[interval.count % values.length] = value;
  }

  #drop({ intervals }: Made, at: number): void {
    this.#heldValues -= intervals.get(at)?.values.length ?? 0;
    intervals.delete(at);
  }

  #outputs(path: string): readonly (readonly [path: string, rule: Rule])[] {
    return this.#rules.flatMap((rule): [string, Rule][] => {
      if (!rule.pattern.occursIn(path)) return [];
      try {
        return [[rule.pattern.replaceAll(path, rule.template), rule]];
      } catch (thrown) {
        // A name that is made so long is none.
        if (!(thrown instanceof RangeError)) throw thrown;
        this.#left++;
        return [];
      }
    });
  }
}

function valueOf(method: Method, { count, sum, min, max, values }: Interval): number {
  switch (method) {
    case "sum":
      return sum;
    case "avg":
      return sum / count;
    case "min":
      return min;
    case "max":
      return max;
    case "count":
      return count;
    default:
      return percentile(values, shares[method]);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = share * (sorted.length - 1);
  const left = Math.floor(rank);
  const below = sorted[left] as number;
  const above = sorted[Math.ceil(rank)] as number;
  return rank === left ? below : below * (left + 1 - rank) + above * (rank - left);
}

function ruleOf(line: string, file: string, at: number): Rule {
  const wrong = (reason: string) => new SyntaxError(`Cannot read ${file}, line ${at}: ${reason}`);
  const [, output, seconds, method, input] = /^(\S+)\s+\(?(\d{1,6})\)?\s*=\s*(\S+)\s+(\S+)$/.exec(line) ?? [];
  if (output === undefined || input === undefined || method === undefined)
    throw wrong("wanted <output> (<seconds>) = <method> <input>");
  if (!isMethod(method))
    throw wrong(`method "${method}" is unknown: wanted ${[...simple, ...Object.keys(shares)].join(", ")}`);
  const stepSeconds = Number(seconds);
  if (!(stepSeconds >= 1 && stepSeconds <= 86_400)) throw wrong("the seconds must be from 1 to 86400");
  const fields = new Set([...input.matchAll(/<(\w+)>/g)].map(([, name]) => name));
  for (const [, name] of output.matchAll(/<(\w+)>/g))
    if (!fields.has(name)) throw wrong(`<${name}> stands on the left only`);
  const template = output.replaceAll("\\", "\\\\").replace(/<?<(\w+)>>?/g, "\\g<$1>");
  const pattern = patternAt(expressionOf(input), file, at);
  checkReplacement(pattern, template, file, at);
  return { pattern, template, method, stepSeconds };
}

/** The expression of an input pattern, as carbon makes it. */
function expressionOf(input: string): string {
  const nodes = input.split(".").map((node) => {
    if (node === "*") return "[^.]+";
    if (/<<\w+>>/.test(node)) return node.replace(/<<(\w+)>>/, "(?P<$1>.+?)");
    if (/<\w+>/.test(node)) return node.replace(/<(\w+)>/, "(?P<$1>[^.]+?)");
    return node.replaceAll("*", "[^.]*");
  });
  return `^(?:${nodes.join("\\.")})$`;
}

function isMethod(text: string): text is Method {
  return Object.hasOwn(shares, text) || simple.some((each) => each === text);
}

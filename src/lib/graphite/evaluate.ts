/**
 * Targets become series: fetches what paths name, calls functions from the inside out, and keeps to the bounds.
 *
 * A function may ask for its first argument over another time (moving windows, shifts, forecasts); templates hold there too.
 * Within one evaluation the same paths over the same time are fetched once. Nothing here reads a clock: the times and the
 * deadline are the caller's.
 */
import { bind, Call, ParameterError, type Evaluation, type Scope, type Value } from "./call.ts";
import { functions } from "./function-table.ts";
import { Budget, QueryLimitError, type QueryLimits } from "./limits.ts";
import { formatFloat, parseFloatText } from "./number.ts";
import { makeSeries, type Series } from "./series.ts";
import type { FetchedSeries, SeriesQuery, SeriesSource } from "./source.ts";
import { parseTarget, type Argument, type CallExpression, type Expression, type Literal } from "./target.ts";

/** What targets are evaluated over. */
export interface EvaluateOptions extends QueryLimits {
  readonly source: SeriesSource;
  /** Whole epoch seconds; `from` comes before `until`. */
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  readonly nowSeconds: number;
  /** @default "UTC" */
  readonly timeZone?: string;
  /** The part of values that must be known when some become one, 0 to 1. @default 0 */
  readonly xFilesFactor?: number;
  /** Values of `template[name]` parameters. */
  readonly template?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** From 0 to below 1, for `randomWalk`. @default a fixed sequence */
  readonly random?: () => number;
  /** Called between parts of the work; what it promises is waited for, so that others get their turn in between. */
  readonly turn?: () => Promise<void> | undefined;
}

type Replacements = ReadonlyMap<string, Literal> | undefined;

/** A fixed sequence for those who bring no chance of their own (a linear congruence). */
function fixedSequence(): () => number {
  let state = 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

function textOfLiteral(literal: Literal): string {
  if (literal.kind === "string") return literal.value;
  if (literal.kind === "number") return literal.isInteger ? String(literal.value) : formatFloat(literal.value);
  return "";
}

function replaceIn(text: string, replacements: Replacements): string {
  let result = text;
  for (const [name, literal] of replacements ?? []) result = result.replaceAll(`$${name}`, textOfLiteral(literal));
  if (result.length > 65_536)
    throw new RangeError("Cannot parse target: a template makes it longer than 65536 characters");
  return result;
}

/** What a series costs beside its values, in values. */
const costOfSeries = 64;

class Query {
  readonly #options: EvaluateOptions;
  readonly #budget: Budget;
  readonly #fetched = new Map<string, Promise<readonly FetchedSeries[]>>();
  readonly #stacks = new Map<string, number[]>();
  readonly #random: () => number;
  #depth = 0;

  constructor(options: EvaluateOptions) {
    this.#options = options;
    this.#budget = new Budget(options);
    this.#random = options.random ?? fixedSequence();
  }

  scope(): Scope {
    const { fromSeconds, untilSeconds, nowSeconds, timeZone = "UTC", xFilesFactor = 0 } = this.#options;
    return { fromSeconds, untilSeconds, nowSeconds, timeZone, xFilesFactor };
  }

  async series(argument: Argument, scope: Scope, replacements: Replacements): Promise<readonly Series[]> {
    const value = await this.#value(argument, scope, replacements);
    if (typeof value === "object" && value !== null && "lists" in value) return value.lists.flat();
    throw new ParameterError("Cannot evaluate target: it gives a value where series are needed");
  }

  async #value(argument: Argument, scope: Scope, replacements: Replacements): Promise<Value> {
    switch (argument.kind) {
      case "none":
        return null;
      case "string":
      case "boolean":
        return argument.value;
      case "number":
        return { number: argument.value, isInteger: argument.isInteger };
      case "template": {
        const all = new Map(argument.replacements);
        for (const [name, value] of Object.entries(this.#options.template ?? {}))
          all.set(name, { kind: "string", value });
        return this.#value(argument.body, scope, all);
      }
      case "path": {
        const whole = this.#wholeReplacement(argument.text, replacements);
        if (whole !== undefined) return whole;
        const pattern = replaceIn(argument.pattern, replacements);
        const found = await this.#fetch({ kind: "pattern", pattern }, scope);
        return { lists: [this.#made(found, replaceIn(argument.text, replacements), scope)], isNested: false };
      }
      case "call":
        return this.#call(argument, scope, replacements);
    }
  }

  /** A path that is nothing but `$name` stands for the value itself. */
  #wholeReplacement(text: string, replacements: Replacements): Value | undefined {
    if (replacements === undefined || !text.startsWith("$")) return undefined;
    const literal = replacements.get(text.slice(1));
    if (literal === undefined) return undefined;
    if (literal.kind === "number") return { number: literal.value, isInteger: literal.isInteger };
    if (literal.kind !== "string") return undefined;
    const number = /^-?[\d.]+$/.test(literal.value) ? parseFloatText(literal.value) : undefined;
    return number === undefined ? literal.value : { number, isInteger: false };
  }

  async #call(expression: CallExpression, scope: Scope, replacements: Replacements): Promise<Value> {
    if (expression.name === "seriesByTag") {
      const expressions = expression.positional.map((argument) => {
        if (argument.kind !== "string")
          throw new ParameterError("Cannot call seriesByTag: expected texts such as 'name=cpu'");
        return replaceIn(argument.value, replacements);
      });
      if (expressions.length === 0) throw new ParameterError("Cannot call seriesByTag: an expression is missing");
      const found = await this.#fetch({ kind: "tags", expressions }, scope);
      return { lists: [this.#made(found, expression.raw, scope)], isNested: false };
    }
    const declaration = functions.get(expression.name);
    if (declaration === undefined) {
      throw new ParameterError(`Received request for unknown function: ${expression.name.slice(0, 100)}`);
    }
    const positional: Value[] = [];
    for (const argument of expression.positional) positional.push(await this.#value(argument, scope, replacements));
    const named = new Map<string, Value>();
    for (const [name, argument] of expression.named) named.set(name, await this.#value(argument, scope, replacements));
    const bound = bind(declaration, positional, named);
    const evaluation = this.#evaluation(expression, scope, replacements);
    const result = await declaration.run(new Call(declaration, bound, scope, evaluation));
    const isNested = "lists" in result;
    const lists = isNested ? result.lists : [result];
    this.#charge(lists.flat());
    const turn = this.#turn();
    if (turn) await turn;
    return { lists, isNested };
  }

  #turn(): Promise<void> | undefined {
    const turn = this.#options.turn?.();
    return turn?.then(() => this.#budget.checkTime());
  }

  #charge(list: readonly Series[]): void {
    this.#budget.spend(
      list.length,
      list.reduce((sum, { values }) => sum + values.length + costOfSeries, 0),
    );
  }

  #evaluation(expression: CallExpression, scope: Scope, replacements: Replacements): Evaluation {
    return {
      argumentOver: async (index, fromSeconds, untilSeconds) => {
        const argument = expression.positional[index];
        if (argument === undefined) throw new ParameterError(`Cannot call ${expression.name}: a series is missing`);
        if (!(fromSeconds >= 0 && untilSeconds <= 253_402_300_799)) {
          throw new ParameterError(`Cannot call ${expression.name}: it asks for a time before 1970 or after 9999`);
        }
        return this.#deeper(() => this.series(argument, { ...scope, fromSeconds, untilSeconds }, replacements));
      },
      target: (text) => this.#deeper(() => this.series(parseTarget(text), { ...scope }, undefined)),
      apply: async (name, lists) => {
        const declaration = functions.get(name);
        if (declaration === undefined)
          throw new ParameterError(`Received request for unknown function: ${name.slice(0, 100)}`);
        const bound = bind(
          declaration,
          lists.map((list) => ({ lists: [list], isNested: false })),
          new Map(),
        );
        const result = await declaration.run(
          new Call(declaration, bound, scope, this.#evaluation(expression, scope, replacements)),
        );
        return "lists" in result ? result.lists.flat() : result;
      },
      isFunction: (name) => functions.has(name),
      events: async (tags) => (await this.#options.source.events?.(tags, scope.fromSeconds, scope.untilSeconds)) ?? [],
      stacks: this.#stacks,
      random: this.#random,
      turn: () => this.#turn(),
      budget: this.#budget,
    };
  }

  /** Evaluations within evaluations multiply, as movingAverage(movingAverage(…)) does. */
  async #deeper<T>(run: () => Promise<T>): Promise<T> {
    this.#budget.checkTime();
    if (this.#depth >= 12)
      throw new QueryLimitError("Query is too deep: more than 12 functions ask for other times within each other");
    this.#depth++;
    try {
      return await run();
    } finally {
      this.#depth--;
    }
  }

  #fetch(query: SeriesQuery, scope: Scope): Promise<readonly FetchedSeries[]> {
    const { source, signal } = this.#options;
    const key = JSON.stringify([query, scope.fromSeconds, scope.untilSeconds]);
    const started = this.#fetched.get(key);
    if (started !== undefined) return started;
    this.#budget.checkTime();
    const fetching = (async () => {
      signal?.throwIfAborted();
      const { fromSeconds, untilSeconds } = scope;
      const found = await source.fetch(query, fromSeconds, untilSeconds, signal, this.#budget.pointsLeft);
      this.#budget.spend(
        found.length,
        found.reduce((sum, series) => sum + series.values.length, 0),
      );
      return [...found].sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0));
    })();
    this.#fetched.set(key, fetching);
    return fetching;
  }

  #made(found: readonly FetchedSeries[], pathExpression: string, scope: Scope): Series[] {
    this.#budget.spend(found.length, found.length * costOfSeries);
    return found.map((series) =>
      makeSeries({
        name: series.path,
        pathExpression,
        startSeconds: series.startSeconds,
        endSeconds: series.startSeconds + series.values.length * series.stepSeconds,
        stepSeconds: series.stepSeconds,
        values: series.values,
        consolidation: series.consolidation ?? "average",
        xFilesFactor: scope.xFilesFactor,
      }),
    );
  }
}

/**
 * The series of some targets, in order. Empty targets give none.
 * @throws SyntaxError or RangeError for a target that cannot be read, ParameterError for a call that does not fit,
 *   QueryLimitError past a bound, and whatever the source throws.
 */
export async function evaluateTargets(targets: readonly string[], options: EvaluateOptions): Promise<Series[]> {
  const query = new Query(options);
  const expressions: Expression[] = targets
    .filter((target) => target.trim() !== "")
    .map((target) => parseTarget(target));
  const found: Series[] = [];
  for (const expression of expressions) {
    for (const series of await query.series(expression, query.scope(), undefined)) found.push(series);
  }
  return found;
}

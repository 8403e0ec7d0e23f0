/**
 * One call of a function: what a function declares, and how it reads its arguments.
 *
 * A declaration names the parameters as Graphite does, since clients build forms from them. Arguments are checked and turned
 * into their type before the function runs; what does not fit is an error for whoever wrote the target.
 */
import { aggregations, type Aggregation } from "./aggregation.ts";
import { parseSpan } from "./at-time.ts";
import type { Budget } from "./limits.ts";
import { formatFloat, parseFloatText } from "./number.ts";
import type { Series } from "./series.ts";
import type { EventTime } from "./source.ts";

/** A mistake of whoever wrote the target. */
export class ParameterError extends TypeError {
  override readonly name = "ParameterError";
}

/** What kind of argument a parameter takes, in Graphite's words. */
export type ParameterType =
  | "aggFunc"
  | "aggOrSeriesFunc"
  | "any"
  | "boolean"
  | "date"
  | "float"
  | "integer"
  | "interval"
  | "intOrInf"
  | "intOrInterval"
  | "node"
  | "nodeOrTag"
  | "seriesList"
  | "seriesLists"
  | "string"
  | "tag";

/** A number as Python would hold it: names tell `5` from `5.0`. */
export interface NumberValue {
  readonly number: number;
  readonly isInteger: boolean;
}

/** Series as an argument; several lists come from `mapSeries`. */
export interface SeriesValue {
  readonly lists: readonly (readonly Series[])[];
  /** Whether it is a list of lists. */
  readonly isNested: boolean;
}

/** An argument after evaluation. Null is Python's None. */
export type Value = NumberValue | SeriesValue | string | boolean | null;

/** A declared parameter. */
export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  /** Forms ask for it; a call may still leave it out when there is a default. */
  readonly required?: boolean;
  readonly multiple?: boolean;
  readonly default?: NumberValue | string | boolean;
  readonly options?: readonly string[];
  readonly suggestions?: readonly (string | number)[];
}

/** What a call gives. */
export type Result = readonly Series[] | { readonly lists: readonly (readonly Series[])[] };

/** A function of the target language. */
export interface FunctionDeclaration {
  readonly name: string;
  /** Graphite's heading, such as "Transform". */
  readonly group: string;
  readonly parameters: readonly Parameter[];
  /** One sentence. */
  readonly summary: string;
  /** Whether it may be named as the callback of `groupByNode`. */
  readonly aggregator?: boolean;
  run(call: Call): Result | Promise<Result>;
}

/** A stretch of time that a part of the target is evaluated over, and what goes with it. */
export interface Scope {
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  readonly nowSeconds: number;
  readonly timeZone: string;
  /** Changed by `setXFilesFactor` for what is evaluated after it. */
  xFilesFactor: number;
}

/** What the evaluator lends to a call. */
export interface Evaluation {
  /** The series of the call's first argument over another time. */
  argumentOver(index: number, fromSeconds: number, untilSeconds: number): Promise<readonly Series[]>;
  /** The series of a target in this call's time. */
  target(text: string): Promise<readonly Series[]>;
  /** Calls another function with lists of series, one an argument. */
  apply(name: string, lists: readonly (readonly Series[])[]): Promise<readonly Series[]>;
  isFunction(name: string): boolean;
  events(tags: readonly string[] | undefined): Promise<readonly EventTime[]>;
  /** What series were stacked so far in this request, by stack. */
  readonly stacks: Map<string, number[]>;
  /** From 0 to below 1. */
  random(): number;
  /** To be waited for between parts of long work, when it is time for others; throws past the bounds. */
  turn(): Promise<void> | undefined;
  readonly budget: Budget;
}

/** A whole number among default values. */
export function integer(number: number): NumberValue {
  return { number, isInteger: true };
}

/** A number with a fraction among default values. */
export function float(number: number): NumberValue {
  return { number, isInteger: false };
}

/** Python's `str()` of an argument. */
export function textOfValue(value: Value | undefined): string {
  if (value === undefined || value === null) return "None";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "True" : "False";
  if ("number" in value) return value.isInteger ? String(value.number) : formatFloat(value.number);
  return "[]";
}

function isSeries(value: Value): value is SeriesValue {
  return typeof value === "object" && value !== null && "lists" in value;
}

function isNumber(value: Value): value is NumberValue {
  return typeof value === "object" && value !== null && "number" in value;
}

/** The value as the type wants it, or undefined when it does not fit. */
function convert(value: Value, type: ParameterType): Value | undefined {
  switch (type) {
    case "seriesList":
      return isSeries(value) && !value.isNested ? value : undefined;
    case "seriesLists":
      return isSeries(value) ? value : undefined;
    case "float": {
      const number = isNumber(value) ? value.number : typeof value === "string" ? parseFloatText(value) : undefined;
      return number === undefined ? undefined : float(number);
    }
    case "integer":
    case "node":
    case "intOrInf": {
      const number = isNumber(value) ? value.number : typeof value === "string" ? parseFloatText(value) : undefined;
      if (number === undefined) return undefined;
      if (number === Infinity && type === "intOrInf") return float(number);
      return Number.isSafeInteger(number) ? integer(number) : undefined;
    }
    case "boolean":
      if (typeof value === "boolean") return value;
      if (typeof value === "string" && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
      return isNumber(value) && (value.number === 0 || value.number === 1) ? value.number === 1 : undefined;
    case "interval":
      if (typeof value !== "string") return undefined;
      parseSpan(value);
      return value;
    case "intOrInterval":
      if (isNumber(value)) return Number.isFinite(value.number) ? value : undefined;
      if (typeof value !== "string") return undefined;
      if (/^\d+$/.test(value)) return integer(Number(value));
      parseSpan(value);
      return value;
    case "nodeOrTag":
      return isNumber(value) || typeof value === "string" ? value : undefined;
    case "date":
      return typeof value === "string" ? value : isNumber(value) ? String(Math.trunc(value.number)) : undefined;
    case "string":
    case "tag":
    case "aggFunc":
    case "aggOrSeriesFunc":
      return typeof value === "string"
        ? value
        : isNumber(value) || typeof value === "boolean"
          ? textOfValue(value)
          : undefined;
    case "any":
      return value;
  }
}

/** Arguments by the name of their parameter; those of a `multiple` one in order. */
export type Bound = ReadonlyMap<string, readonly Value[]>;

/**
 * Gives arguments their parameters.
 * @throws ParameterError for too many, missing, unknown or unfitting ones.
 */
export function bind(
  declaration: FunctionDeclaration,
  positional: readonly Value[],
  named: ReadonlyMap<string, Value>,
): Bound {
  const { name, parameters } = declaration;
  const bound = new Map<string, Value[]>();
  const put = (parameter: Parameter, value: Value) => {
    // None says what leaving the argument out says.
    if (value === null && !parameter.required) return;
    let converted: Value | undefined;
    try {
      converted = convert(value, parameter.type);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ParameterError(`Cannot call ${name}: ${parameter.name}: ${error.message}`);
    }
    if (converted === undefined) {
      const shown = value !== null && isSeries(value) ? "series" : JSON.stringify(textOfValue(value).slice(0, 100));
      throw new ParameterError(
        `Cannot call ${name}: ${parameter.name} must be of type ${parameter.type}, not ${shown}`,
      );
    }
    const values = bound.get(parameter.name) ?? [];
    values.push(converted);
    bound.set(parameter.name, values);
  };
  positional.forEach((value, index) => {
    const last = parameters.at(-1);
    const parameter = parameters[index] ?? (last?.multiple === true ? last : undefined);
    if (parameter === undefined)
      throw new ParameterError(`Cannot call ${name}: it takes ${parameters.length} arguments at most`);
    put(parameter, value);
  });
  for (const [key, value] of named) {
    const parameter = parameters.find((candidate) => candidate.name === key);
    if (parameter === undefined) throw new ParameterError(`Cannot call ${name}: it has no parameter ${key}`);
    if (bound.has(key)) throw new ParameterError(`Cannot call ${name}: ${key} is given twice`);
    put(parameter, value);
  }
  for (const parameter of parameters) {
    if (parameter.required && parameter.default === undefined && !bound.has(parameter.name)) {
      throw new ParameterError(`Cannot call ${name}: ${parameter.name} is missing`);
    }
  }
  return bound;
}

/** One call, as the function that runs sees it. */
export class Call {
  readonly name: string;
  readonly scope: Scope;
  readonly evaluation: Evaluation;
  readonly #declaration: FunctionDeclaration;
  readonly #bound: Bound;

  constructor(declaration: FunctionDeclaration, bound: Bound, scope: Scope, evaluation: Evaluation) {
    this.name = declaration.name;
    this.scope = scope;
    this.evaluation = evaluation;
    this.#declaration = declaration;
    this.#bound = bound;
  }

  /** Makes something of each of many things, and lets others have their turn in between. */
  async each<From, To>(list: Iterable<From>, make: (one: From) => To): Promise<To[]> {
    const made: To[] = [];
    for (const one of list) {
      made.push(make(one));
      const turn = this.evaluation.turn();
      if (turn) await turn;
    }
    return made;
  }

  /** A mistake in this call. */
  fail(reason: string): never {
    throw new ParameterError(`Cannot call ${this.name}: ${reason}`);
  }

  /** Whether the argument was given. */
  has(name: string): boolean {
    return this.#bound.has(name);
  }

  /** All values of a `multiple` parameter. */
  all(name: string): readonly Value[] {
    return this.#bound.get(name) ?? [];
  }

  /** The value given, else the declared default, else undefined. */
  value(name: string): Value | undefined {
    return (
      this.#bound.get(name)?.[0] ?? this.#declaration.parameters.find((parameter) => parameter.name === name)?.default
    );
  }

  /** The series of a list; none when it was left out. */
  list(name = "seriesList"): readonly Series[] {
    return this.lists(name).flat();
  }

  /** The lists of a parameter that takes several. */
  lists(name: string): readonly (readonly Series[])[] {
    return this.all(name).flatMap((value) => (isSeries(value) ? [...value.lists] : []));
  }

  number(name: string): number {
    return this.optionalNumber(name) ?? this.fail(`${name} is missing`);
  }

  optionalNumber(name: string): number | undefined {
    const value = this.value(name);
    return value !== undefined && isNumber(value) ? value.number : undefined;
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.fail(`${name} is missing`);
  }

  optionalText(name: string): string | undefined {
    const value = this.value(name);
    return typeof value === "string" ? value : undefined;
  }

  flag(name: string): boolean {
    return this.value(name) === true;
  }

  /** What Python's `str()` makes of the argument, as tags want it. */
  shown(name: string): string {
    return textOfValue(this.value(name));
  }

  texts(name: string): readonly string[] {
    return this.all(name).map(textOfValue);
  }

  /** The function that an argument names. */
  aggregation(name: string): Aggregation {
    return aggregationOf(this, this.text(name));
  }

  /** Seconds of an interval, never negative. */
  interval(name: string): number {
    let seconds: number;
    try {
      seconds = Math.abs(parseSpan(this.text(name)));
    } catch (error) {
      if (error instanceof SyntaxError) return this.fail(`${name}: ${error.message}`);
      throw error;
    }
    if (seconds === 0) this.fail(`${name} must be longer than 0`);
    return seconds;
  }
}

/** The function of a name, with or without "Series" at its end. */
export function aggregationOf(call: Call, name: string): Aggregation {
  const short = name.endsWith("Series") ? name.slice(0, -"Series".length) : name;
  return aggregations.get(short) ?? call.fail(`unsupported aggregation function "${name.slice(0, 100)}"`);
}

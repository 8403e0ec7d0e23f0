/**
 * All functions by name, the synonyms included, and their description for clients that offer them in forms.
 */
import type { FunctionDeclaration, Parameter } from "./call.ts";
import { aggregations } from "./aggregation.ts";
import { aliasFunctions } from "./functions/alias.ts";
import { bucketFunctions } from "./functions/buckets.ts";
import { combineFunctions } from "./functions/combine.ts";
import { drawingFunctions } from "./functions/drawing.ts";
import { filterFunctions } from "./functions/filter.ts";
import { forecastFunctions } from "./functions/forecast.ts";
import { groupingFunctions } from "./functions/grouping.ts";
import { movingFunctions } from "./functions/moving.ts";
import { transformFunctions } from "./functions/transform.ts";

const declared: readonly FunctionDeclaration[] = [
  ...aliasFunctions,
  ...bucketFunctions,
  ...combineFunctions,
  ...drawingFunctions,
  ...filterFunctions,
  ...forecastFunctions,
  ...groupingFunctions,
  ...movingFunctions,
  ...transformFunctions,
  {
    name: "seriesByTag",
    group: "Special",
    parameters: [{ name: "tagExpressions", type: "string", required: true, multiple: true }],
    summary: "Series whose tags fit all expressions, such as 'name=cpu' or 'host=~web.*'.",
    // The evaluator answers it itself, since it fetches.
    run: (call) => call.fail("it can only be called directly"),
  },
];

/** Other names of the same functions. */
const synonyms: readonly (readonly [string, string])[] = [
  ["sum", "sumSeries"],
  ["avg", "averageSeries"],
  ["map", "mapSeries"],
  ["pct", "asPercent"],
  ["reduce", "reduceSeries"],
  ["randomWalk", "randomWalkFunction"],
  ["sin", "sinFunction"],
  ["time", "timeFunction"],
  ["xFilesFactor", "setXFilesFactor"],
];

function table(): Map<string, FunctionDeclaration> {
  const found = new Map(declared.map((declaration) => [declaration.name, declaration]));
  for (const [synonym, name] of synonyms) {
    const declaration = found.get(name);
    if (declaration !== undefined) found.set(synonym, declaration);
  }
  return found;
}

/** Every function by every name. */
export const functions: ReadonlyMap<string, FunctionDeclaration> = table();

/** A function as `/functions` describes it. */
export interface FunctionDescription {
  readonly name: string;
  /** The name with its parameters, as one would write a call. */
  readonly function: string;
  readonly description: string;
  readonly module: string;
  readonly group: string;
  readonly params: readonly Readonly<Record<string, unknown>>[];
}

function defaultOf(parameter: Parameter): number | string | boolean | undefined {
  const value = parameter.default;
  return typeof value === "object" ? value.number : value;
}

function describeParameter(parameter: Parameter): Record<string, unknown> {
  const { name, type, required, multiple, suggestions } = parameter;
  const byType = type === "aggFunc" || type === "aggOrSeriesFunc" ? [...aggregations.keys()] : [];
  const options = [...(parameter.options ?? byType)].sort();
  const value = defaultOf(parameter);
  return {
    name,
    type,
    ...(required ? { required } : {}),
    ...(value === undefined || required ? {} : { default: value }),
    ...(multiple ? { multiple } : {}),
    ...(options.length > 0 ? { options } : {}),
    ...(suggestions ? { suggestions } : {}),
  };
}

/** One function by any of its names; undefined when there is none. */
export function describeFunction(name: string): FunctionDescription | undefined {
  const declaration = functions.get(name);
  if (declaration === undefined) return undefined;
  const written = declaration.parameters.map((parameter) => {
    const value = defaultOf(parameter);
    return `${parameter.multiple ? "*" : ""}${parameter.name}${value === undefined ? "" : `=${String(value)}`}`;
  });
  return {
    name,
    function: `${name}(${written.join(", ")})`,
    description: declaration.summary,
    module: "graphite.render.functions",
    group: declaration.group,
    params: declaration.parameters.map(describeParameter),
  };
}

/** All functions by every name. An infinite default has to be written as 1e9999 in JSON. */
export function describeFunctions(): Record<string, FunctionDescription> {
  const found: Record<string, FunctionDescription> = {};
  for (const name of [...functions.keys()].sort()) {
    const description = describeFunction(name);
    if (description !== undefined) found[name] = description;
  }
  return found;
}

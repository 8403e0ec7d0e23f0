/**
 * All functions by name, the synonyms included, and their description for clients that offer them in forms.
 */
import type { FunctionDeclaration } from "./call.ts";
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

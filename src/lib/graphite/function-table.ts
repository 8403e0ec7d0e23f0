/**
 * All functions by name, the synonyms included, and their description for clients that offer them in forms.
 */
import type { FunctionDeclaration } from "./call.ts";
import { combineFunctions } from "./functions/combine.ts";

const declared: readonly FunctionDeclaration[] = [...combineFunctions];

/** Other names of the same functions. */
const synonyms: readonly (readonly [string, string])[] = [
  ["sum", "sumSeries"],
  ["avg", "averageSeries"],
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

/** Putting a function on a target, with something in each place that has to be filled. Pure. */
import type { Parameter } from "../../lib/graphite/call.ts";
import { functions } from "../../lib/graphite/function-table.ts";

const fallbacks: Readonly<Record<string, string>> = {
  string: '"name"',
  interval: '"5min"',
  intOrInterval: '"5min"',
  aggFunc: '"average"',
  node: "0",
  nodeOrTag: "0",
  boolean: "false",
  date: '"-1h"',
};

/** Targets with a function of Graphite on the last of them; the same targets where there is no such function. */
export function wrapped(targets: readonly string[], name: string): string[] {
  const declared = functions.get(name.trim());
  const last = targets.at(-1);
  if (!declared || last === undefined) return [...targets];
  const rest = declared.parameters.slice(1).filter(({ required }) => required === true);
  return [...targets.slice(0, -1), `${name.trim()}(${[last, ...rest.map(wordFor)].join(", ")})`];
}

function wordFor({ default: usual, options, suggestions, type }: Parameter): string {
  const value = usual ?? suggestions?.[0] ?? options?.[0];
  if (typeof value === "string") return JSON.stringify(value);
  if (value !== undefined && typeof value !== "object") return String(value);
  return fallbacks[type] ?? "1";
}

/** The functions there are, for completion: name and how it is called. */
export function functionList(): { name: string; signature: string }[] {
  return [...functions].map(([name, { parameters }]) => ({
    name,
    signature: `${name}(${parameters.map((each) => (each.required === true ? each.name : `${each.name}?`)).join(", ")})`,
  }));
}

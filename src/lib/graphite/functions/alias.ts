/**
 * Functions that give series other names.
 */
import { aggregations, last, max, min } from "../aggregation.ts";
import { integer, type Call, type FunctionDeclaration, type Parameter, type Value } from "../call.ts";
import { formatFloat, formatGeneral, roundTo } from "../number.ts";
import type { Series } from "../series.ts";
import { firstPathOf } from "../target.ts";
import { aggregationNames, seriesList } from "./combine.ts";
import { patternOf } from "./filter.ts";

/** A part of a name, by number from 0 (negative from the end), or a tag. */
export type NodeOrTag = Value;

const nodes: Parameter = { name: "nodes", type: "nodeOrTag", required: true, multiple: true };
const search: Parameter = { name: "search", type: "string", required: true };
const replace: Parameter = { name: "replace", type: "string", required: true };

function nodeOrTag(series: Series, node: NodeOrTag, path: string): string {
  const number = typeof node === "object" && node !== null && "number" in node ? node.number : undefined;
  if (number !== undefined) {
    const found = path.split(";")[0]?.split(".").at(number);
    if (found !== undefined) return found;
  }
  return series.tags[number === undefined ? String(node) : String(number)] ?? "";
}

/** The nodes and tags of a series joined by dots. A name that is a call counts as its first path. */
export function keyOf(series: Series, wanted: readonly NodeOrTag[]): string {
  const path = series.name.endsWith(")") ? (firstPathOf(series.name) ?? series.name) : series.name;
  return wanted.map((node) => nodeOrTag(series, node, path)).join(".");
}

/** The nodes from `start` to before `stop` of the first path in a name; to the end when `stop` is 0. */
function substring(name: string, start: number, stop: number): string {
  const left = name.lastIndexOf("(") + 1;
  const close = name.indexOf(")");
  const clean = name.slice(left, close < 0 ? undefined : Math.max(close, left));
  const parts = clean.split(".");
  return (stop === 0 ? parts.slice(start) : parts.slice(start, stop)).join(".").replace(/,.*$/, "");
}

const prefixes: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  si: [
    ["P", 1e15],
    ["T", 1e12],
    ["G", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ],
  binary: [
    ["Pi", 1024 ** 5],
    ["Ti", 1024 ** 4],
    ["Gi", 1024 ** 3],
    ["Mi", 1024 ** 2],
    ["Ki", 1024],
  ],
};

/** A number with the prefix of a system, such as 1.50M. */
function withPrefix(value: number, system: string | undefined, units = ""): string {
  const [prefix, size] = prefixes[system ?? ""]?.find(([, least]) => Math.abs(value) >= least) ?? ["", 1];
  return `${fixed(value / size)}${prefix}${units}`;
}

/** `%.2f` of Python. */
function fixed(value: number): string {
  if (!Number.isFinite(value)) return formatGeneral(value);
  return Math.abs(value) < 1e21 ? roundTo(value, 2).toFixed(2) : BigInt(value).toString() + ".00";
}

/** One number in a text of Python's `%` formatting. */
function formatNumber(call: Call, format: string, value: number): string {
  let isUsed = false;
  const text = format.replace(
    /%(?:(%)|(?:\.(\d{1,2}))?([dfgsei]))/g,
    (_, percent?: string, digits?: string, kind?: string) => {
      if (percent !== undefined) return "%";
      isUsed = true;
      if (kind === "d" || kind === "i") return String(Math.trunc(value));
      if (kind === "f") return value.toFixed(digits === undefined ? 6 : Number(digits));
      if (kind === "e")
        return value.toExponential(digits === undefined ? 6 : Number(digits)).replace(/e([+-])(\d)$/, "e$10$2");
      return kind === "g" ? formatGeneral(value) : formatFloat(value);
    },
  );
  return isUsed ? text : call.fail("newName must say where the value goes, as in %g");
}

async function aliasQuery(call: Call): Promise<Series[]> {
  const pattern = patternOf(call, "search");
  const result: Series[] = [];
  for (const series of call.list()) {
    const query = pattern.replaceAll(series.name, call.text("replace"));
    const [found] = await call.evaluation.target(query);
    if (found === undefined) call.fail(`no series found with query: ${query.slice(0, 200)}`);
    const current = last(found.values);
    if (current !== current) call.fail(`cannot get the last value of ${found.name.slice(0, 200)}`);
    result.push({ ...series, name: formatNumber(call, call.text("newName"), current) });
  }
  return result;
}

function legendValue(call: Call): Series[] {
  const types = [...call.texts("valuesTypes")];
  const system = types.at(-1) === "si" || types.at(-1) === "binary" ? types.pop() : undefined;
  return call.list().map((series) => {
    let { name } = series;
    for (const type of types) {
      const measure = aggregations.get(type);
      const value = measure?.(series.values) ?? Number.NaN;
      if (system === undefined) {
        const text = value !== value ? "None" : type === "count" ? String(value) : formatFloat(value);
        name += ` (${type}: ${measure === undefined ? "(?)" : text})`;
      } else {
        const text = measure === undefined ? "(?)" : value === value ? withPrefix(value, system) : "None";
        name = name.padEnd(20) + type.padEnd(5) + text.padEnd(10);
      }
    }
    return { ...series, name };
  });
}

function cactiStyle(call: Call): Series[] {
  const system = call.optionalText("system");
  const units = call.optionalText("units");
  if (system !== undefined && prefixes[system] === undefined) call.fail('system must be "si" or "binary"');
  const format = (value: number): string => {
    if (system === undefined) return units === undefined ? fixed(value) : `${fixed(value)} ${units}`;
    if (units === undefined) return withPrefix(value, system);
    // The prefix and the unit are one word behind a blank.
    return withPrefix(value, system, units).replace(/^(-?[\d.]+)/, "$1 ");
  };
  const list = call.list();
  const nameWidth = list.reduce((most, series) => Math.max(most, series.name.length), 0);
  const columns = ([last, max, min] as const).map((measure) => {
    const width = list.reduce((most, series) => {
      const value = Math.trunc(measure(series.values));
      return Math.max(
        most,
        format(value === value && value !== 0 ? value : measure(series.values) === 0 ? 3 : value === 0 ? 0 : 3).length,
      );
    }, 0);
    return { measure, width: width + 3 };
  });
  return list.map((series) => {
    const texts = columns.map(({ measure, width }) => {
      const value = measure(series.values);
      return (value === value ? format(value) : "nan").padEnd(width);
    });
    const name = `${series.name.padEnd(nameWidth)} Current:${texts[0]} Max:${texts[1]} Min:${texts[2]} `;
    return { ...series, name };
  });
}

/** The functions of this file. */
export const aliasFunctions: readonly FunctionDeclaration[] = [
  {
    name: "alias",
    group: "Alias",
    parameters: [seriesList, { name: "newName", type: "string", required: true }],
    summary: "Another name.",
    run: (call) => call.list().map((series) => ({ ...series, name: call.text("newName") })),
  },
  {
    name: "aliasSub",
    group: "Alias",
    parameters: [seriesList, search, replace],
    summary: "The name with a regular expression replaced.",
    run: (call) => {
      const pattern = patternOf(call, "search");
      return call.list().map((series) => ({ ...series, name: pattern.replaceAll(series.name, call.text("replace")) }));
    },
  },
  {
    name: "aliasQuery",
    group: "Alias",
    parameters: [seriesList, search, replace, { name: "newName", type: "string", required: true }],
    summary: "A name that shows the last value of another series, found by changing the name.",
    run: aliasQuery,
  },
  {
    name: "aliasByNode",
    group: "Alias",
    parameters: [seriesList, nodes],
    summary: "Parts of the name, by number, and tags.",
    run: (call) => call.list().map((series) => ({ ...series, name: keyOf(series, call.all("nodes")) })),
  },
  {
    name: "aliasByTags",
    group: "Alias",
    parameters: [seriesList, { ...nodes, name: "tags" }],
    summary: "Tags, and parts of the name by number.",
    run: (call) => call.list().map((series) => ({ ...series, name: keyOf(series, call.all("tags")) })),
  },
  {
    name: "aliasByMetric",
    group: "Alias",
    parameters: [seriesList],
    summary: "The last part of the name.",
    run: (call) => call.list().map((series) => ({ ...series, name: substring(series.name, -1, 0) })),
  },
  {
    name: "substr",
    group: "Special",
    parameters: [
      seriesList,
      { name: "start", type: "node", default: integer(0) },
      { name: "stop", type: "node", default: integer(0) },
    ],
    summary: "The parts of the name from one number to before another.",
    run: (call) =>
      call
        .list()
        .map((series) => ({ ...series, name: substring(series.name, call.number("start"), call.number("stop")) })),
  },
  {
    name: "legendValue",
    group: "Alias",
    parameters: [
      seriesList,
      { name: "valuesTypes", type: "string", multiple: true, options: [...aggregationNames, "si", "binary"] },
    ],
    summary: "Adds values such as the last or the largest to the name.",
    run: legendValue,
  },
  {
    name: "cactiStyle",
    group: "Special",
    parameters: [
      seriesList,
      { name: "system", type: "string", options: ["si", "binary"] },
      { name: "units", type: "string" },
    ],
    summary: "Adds the last, largest and smallest value to the name, in columns.",
    run: cactiStyle,
  },
];

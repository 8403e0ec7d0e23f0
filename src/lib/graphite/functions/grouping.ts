/**
 * Functions that sort series into groups by parts of their names or by tags, and combine each group; and shares of a total.
 */
import type { Call, FunctionDeclaration, Parameter, Result } from "../call.ts";
import { makeSeries, normalize, pathExpressionsOf, type Series } from "../series.ts";
import { tagsOf } from "../path.ts";
import { keyOf, type NodeOrTag } from "./alias.ts";
import { aggregate, mapRows, seriesList, sumRows, timesOf } from "./combine.ts";

const nodes: Parameter = { name: "nodes", type: "nodeOrTag", multiple: true };
const callback: Parameter = { name: "callback", type: "aggOrSeriesFunc", required: true };

function groupBy(list: readonly Series[], key: (series: Series) => string): Map<string, Series[]> {
  const groups = new Map<string, Series[]>();
  for (const series of list) {
    const name = key(series);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [series]);
    else group.push(series);
  }
  return groups;
}

/** One series of a group, by a function of the target language or an aggregation. */
async function combineGroup(call: Call, list: readonly Series[], functionName: string): Promise<Series | undefined> {
  const found = call.evaluation.isFunction(functionName)
    ? await call.evaluation.apply(functionName, [list])
    : aggregate(call, list, functionName);
  return found[0];
}

async function groupByNodes(call: Call, functionName: string, wanted: readonly NodeOrTag[]): Promise<Series[]> {
  const result: Series[] = [];
  for (const [key, list] of groupBy(call.list(), (series) => keyOf(series, wanted))) {
    const combined = await combineGroup(call, list, functionName);
    if (combined !== undefined) result.push({ ...combined, name: key });
  }
  return result;
}

async function groupByTags(call: Call): Promise<Series[]> {
  const tags = call.texts("tags");
  const functionName = call.text("callback");
  const list = call.list();
  const names = new Set(list.map((series) => series.tags["name"] ?? ""));
  const single = names.size === 1 ? [...names][0] : undefined;
  const keyOfTags = (series: Series) => {
    const name = tags.includes("name") ? (series.tags["name"] ?? "") : (single ?? functionName);
    const parts = tags.filter((tag) => tag !== "name").map((tag) => `${tag}=${series.tags[tag] ?? ""}`);
    return [name, ...parts.sort()].join(";");
  };
  const result: Series[] = [];
  for (const [key, group] of groupBy(list, keyOfTags)) {
    const combined = await combineGroup(call, group, functionName);
    if (combined !== undefined) result.push({ ...combined, name: key, pathExpression: key, tags: tagsOf(key) });
  }
  return result;
}

/** 100·value/total by rows; the times are those of both. */
function share(call: Call, series: Series, total: Series, name: string): Series {
  const rows = normalize([series, total]);
  const values = mapRows(rows, (row) => percent(row[0] ?? Number.NaN, row[1] ?? Number.NaN));
  return makeSeries({ name, ...timesOf(rows), values, xFilesFactor: call.scope.xFilesFactor });
}

function percent(value: number, total: number): number {
  return total === 0 ? Number.NaN : (value / total) * 100;
}

function unknown(call: Call, series: Series, name: string): Series {
  const values = new Float64Array(series.values.length).fill(Number.NaN);
  return makeSeries({
    ...series,
    name,
    pathExpression: name,
    tags: { name },
    values,
    xFilesFactor: call.scope.xFilesFactor,
  });
}

function totalOf(call: Call, list: readonly Series[]): Series {
  const rows = normalize(list);
  const name = `sumSeries(${pathExpressionsOf(list)})`;
  return makeSeries({ name, ...timesOf(rows), values: sumRows(rows), xFilesFactor: call.scope.xFilesFactor });
}

function shareByNodes(call: Call, list: readonly Series[], totals: readonly Series[] | undefined): Series[] {
  const key = (series: Series) => keyOf(series, call.all("nodes"));
  const groups = groupBy(list, key);
  const totalGroups = totals === undefined ? groups : groupBy(totals, key);
  const result: Series[] = [];
  for (const name of new Set([...groups.keys(), ...totalGroups.keys()])) {
    const members = totalGroups.get(name) ?? [];
    const [only] = members;
    const total = members.length === 1 ? only : members.length === 0 ? undefined : totalOf(call, members);
    const group = groups.get(name);
    if (group === undefined && total !== undefined)
      result.push(unknown(call, total, `asPercent(MISSING,${total.name})`));
    for (const series of group ?? []) {
      result.push(
        total === undefined
          ? unknown(call, series, `asPercent(${series.name},MISSING)`)
          : share(call, series, total, `asPercent(${series.name},${total.name})`),
      );
    }
  }
  return result;
}

const byName = (left: Series, right: Series) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0);

function asPercent(call: Call): Series[] {
  const list = call.list();
  const [first] = list;
  if (first === undefined) return [];
  const total = call.value("total");
  const totals = typeof total === "object" && total !== null && "lists" in total ? total.lists.flat() : undefined;
  if (call.all("nodes").length > 0) {
    if (total !== undefined && totals === undefined) call.fail("total must be none or series when nodes are given");
    return shareByNodes(call, list, totals);
  }
  if (total === undefined) {
    const rows = normalize(list);
    const sums = sumRows(rows);
    const text = `sumSeries(${pathExpressionsOf(list)})`;
    // Every name holds the names of all.
    call.evaluation.budget.spend(0, (text.length * list.length) / 8);
    return list.map((series, column) => {
      const values = sums.map((sum, index) => percent(rows.columns[column]?.[index] ?? Number.NaN, sum));
      const times = { startSeconds: series.startSeconds, endSeconds: series.endSeconds, stepSeconds: rows.stepSeconds };
      return makeSeries({
        name: `asPercent(${series.name},${text})`,
        ...times,
        values,
        xFilesFactor: call.scope.xFilesFactor,
      });
    });
  }
  if (totals === undefined) {
    const number = call.optionalNumber("total") ?? call.fail("total must be none, a number or series");
    const text = call.shown("total");
    return list.map((series) => {
      const values = series.values.map((value) => percent(value, number));
      const { startSeconds, endSeconds, stepSeconds } = series;
      const name = `asPercent(${series.name},${text})`;
      return makeSeries({ name, startSeconds, endSeconds, stepSeconds, values, xFilesFactor: call.scope.xFilesFactor });
    });
  }
  if (totals.length === list.length) {
    const sortedTotals = [...totals].sort(byName);
    return [...list].sort(byName).map((series, index) => {
      const other = sortedTotals[index] ?? series;
      return share(call, series, other, `asPercent(${series.name},${other.name})`);
    });
  }
  const [only] = totals;
  if (only === undefined || totals.length > 1) {
    return call.fail("total must be missing, a number, 1 series or as many series as the first argument");
  }
  const rows = normalize([...list, only]);
  const sums = rows.columns[list.length] ?? new Float64Array(0);
  return list.map((series, column) => {
    const values = mapRows({ ...rows, columns: [rows.columns[column] ?? sums, sums] }, (row) =>
      percent(row[0] ?? Number.NaN, row[1] ?? Number.NaN),
    );
    const times = { startSeconds: series.startSeconds, endSeconds: series.endSeconds, stepSeconds: rows.stepSeconds };
    const name = `asPercent(${series.name},${only.name})`;
    return makeSeries({ name, ...times, values, xFilesFactor: call.scope.xFilesFactor });
  });
}

function weightedAverage(call: Call): Series[] {
  const averages = call.list("seriesListAvg");
  const weights = call.list("seriesListWeight");
  if (averages.length !== weights.length) call.fail("both lists must have equally many series");
  const wanted = call.all("nodes");
  const weightByKey = new Map(weights.map((series) => [keyOf(series, wanted), series]));
  const averageByKey = new Map(averages.map((series) => [keyOf(series, wanted), series]));
  const products = [...averageByKey].flatMap(([key, series]) => {
    const weight = weightByKey.get(key);
    if (weight === undefined) return [];
    const values = series.values.map((value, index) => value * (weight.values[index] ?? Number.NaN));
    const { startSeconds, endSeconds, stepSeconds } = series;
    return [
      makeSeries({ name: `product(${weight.name},${series.name})`, startSeconds, endSeconds, stepSeconds, values }),
    ];
  });
  if (products.length === 0) return [];
  const [product] = aggregate(call, products, "sum");
  const [weight] = aggregate(call, weights, "sum");
  if (product === undefined || weight === undefined) return [];
  const paths = (list: readonly Series[]) => [...new Set(list.map((series) => series.pathExpression))].sort().join(",");
  const name = `weightedAverage(${paths(averages)}, ${paths(weights)}, ${call.texts("nodes").join(",")})`;
  const values = product.values.map((value, index) => {
    const divisor = weight.values[index] ?? Number.NaN;
    return divisor === 0 ? Number.NaN : value / divisor;
  });
  const { startSeconds, endSeconds, stepSeconds } = product;
  return [makeSeries({ name, startSeconds, endSeconds, stepSeconds, values, xFilesFactor: call.scope.xFilesFactor })];
}

function mapSeries(call: Call): Result {
  return { lists: [...groupBy(call.list(), (series) => keyOf(series, call.all("mapNodes"))).values()] };
}

async function reduceSeries(call: Call): Promise<Series[]> {
  const functionName = call.text("reduceFunction");
  const node = call.number("reduceNode");
  const matchers = call.texts("reduceMatchers");
  const groups = new Map<string, (Series | undefined)[]>();
  for (const series of call.list("seriesLists")) {
    const parts = series.name.split(".");
    const at = matchers.indexOf(parts.at(node) ?? "");
    if (at < 0) continue;
    const name = `${parts.slice(0, node).join(".")}.reduce.${functionName}`;
    const members = groups.get(name) ?? matchers.map(() => undefined);
    members[at] = series;
    groups.set(name, members);
  }
  const result: Series[] = [];
  for (const [name, members] of groups) {
    const lists = members.map((series) =>
      series === undefined ? call.fail(`${name} lacks one of ${matchers.join(", ")}`) : [series],
    );
    const [reduced] = await call.evaluation.apply(functionName, lists);
    if (reduced !== undefined) result.push({ ...reduced, name });
  }
  return result;
}

async function applyByNode(call: Call): Promise<Series[]> {
  const list = call.list();
  const final = list.at(-1);
  if (final === undefined) return [];
  const node = call.number("nodeNum");
  const newName = call.optionalText("newName");
  const prefixes = [
    ...new Set(
      list.map((series) =>
        series.name
          .split(".")
          .slice(0, node + 1)
          .join("."),
      ),
    ),
  ].sort();
  const template = call.text("templateFunction");
  const result: Series[] = [];
  for (const prefix of prefixes) {
    if (prefix.length * Math.max(template.length, newName?.length ?? 0) > 1_000_000)
      call.fail("the names are too long");
    for (const series of await call.evaluation.target(template.replaceAll("%", prefix))) {
      const name = newName === undefined ? series.name : newName.replaceAll("%", prefix);
      const { startSeconds, endSeconds } = final;
      result.push({ ...series, name, pathExpression: prefix, startSeconds, endSeconds });
    }
  }
  return result;
}

/** The functions of this file. */
export const groupingFunctions: readonly FunctionDeclaration[] = [
  {
    name: "groupByNode",
    group: "Combine",
    parameters: [
      seriesList,
      { name: "nodeNum", type: "nodeOrTag", required: true },
      { name: "callback", type: "aggOrSeriesFunc", default: "average" },
    ],
    summary: "Combines series that have the same node or tag.",
    run: (call) => groupByNodes(call, call.text("callback"), call.all("nodeNum")),
  },
  {
    name: "groupByNodes",
    group: "Combine",
    parameters: [seriesList, callback, nodes],
    summary: "Combines series that have the same nodes and tags.",
    run: (call) => groupByNodes(call, call.text("callback"), call.all("nodes")),
  },
  {
    name: "groupByTags",
    group: "Combine",
    parameters: [seriesList, callback, { name: "tags", type: "tag", required: true, multiple: true }],
    summary: "Combines series that have the same tags.",
    run: groupByTags,
  },
  {
    name: "asPercent",
    group: "Combine",
    parameters: [seriesList, { name: "total", type: "any" }, nodes],
    summary: "Shares of a number, of other series, or of the sum of all.",
    aggregator: true,
    run: asPercent,
  },
  {
    name: "weightedAverage",
    group: "Combine",
    parameters: [
      { name: "seriesListAvg", type: "seriesList", required: true },
      { name: "seriesListWeight", type: "seriesList", required: true },
      nodes,
    ],
    summary: "The mean of series in which each weighs what another says.",
    run: weightedAverage,
  },
  {
    name: "mapSeries",
    group: "Combine",
    parameters: [seriesList, { name: "mapNodes", type: "nodeOrTag", required: true, multiple: true }],
    summary: "One list of series for each value of the nodes, for reduceSeries.",
    run: mapSeries,
  },
  {
    name: "reduceSeries",
    group: "Combine",
    parameters: [
      { name: "seriesLists", type: "seriesLists", required: true },
      { name: "reduceFunction", type: "string", required: true },
      { name: "reduceNode", type: "node", required: true },
      { name: "reduceMatchers", type: "string", required: true, multiple: true },
    ],
    summary: "Calls a function with the series of each list whose node is one of those given.",
    run: reduceSeries,
  },
  {
    name: "applyByNode",
    group: "Combine",
    parameters: [
      seriesList,
      { name: "nodeNum", type: "node", required: true },
      { name: "templateFunction", type: "string", required: true },
      { name: "newName", type: "string" },
    ],
    summary: "A target for each beginning of the names up to a node, with % standing for it.",
    run: applyByNode,
  },
];

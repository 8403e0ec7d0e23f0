/**
 * Functions that say how series are drawn or consolidated, and lines that come from no store: constants, thresholds, clocks, events.
 */
import { aggregations } from "../aggregation.ts";
import { integer, type Call, type FunctionDeclaration, type Parameter } from "../call.ts";
import { formatFloat, formatGeneral } from "../number.ts";
import {
  derived,
  makeSeries,
  renamed,
  withTags,
  type Consolidation,
  type DrawOptions,
  type Series,
} from "../series.ts";
import { seriesList } from "./combine.ts";
import { momentOf } from "./transform.ts";

function draw(series: Series, options: DrawOptions): Series {
  return { ...series, draw: { ...series.draw, ...options } };
}

const consolidations: readonly Consolidation[] = ["sum", "average", "avg", "avg_zero", "min", "max", "first", "last"];

function consolidateBy(call: Call, wanted: string): Series[] {
  const consolidation =
    consolidations.find((name) => name === wanted) ??
    call.fail(`consolidationFunc must be one of ${consolidations.join(", ")}`);
  return call
    .list()
    .map((series) =>
      withTags(
        { ...renamed(series, `consolidateBy(${series.name},"${wanted}")`), consolidation },
        { consolidateBy: wanted },
      ),
    );
}

/** A level line of three values: at the beginning, in the middle and at the end. */
function constantLine(call: Call, value: number): Series {
  const { fromSeconds, untilSeconds, xFilesFactor } = call.scope;
  const text = value === value ? formatFloat(value) : "None";
  return makeSeries({
    name: text,
    pathExpression: `constantLine(${text})`,
    startSeconds: fromSeconds,
    endSeconds: untilSeconds,
    stepSeconds: Math.max(1, Math.trunc((untilSeconds - fromSeconds) / 2)),
    values: Float64Array.of(value, value, value),
    xFilesFactor,
  });
}

function aggregateLine(call: Call): Series[] {
  const measure = aggregations.get(call.text("func")) ?? call.aggregation("func");
  return call.list().map((series) => {
    const value = measure(series.values);
    const name = `aggregateLine(${series.name}, ${value === value ? formatGeneral(value) : "None"})`;
    if (call.flag("keepStep")) return derived(series, name, new Float64Array(series.values.length).fill(value));
    return renamed(constantLine(call, value), name);
  });
}

function verticalLine(call: Call): Series[] {
  const at = momentOf(call, "ts");
  const { fromSeconds, untilSeconds, xFilesFactor } = call.scope;
  if (at < fromSeconds) call.fail(`timestamp ${at} is before the start of the range`);
  if (at > untilSeconds) call.fail(`timestamp ${at} is after the end of the range`);
  const color = call.optionalText("color");
  const line = makeSeries({
    name: call.optionalText("label") ?? "None",
    startSeconds: at,
    endSeconds: at,
    stepSeconds: 1,
    values: Float64Array.of(1, 1),
    xFilesFactor,
  });
  return [draw(line, { drawAsInfinite: true, ...(color === undefined ? {} : { color }) })];
}

/** A series of the request's range that a function of the time makes. */
function generated(call: Call, stepSeconds: number, value: (atSeconds: number) => number): Series {
  const { fromSeconds, untilSeconds, xFilesFactor } = call.scope;
  if (stepSeconds < 1) call.fail("step must be at least 1");
  const length = Math.max(0, Math.ceil((untilSeconds - fromSeconds) / stepSeconds));
  call.evaluation.budget.spend(1, length);
  return makeSeries({
    name: call.text("name"),
    startSeconds: fromSeconds,
    endSeconds: untilSeconds,
    stepSeconds,
    values: Float64Array.from({ length }, (_, index) => value(fromSeconds + index * stepSeconds)),
    xFilesFactor,
  });
}

const name: Parameter = { name: "name", type: "string", required: true };
const step: Parameter = { name: "step", type: "integer", default: integer(60) };

function stacked(call: Call): Series[] {
  const stack = call.optionalText("stack") ?? "__DEFAULT__";
  const { stacks } = call.evaluation;
  const totals = stacks.get(stack) ?? [];
  stacks.set(stack, totals);
  return call.list().map((series) => {
    const values = series.values.map((value, index) => {
      const before = totals[index] ?? 0;
      totals[index] = value === value ? before + value : before;
      return value + before;
    });
    const isDefault = stack === "__DEFAULT__";
    const made = derived(series, isDefault ? `stacked(${series.name})` : series.name, values);
    return draw(isDefault ? withTags(made, { stacked: stack }) : made, { stacked: true });
  });
}

/** Two series with the area between them, under one name. */
export function areaBetween(call: Call, list: readonly Series[]): Series[] {
  const [lower, upper] = list;
  if (lower === undefined || upper === undefined || list.length !== 2) {
    return call.fail(`it needs exactly 2 series, not ${list.length}`);
  }
  const named = `areaBetween(${upper.pathExpression})`;
  const tags = { ...upper.tags, areaBetween: "1" };
  return [
    draw({ ...lower, name: named, tags }, { stacked: true, invisible: true }),
    draw({ ...upper, name: named, tags }, { stacked: true }),
  ];
}

async function events(call: Call): Promise<Series[]> {
  const tags = call.texts("tags");
  const { fromSeconds, untilSeconds, xFilesFactor } = call.scope;
  call.evaluation.budget.spend(1, untilSeconds - fromSeconds);
  const values = new Float64Array(untilSeconds - fromSeconds).fill(Number.NaN);
  const isAll = tags.length === 1 && tags[0] === "*";
  for (const { atSeconds } of await call.evaluation.events(isAll ? undefined : tags)) {
    const index = Math.floor(atSeconds) - fromSeconds;
    if (index >= 0 && index < values.length) values[index] = (values[index] || 0) + 1;
  }
  const times = { startSeconds: fromSeconds, endSeconds: untilSeconds, stepSeconds: 1 };
  return [makeSeries({ name: `events("${tags.join('", "')}")`, ...times, values, consolidation: "sum", xFilesFactor })];
}

/** The functions of this file. */
export const drawingFunctions: readonly FunctionDeclaration[] = [
  {
    name: "color",
    group: "Graph",
    parameters: [seriesList, { name: "theColor", type: "string", required: true }],
    summary: "Draws in a colour.",
    run: (call) => call.list().map((series) => draw(series, { color: call.text("theColor") })),
  },
  {
    name: "alpha",
    group: "Graph",
    parameters: [seriesList, { name: "alpha", type: "float", required: true }],
    summary: "Draws with a transparency, 0 to 1.",
    run: (call) => call.list().map((series) => draw(series, { alpha: call.number("alpha") })),
  },
  {
    name: "lineWidth",
    group: "Graph",
    parameters: [seriesList, { name: "width", type: "float", required: true }],
    summary: "Draws with a line width in pixels.",
    run: (call) => call.list().map((series) => draw(series, { lineWidth: call.number("width") })),
  },
  {
    name: "dashed",
    group: "Graph",
    parameters: [seriesList, { name: "dashLength", type: "integer", default: integer(5) }],
    summary: "Draws with dashes.",
    run: (call) =>
      call.list().map((series) => {
        const length = call.number("dashLength");
        const named = { ...series, name: `dashed(${series.name}, ${formatGeneral(length)})` };
        return draw(withTags(named, { dashed: call.shown("dashLength") }), { dashed: length });
      }),
  },
  {
    name: "drawAsInfinite",
    group: "Graph",
    parameters: [seriesList],
    summary: "Draws a vertical line where the value is not 0.",
    run: (call) =>
      call.list().map((series) => {
        const named = { ...series, name: `drawAsInfinite(${series.name})` };
        return draw(withTags(named, { drawAsInfinite: "1" }), { drawAsInfinite: true });
      }),
  },
  {
    name: "secondYAxis",
    group: "Graph",
    parameters: [seriesList],
    summary: "Draws by the axis on the right.",
    run: (call) =>
      call.list().map((series) => {
        const named = { ...series, name: `secondYAxis(${series.name})` };
        return draw(withTags(named, { secondYAxis: "1" }), { secondYAxis: true });
      }),
  },
  {
    name: "stacked",
    group: "Graph",
    parameters: [seriesList, { name: "stack", type: "string" }],
    summary: "Puts series on top of those stacked before.",
    run: stacked,
  },
  {
    name: "areaBetween",
    group: "Graph",
    parameters: [seriesList],
    summary: "Fills the area between two series.",
    run: (call) => areaBetween(call, call.list()),
  },
  {
    name: "threshold",
    group: "Graph",
    parameters: [
      { name: "value", type: "float", required: true },
      { name: "label", type: "string" },
      { name: "color", type: "string" },
    ],
    summary: "A level line with a label and a colour.",
    run: (call) => {
      const line = constantLine(call, call.number("value"));
      const color = call.optionalText("color");
      return [draw({ ...line, name: call.optionalText("label") || line.name }, color === undefined ? {} : { color })];
    },
  },
  {
    name: "constantLine",
    group: "Special",
    parameters: [{ name: "value", type: "float", required: true }],
    summary: "A level line.",
    run: (call) => [constantLine(call, call.number("value"))],
  },
  {
    name: "aggregateLine",
    group: "Calculate",
    parameters: [
      seriesList,
      { name: "func", type: "aggFunc", default: "average" },
      { name: "keepStep", type: "boolean", default: false },
    ],
    summary: "A level line at the mean, or another function, of each series.",
    run: aggregateLine,
  },
  {
    name: "verticalLine",
    group: "Graph",
    parameters: [
      { name: "ts", type: "date", required: true },
      { name: "label", type: "string" },
      { name: "color", type: "string" },
    ],
    summary: "A vertical line at a moment.",
    run: verticalLine,
  },
  {
    name: "consolidateBy",
    group: "Special",
    parameters: [seriesList, { name: "consolidationFunc", type: "string", required: true, options: consolidations }],
    summary: "How values become one when there are more than fit.",
    run: (call) => consolidateBy(call, call.text("consolidationFunc")),
  },
  {
    name: "cumulative",
    group: "Special",
    parameters: [seriesList],
    summary: "Adds values up when there are more than fit.",
    run: (call) => consolidateBy(call, "sum"),
  },
  {
    name: "setXFilesFactor",
    group: "Special",
    parameters: [seriesList, { name: "xFilesFactor", type: "float", required: true }],
    summary: "The part of values that has to be known for one made of them to be.",
    run: (call) => {
      const xFilesFactor = call.number("xFilesFactor");
      call.scope.xFilesFactor = xFilesFactor;
      return call
        .list()
        .map((series) => withTags({ ...series, xFilesFactor }, { xFilesFactor: call.shown("xFilesFactor") }));
    },
  },
  {
    name: "fallbackSeries",
    group: "Special",
    parameters: [seriesList, { name: "fallback", type: "seriesList", required: true }],
    summary: "Other series when there are none.",
    run: (call) => (call.list().length > 0 ? call.list() : call.list("fallback")),
  },
  {
    name: "identity",
    group: "Calculate",
    parameters: [name],
    summary: "The time itself, each minute.",
    run: (call) => [{ ...generated(call, 60, (at) => at), pathExpression: `identity("${call.text("name")}")` }],
  },
  {
    name: "timeFunction",
    group: "Transform",
    parameters: [name, step],
    summary: "The time itself.",
    run: (call) => [generated(call, call.number("step"), (at) => at)],
  },
  {
    name: "sinFunction",
    group: "Transform",
    parameters: [name, { name: "amplitude", type: "integer", default: integer(1) }, step],
    summary: "The sine of the time.",
    run: (call) => [generated(call, call.number("step"), (at) => Math.sin(at) * call.number("amplitude"))],
  },
  {
    name: "randomWalkFunction",
    group: "Special",
    parameters: [name, step],
    summary: "A walk with steps between -0.5 and 0.5.",
    run: (call) => {
      let current = 0;
      return [
        generated(call, call.number("step"), () => {
          const before = current;
          current += call.evaluation.random() - 0.5;
          return before;
        }),
      ];
    },
  },
  {
    name: "events",
    group: "Special",
    parameters: [{ name: "tags", type: "string", required: true, multiple: true }],
    summary: "How many events with all of these tags there were, each second.",
    run: events,
  },
];

/**
 * A dashboard as it is written down: named graphs that inherit from each other, sections that name graphs with words for
 * `$1`, and variables. The shape only; what it comes to is in shown.ts, how it is read from a file in dashboard-file.ts.
 * The design is the one that the original's configuration sketched and never used.
 */
import { z } from "zod";

import { zoneOf } from "./range.ts";

/** What the numbers of a graph are. */
export const units = [
  "none",
  "count",
  "per-second",
  "percent",
  "bytes",
  "bytes-per-second",
  "bits-per-second",
  "seconds",
  "milliseconds",
] as const;
/** One of {@link units}. */
export type Unit = (typeof units)[number];

/** What a graph is shown as on a page; as a picture it is lines in any case. */
export const kinds = ["chart", "number"] as const;
/** One of {@link kinds}. */
export type GraphKind = (typeof kinds)[number];

/** Attributes of Graphite's pictures; those that a chart in the browser honours too are marked. */
export const attributeNames: ReadonlySet<string> = new Set(
  [
    // Charts and pictures.
    "areaMode areaAlpha lineMode lineWidth colorList drawNullAsZero hideLegend yMin yMax logBase from height width",
    // Pictures only.
    "bgcolor fgcolor hideGrid hideAxes hideXAxis hideYAxis graphOnly yStep title vtitle fontSize fontName fontBold",
    "fontItalic margin template yUnitSystem tz graphType pieMode majorGridLineColor minorGridLineColor minorY minXStep",
    "uniqueLegend noNullPoints pickle valueLabels xFormat connectedLimit valueLabelsMin vtitleRight yDivisors majorLine",
    "leftColor rightColor leftWidth rightWidth leftDashed rightDashed yMinLeft yMinRight yMaxLeft yMaxRight yStepLeft",
    "yStepRight yLimit yLimitLeft yLimitRight _salt xFilesFactor until cacheTimeout",
  ]
    .join(" ")
    .split(" "),
);

const name = z.string().regex(/^[A-Za-z][\w-]{0,63}$/, "wanted a letter, then letters, digits, - and _, at most 64");
const line = (most: number) =>
  z
    .string("wanted text")
    .max(most, `wanted at most ${most} characters`)
    .regex(/^[^\p{Cc}]*$/u, "wanted one line");
const span = z
  .string("wanted text")
  .regex(/^-?\d{1,6}\s*(?:s|sec|min|minutes?|h|hours?|d|days?|w|weeks?|mon|months?|y|years?)[a-z]*$/, {
    error: 'wanted a span such as "-6h" or "-7d"',
  });

const thresholdShape = z.strictObject({
  value: z.number("wanted a number"),
  label: line(80).optional(),
  tone: z.enum(["warn", "bad"], 'wanted "warn" or "bad"').optional(),
  /** Reached by what is not above it, instead of what is not below. */
  below: z.boolean("wanted true or false").optional(),
});

const graphShape = z.strictObject({
  title: line(200).optional(),
  note: line(1000).optional(),
  kind: z.enum(kinds, `wanted one of ${kinds.join(", ")}`).optional(),
  parents: z.array(name, "wanted a list of names of graphs").max(20).optional(),
  targets: z
    .array(line(20_000).min(1, "wanted a target"), "wanted a list of targets")
    .max(100, "wanted at most 100")
    .optional(),
  attrs: z
    .record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean()], "wanted text, a number, true or false"),
      "wanted a table",
    )
    .optional(),
  unit: z.enum(units, `wanted one of ${units.join(", ")}`).optional(),
  thresholds: z.array(thresholdShape, "wanted a list of tables with a value").max(20).optional(),
});

const sectionShape = z.strictObject({
  label: line(200),
  note: line(1000).optional(),
  graphs: z.array(line(500).min(1), "wanted a list of names of graphs, each with words for $1").max(500),
  each: name.optional(),
  needs: line(500).optional(),
});

const variableShape = z.strictObject({
  label: line(100).optional(),
  values: z.array(line(200).min(1), "wanted a list of texts").max(1000).optional(),
  find: line(500).optional(),
  default: line(200).optional(),
  all: z.boolean("wanted true or false").optional(),
});

/** What a file of a dashboard may say. */
export const dashboardShape = z.strictObject({
  title: line(200).min(1, "wanted a title"),
  note: line(1000).optional(),
  range: span.optional(),
  refresh: z
    .string("wanted text")
    .regex(/^\d{1,5}(?:s|m|h)$/, 'wanted a duration such as "30s"')
    .optional(),
  tz: z
    .string("wanted text")
    .refine((text) => zoneOf(text) !== undefined, 'wanted a zone such as "Europe/Berlin"')
    .optional(),
  variables: z.record(name, variableShape).default({}),
  graphs: z.record(name, graphShape).default({}),
  sections: z.array(sectionShape, "wanted sections").max(500).default([]),
});

/** A dashboard as written. */
export type WrittenDashboard = z.infer<typeof dashboardShape>;
/** A graph as written. */
export type WrittenGraph = WrittenDashboard["graphs"][string];
/** A section as written. */
export type WrittenSection = WrittenDashboard["sections"][number];
/** A variable as written. */
export type WrittenVariable = WrittenDashboard["variables"][string];
/** A line that is drawn across a graph. */
export type Threshold = z.infer<typeof thresholdShape>;

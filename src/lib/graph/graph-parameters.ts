/**
 * What an address says about how a graph should look: the parameters of Graphite's `/render`, read as Graphite reads them.
 * `default` and an empty value mean absent, any other word than `false` and `0` means yes. What Graphite answers with an
 * error of Python is a RangeError here, and sizes are bounded. Times and targets are not its business, except for the zone.
 */
import { parseColour, templateOf } from "./colour.ts";

/** How lines go from value to value. */
export type LineMode = "slope" | "staircase" | "connected";
/** What is filled. */
export type AreaMode = "none" | "first" | "all" | "stacked";
/** What the labels of values count in. */
export type UnitSystem = "si" | "binary" | "sec" | "msec" | "none";

/** One axis of values. Absent limits follow the data. */
export interface ValueAxisParameters {
  readonly min?: number;
  /** A number, or exactly the largest value. */
  readonly max?: number | "max";
  /** The top is never above. */
  readonly limit?: number;
  readonly step?: number;
}

/** How the series of one axis are drawn, where two are. */
export interface SideParameters {
  readonly width?: number;
  readonly colour?: string;
  readonly dashed?: number;
}

/** Everything about a picture but its data. Sizes are in pixels. */
export interface GraphParameters {
  readonly width: number;
  readonly height: number;
  readonly margin: number;
  /** Colours as texts that {@link parseColour} reads. */
  readonly background: string;
  readonly foreground: string;
  readonly majorGridLine: string;
  readonly minorGridLine: string;
  readonly colours: readonly string[];
  readonly title: string;
  readonly verticalTitle: string;
  readonly rightVerticalTitle: string;
  readonly fontSize: number;
  readonly isBold: boolean;
  readonly isItalic: boolean;
  readonly lineMode: LineMode;
  readonly lineWidth: number;
  readonly areaMode: AreaMode;
  readonly areaAlpha?: number;
  /** In `connected` mode, gaps of more values are not bridged. */
  readonly connectedLimit: number;
  readonly drawNullAsZero: boolean;
  /** Absent: shown for ten series at most. */
  readonly hideLegend?: boolean;
  readonly uniqueLegend: boolean;
  readonly hideNullFromLegend: boolean;
  readonly hideGrid: boolean;
  readonly hideAxes: boolean;
  readonly hideXAxis: boolean;
  readonly hideYAxis: boolean;
  readonly yAxisSide: "left" | "right";
  readonly unitSystem: UnitSystem;
  readonly logBase?: number;
  /** How many parts the axis may be divided into. */
  readonly divisors: readonly number[];
  /** Thin lines between two thick ones. */
  readonly minorY: number;
  /** Pixels that each value has at least. */
  readonly minXStep: number;
  /** Labels of times, as strftime writes them. */
  readonly timeFormat?: string;
  /** A zone of the tz database. */
  readonly timeZone: string;
  /** Of the only axis. */
  readonly axis: ValueAxisParameters;
  /** Of two axes, where a series has `secondYAxis`. */
  readonly left: ValueAxisParameters & SideParameters;
  readonly right: ValueAxisParameters & SideParameters;
}

/** The largest width or height. */
export const maxSidePixels = 4096;
const maxTextLength = 1000;

type Value = number | boolean | string;

/** The values of a query as Graphite takes them: numbers and truths where they look like them. */
class Reading {
  readonly #query: URLSearchParams;

  constructor(query: URLSearchParams) {
    this.#query = query;
  }

  value(name: string): Value | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^-?\d+$/.test(text) || (/^-?\d*\.\d*$/.test(text) && /\d/.test(text))) return Number(text);
    const lower = text.toLowerCase();
    return lower === "true" ? true : lower === "false" ? false : text;
  }

  text(name: string): string | undefined {
    // Of a parameter given twice, the last one holds.
    const text = this.#query.getAll(name).at(-1);
    return text === undefined || text === "" || text.toLowerCase() === "default" ? undefined : text;
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : Boolean(value);
  }

  number(name: string, least = -Infinity, most = Infinity): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    const isNumber = !Number.isNaN(number) && Number.isFinite(number);
    if (isNumber && number >= least && number <= most) return number;
    const range = Number.isFinite(least) || Number.isFinite(most) ? ` from ${least} to ${most}` : "";
    throw new RangeError(`${name} must be a number${range}, not "${String(value).slice(0, 50)}"`);
  }

  line(name: string): string {
    return (this.text(name) ?? "").slice(0, maxTextLength);
  }

  colour(name: string): string | undefined {
    const text = this.text(name);
    if (text !== undefined) parseColour(text);
    return text;
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    const found = choices.find((each) => each === text);
    if (found === undefined)
      throw new RangeError(`${name} must be one of ${choices.join(", ")}, not "${text.slice(0, 50)}"`);
    return found;
  }
}

/** The given properties without those that are undefined. */
function present<Shape extends object>(shape: { [Name in keyof Shape]: Shape[Name] | undefined }): Shape {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Shape;
}

function axisOf(reading: Reading, side: "" | "Left" | "Right"): ValueAxisParameters {
  const max = reading.text(`yMax${side}`) === "max" ? "max" : reading.number(`yMax${side}`);
  const step = reading.number(`yStep${side}`);
  if (step !== undefined && step <= 0) throw new RangeError(`yStep${side} must be above 0, not ${step}`);
  const isOnly = side === "";
  return present<ValueAxisParameters>({
    min: reading.number(`yMin${side}`) ?? (isOnly ? reading.number("min") : undefined),
    max: max ?? (isOnly ? reading.number("max") : undefined),
    limit: reading.number(`yLimit${side}`),
    step,
  });
}

function sideOf(reading: Reading, side: "left" | "right"): ValueAxisParameters & SideParameters {
  return {
    ...axisOf(reading, side === "left" ? "Left" : "Right"),
    ...present<SideParameters>({
      width: reading.number(`${side}Width`, 0, 100),
      colour: reading.colour(`${side}Color`),
      dashed: reading.number(`${side}Dashed`, 0, 1000),
    }),
  };
}

function logBaseOf(reading: Reading): number | undefined {
  if (reading.text("logBase") === "e") return Math.E;
  const base = reading.number("logBase");
  // Below one it is taken for absent, as Graphite does.
  if (base === undefined || base < 1) return undefined;
  if (base === 1) throw new RangeError("logBase must be above 1, or e");
  return base;
}

function divisorsOf(reading: Reading): number[] {
  const text = reading.text("yDivisors");
  if (text === undefined) return [4, 5, 6];
  const divisors = text.split(",").map((each) => Number(each.trim() || Number.NaN));
  if (divisors.length > 20 || !divisors.every((each) => Number.isInteger(each) && each >= 1 && each <= 100))
    throw new RangeError(`yDivisors must be whole numbers from 1 to 100 with commas, not "${text.slice(0, 50)}"`);
  return divisors;
}

function coloursOf(reading: Reading, template: readonly string[]): string[] {
  const text = reading.text("colorList");
  // A list that was escaped twice is understood too.
  const colours = text
    ?.split(/,|%2C/i)
    .slice(0, 1000)
    .map((each) => each.trim());
  colours?.forEach(parseColour);
  return [...(colours ?? template)];
}

function timeZoneOf(reading: Reading): string {
  const zone = reading.text("tz");
  if (zone === undefined) return "UTC";
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch (thrown) {
    // Graphite draws in its own zone then.
    if (thrown instanceof RangeError) return "UTC";
    throw thrown;
  }
}

/**
 * The parameters of a query; names that mean nothing to a picture are passed over.
 * @throws RangeError for a value that cannot be drawn with, whose message is meant for whoever asked.
 */
export function parseGraphParameters(query: URLSearchParams): GraphParameters {
  const reading = new Reading(query);
  const graphType = reading.text("graphType") ?? "line";
  if (graphType !== "line") throw new RangeError(`graphType must be line, not "${graphType.slice(0, 50)}"`);
  const isBare = reading.flag("graphOnly") ?? false;
  const hides = (name: string) => !isBare && (reading.flag(name) ?? false);
  const template = templateOf(reading.text("template") ?? "default");
  const margin = reading.number("margin", -Infinity, maxSidePixels) ?? 10;
  const unit = reading.text("yUnitSystem")?.toLowerCase();
  const alpha = reading.value("areaAlpha");
  return {
    width: Math.floor(reading.number("width", 1, maxSidePixels) ?? 330),
    height: Math.floor(reading.number("height", 1, maxSidePixels) ?? 250),
    margin: isBare ? 0 : margin < 0 ? 10 : Math.floor(margin),
    background: reading.colour("bgcolor") ?? template.background,
    foreground: reading.colour("fgcolor") ?? template.foreground,
    majorGridLine: reading.colour("majorGridLineColor") ?? template.majorLine,
    minorGridLine: reading.colour("minorGridLineColor") ?? template.minorLine,
    colours: coloursOf(reading, template.lines),
    title: isBare ? "" : reading.line("title"),
    verticalTitle: isBare ? "" : reading.line("vtitle"),
    rightVerticalTitle: isBare ? "" : reading.line("vtitleRight"),
    fontSize: reading.number("fontSize", 1, 200) ?? 10,
    isBold: reading.flag("fontBold") ?? false,
    isItalic: reading.flag("fontItalic") ?? false,
    lineMode: reading.choice<LineMode>("lineMode", ["slope", "staircase", "connected"]) ?? "slope",
    lineWidth: reading.number("lineWidth", 0, 100) ?? reading.number("thickness", 0, 100) ?? 1.2,
    areaMode: reading.choice<AreaMode>("areaMode", ["none", "first", "all", "stacked"]) ?? "none",
    connectedLimit: reading.number("connectedLimit", 0) ?? Infinity,
    drawNullAsZero: reading.flag("drawNullAsZero") ?? false,
    uniqueLegend: reading.flag("uniqueLegend") ?? false,
    hideNullFromLegend: reading.flag("hideNullFromLegend") ?? false,
    hideGrid: isBare || hides("hideGrid"),
    hideAxes: isBare || hides("hideAxes"),
    hideXAxis: hides("hideXAxis"),
    hideYAxis: hides("hideYAxis"),
    yAxisSide: !isBare && reading.text("yAxisSide") === "right" ? "right" : "left",
    unitSystem: (["si", "binary", "sec", "msec", "none"] as const).find((each) => each === unit) ?? "si",
    divisors: divisorsOf(reading),
    minorY: Math.floor(reading.number("minorY", 0, 20) ?? 1),
    minXStep: Math.max(0.25, reading.number("minXStep", 0, maxSidePixels) ?? 1),
    timeZone: timeZoneOf(reading),
    axis: axisOf(reading, ""),
    left: sideOf(reading, "left"),
    right: sideOf(reading, "right"),
    ...present<Pick<GraphParameters, "areaAlpha" | "hideLegend" | "logBase" | "timeFormat">>({
      // Nought means absent; a word means half, as in Graphite.
      areaAlpha: alpha ? (typeof alpha === "number" ? Math.min(1, Math.max(0, alpha)) : 0.5) : undefined,
      hideLegend: isBare ? true : reading.flag("hideLegend"),
      logBase: logBaseOf(reading),
      timeFormat: reading.text("xFormat")?.slice(0, 100),
    }),
  };
}

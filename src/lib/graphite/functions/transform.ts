/**
 * Functions that change each value of a series by itself, or by those before it.
 */
import { float, integer, type Call, type FunctionDeclaration, type Parameter } from "../call.ts";
import { parseMoment, parseSpan } from "../at-time.ts";
import { min, max } from "../aggregation.ts";
import { formatFloat, formatGeneral, roundTo } from "../number.ts";
import { derived, renamed, withTags, type Series } from "../series.ts";
import { power, seriesList } from "./combine.ts";

const none = Number.NaN;
const infinite = float(Infinity);

/** A function that changes values one by one, or looks at all of them. */
function transform(
  name: string,
  summary: string,
  parameters: readonly Parameter[],
  change: (call: Call, series: Series) => { name: string; tags?: Record<string, string>; values: Float64Array },
  group = "Transform",
): FunctionDeclaration {
  return {
    name,
    group,
    parameters: [seriesList, ...parameters],
    summary,
    run: (call) =>
      call.each(call.list(), (series) => {
        const changed = change(call, series);
        return withTags(derived(series, changed.name, changed.values), changed.tags ?? {});
      }),
  };
}

/** A function of one value that is known. */
function eachValue(name: string, summary: string, tag: string, make: (value: number) => number): FunctionDeclaration {
  return transform(name, summary, [], (_, series) => ({
    name: `${name}(${series.name})`,
    tags: { [name]: tag },
    values: series.values.map(make),
  }));
}

const factor: Parameter = { name: "factor", type: "float", required: true };
const limit: Parameter = { name: "limit", type: "intOrInf", default: infinite };
const bounds: readonly Parameter[] = [
  { name: "maxValue", type: "float" },
  { name: "minValue", type: "float" },
];

function keepLast(values: Float64Array, longest: number): Float64Array {
  const result = values.slice();
  let missing = 0;
  let last = none;
  const fill = (end: number) => {
    if (missing > 0 && missing <= longest && last === last) result.fill(last, end - missing, end);
  };
  values.forEach((value, index) => {
    if (value !== value) missing++;
    else {
      fill(index);
      missing = 0;
      last = value;
    }
  });
  fill(values.length);
  return result;
}

function interpolate(values: Float64Array, longest: number): Float64Array {
  const result = values.slice();
  let missing = 0;
  let last = none;
  values.forEach((value, index) => {
    if (value !== value) {
      missing++;
      return;
    }
    if (missing > 0 && missing <= longest && last === last) {
      for (let step = 1; step <= missing; step++) {
        result[index - missing - 1 + step] = last + (step * (value - last)) / (missing + 1);
      }
    }
    missing = 0;
    last = value;
  });
  return result;
}

/** Differences of a counter; where it falls, it wrapped at `most` or started again. */
function counterDeltas(values: Float64Array, most: number | undefined, least: number | undefined): Float64Array {
  let previous = none;
  return values.map((value) => {
    const before = previous;
    if ((most !== undefined && value > most) || (least !== undefined && value < least)) {
      previous = none;
      return none;
    }
    previous = value;
    if (before !== before || value !== value) return none;
    if (value >= before) return value - before;
    if (most !== undefined) return most + 1 + value - before - (least ?? 0);
    return least === undefined ? none : value - least;
  });
}

/** `%d` of Python. */
const whole = (value: number) => String(Math.trunc(value));

/** The functions of this file. */
export const transformFunctions: readonly FunctionDeclaration[] = [
  transform("scale", "Multiplies by a factor.", [factor], (call, series) => {
    const by = call.number("factor");
    return {
      name: `scale(${series.name},${formatGeneral(by)})`,
      tags: { scale: call.shown("factor") },
      values: series.values.map((value) => value * by),
    };
  }),
  transform(
    "scaleToSeconds",
    "What a value for a step would be for some seconds.",
    [{ name: "seconds", type: "float", required: true }],
    (call, series) => {
      const seconds = call.number("seconds");
      const by = seconds / series.stepSeconds;
      return {
        name: `scaleToSeconds(${series.name},${whole(seconds)})`,
        tags: { scaleToSeconds: call.shown("seconds") },
        values: series.values.map((value) => roundTo(value * by, 6)),
      };
    },
  ),
  transform("offset", "Adds a number.", [factor], (call, series) => {
    const by = call.number("factor");
    return {
      name: `offset(${series.name},${formatGeneral(by)})`,
      tags: { offset: call.shown("factor") },
      values: series.values.map((value) => value + by),
    };
  }),
  transform("add", "Adds a number.", [{ name: "constant", type: "float", required: true }], (call, series) => {
    const by = call.number("constant");
    return {
      name: `add(${series.name},${whole(by)})`,
      tags: { add: call.shown("constant") },
      values: series.values.map((value) => value + by),
    };
  }),
  transform("pow", "Raises to a power.", [factor], (call, series) => {
    const by = call.number("factor");
    return {
      name: `pow(${series.name},${formatGeneral(by)})`,
      tags: { pow: call.shown("factor") },
      values: series.values.map((value) => power(value, by)),
    };
  }),
  transform(
    "log",
    "The logarithm; none of 0 and below.",
    [{ name: "base", type: "integer", default: integer(10) }],
    (call, series) => {
      const base = call.number("base");
      if (!(base > 1)) call.fail("base must be above 1");
      const logarithm =
        base === 10 ? Math.log10 : base === 2 ? Math.log2 : (value: number) => Math.log(value) / Math.log(base);
      return {
        name: `log(${series.name}, ${base})`,
        tags: { log: `${base}` },
        values: series.values.map((value) => (value > 0 ? logarithm(value) : none)),
      };
    },
  ),
  transform(
    "round",
    "Rounds to decimals, or to tens with a negative precision.",
    [{ name: "precision", type: "integer", default: integer(0) }],
    (call, series) => {
      const precision = call.number("precision");
      if (Math.abs(precision) > 300) call.fail("precision must be from -300 to 300");
      return {
        name: call.has("precision") ? `round(${series.name},${formatGeneral(precision)})` : `round(${series.name})`,
        tags: { round: `${precision}` },
        values: series.values.map((value) => roundTo(value, precision)),
      };
    },
  ),
  eachValue("absolute", "The size without the sign.", "1", Math.abs),
  eachValue("squareRoot", "The square root; none of what is below 0.", "1", (value) => power(value, 0.5)),
  eachValue("invert", "One divided by the value.", "1", (value) => power(value, -1)),
  eachValue("exp", "e to the power of the value.", "e", Math.exp),
  eachValue("sigmoid", "1/(1 + e^-value).", "sigmoid", (value) => 1 / (1 + Math.exp(-value))),
  eachValue("logit", "The logarithm of value/(1 - value), for values between 0 and 1.", "logit", (value) =>
    value > 0 && value < 1 ? Math.log(value / (1 - value)) : none,
  ),
  eachValue("isNonNull", "1 where the value is known, else 0.", "1", (value) => (value === value ? 1 : 0)),
  transform("offsetToZero", "Moves the smallest value to 0.", [], (_, series) => {
    const least = min(series.values);
    return {
      name: `offsetToZero(${series.name})`,
      tags: { offsetToZero: least === least ? formatFloat(least) : "None" },
      values: series.values.map((value) => value - least),
    };
  }),
  transform("minMax", "Stretches to the range from 0 to 1.", [], (_, series) => {
    const least = min(series.values);
    const span = max(series.values) - least;
    return {
      name: `minMax(${series.name})`,
      values: series.values.map((value) => (value === value && span === 0 ? 0 : (value - least) / span)),
    };
  }),
  transform("derivative", "The difference to the value before.", [], (_, series) => ({
    name: `derivative(${series.name})`,
    tags: { derivative: "1" },
    values: series.values.map((value, index) => value - (series.values[index - 1] ?? none)),
  })),
  transform(
    "nonNegativeDerivative",
    "The growth of a counter; unknown where it falls, unless bounds say how it wraps.",
    bounds,
    (call, series) => ({
      name: `nonNegativeDerivative(${series.name})`,
      tags: { nonNegativeDerivative: "1" },
      values: counterDeltas(series.values, call.optionalNumber("maxValue"), call.optionalNumber("minValue")),
    }),
  ),
  transform("perSecond", "The growth of a counter in a second.", bounds, (call, series) => ({
    name: `perSecond(${series.name})`,
    tags: { perSecond: "1" },
    values: counterDeltas(series.values, call.optionalNumber("maxValue"), call.optionalNumber("minValue")).map(
      (delta) => roundTo(delta / series.stepSeconds, 6),
    ),
  })),
  transform("integral", "The sum of all values so far.", [], (_, series) => {
    let total = 0;
    return {
      name: `integral(${series.name})`,
      tags: { integral: "1" },
      values: series.values.map((value) => (value === value ? (total += value) : none)),
    };
  }),
  transform(
    "integralByInterval",
    "The sum of all values since the interval began.",
    [{ name: "intervalUnit", type: "string", required: true }],
    (call, series) => {
      const unit = call.text("intervalUnit");
      const seconds = call.interval("intervalUnit");
      let total = 0;
      return {
        name: `integralByInterval(${series.name},'${unit}')`,
        tags: { integralByInterval: unit },
        values: series.values.map((value, index) => {
          const since = series.startSeconds + index * series.stepSeconds - call.scope.fromSeconds;
          if (Math.floor(since / seconds) !== Math.floor((since - series.stepSeconds) / seconds)) total = 0;
          if (value === value) total += value;
          return total;
        }),
      };
    },
  ),
  transform(
    "delay",
    "Moves values by steps; earlier ones with a negative number.",
    [{ name: "steps", type: "integer", required: true }],
    (call, series) => {
      const steps = call.number("steps");
      return {
        name: `delay(${series.name},${steps})`,
        tags: { delay: `${steps}` },
        values: series.values.map((_, index) => series.values[index - steps] ?? none),
      };
    },
  ),
  transform("keepLastValue", "Fills gaps of at most `limit` steps with the value before.", [limit], (call, series) => ({
    name: `keepLastValue(${series.name})`,
    values: keepLast(series.values, call.number("limit")),
  })),
  transform("interpolate", "Fills gaps of at most `limit` steps with a straight line.", [limit], (call, series) => ({
    name: `interpolate(${series.name})`,
    values: interpolate(series.values, call.number("limit")),
  })),
  transform(
    "changed",
    "1 where the value is another than before, else 0.",
    [],
    (_, series) => {
      let previous = none;
      return {
        name: `changed(${series.name})`,
        values: series.values.map((value) => {
          const before = previous;
          if (value === value) previous = value;
          return before === before && value === value && value !== before ? 1 : 0;
        }),
      };
    },
    "Special",
  ),
  {
    name: "transformNull",
    group: "Transform",
    parameters: [
      seriesList,
      { name: "default", type: "float", default: integer(0) },
      { name: "referenceSeries", type: "seriesList" },
    ],
    summary: "Puts a number where nothing is known; only where a reference knows something, when there is one.",
    run: (call) => {
      const filler = call.number("default");
      const reference = call.list("referenceSeries");
      const isKnown = (index: number) =>
        reference.length === 0 || reference.some(({ values }) => (values[index] ?? none) === (values[index] ?? 0));
      return call.list().map((series) => {
        const suffix = reference.length > 0 ? ",referenceSeries" : "";
        const name = `transformNull(${series.name},${formatGeneral(filler)}${suffix})`;
        const values = series.values.map((value, index) => (value !== value && isKnown(index) ? filler : value));
        const tags = {
          transformNull: call.shown("default"),
          ...(reference.length > 0 ? { referenceSeries: "1" } : {}),
        };
        return withTags({ ...renamed(series, name), values }, tags);
      });
    },
  },
  {
    name: "timeSlice",
    group: "Transform",
    parameters: [
      seriesList,
      { name: "startSliceAt", type: "date", required: true },
      { name: "endSliceAt", type: "date", default: "now" },
    ],
    summary: "Keeps only the values between two moments.",
    run: (call) => {
      const start = momentOf(call, "startSliceAt");
      const end = momentOf(call, "endSliceAt");
      return call.list().map((series) => {
        const values = series.values.map((value, index) => {
          const at = call.scope.fromSeconds + index * series.stepSeconds;
          return at < start || at > end ? none : value;
        });
        const sliced = { ...series, name: `timeSlice(${series.name}, ${start}, ${end})`, values };
        return withTags(sliced, { timeSliceStart: `${start}`, timeSliceEnd: `${end}` });
      });
    },
  },
];

/** A moment among the arguments, by the call's own now and zone. */
export function momentOf(call: Call, name: string): number {
  try {
    return parseMomentIn(call, call.text(name));
  } catch (error) {
    if (error instanceof SyntaxError) return call.fail(error.message);
    throw error;
  }
}

function parseMomentIn(call: Call, text: string): number {
  return parseMoment(text, { nowSeconds: call.scope.nowSeconds, timeZone: call.scope.timeZone });
}

/** A span among the arguments that begins with a digit looks back, as `timeShift` reads it. */
export function backwards(text: string): { text: string; seconds: number } {
  const signed = /^\d/.test(text) ? `-${text}` : text;
  return { text: signed, seconds: parseSpan(signed) };
}

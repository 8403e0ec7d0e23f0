/**
 * One line as Etsy's statsd reads it: split at `|#`, then at `:`, then at `|`; every type but ms, g and s is a counter;
 * numbers are what JavaScript takes for numbers. What killed or poisoned the original is a bad line here: an empty name,
 * a rate of 0, a rate with a sign or a space. A rate in powers of ten is that rate, and one that stands after the tags
 * counts.
 */
import { cleanName, etsyTag } from "./clean.ts";
import type { LineGrammar, Sink } from "./sink.ts";

/** Number as JavaScript reads the text; undefined for what is none, and for nothing. */
export function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** The rate of a field such as `@0.1`: above 0 and finite, else undefined. */
export function rateOf(field: string): number | undefined {
  if (field.length < 2 || field[0] !== "@") return undefined;
  const rate = numberOf(field.slice(1));
  return rate !== undefined && rate > 0 && Number.isFinite(rate) ? rate : undefined;
}

/** Etsy's grammar; `sanitize` is its `keyNameSanitize`. */
export function etsyGrammar(sanitize: boolean): LineGrammar {
  return (line, sink) => {
    const [head = "", tagPart = ""] = line.split("|#");
    const bits = head.split(":");
    let name = bits.shift() ?? "";
    const afterTags = tagPart.indexOf("|@");
    const tagText = afterTags < 0 ? tagPart : tagPart.slice(0, afterTags);
    const lateRate = afterTags < 0 ? undefined : tagPart.slice(afterTags + 1);
    if (tagText !== "") name += `;${tagText.split(",").map(etsyTag).join(";")}`;
    if (sanitize) name = cleanName(name);
    if (name === "" || name[0] === ";") {
      sink.bad(line, "it has no name");
      return;
    }
    if (bits.length === 0) {
      sink.bad(line, "it has no value");
      return;
    }
    for (const bit of bits) readBit(line, name, bit, lateRate, sink);
  };
}

function readBit(line: string, name: string, bit: string, lateRate: string | undefined, sink: Sink): void {
  const [valueText = "", type, rateText = lateRate] = bit.split("|");
  if (type === undefined) {
    sink.bad(line, "it has no type");
    return;
  }
  const rate = rateText === undefined ? 1 : rateOf(rateText);
  if (rate === undefined) {
    sink.bad(line, "its rate is not @ and a number above 0");
    return;
  }
  const kind = type.trim();
  if (kind === "s") {
    sink.member(name, valueText === "" ? "0" : valueText);
    return;
  }
  const value = numberOf(valueText);
  if (value === undefined) {
    sink.bad(line, "its value is no number");
    return;
  }
  if (kind === "g") sink.gauge(name, value, /^[-+]/.test(valueText));
  else if (kind !== "ms") sink.count(name, value, rate);
  else if (value < 0) sink.bad(line, "its time is below 0");
  else sink.time(name, value, rate);
}

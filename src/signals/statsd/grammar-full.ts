/**
 * One line as most clients in the field mean it: Etsy's grammar, and DogStatsD's (v1.6), and tags in the name as InfluxDB,
 * Librato, SignalFx and Graphite write them. Values may be packed as `a:1:2|c` or as `a:1|c:2|c`; fields after the type
 * come in any order, and unknown ones are passed over. `h` and `d` are timers unless told otherwise; a type that nobody
 * knows is a bad line. Equal sets of tags, in any order, are one series.
 */
import { cleanName, fullTag, withTags } from "./clean.ts";
import { detached } from "./detached.ts";
import { readCheck, readEvent } from "./grammar-dog.ts";
import { numberOf, rateOf } from "./grammar-etsy.ts";
import type { LineGrammar, Sink } from "./sink.ts";

/** Ways to write tags in a name that are not Graphite's own. */
export const nameTagStyles = ["influx", "librato", "signalfx"] as const;
/** One of {@link nameTagStyles}. */
export type NameTagStyle = (typeof nameTagStyles)[number];

/** What may be chosen. */
export interface FullRules {
  /** What `h` and `d` are. */
  histograms: "timer" | "counter";
  nameTags: readonly NameTagStyle[];
  /** Gauges whose names begin so are set by signed values too, instead of changed. */
  absoluteGauges: readonly string[];
}

/** So many different raw names are remembered with what they became. */
const rememberedMax = 20_000;
const rememberedMaxLength = 200;
const counterTypes = new Set(["c", "C", "m"]);
const timerTypes = new Set(["ms"]);
const timerLike = new Set(["h", "d"]);

/** The fields that all values of a line share. */
interface Shared {
  rate: number;
  tags: string;
  atSeconds: number | undefined;
}

/** The full grammar, and how it makes a path of a raw name and the text of its tags. */
export interface FullGrammar {
  readonly read: LineGrammar;
  nameOf(raw: string, tags: string): string;
}

/** The full grammar. */
export function fullGrammar(rules: FullRules): FullGrammar {
  const remembered = new Map<string, string>();
  const nameOf = (raw: string, tags: string): string => {
    const key = tags === "" ? raw : `${raw}|#${tags}`;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const name = pathOf(raw, tags, rules.nameTags);
    if (key.length > rememberedMaxLength) return name;
    if (remembered.size >= rememberedMax) remembered.clear();
    const kept = detached(name);
    remembered.set(name === key ? kept : detached(key), kept);
    return name;
  };

  const take = (line: string, name: string, type: string, valueText: string, shared: Shared, sink: Sink): void => {
    if (type === "s") {
      sink.member(name, valueText === "" ? "0" : valueText);
      return;
    }
    const value = numberOf(valueText);
    if (value === undefined || !Number.isFinite(value)) {
      sink.bad(line, "its value is no number");
      return;
    }
    if (type === "g") {
      const isSigned = /^\s*[-+]/.test(valueText);
      if (shared.atSeconds !== undefined) sink.stamped("gauge", name, value, shared.atSeconds);
      else sink.gauge(name, value, isSigned && !rules.absoluteGauges.some((prefix) => name.startsWith(prefix)));
      return;
    }
    if (counterTypes.has(type) || (timerLike.has(type) && rules.histograms === "counter")) {
      if (shared.atSeconds !== undefined) sink.stamped("count", name, value / shared.rate, shared.atSeconds);
      else sink.count(name, value, shared.rate);
      return;
    }
    if (timerTypes.has(type) && value < 0) sink.bad(line, "its time is below 0");
    else sink.time(name, value, shared.rate);
  };

  const read: LineGrammar = (whole, sink) => {
    const line = whole.endsWith("\r") ? whole.slice(0, -1) : whole;
    if (line.startsWith("_e{")) return readEvent(line, sink);
    if (line.startsWith("_sc|")) return readCheck(line, sink);
    const colon = valueColon(line);
    if (colon < 0) return sink.bad(line, "it has no value");
    const pieces = line.slice(colon + 1).split("|");
    const shared: Shared = { rate: 1, tags: "", atSeconds: undefined };
    // Bits of one line: the values, their type, and a rate of their own where the older way of packing is used.
    const bits: { values: string[]; type: string; rate?: number }[] = [];
    let values = (pieces[0] ?? "").split(":");
    let isOpen = true;
    let rateIsBad = false;
    const close = (typeText: string) => {
      const next = typeText.indexOf(":");
      bits.push({ values, type: (next < 0 ? typeText : typeText.slice(0, next)).trim() });
      isOpen = next >= 0;
      if (isOpen) values = typeText.slice(next + 1).split(":");
    };
    for (const piece of pieces.slice(1)) {
      const last = bits.at(-1);
      if (isOpen) close(piece);
      else if (piece[0] === "@") {
        const next = piece.indexOf(":");
        const rate = rateOf(next < 0 ? piece : piece.slice(0, next));
        if (rate === undefined) rateIsBad = true;
        else if (last) last.rate = rate;
        if (next >= 0) {
          isOpen = true;
          values = piece.slice(next + 1).split(":");
        }
      } else if (piece[0] === "#")
        shared.tags = shared.tags === "" ? piece.slice(1) : `${shared.tags},${piece.slice(1)}`;
      else if (/^T-?\d{1,12}$/.test(piece)) shared.atSeconds = Number(piece.slice(1));
      else if (/^[\d.+-]|^$/.test(piece)) rateIsBad = true;
    }
    if (isOpen) return sink.bad(line, "it has no type");
    const name = nameOf(line.slice(0, colon), shared.tags);
    if (name === "" || name[0] === ";") return sink.bad(line, "it has no name");
    if (rateIsBad) return sink.bad(line, "its rate is not @ and a number above 0");
    for (const bit of bits) {
      if (bit.type !== "s" && bit.type !== "g" && !isKnown(bit.type)) {
        sink.bad(line, "its type is unknown");
        continue;
      }
      const own = { ...shared, rate: bit.rate ?? 1 };
      // A member of a set is text, and may hold colons.
      for (const value of bit.type === "s" ? [bit.values.join(":")] : bit.values) {
        take(line, name, bit.type, value, own, sink);
      }
    }
  };
  return { read, nameOf };
}

function isKnown(type: string): boolean {
  return counterTypes.has(type) || timerTypes.has(type) || timerLike.has(type);
}

/** Where the values begin: the first colon, but for one within the brackets of SignalFx. */
function valueColon(line: string): number {
  const colon = line.indexOf(":");
  const bracket = line.indexOf("[");
  if (bracket < 0 || bracket > colon) return colon;
  const closing = line.indexOf("]", bracket);
  return closing < 0 ? colon : line.indexOf(":", closing);
}

function pathOf(raw: string, tagText: string, styles: readonly NameTagStyle[]): string {
  let name = raw;
  const tags: string[] = [];
  const [bare = "", ...own] = name.split(";");
  name = bare;
  tags.push(...own);
  const signalFx = styles.includes("signalfx") ? /^([^[]*)\[([^\]]*)\](.*)$/s.exec(name) : null;
  if (signalFx) {
    name = `${signalFx[1]}${signalFx[3]}`;
    tags.push(...(signalFx[2] ?? "").split(","));
  }
  for (const [style, mark] of [
    ["librato", "#"],
    ["influx", ","],
  ] as const) {
    const at = styles.includes(style) ? name.indexOf(mark) : -1;
    if (at < 0) continue;
    tags.push(...name.slice(at + 1).split(","));
    name = name.slice(0, at);
  }
  if (tagText !== "") tags.push(...tagText.split(","));
  const clean = cleanName(name).replaceAll("=", "_");
  return clean === "" ? "" : withTags(clean, tags.filter((tag) => tag !== "").map(fullTag));
}

/**
 * How flushed values are called, in the three ways there are: Etsy's legacy one (`stats.K` and `stats_counts.K`), its newer
 * one with levels of its own for each kind, and statsd-go's, whose prefixes are joined as they are. Tags stand at the end
 * of a path, after any suffix.
 */
import { cleanName } from "./clean.ts";

/** What decides over names. */
export interface NamingRules {
  style: "legacy" | "namespaced" | "statsd-go";
  /** The first level; `""` leaves it out. Namespaced only, as are the four after it. */
  prefix: string;
  prefixCounter: string;
  prefixTimer: string;
  prefixGauge: string;
  prefixSet: string;
  /** A last level for every name, without its dot. */
  suffix: string;
  /** The level of this program's own figures. */
  own: string;
  flushCounts: boolean;
  /** Names were not cleaned when they came in, so they are now. */
  cleans: boolean;
  /** statsd-go's, with their dots. */
  verbatim: { stats: string; counters: string; timers: string; gauges: string };
}

/** The paths of values. */
export interface Naming {
  readonly style: NamingRules["style"];
  readonly flushCounts: boolean;
  counterRate(name: string): string;
  counterCount(name: string): string;
  timer(name: string, figure: string): string;
  gauge(name: string): string;
  set(name: string): string;
  /** One of this program's own figures, such as `processing_time`. */
  own(figure: string): string;
  numStats(): string;
}

/** Makes paths by rules. */
export function createNaming(rules: NamingRules): Naming {
  const suffix = rules.suffix === "" ? "" : `.${rules.suffix}`;
  const isOriginal = rules.style === "statsd-go";
  const isLegacy = rules.style === "legacy";
  const levels = (...parts: string[]) =>
    parts
      .filter((part) => part !== "")
      .map((part) => `${part}.`)
      .join("");
  const prefixes = isOriginal
    ? { ...rules.verbatim, sets: `${rules.verbatim.stats}sets.` }
    : isLegacy
      ? { stats: "stats.", counters: "stats.", timers: "stats.timers.", gauges: "stats.gauges.", sets: "stats.sets." }
      : {
          stats: levels(rules.prefix),
          counters: levels(rules.prefix, rules.prefixCounter),
          timers: levels(rules.prefix, rules.prefixTimer),
          gauges: levels(rules.prefix, rules.prefixGauge),
          sets: levels(rules.prefix, rules.prefixSet),
        };
  const place = (before: string, name: string, after: string): string => {
    const clean = rules.cleans ? cleanName(name) : name;
    const tags = clean.indexOf(";");
    return tags < 0
      ? `${before}${clean}${after}${suffix}`
      : `${before}${clean.slice(0, tags)}${after}${suffix}${clean.slice(tags)}`;
  };
  const rateEnding = isLegacy || isOriginal ? "" : ".rate";
  const countEnding = isLegacy || isOriginal ? "" : ".count";
  const countPrefix = isLegacy ? "stats_counts." : prefixes.counters;
  const ratePrefix = isOriginal ? prefixes.stats : prefixes.counters;
  return {
    style: rules.style,
    flushCounts: rules.flushCounts,
    counterRate: (name) => place(ratePrefix, name, rateEnding),
    counterCount: (name) => place(countPrefix, name, countEnding),
    timer: (name, figure) => place(prefixes.timers, name, `.${figure}`),
    gauge: (name) => place(prefixes.gauges, name, ""),
    set: (name) => place(prefixes.sets, name, ".count"),
    own: (figure) => `${prefixes.stats}${rules.own}.${figure}${suffix}`,
    numStats: () =>
      isLegacy
        ? `${rules.own}.numStats${suffix}`
        : `${prefixes.stats}${isOriginal ? "statsd" : rules.own}.numStats${suffix}`,
  };
}

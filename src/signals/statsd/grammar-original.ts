/**
 * One line as statsd-go reads it: bytes that belong to no metric are left out, and every `name:value|type` in what is left
 * counts, with types c, ms and g. Where it counted wrongly this does not: names keep their dashes, `+` is a change of a
 * gauge like `-`, the rest of a packed value is no metric of its own, a rate of 0 is none, and lines end at line feeds.
 */
import { numberOf } from "./grammar-etsy.ts";
import type { LineGrammar } from "./sink.ts";

const metric = /(?<![A-Za-z0-9_.:\-+])([A-Za-z0-9_.-]+):([+-]?[0-9.]+)\|(c|ms|g)(?:\|@([0-9.]+))?/g;

/** statsd-go's grammar. */
export const originalGrammar: LineGrammar = (line, sink) => {
  const kept = line.replace(/[^a-zA-Z0-9\-_.:|@+]/g, "");
  let found = 0;
  for (const [, name = "", valueText = "", type, rateText] of kept.matchAll(metric)) {
    found++;
    const value = numberOf(valueText);
    const rate = rateText === undefined ? 1 : (numberOf(rateText) ?? 0);
    if (value === undefined) sink.bad(line, "its value is no number");
    else if (rate <= 0) sink.bad(line, "its rate is not above 0");
    else if (type === "c") sink.count(name, value, rate);
    else if (type === "g") sink.gauge(name, value, /^[-+]/.test(valueText));
    else if (value < 0) sink.bad(line, "its time is below 0");
    else sink.time(name, value, rate);
  }
  if (found === 0) sink.bad(line, "it holds no metric");
};

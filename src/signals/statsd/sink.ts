/**
 * What a grammar finds in a packet, handed over piece by piece so that nothing is made that is thrown away at once. Names
 * are clean when they arrive here: letters, digits and `_ - .`, then tags in Graphite's form (`;name=value`). Numbers are
 * finite in every grammar but Etsy's own, which lets `Infinity` through.
 */

/** An event of DogStatsD: something that happened, told in words. */
export interface SentEvent {
  title: string;
  text: string;
  /** Seconds since 1970, or undefined for now. */
  atSeconds: number | undefined;
  host: string;
  kind: "info" | "warning" | "error" | "success";
  priority: "normal" | "low";
  aggregationKey: string;
  source: string;
  /** Clean tags as `name=value`. */
  tags: readonly string[];
}

/** A service check of DogStatsD. */
export interface SentCheck {
  /** Clean, with its tags. */
  name: string;
  /** 0 is fine, 1 a warning, 2 critical, 3 unknown. */
  status: 0 | 1 | 2 | 3;
  atSeconds: number | undefined;
  host: string;
  message: string;
}

/** Takes what a packet says. */
export interface Sink {
  /** A counter rises by `value / rate`. */
  count(name: string, value: number, rate: number): void;
  /** Something took, or was, `value`; it stands for `1 / rate` of its kind. */
  time(name: string, value: number, rate: number): void;
  /** A gauge is `value`, or changes by it when `isDelta`. */
  gauge(name: string, value: number, isDelta: boolean): void;
  /** A set has this member. */
  member(name: string, member: string): void;
  /** A value that was measured elsewhere at a time of its own: passed on as it is. */
  stamped(kind: "count" | "gauge", name: string, value: number, atSeconds: number): void;
  event(event: SentEvent): void;
  check(check: SentCheck): void;
  /** A line, or one value in it, that is nothing. The reason is a phrase such as `its value is no number`. */
  bad(line: string, reason: string): void;
}

/** Reads one line, which is not empty and has no line feed, into a sink. Never throws. */
export type LineGrammar = (line: string, sink: Sink) => void;

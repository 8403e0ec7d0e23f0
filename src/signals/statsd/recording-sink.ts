/** A sink for tests that writes down what it is told, one short text for each. */
import type { Sink } from "./sink.ts";

/** What was told, in order. */
export interface RecordingSink extends Sink {
  readonly told: string[];
}

/** Makes one. */
export function recordingSink(): RecordingSink {
  const told: string[] = [];
  const at = (rate: number) => (rate === 1 ? "" : `@${rate}`);
  return {
    told,
    count: (name, value, rate) => void told.push(`c ${name} ${value}${at(rate)}`),
    time: (name, value, rate) => void told.push(`ms ${name} ${value}${at(rate)}`),
    gauge: (name, value, isDelta) => void told.push(`g ${name} ${isDelta ? "by " : ""}${value}`),
    member: (name, member) => void told.push(`s ${name} ${member}`),
    stamped: (kind, name, value, seconds) => void told.push(`${kind} ${name} ${value} at ${seconds}`),
    event: (event) => void told.push(`event ${JSON.stringify(event)}`),
    check: (check) => void told.push(`check ${JSON.stringify(check)}`),
    bad: (line, reason) => void told.push(`bad ${line}: ${reason}`),
  };
}

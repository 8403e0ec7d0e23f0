import { expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import { formatMetric, type MetricKind } from "./client.ts";
import { createReader } from "./packet.ts";
import { recordingSink } from "./recording-sink.ts";

test("formatMetric: what it writes is read as one good metric, and the rest is refused", () => {
  const read = createReader({
    grammar: "full",
    sanitize: true,
    histograms: "timer",
    nameTags: [],
    absoluteGauges: [],
  });
  const text = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("1", "-3", "+3.5", "1e3", ".5", "a.b", "x:y"));
  fc.assert(
    fc.property(
      fc.constantFrom<MetricKind>("count", "time", "gauge", "set"),
      text,
      text,
      fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      fc.array(text, { maxLength: 2 }),
      (kind, name, value, rate, tags) => {
        let line: string;
        try {
          line = formatMetric({ kind, name, value, tags, ...(rate === undefined ? {} : { rate }) });
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
          return;
        }
        const sink = recordingSink();
        expect(read(line, sink)).toBe(1);
        // A name of signs only is clean of everything.
        if (/[a-zA-Z0-9]/.test(name))
          expect([line, sink.told.map((told) => told.startsWith("bad"))]).toEqual([line, [false]]);
      },
    ),
    { numRuns: 5000 },
  );
});

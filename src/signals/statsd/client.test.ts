import { expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import { formatMetric, type MetricKind, openTail } from "./client.ts";
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

test("formatMetric: a number that is larger than any is refused, as a statsd would", () => {
  for (const value of ["1e999", "-1e999"])
    expect(() => formatMetric({ kind: "gauge", name: "a", value })).toThrow("larger than any number");
  expect(formatMetric({ kind: "set", name: "a", value: "1e999" })).toBe("a:1e999|s");
});

test("openTail: the next server is asked when one does not answer, and what is no statsd is said to be none", async () => {
  const asked: string[] = [];
  const stream = () => new Response("event: line\n\n", { headers: { "Content-Type": "text/event-stream" } });
  const open = (answers: Record<string, () => Response>) =>
    openTail(["http://one/statsd/", "http://two/statsd"], new URLSearchParams({ bad: "1" }), {
      token: "t",
      async fetch(url) {
        asked.push(url);
        const answer = answers[new URL(url).hostname];
        if (!answer) throw new Error("refused");
        return answer();
      },
    });
  expect(await new Response(await open({ two: stream })).text()).toBe("event: line\n\n");
  expect(asked).toEqual(["http://one/statsd/tail?bad=1", "http://two/statsd/tail?bad=1"]);
  await expect(open({})).rejects.toThrow(
    "Cannot reach http://one/statsd: refused; Cannot reach http://two/statsd: refused",
  );
  const page = () => new Response("<!doctype html>", { headers: { "Content-Type": "text/html" } });
  await expect(open({ one: page, two: stream })).rejects.toThrow("http://one/statsd answered 200 and is no statsd");
  await expect(open({ one: () => new Response("", { status: 401 }) })).rejects.toThrow("wanted a token that may read");
});

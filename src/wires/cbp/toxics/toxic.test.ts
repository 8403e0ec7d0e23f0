/** What a client may ask of a toxic: names, defaults, and nothing that a pipe could not bear. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { changedToxic, toxicOf, toxicTypes } from "./toxic.ts";
import { ToxicError } from "./toxic-error.ts";

test("toxicOf: name, stream, toxicity and attributes have Toxiproxy's defaults", () => {
  expect(toxicOf({ type: "latency" })).toEqual({
    name: "latency_downstream",
    type: "latency",
    stream: "downstream",
    toxicity: 1,
    attributes: { latency: 0, jitter: 0 },
  });
  expect(toxicOf({ type: "bandwidth", stream: "UPSTREAM", attributes: { rate: 3, other: 1 } })).toMatchObject({
    name: "bandwidth_upstream",
    stream: "upstream",
    attributes: { rate: 3 },
  });
});

test("changedToxic: what is not named stays, and name, type and stream always do", () => {
  const toxic = toxicOf({ type: "latency", name: "it", toxicity: 0.5, attributes: { latency: 5, jitter: 1 } });
  expect(changedToxic(toxic, { name: "no", type: "noop", stream: "upstream", attributes: { jitter: 0 } })).toEqual({
    ...toxic,
    attributes: { latency: 5, jitter: 0 },
  });
});

test("toxicOf and changedToxic: any JSON is a toxic whose numbers are sound, or a ToxicError", () => {
  const number = fc.oneof(fc.integer(), fc.double(), fc.jsonValue());
  const body = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        type: fc.oneof(fc.constantFrom(...Object.keys(toxicTypes), "__proto__", "toString"), fc.jsonValue()),
        stream: fc.oneof(fc.constantFrom("upstream", "downstream", ""), fc.jsonValue()),
        name: fc.oneof(fc.string(), fc.jsonValue()),
        toxicity: number,
        attributes: fc.oneof(
          fc.dictionary(fc.constantFrom(...Object.values(toxicTypes).flatMap((one) => Object.keys(one))), number),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(body, body, (first, second) => {
      try {
        for (const toxic of [toxicOf(first), changedToxic(toxicOf(first), second)]) {
          expect(toxic.toxicity >= 0 && toxic.toxicity <= 1).toBe(true);
          expect(Object.keys(toxic.attributes)).toEqual(Object.keys(toxicTypes[toxic.type]));
          for (const value of Object.values(toxic.attributes))
            expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          expect(toxic.name).not.toBe("");
        }
      } catch (thrown) {
        if (!(thrown instanceof ToxicError)) throw thrown;
        expect(thrown.status).toBe(400);
      }
    }),
    { numRuns: 1000 },
  );
});

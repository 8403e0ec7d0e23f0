import { expect, test } from "bun:test";

import fc from "fast-check";

import { EntryLog } from "./entry-log.ts";
import { type NodeMessage, readNodeMessage, writeNodeMessage } from "./node-message.ts";

const id = fc.string({ minLength: 1, maxLength: 64 });
const number = fc.nat();
const person = fc.tuple(fc.string(), fc.string(), fc.string(), fc.option(fc.string()));
const entry = fc.oneof(
  fc.tuple(fc.constant("publish" as const), fc.string(), fc.string(), fc.nat()),
  fc.tuple(fc.constantFrom("end-user" as const, "end-connection" as const), fc.string(), fc.string()),
);
const from = { from: id, run: id };
const message: fc.Arbitrary<NodeMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("entries" as const),
    ...from,
    first: number,
    newest: number,
    entries: fc.array(entry),
  }),
  fc.record({ kind: fc.constant("beat" as const), ...from, newest: number, presence: number, leaves: fc.boolean() }),
  fc.record({ kind: fc.constant("want" as const), ...from, of: id, ofRun: id, after: number }),
  fc.record({ kind: fc.constant("lost" as const), ...from, to: id, oldest: number, newest: number }),
  fc.record({
    kind: fc.constant("here" as const),
    ...from,
    presence: number,
    part: number,
    parts: number,
    entries: fc.array(person),
  }),
  fc.record({ kind: fc.constant("change" as const), ...from, presence: number, isThere: fc.boolean(), entry: person }),
  fc.record({ kind: fc.constant("who" as const), ...from, of: id }),
);

test("readNodeMessage: what was written is read, and nothing but messages", () => {
  fc.assert(fc.property(message, (made) => expect(readNodeMessage(writeNodeMessage(made))).toEqual(made)));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const read = readNodeMessage(text);
      if (read) expect(JSON.parse(text)).toMatchObject({ kind: read.kind });
    }),
  );
  fc.assert(
    fc.property(message, fc.constantFrom("from", "run", "kind"), (made, key) => {
      expect(readNodeMessage(JSON.stringify({ ...made, [key]: 7 }))).toBeUndefined();
    }),
  );
});

test("EntryLog: the newest are kept within count and size, and given by the message", () => {
  const log = new EntryLog({ count: 5, sizeBytes: 10_000, perMessage: 2, perMessageBytes: 200 });
  for (let at = 1; at <= 8; at++) log.add(["publish", "a", String(at), 0]);
  expect([log.oldest, log.newest]).toEqual([4, 8]);
  expect(log.after(4).map((one) => one[2])).toEqual(["5", "6"]);
  expect(log.after(7).map((one) => one[2])).toEqual(["8"]);
  expect(log.after(8)).toEqual([]);
  log.add(["publish", "a", "x".repeat(9000), 0]);
  expect(log.after(8).length).toBe(1);
  log.add(["publish", "a", "y".repeat(20_000), 0]);
  expect([log.oldest, log.newest]).toEqual([11, 10]);
});

test("readNodeMessage: what cannot be understood in a list spoils nothing beside it", () => {
  const said = { from: "a", run: "r", first: 1, newest: 3, kind: "entries" };
  const good = ["publish", "a", "b", 1];
  const read = readNodeMessage(JSON.stringify({ ...said, entries: [good, ["end-user", "x".repeat(5000), ""], good] }));
  expect(read).toMatchObject({ entries: [good, ["unreadable", "", ""], good] });
  // One of a newer version, perhaps.
  const newer = readNodeMessage(JSON.stringify({ ...said, entries: [["paint", "red"], good] }));
  expect(newer).toMatchObject({ entries: [["unreadable", "", ""], good] });
  const here = { from: "a", run: "r", kind: "here", presence: 1, part: 0, parts: 1 };
  const person = ["room", "c1", "ann", null];
  expect(
    readNodeMessage(JSON.stringify({ ...here, entries: [["x".repeat(2000), "c2", "", null], person] })),
  ).toMatchObject({ entries: [person] });
});

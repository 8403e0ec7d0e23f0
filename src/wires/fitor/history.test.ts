/** What was said: in order, searchable, once, and not for ever. */
import { expect, test } from "bun:test";

import { History, type NewLine } from "./history.ts";

const line = (text: string, more: Partial<NewLine> = {}): NewLine => ({
  room: "irc/#a",
  at: 1000,
  kind: "message",
  nick: "anna",
  text,
  origin: "irc",
  ...more,
});
const texts = (lines: readonly { text: string }[]) => lines.map(({ text }) => text);

test("list and after: rooms by themselves, oldest first, a page at a time", () => {
  const history = new History(":memory:");
  for (let index = 0; index < 5; index++) history.add(line(`line ${index}`));
  history.add(line("elsewhere", { room: "irc/#b" }));
  expect(texts(history.list("irc/#a", 2))).toEqual(["line 3", "line 4"]);
  expect(texts(history.list("irc/#a", 2, 4))).toEqual(["line 1", "line 2"]);
  expect(texts(history.after(4, 10))).toEqual(["line 4", "elsewhere"]);
  history.add(line("from the bus", { origin: "bus", at: 5000 }));
  expect([history.newestId, history.lastHeardAt("irc/#a"), history.lastHeardAt("irc/#c")]).toEqual([
    7,
    1000,
    undefined,
  ]);
  history.close();
});

test("add: the same message of a server is kept once", () => {
  const history = new History(":memory:");
  expect(history.add(line("a", { messageId: "x" }))?.id).toBe(1);
  expect(history.add(line("a", { messageId: "x" }))).toBeUndefined();
  // Nor does it use up an id: what is kept, and what a page has missed, is counted by these.
  expect(history.add(line("a", { messageId: "x", room: "irc/#b" }))?.id).toBe(2);
  expect(history.newestSaid("irc/#a")).toBe(1);
  history.add(line("came in", { kind: "join" }));
  expect(history.newestSaid("irc/#a")).toBe(1);
  history.close();
});

test("search: all words, the last one by its beginning, in any case, with signs that mean something to SQLite", () => {
  const history = new History(":memory:");
  history.add(line("The build is GREEN"));
  history.add(line("the build is red", { room: "irc/#b", nick: "green_bob" }));
  expect(texts(history.search("green build", 10))).toEqual(["the build is red", "The build is GREEN"]);
  expect(texts(history.search("bui", 10, "irc/#b"))).toEqual(["the build is red"]);
  expect(history.search("build blue", 10)).toEqual([]);
  for (const odd of ['"', "*", "a OR", "NEAR(", "-", "", "text:x", "'; DROP TABLE lines"]) {
    expect(Array.isArray(history.search(odd, 10))).toBe(true);
  }
  history.close();
});

test("forget: what is too old goes first, then what is too much; search does not find it either", () => {
  const history = new History(":memory:");
  history.add(line("ancient", { at: 1 }));
  for (let index = 0; index < 10; index++) history.add(line(`line ${index}`));
  expect(history.forget(500, 1000)).toBe(false);
  expect(texts(history.list("irc/#a", 100))).toHaveLength(10);
  history.forget(500, 3);
  expect(texts(history.list("irc/#a", 100))).toEqual(["line 7", "line 8", "line 9"]);
  expect([history.search("ancient", 10), texts(history.search("line", 10))]).toEqual([
    [],
    ["line 9", "line 8", "line 7"],
  ]);
  history.close();
});

test("newestId: it stays when all was forgotten, so that nobody takes the history for another one", () => {
  const history = new History(":memory:");
  expect(history.newestId).toBe(0);
  for (let index = 0; index < 3; index++) history.add(line(`line ${index}`));
  history.forget(5000, 1000);
  expect([history.list("irc/#a", 10), history.newestId]).toEqual([[], 3]);
  expect(history.add(line("again"))?.id).toBe(4);
  history.close();
});

test("newestSaid: it is found as fast where thousands have come and gone since", () => {
  const history = new History(":memory:");
  for (const room of ["irc/#a", "irc/#b"]) history.add(line("said", { room }));
  for (let index = 0; index < 5000; index++) history.add(line("came in", { room: "irc/#b", kind: "join" }));
  const fastest = (room: string) => {
    const runs = Array.from({ length: 10 }, () => {
      const beganAt = performance.now();
      for (let run = 0; run < 5; run++) history.newestSaid(room);
      return performance.now() - beganAt;
    });
    return Math.min(...runs);
  };
  expect(history.newestSaid("irc/#b")).toBe(2);
  const [quiet, busy] = [fastest("irc/#a"), fastest("irc/#b")];
  expect(busy).toBeLessThan(quiet * 10);
  history.close();
});

import { expect, test } from "bun:test";
import fc from "fast-check";

import { connect } from "node:net";
import { inspect } from "node:util";

import { type AdminParts, answer, listenAdmin } from "./admin.ts";

function parts(counters: [string, number][] = []): AdminParts {
  const map = new Map(counters);
  return {
    stats: () => [],
    counters: () => map,
    gauges: () => map,
    timers: () => [],
    nodes: () => undefined,
    remove: (_kind, name) => map.delete(name),
    names: () => map.keys(),
    health: { state: "up" },
    config: () => [["a > b", "c"]],
  };
}

function said(line: string, of: AdminParts): string | undefined {
  const reply = answer(line, of);
  return reply && [...reply].join("");
}

test("answer: no line throws, whatever the names", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("counters", "delcounters", "health", "stats", "config", "__proto__", "a.*", ".*", " "),
  );
  fc.assert(
    fc.property(fc.array(word), fc.array(fc.tuple(fc.string(), fc.double())), (words, counters) => {
      expect(typeof (said(words.join(" "), parts(counters)) ?? "")).toBe("string");
    }),
    { numRuns: 1000 },
  );
});

test("answer: names that objects have of themselves are shown and removed like any other", () => {
  const some = parts([
    ["__proto__", 1],
    ["constructor", 2],
  ]);
  expect(said("counters", some)).toBe("{ ['__proto__']: 1, constructor: 2 }\nEND\n\n");
  expect(said("delcounters __proto__ toString", some)).toBe("deleted: __proto__\nmetric toString not found\nEND\n\n");
});

test("answer: many patterns over many names take time in proportion to their sum, and remove the same", () => {
  const many = parts(Array.from({ length: 20_000 }, (_, at) => [`a.b${at}.c`, at]));
  let looked = 0;
  const counted: AdminParts = {
    ...many,
    *names(kind) {
      for (const name of many.names(kind)) {
        looked++;
        yield name;
      }
    },
  };
  const reply = said(`delcounters ${"q.* ".repeat(5000)}a.b7.* a.b8`, counted);
  expect(reply?.match(/deleted/g)).toHaveLength(1);
  expect(reply).toContain("deleted: a.b7.c\nmetric a.b8 not found\n");
  expect(looked).toBeLessThanOrEqual(20_000);
});

test("listenAdmin: one who asks without reading is answered no further", async () => {
  let asked = 0;
  const long = Array.from({ length: 5000 }, (_, at): [string, number] => [`name.number.${at}`, at]);
  const listener = await listenAdmin(
    { host: "127.0.0.1", port: 0 },
    {
      ...parts(),
      counters() {
        asked++;
        return long;
      },
    },
  );
  const socket = connect({ host: "127.0.0.1", port: listener.port ?? 0 });
  socket.pause();
  await new Promise((resolve) => socket.write("counters\n".repeat(300), resolve));
  for (let same = 0, before = -1; same < 20; same = asked === before ? same + 1 : 0) {
    before = asked;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(150);
  // And goes on with the rest when it reads.
  let ends = 0;
  socket.on("data", (chunk: Buffer) => {
    ends += chunk.toString("latin1").split("}").length - 1;
  });
  socket.end();
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  expect(ends).toBe(300);
  await listener.close();
}, 120_000);

test("answer: what is shown in pieces is what is shown at once", () => {
  for (const count of [0, 3, 999, 1000, 1001, 2499, 2500]) {
    const list = Array.from({ length: count }, (_, at): [string, number] => [`some.name${at}'`, at / 3]);
    expect(said("counters", parts(list))).toBe(`${inspect(Object.fromEntries(list))}\nEND\n\n`);
    const timers = list.map(([name, value], at): [string, number[]] => [
      name,
      Array.from({ length: at % 120 }, () => value),
    ]);
    const shown = inspect(Object.fromEntries(timers));
    expect(said("timers", { ...parts(), timers: () => timers })).toBe(`${shown}\nEND\n\n`);
  }
});

test("listenAdmin: a long reply comes in pieces, between which others have their turn, and is whole", async () => {
  const list = Array.from({ length: 50_000 }, (_, at): [string, number] => [`some.name${at}`, at]);
  const listener = await listenAdmin({ host: "127.0.0.1", port: 0 }, parts(list));
  const socket = connect({ host: "127.0.0.1", port: listener.port ?? 0 });
  socket.setEncoding("latin1");
  let reply = "";
  socket.on("data", (piece: string) => {
    reply += piece;
  });
  socket.end("counters\nhealth\n");
  await new Promise((resolve) => socket.once("close", resolve));
  const pieces = [...(answer("counters", parts(list)) ?? [])].map(({ length }) => length);
  expect(Math.max(...pieces)).toBeLessThan(64 * 1024);
  expect(reply).toBe(`${inspect(Object.fromEntries(list))}\nEND\n\nhealth: up\n`);
  await listener.close();
}, 120_000);

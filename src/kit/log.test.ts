/** What reaches the log, in which form, and what never does. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { createLog, formatEntry, type LogOptions } from "./log.ts";
import { ManualClock } from "./testing/manual-clock.ts";

function setup(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const clock = new ManualClock(Date.UTC(2030, 0, 1, 12));
  const log = createLog({ level: "debug", format: "text", clock, write: (line) => void lines.push(line), ...options });
  return { log, lines, clock };
}

test("createLog: aligned text for people", () => {
  const { log, lines } = setup();
  log
    .child({ service: "cask" })
    .info("A blob was stored", { key: "sha256:00", note: "two words", left: undefined, free: 3 });
  expect(lines).toEqual(['12:00:00.000 info  A blob was stored  service=cask key=sha256:00 note="two words" free=3\n']);
});

test("createLog: one JSON object a line for programs", () => {
  const { log, lines } = setup({ format: "json" });
  log.child({ service: "cask" }).warn("A disk is slow", { ms: 900 });
  expect(lines.length).toBe(1);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    level: "warn",
    time: Date.UTC(2030, 0, 1, 12),
    service: "cask",
    ms: 900,
    msg: "A disk is slow",
  });
});

test("createLog: entries below the level are neither written nor kept", () => {
  for (const format of ["text", "json"] as const) {
    const { log, lines } = setup({ level: "warn", format });
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    expect(lines.length).toBe(2);
    expect(log.recent().map(({ message }) => message)).toEqual(["c", "d"]);
  }
});

test("createLog: secrets are masked at every depth, and the caller's fields stay as they were", () => {
  for (const format of ["text", "json"] as const) {
    const { log, lines } = setup({ format });
    const fields = {
      password: "swordfish",
      request: { headers: { authorization: "Bearer swordfish" }, list: [{ clusterSecret: "swordfish" }] },
      cookie: "",
    };
    log.error("Refused", fields);
    expect(lines.join("")).not.toContain("swordfish");
    expect(lines.join("")).toContain("***");
    expect(JSON.stringify(log.recent())).not.toContain("swordfish");
    expect(fields.request.headers.authorization).toBe("Bearer swordfish");
  }
});

test("createLog: errors come with their stack and causes", () => {
  const { log, lines } = setup({ format: "json" });
  log.error("Failed", { error: new Error("outer", { cause: new RangeError("inner") }) });
  const { error }: { error: string } = JSON.parse(lines[0] ?? "");
  expect(error).toContain("Error: outer");
  expect(error).toContain("caused by inner");
});

test("createLog: no value stops it, whatever JSON thinks of it", () => {
  const round: Record<string, unknown> = {};
  round.self = round;
  class Angry {
    toJSON(): never {
      throw new Error("no JSON of me");
    }
  }
  for (const format of ["text", "json"] as const) {
    const { log, lines } = setup({ format });
    log.info("Odd", { big: 1n, round, call: () => 1, symbol: Symbol("s"), angry: new Angry(), nothing: null });
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain("Odd");
  }
});

test("createLog: repeats are left out beyond the burst, and counted even if none comes again", () => {
  const { log, lines, clock } = setup({ burst: 2, throttleMs: 1000 });
  for (let turn = 0; turn < 5; turn++) log.warn("Slow", { turn });
  log.info("Other");
  expect(lines.length).toBe(3);
  clock.advance(1000);
  expect(lines.slice(3)).toEqual(["12:00:01.000 warn  Repeats were left out  of=Slow count=3\n"]);
  log.warn("Slow");
  expect(lines.length).toBe(5);
  clock.advance(5000);
  expect(lines.length).toBe(5);
  expect(clock.waiting).toBe(0);
});

test("createLog: keeps the newest entries", () => {
  const { log } = setup({ keep: 2 });
  for (const message of ["a", "b", "c"]) log.info(message);
  expect(log.recent().map(({ message }) => message)).toEqual(["b", "c"]);
});

test("formatEntry: whatever is logged is one line without control characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), fc.anything(), (message, name, value) => {
      const line = formatEntry({ at: 0, level: "info", message, fields: { [name]: value } });
      // eslint-disable-next-line no-control-regex
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
  );
  expect(formatEntry({ at: 0, level: "info", message: "a\u001b[2J\u007f\u009b\nb", fields: {} })).toBe(
    "00:00:00.000 info  a\\u001b[2J\\u007f\\u009b\\nb",
  );
});

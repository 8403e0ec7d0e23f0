/** What keeps a failing rule from being told: people, hours, and other rules. */
import { expect, test } from "bun:test";

import { saying } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const rule = { name: "load", target: "load", above: 10 };

test("acknowledge: stops the repeats until it recovers, and the recovery is told", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule], saying(values));
  await run.round();
  expect(run.hound.acknowledge("nobody", "me")).toBe(false);
  expect(run.hound.acknowledge(run.hound.standings()[0]?.id ?? "", "me")).toBe(true);
  run.restart();
  expect(await run.pass(2 * dayMs)).toEqual([]);
  expect(run.hound.standings()[0]).toMatchObject({ mutedBy: "acknowledged", acknowledged: { by: "me" } });
  values.load = 1;
  expect(await run.pass(hourMs)).toEqual(["0: [RECOVERED] load"]);
  values.load = 12;
  expect(await run.pass(minuteMs)).toEqual(["0: [ALERT] load"]);
});

test("silence: what it covers is not told until it ends; others are", async () => {
  const values = { load: 12, web: 12 };
  const run = new HoundTest(
    [
      { ...rule, labels: { host: "db-1" } },
      { name: "web", target: "web", above: 1 },
    ],
    saying(values),
  );
  const untilAt = run.clock.now() + 3 * hourMs;
  const { id } = run.hound.silence({ matcher: "host=db-*", untilAt, by: "me", comment: "moving" });
  run.restart();
  expect(run.hound.silences()).toMatchObject([{ id, matcher: "host=db-*", by: "me", comment: "moving" }]);
  expect((await run.pass(2 * minuteMs)).join()).toBe("0: [ALERT] web");
  expect(run.hound.standings()[0]).toMatchObject({ mutedBy: "silence", silencedUntilAt: untilAt });
  expect(run.hound.unsilence(id, "me")).toBe(true);
  expect(run.hound.unsilence(id, "me")).toBe(false);
  expect((await run.pass(minuteMs)).join()).toBe("0: [ALERT] load");
  expect(() => run.hound.silence({ matcher: "nonsense", untilAt, by: "", comment: "" })).toThrow("wanted a label");
  expect(() => run.hound.silence({ matcher: "a=b", untilAt: 0, by: "", comment: "" })).toThrow("later than now");
});

test("tell: quiet hours hold back, and tell afterwards what came and went", async () => {
  const values = { load: 12, brief: 12 };
  const quiet = {
    windows: [
      { kind: "weekly" as const, days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 22 * 60, untilMinute: 7 * 60, zone: "UTC" },
    ],
    exceptSeverities: ["critical"],
  };
  const entries = [
    { ...rule, severity: "warning" },
    { name: "brief", target: "brief", above: 1, severity: "warning" },
    { name: "loud", target: "load", above: 1 },
  ];
  const run = new HoundTest(entries, saying(values), { quiet }, Date.UTC(2030, 0, 1, 23));
  expect(await run.pass(hourMs, 10 * minuteMs)).toEqual(["0: [ALERT] loud", "10: [ALERT] loud", "40: [ALERT] loud"]);
  values.brief = 0;
  run.hound.acknowledge(run.hound.standings()[2]?.id ?? "", "me");
  run.restart();
  expect(await run.pass(8 * hourMs, 10 * minuteMs)).toEqual([
    "420: [ALERT] load",
    "420: [NOTICE] In quiet hours: brief",
    "430: [ALERT] load",
    "460: [ALERT] load",
  ]);
});

test("tell: a rule that depends on one that fails waits for it", async () => {
  const values = { router: 0, site: 0, page: 9 };
  const entries = [
    { name: "router", target: "router", below: 0, for: "3m" },
    { name: "site", target: "site", below: 0, depends_on: ["router"], for: "1m" },
    { name: "page", target: "page", above: 5, depends_on: ["site"] },
  ];
  const run = new HoundTest(entries, saying(values));
  expect(await run.pass(10 * minuteMs)).toEqual(["3: [ALERT] router", "8: [ALERT] router"]);
  values.router = 1;
  expect(await run.pass(2 * minuteMs)).toEqual(["0: [RECOVERED] router", "1: [ALERT] site"]);
  values.site = 1;
  expect(await run.pass(2 * minuteMs)).toEqual(["0: [RECOVERED] site", "1: [ALERT] page"]);
});

test("tell: points of what one depends on may come a round later, when it fails and when it is good again", async () => {
  const values = { page: 1, router: 1 };
  const entries = [
    { name: "page", target: "page", above: 5, depends_on: ["router"] },
    { name: "router", target: "router", below: 0 },
  ];
  const run = new HoundTest(entries, saying(values));
  await run.pass(minuteMs);
  values.page = 9;
  expect(await run.pass(minuteMs)).toEqual([]);
  expect(run.hound.standings()[0]).toMatchObject({ state: "Failed", mutedBy: "dependency" });
  values.router = 0;
  expect(await run.pass(2 * minuteMs)).toEqual(["0: [ALERT] router"]);
  values.router = 1;
  expect(await run.pass(minuteMs)).toEqual(["0: [RECOVERED] router"]);
  values.page = 1;
  expect(await run.pass(hourMs)).toEqual([]);
  // Where nothing else fails it is told all the same.
  values.page = 9;
  expect(await run.pass(3 * minuteMs)).toEqual(["1: [ALERT] page"]);
});

test("silence: everybody is told of it where that is wanted", async () => {
  const run = new HoundTest([rule], saying({ load: 1 }), { tellsSilences: true });
  const untilAt = run.clock.now() + hourMs;
  const { id } = run.hound.silence({ matcher: "name=load", untilAt, by: "ann", comment: "new disk" });
  const [made] = await run.round();
  expect(made).toMatchObject({ kind: "silence", recipients: ["ops@x.example"] });
  expect(made?.text).toBe(
    "Nothing is told of name=load until 2030-01-01 01:00 UTC: ann has silenced it.\n\nnew disk\n",
  );
  run.hound.unsilence(id, "bob");
  expect((await run.round())[0]?.subject).toBe("[NOTICE] No longer silent: name=load");
});

test("silence: one that ends in thousands of years is refused, for no calendar has that day", () => {
  const run = new HoundTest([rule], saying({ load: 1 }), { tellsSilences: true });
  const wanted = { matcher: "name=load", untilAt: 9_000_000_000_000_000, by: "anna", comment: "" };
  expect(() => run.hound.silence(wanted)).toThrow("within ten years");
  expect(run.hound.silences()).toEqual([]);
});

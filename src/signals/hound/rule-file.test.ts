/** Rules as they are written, in all forms, and what is said about those that cannot be used. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { paced } from "../../kit/testing/pace.ts";
import { readRules, RuleProblems, withoutSpace } from "./rule-file.ts";
import type { RuleDefaults } from "./rule-shape.ts";

const defaults: RuleDefaults = {
  windowMs: 600_000,
  graceMs: undefined,
  forMs: 0,
  keepFiringMs: 0,
  zone: "UTC",
};

function problemsOf(own: unknown[], file?: { text: string; name: string }): readonly string[] {
  try {
    readRules(own, file, defaults);
    return [];
  } catch (thrown) {
    if (thrown instanceof RuleProblems) return thrown.problems;
    throw thrown;
  }
}

const original = (alerts: unknown) => ({ name: "config.json", text: JSON.stringify({ Alerts: alerts }) });

test("readRules: the predecessor's file, with its defaults and its hash", () => {
  const [plain, notice] = readRules(
    [],
    original([
      { Name: "Foo", Metric: " foo\n", Threshold: 10, Direction: "above" },
      {
        NAME: "Bar",
        metric: "b a r",
        type: "Notice",
        Direction: "up",
        EmailTo: "a@x.example",
        RunBookLink: "http://r/",
      },
    ]),
    defaults,
  );
  expect(plain).toMatchObject({ id: "22138d2e6b", name: "Foo", target: "foo", kind: "Alert", direction: "above" });
  expect(plain).toMatchObject({ recipients: [], noData: "state", windowMs: 600_000, graceMs: 600_000 });
  expect(notice).toMatchObject({ target: "bar", kind: "Notice", direction: "below", threshold: 0 });
  expect(notice).toMatchObject({ recipients: ["a@x.example"], runbookUrl: "http://r/" });
});

test("readRules: rules that measure alike have ids of their own, the first the predecessor's", () => {
  const twin = { Metric: "foo", Threshold: 10, Direction: "above" };
  const ids = readRules(
    [],
    original([
      { ...twin, Name: "a" },
      { ...twin, Name: "b" },
      { ...twin, Name: "b" },
    ]),
    defaults,
  ).map(({ id }) => id);
  expect(ids[0]).toBe("22138d2e6b");
  expect(new Set(ids).size).toBe(3);
  expect(ids.every((id) => /^22138d2e6b(?:-[0-9a-f]{4}(?:-\d+)?)?$/.test(id))).toBe(true);
});

test("withoutSpace: nothing is left but what stands in quotes", () => {
  expect(withoutSpace(" alias( a.b ,\t'two words' , \"x  y\" )\n")).toBe("alias(a.b,'two words',\"x  y\")");
  fc.assert(
    fc.property(fc.string(), (text) => {
      const bare = withoutSpace(text);
      expect(bare.replaceAll(/"[^"]*"|'[^']*'/g, "")).not.toMatch(/\s/);
      expect(withoutSpace(bare)).toBe(bare);
    }),
  );
});

test("readRules: our own form says everything a rule can", () => {
  const text = `
[[rules]]
name = "router"
target = "net.up"
below = 1
[[rules]]
name = "errors"
target = "sumSeries(app.*.errors)"
above = 3.5
weeks = { count = 2, as = "deviations" }
either_way = true
for = "5m"
keep_firing = "10m"
grace = "2m"
no_data = "keep"
per_series = true
severity = "warning"
labels = { team = "web" }
to = ["ops@x.example", "channel:room"]
escalate = { after = "2h", to = "boss@x.example" }
depends_on = ["router"]
quiet_hours = [{ days = "mon-fri", from = "22:00", until = "07:00", zone = "Europe/Berlin" }]
maintenance = [{ from = "2026-12-24T18:00:00Z", until = "2026-12-25T18:00:00Z" }]
`;
  const [router, errors] = readRules([], { text, name: "rules.toml" }, defaults);
  expect(errors).toMatchObject({
    measure: { kind: "weeks", weeks: 2, as: "deviations" },
    isEitherWay: true,
    forMs: 300_000,
    keepFiringMs: 600_000,
    graceMs: 120_000,
    noData: "keep",
    isPerSeries: true,
    recipients: ["ops@x.example", "channel:room"],
    escalation: { afterMs: 7_200_000, recipients: ["boss@x.example"] },
    dependsOn: [router?.id],
    quietHours: [{ kind: "weekly", days: [1, 2, 3, 4, 5], fromMinute: 1320, untilMinute: 420, zone: "Europe/Berlin" }],
    maintenance: [{ kind: "once", fromAt: Date.UTC(2026, 11, 24, 18), untilAt: Date.UTC(2026, 11, 25, 18) }],
  });
});

test("readRules: every problem is told at once, with its line, rule and key", () => {
  const text = `{
  "rules": [
    { "name": "a", "target": "x", "above": 1, "below": 2 },
    { "name": "b", "target": "x", "above": 1,
      "for": "soon", "colour": "red" },
    { "name": "c", "target": "x", "above": 1, "depends_on": ["nobody"] }
  ]
}`;
  const problems = problemsOf([], { text, name: "r.json" });
  expect(problems).toHaveLength(4);
  expect(problems.join("\n")).toContain('r.json:3 ("a"): wanted either "above" or "below", with a number');
  expect(problems.join("\n")).toContain('r.json:4 ("b"): for: wanted a duration such as "5m", not "soon"');
  expect(problems.join("\n")).toMatch(/r\.json:4 \("b"\): .*colour/);
  expect(problems.join("\n")).toContain('r.json:6 ("c"): depends_on: no rule is named "nobody"');
  expect(problemsOf([], { text: "[", name: "r.json" })[0]).toStartWith("r.json: ");
  expect(problemsOf([], { text: "{}", name: "r.json" })[0]).toContain('wanted a list "rules"');
  expect(problemsOf([], original([{ Name: "n", Threshold: "high" }]))[0]).toContain("threshold: wanted a number");
});

test("readRules: a wrong value is said with what was given and what is wanted", () => {
  const problemOf = (entry: object) =>
    problemsOf([{ name: "n", target: "t", above: 1, ...entry }], undefined).join("; ");
  expect(problemOf({ to: "nobody" })).toBe(
    'rules 1 ("n"): to: wanted addresses such as ops@example.org, and channels as channel:<name>, not "nobody"',
  );
  expect(problemOf({ to: [] })).toContain("to: wanted addresses");
  expect(problemOf({ to: ["ops@x.example", "channel:a b"] })).toContain("to: wanted addresses");
  expect(problemOf({ escalate: { after: "1h", to: "x" } })).toContain("escalate.to: wanted addresses");
  expect(problemOf({ window: "0s" })).toBe('rules 1 ("n"): window: wanted a second or more, not "0s"');
  expect(problemOf({ for: "9999999d" })).toContain('for: wanted a year at most, not "9999999d"');
  expect(problemOf({ change: { over: "10ms" } })).toContain('change.over: wanted a second or more, not "10ms"');
  expect(problemOf({ sevrity: "x" })).toContain('there is no key "sevrity": did you mean "severity"?');
  expect(problemOf({ to: "Ops <ops@x.example>" })).toContain("to: wanted addresses");
  expect(problemOf({ to: ["Ops <ops@x.example>", "channel:room"] })).toBe("");
});

test("readRules: what is no TOML is told with its line", () => {
  const text = '[[rules]]\nname = "a"\ntarget = oops\nabove = 1\n';
  expect(() => readRules([], { text, name: "rules.toml" }, defaults)).toThrow(/^rules\.toml:3: TOML Parse error: /);
});

test("readRules: a circle of dependencies is refused by name", () => {
  const rule = (name: string, on: string) => ({ name, target: name, above: 1, depends_on: [on] });
  expect(problemsOf([rule("a", "b"), rule("b", "c"), rule("c", "a")])).toEqual([
    'The rules "a", "b", "c" depend on each other in a circle',
  ]);
});

test("readRules: no text makes it fail in another way than with problems", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.string(),
        fc.jsonValue().map((alerts) => JSON.stringify({ alerts })),
      ),
      (text) => {
        expect(Array.isArray(problemsOf([], { text, name: "r.json" }))).toBe(true);
      },
    ),
  );
  fc.assert(fc.property(fc.array(fc.jsonValue()), (own) => expect(Array.isArray(problemsOf(own))).toBe(true)));
});

test("readRules: twenty thousand rules are read in moments, and as many that are all alike", async () => {
  const { costMs } = await paced(() => {
    for (const name of [(number: number) => `r${number}`, () => "same"]) {
      const entries = Array.from({ length: 20_000 }, (_, number) => ({
        name: name(number),
        target: name(number),
        above: 1,
      }));
      const rules = readRules(entries, undefined, defaults);
      expect(new Set(rules.map(({ id }) => id)).size).toBe(20_000);
    }
  });
  // It took a minute when every rule was held against all others.
  expect(costMs).toBeLessThan(10_000);
});

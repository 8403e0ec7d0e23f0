import { describe, expect, test } from "bun:test";

import { changed, formOf } from "./editing.ts";
import { dashboardShape, type WrittenDashboard } from "./written.ts";

const start: WrittenDashboard = dashboardShape.parse({
  title: "x",
  graphs: { base: { attrs: { yMin: 0 } }, a: { parents: ["base"], targets: ["a"] }, b: { targets: ["b.$1"] } },
  sections: [
    { label: "one", graphs: ["a", "b 1"] },
    { label: "two", graphs: ["b 2"] },
  ],
});
const act = (words: Record<string, string>, from = start) => changed(from, new URLSearchParams(words));
const order = ({ sections }: WrittenDashboard) => sections.map(({ graphs, label }) => [label, ...graphs]);

describe("changed", () => {
  test("changed: a chart moves within its section, and from its end into the next", () => {
    expect(order(act({ action: "move-entry", section: "0", entry: "0", by: "1" }))).toEqual([
      ["one", "b 1", "a"],
      ["two", "b 2"],
    ]);
    expect(order(act({ action: "move-entry", section: "0", entry: "1", by: "1" }))).toEqual([
      ["one", "a"],
      ["two", "b 1", "b 2"],
    ]);
    expect(order(act({ action: "move-entry", section: "1", entry: "0", by: "-1" }))).toEqual([
      ["one", "a", "b 1", "b 2"],
      ["two"],
    ]);
    expect(act({ action: "move-entry", section: "0", entry: "0", by: "-1" })).toEqual(start);
  });

  test("changed: what nobody shows any more is removed with its entry, what others need stays", () => {
    expect(Object.keys(act({ action: "remove-entry", section: "0", entry: "0" }).graphs)).toEqual(["base", "b"]);
    expect(Object.keys(act({ action: "remove-entry", section: "0", entry: "1" }).graphs)).toEqual(["base", "a", "b"]);
    expect(Object.keys(act({ action: "remove-section", section: "0" }).graphs)).toEqual(["base", "b"]);
  });

  test("changed: a form that was not touched changes nothing", () => {
    const { inheritedTargets: _inherited, ...form } = formOf(start, "a");
    expect(act({ action: "save-graph", ...form })).toEqual(start);
  });

  test("changed: single numbers and thresholds from below can be made by hand, and read back as they were written", () => {
    const made = act({
      action: "add-graph",
      title: "Free",
      kind: "number",
      targets: "a",
      thresholds: "below 10 bad Nearly none\n80 warn\n-3 below zero",
    });
    expect(made.graphs["free"]).toEqual({
      title: "Free",
      kind: "number",
      targets: ["a"],
      thresholds: [
        { value: 10, label: "Nearly none", tone: "bad", below: true },
        { value: 80, tone: "warn" },
        { value: -3, label: "below zero" },
      ],
    });
    const { kind, thresholds } = formOf(made, "free");
    expect([kind, thresholds]).toEqual(["number", "below 10 bad Nearly none\n80 warn\n-3 below zero"]);
  });

  test("changed: a new chart gets a name of its own and its place", () => {
    const form = {
      action: "add-graph",
      title: "A",
      targets: "x\ny",
      section: "1",
      thresholds: "80 warn Nearly full\n9",
      attrs: "height = 200",
    };
    const next = act(form);
    expect(order(next)[1]).toEqual(["two", "b 2", "a-2"]);
    expect(next.graphs["a-2"]).toEqual({
      title: "A",
      targets: ["x", "y"],
      attrs: { height: 200 },
      thresholds: [{ value: 80, label: "Nearly full", tone: "warn" }, { value: 9 }],
    });
  });

  test("changed: forms that make no sense are refused", () => {
    for (const words of [
      { action: "fly" },
      { action: "remove-entry", section: "7", entry: "0" },
      { action: "remove-entry", section: "0", entry: "-1" },
      { action: "save-graph", name: "nobody" },
      { action: "save-graph", name: "a", thresholds: "many" },
      { action: "save-graph", name: "a", attrs: "colour = red" },
    ])
      expect(() => act(words)).toThrow(/^Cannot change the dashboard: /);
  });
});

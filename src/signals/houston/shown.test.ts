import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import {
  entryOf,
  fill,
  inherited,
  isPlainValue,
  neededPatterns,
  presentValues,
  relationProblems,
  shownSections,
} from "./shown.ts";
import { dashboardShape, type WrittenDashboard } from "./written.ts";

const dashboard = (parts: Partial<WrittenDashboard>): WrittenDashboard =>
  dashboardShape.parse({ title: "x", ...parts });

describe("inherited", () => {
  const written = dashboard({
    graphs: {
      root: { title: "root", unit: "bytes", targets: ["a"], attrs: { height: 1, yMin: 1 } },
      other: { attrs: { height: 2 }, targets: ["b"] },
      child: { parents: ["root", "other"], attrs: { yMin: 3 } },
      ring: { parents: ["ring"], title: "own" },
    },
  });

  test("inherited: the last parent wins over the first, and own words over both", () => {
    expect(inherited(written, "child")).toEqual({
      title: "root",
      unit: "bytes",
      targets: ["b"],
      parents: ["root", "other"],
      attrs: { height: 2, yMin: 3 },
    });
  });

  test("inherited: a ring of parents ends", () => {
    expect(inherited(written, "ring").title).toBe("own");
  });

  test("inherited: what is reached by many ways is worked out once, and a long line of parents has an end", () => {
    const ladder = Object.fromEntries(
      Array.from({ length: 60 }, (_, at) => [`g${at}`, { parents: [`g${at + 1}`, `g${at + 1}`] }]),
    );
    const graphs = { ...ladder, g60: { targets: ["a.b"] } };
    expect(inherited(dashboard({ graphs }), "g0").targets).toEqual(["a.b"]);
    const ring = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `g${at}`,
        { parents: Array.from({ length: 20 }, (_, to) => `g${(at + to) % 40}`) },
      ]),
    );
    expect(relationProblems(dashboard({ graphs: ring })).length).toBeGreaterThan(0);
    const line = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`g${at}`, { parents: [`g${at + 1}`] }]));
    const deep = dashboard({
      graphs: { ...line, g20000: { targets: ["a.b"] } },
      sections: [{ label: "All", graphs: ["g0"] }],
    });
    expect(relationProblems(deep)).toEqual([]);
    expect(inherited(deep, "g0").targets).toEqual(["a.b"]);
  });
});

describe("fill", () => {
  test("fill: words by number, variables by name, and $$ for a dollar", () => {
    expect(fill("a.$1.$host.$2.$$3", ["x"], { host: "h" })).toBe("a.x.h..$3");
  });

  test("fill: what is put in is not looked at again", () => {
    expect(fill("$1", ["$host"], { host: "h" })).toBe("$host");
  });

  test("fill: names that every object has are no variables", () => {
    expect(fill("a.$constructor.$toString.b", [], {})).toBe("a...b");
  });
});

describe("presentValues", () => {
  const written = dashboard({
    variables: { host: { values: ["a", "b"], default: "b", all: true }, app: { find: "x.*" } },
  });
  const values = { host: ["a", "b"], app: ["m", "n"] };

  test("presentValues: only what is there can be chosen", () => {
    expect(presentValues(written, { values, chosen: {} })).toEqual({ host: "b", app: "m" });
    expect(presentValues(written, { values, chosen: { host: "a", app: "n" } })).toEqual({ host: "a", app: "n" });
    expect(presentValues(written, { values, chosen: { host: "*", app: "*" } })).toEqual({ host: "*", app: "m" });
    expect(presentValues(written, { values, chosen: { host: 'a,"),randomWalk("' } })["host"]).toBe("b");
  });

  test("isPlainValue: nothing that could end a name or begin an expression", () => {
    for (const bad of ["a b", "a(b", "a)b", 'a"b', "a'b", "a,b", "a|b", "", "a\nb", "$a", "a\\b"])
      expect(isPlainValue(bad)).toBe(false);
    for (const good of ["web1", "a.b-c_d", "*", "{a}", "a;b=c", "Grüße"]) expect(isPlainValue(good)).toBe(true);
  });
});

describe("shownSections", () => {
  test("shownSections: each and needs", () => {
    const written = dashboard({
      variables: { host: { find: "server.*" } },
      graphs: {
        load: { targets: ["server.$1.load"] },
        all: { targets: ["sum(server.*.load)"], title: "All of $host" },
      },
      sections: [
        { label: "Of $host", each: "host", needs: "server.$host.load", graphs: ["load", "load $host", "load fixed"] },
        { label: "All", graphs: ["all"] },
        { label: "None", needs: "x.*", graphs: ["all"] },
      ],
    });
    const has = (pattern: string) => pattern === "server.b.load";
    const sections = shownSections(written, { values: { host: ["a", "b"] }, chosen: {}, has });
    expect(
      sections.map(({ graphs, label }) => [label, graphs.map(({ targets, title }) => [title, ...targets])]),
    ).toEqual([
      [
        "Of b",
        [
          ["load b", "server.b.load"],
          ["load b", "server.b.load"],
          ["load fixed", "server.fixed.load"],
        ],
      ],
      ["All", [["All of a", "sum(server.*.load)"]]],
    ]);
  });

  test("shownSections: the value of a round is $1 in all words of its section, too", () => {
    const written = dashboard({
      variables: { web: { values: ["web1", "web2"] } },
      graphs: { cpu: { targets: ["a.$1.cpu"], note: "Of $1" } },
      sections: [{ label: "On $1", note: "What $web does", each: "web", needs: "a.$1", graphs: ["cpu $1"] }],
    });
    expect(relationProblems(written)).toEqual([]);
    const values = { web: ["web1", "web2"] };
    expect(neededPatterns(written, { web: "web1" }, values)).toEqual(["a.web1", "a.web2"]);
    const sections = shownSections(written, { values, chosen: {}, has: (pattern) => pattern === "a.web2" });
    expect(sections.map(({ graphs, label, note }) => [label, note, graphs[0]?.targets, graphs[0]?.note])).toEqual([
      ["On web2", "What web2 does", ["a.web2.cpu"], "Of web2"],
    ]);
  });

  test("relationProblems: what stands for nothing in a section's words is told, not left out", () => {
    const written = dashboard({
      variables: { web: { values: ["web1"] }, app: { find: "$wbe.*" } },
      graphs: { cpu: { targets: ["a.$1.cpu"], note: "by $2" } },
      sections: [
        { label: "On $1", note: "$$5 for $wbe", needs: "a.$2", each: "web", graphs: ["cpu $wbe"] },
        { label: "On $1", graphs: ["cpu $1"] },
      ],
    });
    const nothing = "stands for nothing here: name a variable, or write $$ for a dollar";
    const unknown = '$wbe: there is no such variable: did you mean "web"?';
    const wantsTwo = 'graph "cpu" wants $2, and there is 1 word behind its name';
    expect(relationProblems(written).map(({ path, message }) => `${path.join(".")}: ${message}`)).toEqual([
      `variables.app.find: ${unknown}`,
      `sections.0.note: ${unknown}`,
      `sections.0.needs: $2 ${nothing}`,
      `sections.0.graphs.0: ${unknown}`,
      `sections.0.graphs.0: ${wantsTwo}`,
      `sections.1.label: $1 ${nothing}`,
      `sections.1.graphs.0: $1 ${nothing}`,
      `sections.1.graphs.0: ${wantsTwo}`,
    ]);
  });

  test("shownSections: whatever is written, each graph has targets and nothing is thrown", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 3 }),
        fc.array(fc.string({ maxLength: 12 }), { maxLength: 4 }),
        (parents, entries) => {
          const written = dashboard({
            graphs: { a: { parents, targets: ["x.$1"] }, b: { parents }, c: {} },
            sections: [{ label: "x", graphs: entries.map((entry) => `a ${entry}`) }],
          });
          relationProblems(written);
          const sections = shownSections(written, { values: {}, chosen: {}, has: () => true });
          for (const graph of sections.flatMap(({ graphs }) => graphs)) expect(graph.targets).toHaveLength(1);
        },
      ),
    );
  });

  test("entryOf: a name and its words", () => {
    expect(entryOf("  cpu  web1 web2 ")).toEqual({ name: "cpu", words: ["web1", "web2"] });
  });
});

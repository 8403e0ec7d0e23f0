import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import fc from "fast-check";

import { paced } from "../../kit/testing/pace.ts";
import { formatDashboard, problemText, readDashboard } from "./dashboard-file.ts";
import { relationProblems, shownSections } from "./shown.ts";
import { thisNode } from "./this-node.ts";
import { kinds, units, type WrittenDashboard } from "./written.ts";

const problemsOf = async (text: string, name = "a.toml") =>
  (await readDashboard(text, name)).problems?.map(problemText);
const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((raw) => raw.replaceAll(/[\p{Cc}$]/gu, "").trim());
const word = text.map((raw) => `x${raw}`);

/** Dashboards that make sense. */
const dashboards: fc.Arbitrary<WrittenDashboard> = fc.uniqueArray(name, { minLength: 1, maxLength: 5 }).chain((names) =>
  fc.record({
    title: word,
    tz: fc.constantFrom("UTC", "Europe/Berlin"),
    variables: fc.constant({}),
    graphs: fc
      .tuple(
        ...names.map((_, at) =>
          fc.record(
            {
              title: word,
              kind: fc.constantFrom(...kinds),
              targets: fc.array(word, { minLength: 1, maxLength: 3 }),
              parents: fc.constant<string[]>(at === 0 ? [] : [names[at - 1] ?? ""]),
              attrs: fc.dictionary(
                fc.constantFrom("yMin", "areaMode", "title", "hideGrid"),
                fc.oneof(word, fc.integer(), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true })),
                { noNullPrototype: true },
              ),
              unit: fc.constantFrom(...units),
              thresholds: fc.array(fc.record({ value: fc.integer(), label: word, below: fc.boolean() })),
            },
            { requiredKeys: ["targets"] },
          ),
        ),
      )
      .map((graphs) => Object.fromEntries(graphs.map((graph, at) => [names[at] ?? "", graph]))),
    sections: fc.array(fc.record({ label: word, graphs: fc.array(fc.constantFrom(...names), { maxLength: 4 }) }), {
      maxLength: 3,
    }),
  }),
);

describe("readDashboard", () => {
  test("readDashboard: the sample says what it should", async () => {
    const sample = await Bun.file(join(import.meta.dir, "testdata/web.toml")).text();
    const { written } = await readDashboard(sample, "web.toml");
    if (!written) throw new Error("The sample cannot be read");
    const sections = shownSections(written, { values: { server: ["web1", "web2"] }, chosen: {}, has: () => false });
    expect(sections.map(({ label, graphs }) => [label, graphs.map(({ id }) => id)])).toEqual([
      ["web1", ["load,web1", "memory,web1", "free,web1"]],
      ["web2", ["load,web2", "memory,web2", "free,web2"]],
    ]);
    expect(sections[0]?.graphs[2]).toMatchObject({
      kind: "number",
      thresholds: [{ value: 500_000_000, label: "short", tone: "warn", below: true }],
    });
    expect(sections[0]?.graphs[0]).toEqual({
      kind: "chart",
      id: "load,web1",
      name: "load",
      title: "Load of web1",
      note: undefined,
      targets: ["server.web1.cpu.load_average.1_minute"],
      attrs: { height: "160", yMin: "0", areaMode: "first" },
      unit: "none",
      thresholds: [
        { value: 2, label: "busy", tone: "warn" },
        { value: 8, label: "full", tone: "bad" },
      ],
    });
  });

  test("readDashboard: tells all problems of a file at once, each with its line", async () => {
    const bad = [
      'title = "x"',
      "[graphs.a]",
      'parents = ["b", "nobody"]',
      "attrs = { yMni = 3 }",
      "[graphs.b]",
      'parents = ["a"]',
      'unit = "furlongs"',
      "[graphs.c]",
      'targets = ["x.$2", "y.$sever"]',
      "colour = 3",
      "[variables.server]",
      "[[sections]]",
      'label = "x"',
      'graphs = ["d 1", "c 1"]',
    ].join("\n");
    expect(await problemsOf(bad)).toEqual([
      'line 3, graphs.a.parents.2: there is no graph "nobody"',
      "line 3, graphs.a.parents: it is its own parent, by way of others",
      'line 4, graphs.a.attrs.yMni: there is no such attribute: did you mean "yMin"?',
      "line 6, graphs.b.parents: it is its own parent, by way of others",
      "line 7, graphs.b.unit: wanted one of none, count, per-second, percent, bytes, bytes-per-second, bits-per-second, seconds, milliseconds",
      "line 10, graphs.c.colour: there is no such key",
      "line 11, variables.server: wanted either values or find",
      'line 14, sections.1.graphs.1: there is no graph "d": did you mean "a"?',
      'line 14, sections.1.graphs.2: graph "c" wants $2, and there is 1 word behind its name',
      'line 14, sections.1.graphs.2: graph "c" names $sever, and there is no such variable: did you mean "server"?',
    ]);
  });

  test("readDashboard: what is no TOML or no JSON is told with its place, every line of it", async () => {
    expect(await problemsOf('title = "x\nnote = 3 4\n')).toEqual([
      expect.stringContaining("line 1, column"),
      expect.stringContaining("line 2, column"),
    ]);
    expect(await problemsOf("{", "a.json")).toEqual([expect.stringContaining("it is no JSON")]);
    expect(await problemsOf("[]", "a.json")).toHaveLength(1);
    expect(await problemsOf("")).toEqual(["line 1, title: it is missing"]);
    expect(await problemsOf('title = "x"\ntz = "Mars/Olympus"')).toEqual([
      'line 2, tz: wanted a zone such as "Europe/Berlin"',
    ]);
  });

  test("readDashboard: what is nested without end, or wrong at every line, is told in time", async () => {
    const deep = (count: number) =>
      `{"title":"x","graphs":{"a":{"attrs":${'{"a":'.repeat(count)}1${"}".repeat(count)}}}}`;
    for (const text of [deep(30), deep(100_000), `${"[".repeat(400_000)}${"]".repeat(400_000)}`])
      expect(await problemsOf(text, "a.json")).toEqual(["wanted fewer levels of brackets than there are"]);
    for (const text of [
      `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}`,
      `a = ${"{a=".repeat(5000)}1${"}".repeat(5000)}`,
    ])
      expect(await problemsOf(`title = "x"\n${text}`)).toHaveLength(1);
    const { costMs } = await paced(async () => {
      expect(await problemsOf(`title = "x"\n${"a = 1\n".repeat(100_000)}`)).toEqual([
        "line 3, column 1: this key is set twice",
      ]);
      expect(await problemsOf(`title = "x"\n# ${"x\n# ".repeat(40_000)}\nnote = 3 4\nrange = 5 6\n`)).toHaveLength(1);
    });
    expect(costMs).toBeLessThan(4000);
  });

  test("readDashboard: what is written reads to the same, in both forms", async () => {
    await fc.assert(
      fc.asyncProperty(dashboards, fc.constantFrom("a.toml", "a.json"), async (written, file) => {
        const read = await readDashboard(formatDashboard(written, file), file);
        expect(read.problems).toBeUndefined();
        expect(formatDashboard(read.written ?? thisNode, file)).toBe(formatDashboard(written, file));
        const answers = { values: {}, chosen: {}, has: () => true };
        expect(shownSections(read.written ?? thisNode, answers)).toEqual(shownSections(written, answers));
      }),
      { numRuns: 200 },
    );
  });

  test("readDashboard: no text makes it throw", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary", maxLength: 200 }),
        fc.constantFrom("a.toml", "a.json"),
        async (raw, file) => {
          const read = await readDashboard(raw, file);
          expect((read.problems?.length ?? 0) > 0 || read.written !== undefined).toBe(true);
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await readDashboard(JSON.stringify({ title: "x", graphs: { a: value }, sections: [value] }), "a.json");
      }),
    );
  });

  test("this node: its own dashboard has no problems", () => {
    expect(relationProblems(thisNode)).toEqual([]);
  });
});

import { expect, test } from "bun:test";

import type { MetricSource } from "../../kit/metric-source/source.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { WatchedSource } from "./answers.ts";
import { Stage } from "./stage.ts";
import { dashboardShape } from "./written.ts";

const never = new AbortController().signal;

function fixture(known: Record<string, string[]>) {
  const asked: string[] = [];
  let atOnce = 0;
  const seen = { most: 0 };
  const source: MetricSource = {
    name: "test",
    language: "graphite",
    render: async (targets) => targets.map(() => ({ series: [] })),
    async find(pattern) {
      asked.push(pattern);
      seen.most = Math.max(seen.most, ++atOnce);
      await Promise.resolve();
      atOnce--;
      return (known[pattern] ?? []).map((text) => ({ id: text, text, isLeaf: false }));
    },
  };
  const clock = new ManualClock();
  return { asked, seen, stage: new Stage(new WatchedSource(source, { clock, told() {} }), clock) };
}

test("stage: a variable that leans on another is looked up by the other's present value", async () => {
  const { asked, stage } = fixture({ "*": ["a", "b"], "a.*": ["x"], "b.*": ["y", "z"] });
  const written = dashboardShape.parse({
    title: "t",
    variables: { host: { find: "$site.*" }, site: { find: "*" } },
    graphs: { one: { targets: ["$site.$host"] } },
    sections: [{ label: "s", graphs: ["one"] }],
  });
  const first = await stage.put(written, {}, never);
  expect(first.sections[0]?.graphs[0]?.targets).toEqual(["a.x"]);
  const second = await stage.put(written, { site: "b", host: "z" }, never);
  expect(second.sections[0]?.graphs[0]?.targets).toEqual(["b.z"]);
  const third = await stage.put(written, { site: "{a,b}.*", host: "*" }, never);
  expect(third.sections[0]?.graphs[0]?.targets).toEqual(["a.x"]);
  expect(asked).toEqual(["*", "a.*", "b.*"]);
});

test("stage: what sections need is looked up a few at a time, and not without end", async () => {
  const { asked, seen, stage } = fixture({});
  const values = Array.from({ length: 1000 }, (_, at) => `v${at}`);
  const written = dashboardShape.parse({
    title: "t",
    variables: { host: { values } },
    graphs: { one: { targets: ["a.$1"] } },
    sections: ["a", "b", "c"].map((label) => ({ label, each: "host", needs: `${label}.$host`, graphs: ["one"] })),
  });
  expect((await stage.put(written, {}, never)).sections).toEqual([]);
  expect(asked).toHaveLength(2000);
  expect(seen.most).toBeLessThanOrEqual(8);
});

test("stage: a source that never answers holds a page up once, not for each thing that is looked up", async () => {
  const clock = new ManualClock();
  let asked = 0;
  const source: MetricSource = {
    name: "test",
    language: "graphite",
    render: async (targets) => targets.map(() => ({ series: [] })),
    find: (_pattern, signal) => {
      asked++;
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    },
  };
  const stage = new Stage(new WatchedSource(source, { clock, told() {} }), clock);
  const values = Array.from({ length: 1000 }, (_, at) => `v${at}`);
  const written = dashboardShape.parse({
    title: "t",
    variables: { host: { values }, found: { find: "*" } },
    graphs: { one: { targets: ["a.$1"] } },
    sections: [
      { label: "always", graphs: ["one x"] },
      { label: "some", each: "host", needs: "a.$host", graphs: ["one"] },
    ],
  });
  const put = stage.put(written, {}, never);
  clock.advance(5000);
  const { sections, trouble } = await put;
  expect([sections.map(({ label }) => label), trouble]).toEqual([["always"], "test gives no answer within 5 s"]);
  expect(asked).toBe(1);
  expect(clock.waiting).toBe(0);
  const leaving = new AbortController();
  const left = stage.put(written, {}, leaving.signal);
  leaving.abort(new Error("nobody waits"));
  await expect(left).rejects.toThrow("nobody waits");
});

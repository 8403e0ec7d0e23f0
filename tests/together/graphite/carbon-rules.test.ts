/** Carbon's rules as we follow them beside carbon itself: names made by aggregation and rewriting, lists, and methods. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { Aggregating } from "../../../src/signals/series/rules/aggregating.ts";
import { NameList } from "../../../src/signals/series/rules/name-list.ts";
import { Rewriting } from "../../../src/signals/series/rules/rewriting.ts";

const carbonRules = "/usr/lib/python3/dist-packages/carbon/aggregator/rules.py";

const aggregation = [
  "<env>.applications.<app>.all.requests (60) = sum <env>.applications.<app>.*.requests",
  "all.<host>.load (10) = avg servers.<<host>>.load*",
  "sum.<a>-<b> (10) = sum pre.<a>.<b>_x",
  "plain (10) = max one.two",
  "any (10) = count *.*.*",
];
const rewrite: [string, string][] = [
  ["^collectd\\.", "system."],
  ["\\.(web)(\\d+)\\.", ".\\1_\\2."],
  ["_sum$", ""],
  ["a+", "a"],
  ["(?P<first>one)\\.(?P<second>two)", "\\g<second>.\\g<first>"],
];
const list = ["^carbon\\.", "\\.debug$", "x{2,}"];
const paths = [
  "prod.applications.shop.web1.requests",
  "prod.applications.shop.web1.requests.count",
  "prod.applications.a.b.web1.requests",
  "servers.a.b.c.load",
  "servers.a.load1",
  "servers.load",
  "pre.k.v_x",
  "pre.k.v_xy",
  "one.two",
  "one.two.three",
  "collectd.web12.cpu_sum",
  "aaa.baab",
  "carbon.agents.x",
  "a.carbon.debug",
  "nothing.xx.here",
];
const values = [4, 1.5, 3, 2, 2, 9.25, -3];
const methods = ["sum", "avg", "min", "max", "count", "p50", "p75", "p80", "p90", "p95", "p99", "p999"];

if (!existsSync(carbonRules)) {
  test("skipped: carbon is not installed", () => {
    console.log(`skipped: comparing rules needs ${carbonRules} (Debian's graphite-carbon)`);
    expect(existsSync(carbonRules)).toBe(false);
  });
} else {
  test("aggregation, rewriting, lists and methods give what carbon gives", async () => {
    const asked = JSON.stringify({ aggregation, rewrite, list, paths, values, methods });
    const child = Bun.spawn(["/usr/bin/python3", join(import.meta.dir, "carbon-rules.py")], {
      stdin: Buffer.from(asked),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [text, trouble] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    if ((await child.exited) !== 0) throw new Error(trouble);
    const theirs = JSON.parse(text) as {
      aggregated: (string | null)[][];
      rewritten: string[];
      listed: boolean[];
      values: Record<string, number>;
    };
    const made = paths.map((path) =>
      aggregation.map((line) => {
        const one = new Aggregating(line, "rules");
        one.take({ path, value: 1, atSeconds: 0 });
        return one.due(60)[0]?.path ?? null;
      }),
    );
    expect(made).toEqual(theirs.aggregated);
    expect(theirs.aggregated.flat().filter((each) => each !== null).length).toBeGreaterThan(8);
    const lines = rewrite.map(([pattern, replacement]) => `${pattern} = ${replacement}\n`);
    const rewriting = new Rewriting(`[pre]\n${lines.join("")}`, "rewrite");
    expect(paths.map((path) => rewriting.apply("pre", path))).toEqual(theirs.rewritten);
    const names = new NameList(list.join("\n"), "list");
    expect(paths.map((path) => names.has(path))).toEqual(theirs.listed);
    for (const method of methods) {
      const one = new Aggregating(`x (60) = ${method} a`, "rules");
      for (const value of values) one.take({ path: "a", value, atSeconds: 0 });
      expect([method, one.due(60)[0]?.value]).toEqual([method, expect.closeTo(theirs.values[method] ?? Number.NaN, 9)]);
    }
  }, 180_000);
}

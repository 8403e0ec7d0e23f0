import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { paced } from "../../../kit/testing/pace.ts";
import { Aggregating } from "./aggregating.ts";
import { KnownPaths } from "./known-paths.ts";
import { NameList } from "./name-list.ts";
import { Rewriting } from "./rewriting.ts";

const made = (rules: string, paths: readonly [path: string, value: number, atSeconds: number][]) => {
  const aggregating = new Aggregating(rules, "aggregation-rules.conf");
  for (const [path, value, atSeconds] of paths) aggregating.take({ path, value, atSeconds });
  return aggregating;
};

describe("Aggregating", () => {
  test("many series become one, an interval when it is over", () => {
    const aggregating = made("# all\n<env>.apps.<app>.all.requests (60) = sum <env>.apps.<app>.*.requests\n", [
      ["prod.apps.shop.a.requests", 1, 600],
      ["prod.apps.shop.b.requests", 2, 659],
      ["prod.apps.mail.a.requests", 5, 610],
      ["prod.apps.shop.a.requests", 7, 660],
      ["prod.apps.shop.a.b.requests", 100, 600],
    ]);
    expect(aggregating.due(659)).toEqual([]);
    expect(aggregating.due(660)).toEqual([
      { path: "prod.apps.shop.all.requests", value: 3, atSeconds: 600 },
      { path: "prod.apps.mail.all.requests", value: 5, atSeconds: 600 },
    ]);
    expect(aggregating.due(661)).toEqual([]);
    // What came late is counted in, and told again.
    aggregating.take({ path: "prod.apps.shop.c.requests", value: 10, atSeconds: 601 });
    expect(aggregating.due(661)).toEqual([{ path: "prod.apps.shop.all.requests", value: 13, atSeconds: 600 }]);
    expect(aggregating.due(661, true)).toEqual([{ path: "prod.apps.shop.all.requests", value: 7, atSeconds: 660 }]);
  });

  test("methods are carbon's", () => {
    const values = [4, 1, 3, 2];
    const wanted = { sum: 10, avg: 2.5, min: 1, max: 4, count: 4, p50: 2.5, p75: 3.25, p90: 3.7, p999: 3.997 };
    for (const [method, value] of Object.entries(wanted)) {
      const paths = values.map((each): [string, number, number] => ["a.x", each, 0]);
      const [point] = made(`all (10) = ${method} a.*`, paths).due(10);
      expect(point?.value).toBeCloseTo(value, 10);
    }
  });

  test("<<x>> takes several nodes, * within a node a part of it, and the path itself may be made", () => {
    const aggregating = made("sum.<x> (10) = sum hosts.<<x>>.cpu*\nself (10) = max self", [
      ["hosts.a.b.cpu0", 1, 0],
      ["hosts.a.b.cpu1", 2, 0],
      ["hosts.a.cpu.load", 4, 0],
    ]);
    expect(aggregating.due(10)).toEqual([{ path: "sum.a.b", value: 3, atSeconds: 0 }]);
    expect(aggregating.take({ path: "self", value: 1, atSeconds: 20 })).toBe(true);
    expect(aggregating.take({ path: "other", value: 1, atSeconds: 20 })).toBe(false);
  });

  test("what is made is bounded, and old intervals are forgotten", () => {
    const aggregating = new Aggregating("<x>.all (10) = sum <x>.*", "f");
    for (let at = 0; at < 20_010; at++) aggregating.take({ path: `n${at}.a`, value: 1, atSeconds: 0 });
    expect(aggregating.left).toBe(10);
    expect(aggregating.due(10)).toHaveLength(20_000);
    aggregating.due(1000);
    aggregating.take({ path: "n20009.a", value: 1, atSeconds: 990 });
    expect(aggregating.due(1000)).toHaveLength(1);
  });

  test("a sender whose clock is far ahead does not keep the present out", () => {
    const aggregating = new Aggregating("all (10) = sum a.*", "f");
    for (let at = 0; at < 500; at++)
      aggregating.take({ path: "a.wrong", value: 1, atSeconds: 4_000_000_000 + at * 10 });
    for (let at = 0; at < 20; at++) aggregating.take({ path: "a.right", value: 1, atSeconds: 1000 + at * 10 });
    expect(aggregating.due(1200)).toHaveLength(20);
    expect(aggregating.left).toBe(420);
  });

  test("shares of very many values are held within a bound, and each interval has some", () => {
    const aggregating = new Aggregating("<x>.all (10) = p50 <x>.*", "f");
    for (let which = 0; which < 420; which++)
      for (let at = 0; at < 10_000; at++) aggregating.take({ path: `n${which}.a`, value: which, atSeconds: 0 });
    expect(aggregating.due(10).map(({ value }) => value)).toEqual(Array.from({ length: 420 }, (_, which) => which));
    aggregating.due(1000);
    aggregating.take({ path: "n0.a", value: 5, atSeconds: 1000 });
    expect(aggregating.due(1010)).toEqual([{ path: "n0.all", value: 5, atSeconds: 1000 }]);
  });

  test("what former rules have gathered is gone on with, unless it is made in another way now", () => {
    const former = made("all (10) = sum a.*\nmost (10) = max a.*\ngone (10) = sum a.*", [["a.x", 3, 0]]);
    expect(former.due(Infinity, true)).toHaveLength(3);
    const now = new Aggregating("all (10) = sum a.*\nmost (10) = min a.*", "f");
    now.takeOver(former);
    now.take({ path: "a.y", value: 4, atSeconds: 1 });
    expect(now.due(10)).toEqual([
      { path: "all", value: 7, atSeconds: 0 },
      { path: "most", value: 4, atSeconds: 0 },
    ]);
    expect(now.due(1000)).toEqual([]);
  });

  test("a name that rules would make very long is left out", () => {
    const aggregating = new Aggregating(`${"<x>.".repeat(30)}all (10) = sum <x>.*`, "f");
    aggregating.take({ path: `${"x".repeat(4000)}.a`, value: 1, atSeconds: 0 });
    expect([aggregating.due(10), aggregating.left]).toEqual([[], 1]);
  });

  test("an expression that would explode takes no time", async () => {
    const aggregating = made("a (10) = sum (x+x+)+y", []);
    const { costMs } = await paced(() => aggregating.take({ path: "x".repeat(900), value: 1, atSeconds: 0 }));
    expect(costMs).toBeLessThan(500);
  });

  test("a line that cannot be read is named", () => {
    for (const [line, reason] of [
      ["a = sum b", "wanted <output> (<seconds>) = <method> <input>"],
      ["a (10) = mean b", 'method "mean" is unknown'],
      ["<x>.a (10) = sum b", "<x> stands on the left only"],
      ["a (0) = sum b", "the seconds must be from 1 to 86400"],
      ["a (10) = sum (b", "Cannot read regular expression"],
      ["<x> (10) = sum [<x>(", "Cannot replace by"],
    ] as const)
      expect(() => new Aggregating(`\n${line}`, "f.conf")).toThrow(`Cannot read f.conf, line 2: ${reason}`);
  });
});

describe("Rewriting", () => {
  const rewriting = new Rewriting(
    "[pre]\n^collectd\\. = system.\n\\.(web)(\\d+)\\. = .\\1_\\2.\n[post]\n_sum$ =\n_avg$ =\n",
    "rewrite-rules.conf",
  );

  test("rules of a section are applied in order, each to what the one before made", () => {
    expect(rewriting.apply("pre", "collectd.web12.cpu")).toBe("system.web_12.cpu");
    expect(rewriting.apply("pre", "a.cpu_sum")).toBe("a.cpu_sum");
    expect(rewriting.apply("post", "a.cpu_sum")).toBe("a.cpu");
    expect(rewriting.has("post")).toBe(true);
  });

  test("a path that would grow without end stays", () => {
    const growing = new Rewriting(
      "[pre]\na = aaaaaaaaaaaaaaaaaaaaaaaa\na = aaaaaaaaaaaaaaaaaaaaaaaa\na = aaaaaaaaaaaaaaaaaaaaaaaa\n",
      "f",
    );
    expect(growing.apply("pre", "a".repeat(50)).length).toBeLessThanOrEqual(4096);
  });

  test("a line that cannot be read is named", () => {
    expect(() => new Rewriting("a = b", "f.conf")).toThrow(
      "Cannot read f.conf, line 1: wanted [pre] or [post] above the first rule",
    );
    expect(() => new Rewriting("a", "f.conf")).toThrow("line 1: wanted [pre], [post] or expression = replacement");
    expect(() => new Rewriting("[pre]\n( = b", "f.conf")).toThrow("Cannot read f.conf, line 2: Cannot read regular");
    expect(() => new Rewriting("[mid]", "f.conf")).toThrow("a section must be [pre] or [post]");
    for (const group of ["\\2", "\\g<none>"])
      expect(() => new Rewriting(`[pre]\n(a) = ${group}`, "f.conf")).toThrow(
        `Cannot read f.conf, line 2: Cannot replace by "${group}": there is no group`,
      );
  });
});

test("NameList: expressions are looked for anywhere in a name", () => {
  const list = new NameList("# not these\n^carbon\\.\n\n\\.debug$\n", "blacklist.conf");
  expect(["carbon.x", "a.carbon.x", "a.debug", "a.debugger"].map((path) => list.has(path))).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(new NameList("# nothing\n", "f").isEmpty).toBe(true);
  expect(() => new NameList("a\n*", "f.conf")).toThrow("Cannot read f.conf, line 2");
});

test("KnownPaths: a path is looked at once, and what very many take is bounded", () => {
  const asked: string[] = [];
  const known = new KnownPaths((path) => {
    asked.push(path);
    return path.length;
  });
  for (let round = 0; round < 3; round++) expect([known.of("a"), known.of("bb")]).toEqual([1, 2]);
  expect(asked).toEqual(["a", "bb"]);
  const long = "x".repeat(4000);
  for (let at = 0; at < 6000; at++) known.of(`${long}${at}`);
  // All of them would be too much: the first are forgotten, and right again when they come again.
  expect([known.of("a"), asked.filter((path) => path === "a").length]).toEqual([1, 2]);
});

test("rules of any kind are read or are a SyntaxError, and then take names of any kind", () => {
  const bits = [
    "a",
    ".",
    "..",
    ";t=v",
    "~",
    "{",
    "}",
    "*",
    "[",
    "]",
    "^",
    "\\",
    "\\1",
    "\\g<x>",
    "$1",
    "<x>",
    "<<x>>",
    "é",
    "(",
  ];
  const some = fc.array(fc.constantFrom(...bits), { maxLength: 6 }).map((parts) => parts.join(""));
  const read = <T>(make: () => T): T | undefined => {
    try {
      return make();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(SyntaxError);
      return undefined;
    }
  };
  fc.assert(
    fc.property(
      some,
      some,
      fc.constantFrom("sum", "p50"),
      fc.array(some, { maxLength: 5 }),
      (left, right, method, paths) => {
        const list = read(() => new NameList(left, "f"));
        const rewriting = read(() => new Rewriting(`[pre]\n${left} = ${right}`, "f"));
        const aggregating = read(() => new Aggregating(`${left} (10) = ${method} ${right}`, "f"));
        for (const path of paths) {
          list?.has(path);
          rewriting?.apply("pre", path);
          aggregating?.take({ path, value: 1, atSeconds: 5 });
        }
        aggregating?.due(20);
      },
    ),
    { numRuns: 1000 },
  );
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { createReader, type ReadingRules, textOf } from "./packet.ts";
import { recordingSink } from "./recording-sink.ts";

const full: ReadingRules = {
  grammar: "full",
  sanitize: true,
  histograms: "timer",
  nameTags: ["influx", "librato", "signalfx"],
  absoluteGauges: [],
};
const etsy: ReadingRules = { ...full, grammar: "etsy" };
const original: ReadingRules = { ...full, grammar: "statsd-go" };

function read(text: string, rules: ReadingRules = full): string[] {
  const sink = recordingSink();
  createReader(rules)(text, sink);
  return sink.told;
}
const isBad = (text: string, rules: ReadingRules = full) => read(text, rules).every((told) => told.startsWith("bad "));

describe("both grammars", () => {
  for (const rules of [full, etsy]) {
    const of = rules.grammar;
    test(`${of}: each kind of metric, alone and several in a packet`, () => {
      expect(read("a.b:1|c\nt:320|ms\n\ng:33.5|g\ng:+3|g\ng:-3|g\ns:joe|s\n", rules)).toEqual([
        "c a.b 1",
        "ms t 320",
        "g g 33.5",
        "g g by 3",
        "g g by -3",
        "s s joe",
      ]);
    });

    test(`${of}: the number of lines is told, without the empty ones`, () => {
      expect(createReader(rules)("a:1|c\n\nb\n", recordingSink())).toBe(2);
    });

    test(`${of}: numbers are what JavaScript takes for numbers`, () => {
      expect(read("a:+10|c\na:-10|c\na:+10e1|c\na:1.0|c\na:0x10|c\na:-0.0|ms", rules)).toEqual([
        "c a 10",
        "c a -10",
        "c a 100",
        "c a 1",
        "c a 16",
        "ms a 0",
      ]);
      for (const line of ["a:|c", "a:|g", "a:|ms", "a:1,5|c", "a:x|c", "a:-1|ms", "a:1.2.3|c"]) {
        expect([line, isBad(line, rules)]).toEqual([line, true]);
      }
    });

    test(`${of}: rates`, () => {
      expect(read("a:1|c|@2\na:1|c|@.2\na:1|c|@0.2\na:1|c|@2e-1\na:1|c|@+1\na:1|c|@ 1", rules)).toEqual([
        "c a 1@2",
        "c a 1@0.2",
        "c a 1@0.2",
        "c a 1@0.2",
        "c a 1",
        "c a 1",
      ]);
      for (const rate of ["@", "@.", "@.1.", "@-1.0", "0,4", "", "@0", "@-0", "@x"]) {
        expect([rate, isBad(`a:1|c|${rate}`, rules)]).toEqual([rate, true]);
      }
    });

    test(`${of}: several values of one name`, () => {
      expect(read("glork:1|c:320|ms|@0.1", rules)).toEqual(["c glork 1", "ms glork 320@0.1"]);
      expect(read("a:1|c:x|g:3|ms", rules).map((told) => told.slice(0, 3))).toEqual(["c a", "bad", "ms "]);
    });

    test(`${of}: names are cleaned`, () => {
      expect(read("fo/o:1|c\nb ar:1|c\nfoo+bar:1|c\n a\tb :1|c", rules)).toEqual([
        "c fo-o 1",
        "c b_ar 1",
        "c foobar 1",
        "c _a_b_ 1",
      ]);
      for (const line of [":1|c", "+:1|c", "nothing", "a_bad_test_value|z", "a:1", "|", "#", "|#a:b"]) {
        expect([line, isBad(line, rules)]).toEqual([line, true]);
      }
    });

    test(`${of}: tags become part of the name`, () => {
      const [first] = read("fo/o;tag1=val1:250|c", rules);
      expect(first).toBe("c fo-o;tag1=val1 250");
      expect(read("fo/o:250|c|#tag1:val1", rules)).toEqual(["c fo-o;tag1=val1 250"]);
      expect(read("a:1|c|#tag1:val;1,tag3:val3", rules)).toEqual(["c a;tag1=val_1;tag3=val3 1"]);
      expect(read("a:1|c|@0.1|#x:y", rules)).toEqual(["c a;x=y 1@0.1"]);
      expect(read("a:1|c|#x:y|@0.1", rules)).toEqual(["c a;x=y 1@0.1"]);
    });

    test(`${of}: names that objects have of themselves are names`, () => {
      expect(read("__proto__:1|ms\nconstructor:1|c\ntoString:a|s", rules)).toEqual([
        "ms __proto__ 1",
        "c constructor 1",
        "s toString a",
      ]);
    });

    test(`${of}: no packet throws, and each piece is a metric with a clean name or a bad line`, () => {
      const piece = fc.oneof(
        fc.string(),
        fc.constantFrom(
          "a",
          ":",
          "|",
          "#",
          "@",
          "c",
          "ms",
          "g",
          "s",
          "1",
          "-",
          "+",
          "\n",
          ",",
          ";",
          "[",
          "]",
          "_e{1,1}:",
          "_sc|",
          "T1",
          "é",
          "=",
          ".",
        ),
      );
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
          for (const told of read(pieces.join(""), rules)) {
            if (/^(?:c|ms|g|count|gauge) /.test(told)) expect(told).toMatch(/^\w+ [a-zA-Z0-9_\-.;=]+ /);
          }
        }),
        { numRuns: 3000 },
      );
    });
  }
});

describe("the quick way", () => {
  const piece = fc.constantFrom(
    "1",
    "0.5",
    ".",
    "2.",
    ".5",
    "0",
    "1e-1",
    "|@",
    "|#",
    "|",
    "a:b",
    "b",
    ",",
    "T1",
    "\r",
    "@",
    "#",
  );
  const kind = fc.constantFrom("c", "g", "ms", "m", "h", "cc", "gs");
  for (const rules of [full, etsy, original]) {
    test(`${rules.grammar}: a line is read as the grammar itself reads it`, () => {
      // A blank before the colon, or one that is not printed, keeps the quick way out and is cleaned away by the grammar.
      const slow = rules.grammar === "statsd-go" ? "a!" : "a+";
      fc.assert(
        fc.property(piece, kind, fc.array(piece, { maxLength: 5 }), (value, type, rest) => {
          const tail = `:${value}|${type}${rest.join("")}`;
          const told = (name: string) => read(`${name}${tail}`, rules).map((each) => each.replaceAll(slow, "a"));
          expect([tail, told("a")]).toEqual([tail, told(slow)]);
        }),
        { numRuns: 5000 },
      );
    });
  }

  test("full: rates and tags are read", () => {
    expect(read("a:1|c|@0.1\na:1|ms|@.5|#b:2,a:1\na:1|g|#x\na:1|c|#")).toEqual([
      "c a 1@0.1",
      "ms a;a=1;b=2 1@0.5",
      "g a;x=true 1",
      "c a 1",
    ]);
  });
});

describe("etsy", () => {
  test("etsy: every other type is a counter", () => {
    expect(read("a:1|h\na:1|d\na:1|kv", etsy)).toEqual(["c a 1", "c a 1", "c a 1"]);
  });

  test("etsy: names stay as they are where cleaning is off, and order of tags is that of arrival", () => {
    expect(read("b ar:1|c\na:1|c|#z:1,bare", { ...etsy, sanitize: false })).toEqual(["c b ar 1", "c a;z=1;bare 1"]);
  });

  test("etsy: of packed values only the last has a type", () => {
    expect(read("a:1:2|c", etsy)).toEqual(["bad a:1:2|c: it has no type", "c a 2"]);
  });
});

describe("full", () => {
  test("full: packed values share type, rate and tags; members of sets may hold colons", () => {
    expect(read("a:1:2:3|c|@0.5|#x:y")).toEqual(["c a;x=y 1@0.5", "c a;x=y 2@0.5", "c a;x=y 3@0.5"]);
    expect(read("a:::1|s")).toEqual(["s a ::1"]);
    expect(read("a:|s")).toEqual(["s a 0"]);
  });

  test("full: h and d are timers, or counters when told, and may be negative", () => {
    expect(read("a:-1|h\na:2|d")).toEqual(["ms a -1", "ms a 2"]);
    expect(read("a:2|h", { ...full, histograms: "counter" })).toEqual(["c a 2"]);
    expect(isBad("a:1|kv")).toBe(true);
  });

  test("full: tags in any order are one series; bare ones are true, empty ones nothing", () => {
    expect(read("a:1|c|#b:2,a:1")).toEqual(read("a:1|c|#a:1,b:2"));
    expect(read("a:1|c|#urgent,,f:")).toEqual(["c a;f=true;urgent=true 1"]);
    expect(read("a:1|c|#~t:~v,x!^:y")).toEqual(["c a;t=v;x=y 1"]);
  });

  test("full: tags in the name as InfluxDB, Librato, SignalFx and Graphite write them", () => {
    const wanted = ["c n;k=v;k2=v2 1"];
    for (const line of [
      "n,k=v,k2=v2:1|c",
      "n#k=v,k2=v2:1|c",
      "n[k=v,k2=v2]:1|c",
      "n;k=v;k2=v2:1|c",
      "n[k:v,k2:v2]:1|c",
    ]) {
      expect([line, read(line)]).toEqual([line, wanted]);
    }
    expect(read("n,k=v:1|c|#k2:v2")).toEqual(wanted);
    expect(read("n,k=v:1|c", { ...full, nameTags: [] })).toEqual(["c nk_v 1"]);
  });

  test("full: fields of DogStatsD in any order; unknown ones are passed over", () => {
    expect(read("a:1|c|c:ci-83c0|#x:y|card:low|e:it-false|@0.5|future")).toEqual(["c a;x=y 1@0.5"]);
    expect(read("a:7|g|T1656581400\na:4|c|@0.5|T1656581401")).toEqual([
      "gauge a 7 at 1656581400",
      "count a 8 at 1656581401",
    ]);
  });

  test("full: gauges that are absolute by their prefix are set by signed values", () => {
    const rules = { ...full, absoluteGauges: ["temp."] };
    expect(read("temp.out:-3|g\nother:-3|g", rules)).toEqual(["g temp.out -3", "g other by -3"]);
  });

  test("full: infinity is no value", () => {
    expect(isBad("a:Infinity|c\na:1e999|g\na:-Infinity|ms")).toBe(true);
  });

  test("full: events, whose lengths are bytes", () => {
    const [told = ""] = read("_e{6,9}:té|le|ab|c\\nd\\e|d:17|h:web|k:key|p:low|s:src|t:error|#a:b,c");
    expect(JSON.parse(told.slice("event ".length))).toEqual({
      title: "té|le",
      text: "ab|c\nd\\e",
      atSeconds: 17,
      host: "web",
      kind: "error",
      priority: "low",
      aggregationKey: "key",
      source: "src",
      tags: ["a=b", "c=true"],
    });
    for (const line of ["_e{5,4}:tit|text", "_e{0,4}:|text", "_e{a,4}:title|text", "_e{5,400}:title|text", "_e{"]) {
      expect([line, isBad(line)]).toEqual([line, true]);
    }
  });

  test("full: service checks", () => {
    const [told = ""] = read("_sc|my check|2|d:17|h:web|#a:b|m:it|broke\\nhere");
    expect(JSON.parse(told.slice("check ".length))).toEqual({
      name: "my_check;a=b",
      status: 2,
      atSeconds: 17,
      host: "web",
      message: "it|broke\nhere",
    });
    expect(isBad("_sc|x|4\n_sc||1\n_sc|x")).toBe(true);
  });

  test("full: lines that end as on Windows are read", () => {
    expect(read("a:1|c|#x:y\r\nb:2|g\r\n")).toEqual(["c a;x=y 1", "g b 2"]);
  });
});

describe("statsd-go", () => {
  test("statsd-go: what it counted rightly is counted so", () => {
    expect(read("a:1|c\nb:2.5|ms|@0.1\nc:-4|g", original)).toEqual(["c a 1", "ms b 2.5@0.1", "g c by -4"]);
  });

  test("statsd-go: what it counted wrongly is mended", () => {
    expect(read("foo-bar:1|c\ng:+3|g\ng:3.7|g\nc:1.9|c", original)).toEqual([
      "c foo-bar 1",
      "g g by 3",
      "g g 3.7",
      "c c 1.9",
    ]);
    expect(read("a:1|c|@0.1\n7x:1|c", original)).toEqual(["c a 1@0.1", "c 7x 1"]);
    for (const line of ["pk:1:2|c", "a:1|c|@0", "a:x|c", "a:1|s", "é"]) {
      expect([line, isBad(line, original)]).toEqual([line, true]);
    }
  });
});

test("textOf: bytes beyond ASCII are UTF-8", () => {
  expect(textOf(Buffer.from("a:é|s"))).toBe("a:é|s");
  expect(textOf(Buffer.from([0x61, 0xff]))).toBe("a\ufffd");
});

import { describe, expect, test, spyOn } from "bun:test";
import fc from "fast-check";

import { Glob, isGlob } from "./glob.ts";
import { decodeLine, decodeLines, encodeLine, encodeLines, LineDecoder } from "./line.ts";
import { formatFloat, formatGeneral, parseFloatText, roundTo } from "./number.ts";
import { canonicalPath, parsePath, tagsOf } from "./path.ts";
import { decodePickleValue } from "./pickle-value.ts";
import { encodePickleValue } from "./pickle-writer.ts";
import { decodePickle, encodePickle, encodePickleFrame, PickleFrames } from "./pickle.ts";

const nowSeconds = 1_700_000_000;
const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

describe("path", () => {
  test("canonicalPath: sorts tags and reads the form of OpenMetrics", () => {
    expect(canonicalPath("disk.used;server=web01;rack=a1")).toBe("disk.used;rack=a1;server=web01");
    expect(canonicalPath('disk.used{server="web01",rack="a1"}')).toBe("disk.used;rack=a1;server=web01");
    expect(canonicalPath("a.b")).toBe("a.b");
    expect(tagsOf("~a;x=1")).toEqual({ name: "a", x: "1" });
  });

  test("parsePath: refuses tags against the rules", () => {
    for (const path of ["", ";a=b", "a;b", "a;=c", "a;b=", "a;b!=c", "a;b=~c", 'a{b="}']) {
      expect(() => parsePath(path)).toThrow(SyntaxError);
    }
  });

  test("canonicalPath: is its own canonical form", () => {
    const word = fc.stringMatching(/^[a-z]{1,5}$/);
    fc.assert(
      fc.property(word, fc.dictionary(word, word), (name, tags) => {
        const path = canonicalPath(
          name +
            Object.entries(tags)
              .map(([tag, value]) => `;${tag}=${value}`)
              .join(""),
        );
        expect(canonicalPath(path)).toBe(path);
      }),
    );
  });
});

describe("number", () => {
  test("parseFloatText: reads what Python's float reads", () => {
    expect(["1", "-2.5", "1e3", ".5", "5.", "+inf", "-Infinity", "1_000", " 7 "].map(parseFloatText)).toEqual([
      1,
      -2.5,
      1000,
      0.5,
      5,
      Infinity,
      -Infinity,
      1000,
      7,
    ]);
    expect(parseFloatText("nan")).toBeNaN();
    for (const bad of ["", "-", ".", "0x10", "1e", "1__0", "a", "1 2"]) expect(parseFloatText(bad)).toBeUndefined();
  });

  test("formatFloat: writes what Python's repr writes", () => {
    expect([1, 0.1, 1e16, 1e15, 123456.789, 1e-4, 1e-5, -0, 1.5e300, -2.5e-7].map(formatFloat)).toEqual([
      "1.0",
      "0.1",
      "1e+16",
      "1000000000000000.0",
      "123456.789",
      "0.0001",
      "1e-05",
      "-0.0",
      "1.5e+300",
      "-2.5e-07",
    ]);
  });

  test("formatGeneral: writes what Python's %g writes", () => {
    expect([1, 0.1, 1e6, 123456, 1234567, 0.00001234, 1.5, 100, 0.1 + 0.2].map(formatGeneral)).toEqual([
      "1",
      "0.1",
      "1e+06",
      "123456",
      "1.23457e+06",
      "1.234e-05",
      "1.5",
      "100",
      "0.3",
    ]);
  });

  test("roundTo: rounds as Python's round", () => {
    expect([
      roundTo(2.5, 0),
      roundTo(3.5, 0),
      roundTo(0.1234565, 6),
      roundTo(2.675, 2),
      roundTo(-0.5, 0),
      roundTo(0.125, 2),
    ]).toEqual([2, 4, 0.123456, 2.67, -0, 0.12]);
  });
});

describe("line", () => {
  test("decodeLine: reads what carbon reads", () => {
    expect(decodeLine("a.b 1e3 1700000001.9", { nowSeconds })).toEqual({
      path: "a.b",
      value: 1000,
      atSeconds: 1_700_000_001,
    });
    expect(decodeLine("a;y=2;x=1\t-5\t-1", { nowSeconds })).toEqual({
      path: "a;x=1;y=2",
      value: -5,
      atSeconds: nowSeconds,
    });
    expect(decodeLine("a 5", { nowSeconds })).toEqual({ path: "a", value: 5, atSeconds: nowSeconds });
    expect(decodeLine("a inf 5", { nowSeconds })).toEqual({ path: "a", value: Infinity, atSeconds: 5 });
  });

  test("decodeLines: reports bad lines and keeps the others", () => {
    const { points, bad, badCount } = decodeLines("a 1 2\r\n\nb x 2\na nan 1\na 1 2 3\na\nb 1 -7\nc 2 3", {
      nowSeconds,
    });
    expect(points).toEqual([
      { path: "a", value: 1, atSeconds: 2 },
      { path: "c", value: 2, atSeconds: 3 },
    ]);
    expect(badCount).toBe(5);
    expect(bad.map(({ line }) => line)).toEqual(["b x 2", "a nan 1", "a 1 2 3", "a", "b 1 -7"]);
  });

  test("LineDecoder: gives the same points wherever the stream is cut", () => {
    const text = "ä.b 1 2\nxx 3 4\nbad\nlast 5 6";
    const whole = new TextEncoder().encode(text);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 6 }), (cuts) => {
        const decoder = new LineDecoder();
        const marks = [0, ...cuts.sort((left, right) => left - right), whole.length];
        const found = marks.slice(1).map((end, index) => decoder.push(whole.slice(marks[index], end), { nowSeconds }));
        found.push(decoder.end({ nowSeconds }));
        expect(found.flatMap(({ points }) => points)).toEqual(decodeLines(text, { nowSeconds }).points);
        expect(found.reduce((sum, { badCount }) => sum + badCount, 0)).toBe(1);
      }),
    );
  });

  test("LineDecoder: skips a line past the bound, and reports it once", () => {
    const decoder = new LineDecoder();
    const options = { nowSeconds, maxLineLength: 100 };
    const counts = [1, 2, 3].map(() => decoder.push(bytes("x".repeat(90)), options).badCount);
    expect(counts).toEqual([0, 1, 0]);
    expect(decoder.push(bytes("x 1 2\na 1 2\n"), options)).toEqual({
      points: [{ path: "a", value: 1, atSeconds: 2 }],
      bad: [],
      badCount: 0,
    });
  });

  test("encodeLine: is read back the same", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.nat(), (value, atSeconds) => {
        const point = { path: "a.b", value: value + 0, atSeconds };
        expect(decodeLines(encodeLine(point), { nowSeconds }).points).toEqual([point]);
      }),
    );
  });

  test("decodeLines: never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void decodeLines(text, { nowSeconds })));
  });
});

describe("pickle", () => {
  const points = [
    { path: "a.b", value: 1.5, atSeconds: 1_700_000_000 },
    { path: "ü;x=1", value: -3, atSeconds: 5_000_000_000 },
  ];

  test("decodePickle: reads what it wrote, and Etsy's protocol 0 with numbers as texts", () => {
    expect(decodePickle(encodePickle(points), { nowSeconds }).points).toEqual(points);
    expect(decodePickle(bytes("(l(S'a.b'\n(L1234L\nS'5678'\ntta."), { nowSeconds }).points).toEqual([
      { path: "a.b", value: 5678, atSeconds: 1234 },
    ]);
  });

  test("decodePickle: reads protocols 0 to 5 of Python", () => {
    // pickle.dumps([('a.b', (1234, 1.5)), ('a.b', (-1, 2))], protocol) of CPython 3.11.
    const dumps = [
      "(lp0\n(Va.b\np1\n(I1234\nF1.5\ntp2\ntp3\na(g1\n(I-1\nI2\ntp4\ntp5\na.",
      "]q\x00((X\x03\x00\x00\x00a.bq\x01(M\xd2\x04G?\xf8\x00\x00\x00\x00\x00\x00tq\x02tq\x03(h\x01(J\xff\xff\xff\xffK\x02tq\x04tq\x05e.",
      "\x80\x02]q\x00(X\x03\x00\x00\x00a.bq\x01M\xd2\x04G?\xf8\x00\x00\x00\x00\x00\x00\x86q\x02\x86q\x03h\x01J\xff\xff\xff\xffK\x02\x86q\x04\x86q\x05e.",
      "\x80\x04\x95)\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x03a.b\x94M\xd2\x04G?\xf8\x00\x00\x00\x00\x00\x00\x86\x94\x86\x94h\x01J\xff\xff\xff\xffK\x02\x86\x94\x86\x94e.",
    ];
    for (const dump of dumps) {
      expect(decodePickle(bytes(dump), { nowSeconds }).points).toEqual([
        { path: "a.b", value: 1.5, atSeconds: 1234 },
        { path: "a.b", value: 2, atSeconds: nowSeconds },
      ]);
    }
  });

  test("decodePickleValue: refuses every opcode that is not data", () => {
    for (const evil of [
      "cos\nsystem\n(S'ls'\ntR.",
      "(ios\nsystem\n.",
      "(l\x82\x01.",
      "]\x81.",
      "Pid\n.",
      "]Q.",
      "]}b.",
      "\x8f.",
      "\x93.",
    ]) {
      expect(() => decodePickleValue(bytes(evil))).toThrow(SyntaxError);
    }
  });

  test("decodePickleValue: bounds depth, items seen through references, and size; no list holds itself", () => {
    expect(() => decodePickleValue(bytes(`${"(".repeat(40)}${"l".repeat(40)}.`))).toThrow("nested deeper");
    const doubled = `](K\x01e${Array.from({ length: 14 }, (_, index) => `p${index}\n0](g${index}\ng${index}\ne`).join("")}.`;
    expect(() => decodePickleValue(bytes(doubled), { maxItems: 10_000 })).toThrow("more than 10000 values");
    expect(() => decodePickleValue(bytes("]p0\ng0\na."))).toThrow("contains itself");
    expect(() => decodePickleValue(bytes("]p0\n]p1\na0g1\ng0\na."))).toThrow("after it was used");
    expect(() => decodePickleValue(new Uint8Array(2_000_000))).toThrow("more than 1048576 bytes");
  });

  test("decodePickle: a long text that is referred to very often costs nothing", () => {
    const long = 500_000;
    const whole = Buffer.concat([
      bytes("\x80\x03](B"),
      Uint8Array.of(0x20, 0xa1, 0x07, 0x00),
      new Uint8Array(long).fill(120),
      bytes("q\x01K\x01K\x02\x86q\x02\x86"),
      bytes("h\x01h\x02\x86".repeat(90_000)),
      bytes("e."),
    ]);
    const decode = spyOn(TextDecoder.prototype, "decode");
    const { badCount, points } = decodePickle(whole, { nowSeconds: 1 });
    const decoded = decode.mock.calls.length;
    decode.mockRestore();
    expect([badCount, points.length, decoded]).toEqual([90_001, 0, 0]);
  });

  test("decodePickle: throws nothing but SyntaxError and RangeError, whatever comes", () => {
    const valid = encodePickle(points);
    const broken = fc
      .tuple(fc.nat(valid.length - 1), fc.nat(255))
      .map(([at, byte]) => Uint8Array.from(valid, (old, index) => (index === at ? byte : old)));
    const opcodes = fc
      .array(fc.constantFrom(..."().0]}etlasud2qh\x01\x94KMI1\nS'a'\n"), { maxLength: 40 })
      .map((list) => bytes(`${list.join("")}.`));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), broken, opcodes), (body) => {
        try {
          decodePickle(body, { nowSeconds });
        } catch (error) {
          expect(error instanceof SyntaxError || error instanceof RangeError).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("encodePickleValue: maps, lists and floats are read back", () => {
    const value = new Map<string, string | number | Float64Array>([
      ["name", "a"],
      ["start", 5],
      ["values", Float64Array.of(1, Number.NaN)],
    ]);
    expect(decodePickleValue(encodePickleValue([value]))).toEqual([
      new Map<string, never>([
        ["name", "a"],
        ["start", 5],
        ["values", [1, null]],
      ] as never),
    ]);
  });

  test("PickleFrames: cuts a stream anywhere and refuses a long frame", () => {
    const stream = [...encodePickleFrame(points), ...encodePickleFrame([])];
    const frames = new PickleFrames();
    const bodies = stream.flatMap((byte) => frames.push(Uint8Array.of(byte)));
    expect(bodies.map((body) => decodePickle(body, { nowSeconds }).points)).toEqual([points, []]);
    expect(() => new PickleFrames(10).push(Uint8Array.of(0, 0, 0, 11))).toThrow(RangeError);
  });
});

describe("glob", () => {
  test("matches: wildcards stay within one node", () => {
    const cases: readonly (readonly [string, string, boolean])[] = [
      ["a.*.c", "a.b.c", true],
      ["a.*", "a.b.c", false],
      ["a.b?", "a.b1", true],
      ["a.b?", "a.b", false],
      ["a.[b-d]x", "a.cx", true],
      ["a.[!b-d]x", "a.cx", false],
      ["a.{b,c{d,e}}", "a.ce", true],
      ["a.{b,c}", "a.d", false],
      ["a.\\*", "a.*", true],
      ["a.\\*", "a.b", false],
      ["a.[b", "a.[b", true],
      ["*.*", "a.b", true],
      ["a*b*c", "aXbXbXc", true],
      ["{a}b", "ab", true],
    ];
    for (const [pattern, path, expected] of cases)
      expect([pattern, path, new Glob(pattern).matches(path)]).toEqual([pattern, path, expected]);
  });

  test("matches: a pattern of many stars is answered at once", () => {
    expect(new Glob("*a".repeat(500)).matches("a".repeat(2000))).toBe(true);
    expect(new Glob(`${"*a".repeat(500)}b`).matches("a".repeat(2000))).toBe(false);
  });

  test("Glob: braces that explode are refused", () => {
    expect(() => new Glob("{a,b}".repeat(20))).toThrow(RangeError);
  });

  test("literal: is the path when there is no wildcard", () => {
    expect(new Glob("a.b\\*").literal).toBe("a.b*");
    expect(new Glob("a.{b,c}").literal).toBeUndefined();
    expect(isGlob("a.b")).toBe(false);
    expect(encodeLines([])).toBe("");
  });
});

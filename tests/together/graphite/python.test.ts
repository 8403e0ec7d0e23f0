/**
 * Pickles and the texts of numbers against Python itself, whose they are.
 */
import { existsSync } from "node:fs";

import { describe, expect, test } from "bun:test";

import { formatFloat, formatGeneral, parseFloatText, roundTo } from "../../../src/lib/graphite/number.ts";
import { decodePickle, encodePickle } from "../../../src/lib/graphite/pickle.ts";

const python = "/usr/bin/python3";
const nowSeconds = 1_795_011_200;

/** Runs a script with JSON in and JSON out. */
async function run(script: string, input: unknown): Promise<unknown> {
  const child = Bun.spawn([python, "-c", script], {
    stdin: new Blob([JSON.stringify(input)]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, problem] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(problem);
  return JSON.parse(text);
}

/** Numbers of every size, those at the edges of notations, and those that lie between two decimals. */
function numbers(): number[] {
  let state = 99;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const made = Array.from({ length: 3000 }, (_, index) => (random() - 0.5) * 10 ** ((index % 40) - 18));
  const ties = Array.from({ length: 500 }, (_, index) => (index - 250) / 8 + (index % 3) / 1024);
  return [
    ...made,
    ...ties,
    0,
    -0,
    1,
    1e15,
    1e16,
    1e17,
    9999999999999998,
    1e-4,
    9.999e-5,
    123456,
    1234567,
    999999.5,
    0.5,
    1.5,
    2.5,
    2.675,
    5e-324,
    1.7976931348623157e308,
  ];
}

if (!existsSync(python)) {
  test("skipped: Python is not installed", () => {
    console.log(`skipped: pickles need ${python}`);
    expect(existsSync(python)).toBe(false);
  });
} else {
  describe("Python", () => {
    const points = [
      { path: "a.b", value: 1.5, atSeconds: 1_700_000_000 },
      { path: "ü.ñ;x=1;y=ä", value: -3, atSeconds: 5_000_000_000 },
      { path: "big", value: 1e300, atSeconds: 0 },
      ...Array.from({ length: 2000 }, (_, index) => ({
        path: `many.${index % 50}`,
        value: index / 7,
        atSeconds: nowSeconds + index,
      })),
    ];

    test("decodePickle: reads what Python writes in every protocol, with and without its C part", async () => {
      const script =
        "import base64,io,json,pickle,sys\n" +
        "points=[(p['path'],(p['atSeconds'],p['value'])) for p in json.load(sys.stdin)]\n" +
        "def slow(protocol):\n f=io.BytesIO(); pickle._Pickler(f,protocol).dump(points); return f.getvalue()\n" +
        "json.dump([base64.b64encode(d(n)).decode() for n in range(6) for d in (lambda n: pickle.dumps(points,n), slow)],sys.stdout)";
      const dumps = (await run(script, points)) as string[];
      expect(dumps).toHaveLength(12);
      for (const dump of dumps) {
        expect(decodePickle(Uint8Array.fromBase64(dump), { nowSeconds })).toEqual({ points, bad: [], badCount: 0 });
      }
    });

    test("encodePickle: Python reads it", async () => {
      const script =
        "import base64,json,pickle,sys\n" +
        "json.dump([{'path':p,'atSeconds':t,'value':v} for p,(t,v) in pickle.loads(base64.b64decode(json.load(sys.stdin)))],sys.stdout)";
      expect(await run(script, encodePickle(points).toBase64())).toEqual(points);
    });

    test("formatFloat, formatGeneral, roundTo: give the texts of repr, %g and round", async () => {
      const list = numbers();
      const script =
        "import json,sys\n" +
        "json.dump([[repr(x),'%g'%x]+[repr(round(x,n)) for n in (0,1,2,6,-2)] for x in map(float,json.load(sys.stdin))],sys.stdout)";
      const expected = (await run(script, list.map(formatFloat))) as string[][];
      const found = list.map((value) => [
        formatFloat(value),
        formatGeneral(value),
        ...[0, 1, 2, 6, -2].map((digits) => formatFloat(roundTo(value, digits))),
      ]);
      expect(found).toEqual(expected);
    });

    test("parseFloatText: reads what float() reads, and nothing else", async () => {
      const texts = [
        "1",
        "-1",
        "+1",
        "1.",
        ".5",
        "-.5",
        "1e5",
        "1E5",
        "1e+5",
        "1e-5",
        "1_000",
        "1__0",
        "_1",
        "1_",
        "inf",
        "-inf",
        "Infinity",
        "+INF",
        "nan",
        "-nan",
        "",
        " ",
        " 1 ",
        "1 2",
        "0x10",
        "1e",
        "e1",
        ".",
        "-",
        "+",
        "--1",
        "1.2.3",
        "infinit",
        "1e400",
        "1,5",
        "٣",
        "0b1",
        "1e1_0",
        "00012",
        "-0",
        "1d5",
      ];
      const script =
        "import json,sys\n" +
        "def f(t):\n try: return repr(float(t))\n except ValueError: return None\n" +
        "json.dump([f(t) for t in json.load(sys.stdin)],sys.stdout)";
      const expected = (await run(script, texts)) as (string | null)[];
      const found = texts.map((text) => {
        const value = parseFloatText(text);
        return value === undefined ? null : formatFloat(value);
      });
      const pairs = (list: readonly (string | null)[]) => texts.map((text, index) => [text, list[index]]);
      // Digits of other scripts are read by Python alone.
      expect(pairs(found).filter(([text]) => text !== "٣")).toEqual(pairs(expected).filter(([text]) => text !== "٣"));
    });
  });
}

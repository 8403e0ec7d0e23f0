/**
 * Pictures beside a real graphite-web's, of the same points: the same size, and lines and areas in the same places. Where only
 * the graph is asked for, columns of pixels are compared; with axes around, whose labels are set differently, what the
 * picture shows as a whole.
 */
import { expect, test } from "bun:test";
import sharp from "sharp";

import { drawGraph } from "../../../src/lib/graph/draw-graph.ts";
import { parseGraphParameters } from "../../../src/lib/graph/graph-parameters.ts";
import { parseMoment } from "../../../src/lib/graphite/at-time.ts";
import { evaluateTargets } from "../../../src/lib/graphite/evaluate.ts";
import { MemorySource } from "../../../src/lib/graphite/memory-source.ts";
import { besideGraphiteWeb } from "./beside.ts";
import { events, nowSeconds, points } from "./points.ts";

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue of each pixel. */
  readonly bytes: Uint8Array;
}

async function pixelsOf(picture: Uint8Array): Promise<Pixels> {
  const { data, info } = await sharp(picture)
    .flatten({ background: "white" })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, bytes: Uint8Array.from(data) };
}

const source = new MemorySource(points, { events });

async function ours(query: URLSearchParams): Promise<Pixels> {
  const fromSeconds = parseMoment(query.get("from") ?? "-24h", { nowSeconds });
  const untilSeconds = parseMoment(query.get("until") ?? "now", { nowSeconds });
  const series = await evaluateTargets(query.getAll("target"), { source, fromSeconds, untilSeconds, nowSeconds });
  return pixelsOf(
    await sharp(new TextEncoder().encode(drawGraph(series, parseGraphParameters(query))))
      .png()
      .toBuffer(),
  );
}

type Rgb = readonly [number, number, number];

const isNear = ({ bytes, width }: Pixels, x: number, y: number, [red, green, blue]: Rgb, tolerance: number) => {
  const at = (y * width + x) * 3;
  const far = (value: number, offset: number) => Math.abs(value - (bytes[at + offset] ?? 0)) > tolerance;
  return !far(red, 0) && !far(green, 1) && !far(blue, 2);
};

/** Mean height of the pixels of a colour for each column; NaN for columns without. */
function profile(pixels: Pixels, colour: Rgb, tolerance = 60): number[] {
  return Array.from({ length: pixels.width }, (_, x) => {
    let sum = 0;
    let count = 0;
    for (let y = 0; y < pixels.height; y++) {
      if (!isNear(pixels, x, y, colour, tolerance)) continue;
      sum += y;
      count++;
    }
    return count === 0 ? Number.NaN : sum / count;
  });
}

/** The part of columns in which two profiles are at most `most` pixels apart, where both or neither show the colour. */
function likeness(left: readonly number[], right: readonly number[], most: number): number {
  const alike = left.filter((value, x) => {
    const other = right[x] ?? Number.NaN;
    if (Number.isNaN(value) || Number.isNaN(other)) {
      // The edge of a line may be a pixel further.
      const beside = [right[x - 1], right[x + 1]].some(
        (each) => Number.isNaN(each ?? Number.NaN) === Number.isNaN(value),
      );
      return Number.isNaN(value) === Number.isNaN(other) || beside;
    }
    return Math.abs(value - other) <= most;
  });
  return alike.length / left.length;
}

/** Where pixels of a colour are. */
function boxOf(
  pixels: Pixels,
  colour: Rgb,
): { left: number; right: number; top: number; bottom: number; count: number } {
  const box = { left: Infinity, right: -1, top: Infinity, bottom: -1, count: 0 };
  for (let y = 0; y < pixels.height; y++) {
    for (let x = 0; x < pixels.width; x++) {
      if (!isNear(pixels, x, y, colour, 40)) continue;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y);
      box.count++;
    }
  }
  return box;
}

const blue: Rgb = [100, 100, 255];
const green: Rgb = [0, 200, 0];
const bare = "graphOnly=true&width=400&height=200&lineWidth=2";
const houston =
  "hideGrid=true&hideLegend=true&hideAxes=true&graphOnly=true&bgcolor=FFFFFF&colorList=%23999999,%23006699&_salt=1.5";

/** Pictures without anything around the graph, and the colours to look for. */
const bareCases: readonly (readonly [string, string, readonly Rgb[]])[] = [
  ["a line", `target=season.a&from=-6h&${bare}`, [blue]],
  ["two lines of other steps", `target=season.a&target=hosts.db2.cpu&from=-3h&${bare}`, [blue]],
  ["many values in a pixel", `target=season.a&from=-7d&${bare}`, [blue]],
  ["a staircase", `target=mixed.slower&lineMode=staircase&from=-1h&${bare}`, [blue]],
  ["an area", `target=season.a&areaMode=first&yMin=0&from=-1d&${bare}`, [blue]],
  ["areas on each other", `target=whole.a&target=whole.b&areaMode=stacked&from=-1h&${bare}`, [blue, green]],
  ["areas before each other", `target=whole.a&target=whole.b&areaMode=all&from=-1h&${bare}`, [blue, green]],
  ["values below zero", `target=edge.negative&areaMode=all&from=-1h&${bare}`, [blue]],
  ["gaps as zero", `target=edge.sparse&drawNullAsZero=true&from=-1h&${bare}`, [blue]],
  ["lone values", `target=edge.sparse&from=-1h&${bare}`, [blue]],
  ["limits", `target=season.a&yMin=0&yMax=200&from=-1d&${bare}`, [blue]],
  ["a logarithm", `target=edge.half&logBase=10&from=-1d&${bare}`, [blue]],
  ["an area between", `target=areaBetween(group(edge.seven,season.a))&from=-6h&${bare}`, [green]],
  ["lines from top to bottom", `target=drawAsInfinite(events('deploy'))&target=edge.seven&from=-1h&${bare}`, [blue]],
  [
    "a week in hound's mail",
    "target=season.a&target=threshold(155.000000)&width=1600&height=150&fontSize=20&hideGrid=true&hideLegend=true&graphOnly=true&hideAxes=true&bgcolor=EEEEEE&fgcolor=000000&hideGrid=true&colorList=%23cccccc,%236699cc&from=-7days",
    [[0x66, 0x99, 0xcc]],
  ],
  [
    "houston's load",
    `target=hosts.db1.cpu&target=constantLine(1)&width=300&height=100&${houston}&yMin=0&areaMode=first`,
    [[0x99, 0x99, 0x99]],
  ],
  [
    "houston's memory",
    `target=hosts.db1.cpu&target=constantLine(10)&width=300&height=100&${houston}&yMin=0&yMax=100&lineMode=staircase&areaMode=first`,
    [[0x99, 0x99, 0x99]],
  ],
  [
    "houston's requests",
    `target=hitcount(hosts.web1.requests,%2210s%22)&width=400&height=100&${houston}&yMin=0&lineMode=connected&drawNullAsZero=True`,
    [[0x99, 0x99, 0x99]],
  ],
  [
    "houston's times",
    `target=keepLastValue(hosts.web1.cpu)&target=keepLastValue(hosts.web2.cpu)&target=constantLine(100)&width=400&height=100&${houston}&yMin=0&lineMode=connected`,
    [[0x99, 0x99, 0x99]],
  ],
];

const hound =
  "width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699&from=-24hours";

/** Pictures with everything around the graph, and a colour of their first series. */
const wholeCases: readonly (readonly [string, string, Rgb])[] = [
  ["nothing asked", "target=season.a", blue],
  ["titles", "target=season.a&title=Title&vtitle=Side&from=-6h&width=500&height=300", blue],
  ["a day in hound's mail", `target=season.a&target=threshold(155.000000)&${hound}`, [0x99, 0x99, 0x99]],
  ["an area with legend", "target=season.a&areaMode=all&from=-2d&width=600&yMin=0", blue],
  ["labels on the right", "target=season.a&yAxisSide=right&from=-2d&width=600", blue],
  ["two axes", "target=season.a&target=secondYAxis(edge.half)&from=-6h&width=600", blue],
  ["large numbers", "target=edge.big&yUnitSystem=si&from=-6h&width=600", blue],
  [
    "houston's network",
    `target=nonNegativeDerivative(hosts.web1.requests)&target=nonNegativeDerivative(hosts.web2.requests)&width=300&height=100&${houston}`,
    [0x99, 0x99, 0x99],
  ],
  ["no legend for many", `${"target=season.a&".repeat(11)}from=-6h&colorList=blue`, blue],
];

besideGraphiteWeb("pictures beside graphite-web", "pictures need", (oracle) => {
  const both = async (query: string): Promise<[Pixels, Pixels]> => {
    const parameters = new URLSearchParams(query);
    const asked: Record<string, string[]> = {};
    for (const [name, value] of parameters) (asked[name] ??= []).push(value);
    const response = await oracle().render(asked);
    expect(response.headers.get("content-type")).toBe("image/png");
    return [await pixelsOf(await response.bytes()), await ours(parameters)];
  };

  for (const [name, query, colours] of bareCases) {
    test(`drawGraph: ${name} lies where graphite-web has it`, async () => {
      const [theirs, own] = await both(query);
      expect([own.width, own.height]).toEqual([theirs.width, theirs.height]);
      for (const colour of colours) {
        const expected = profile(theirs, colour);
        expect(expected.some((value) => !Number.isNaN(value))).toBe(true);
        expect(likeness(expected, profile(own, colour), 0.02 * own.height)).toBeGreaterThan(0.9);
      }
    }, 180_000);
  }

  for (const [name, query, colour] of wholeCases) {
    test(`drawGraph: ${name} shows what graphite-web shows`, async () => {
      const [theirs, own] = await both(query);
      expect([own.width, own.height]).toEqual([theirs.width, theirs.height]);
      const expected = boxOf(theirs, colour);
      const found = boxOf(own, colour);
      expect(expected.count).toBeGreaterThan(50);
      // Narrower labels and titles leave more room for the graph.
      for (const edge of ["left", "right"] as const) expect(Math.abs(found[edge] - expected[edge])).toBeLessThan(60);
      for (const edge of ["top", "bottom"] as const) expect(Math.abs(found[edge] - expected[edge])).toBeLessThan(15);
      expect(found.count / expected.count).toBeGreaterThan(0.6);
      expect(found.count / expected.count).toBeLessThan(1.6);
    }, 180_000);
  }

  test("drawGraph: no data is said in as large a picture", async () => {
    const [theirs, own] = await both("target=nothing.at.all&width=400&height=100");
    expect([own.width, own.height]).toEqual([theirs.width, theirs.height]);
    const red: Rgb = [200, 0, 50];
    const box = boxOf(own, red);
    expect(boxOf(theirs, red).count).toBeGreaterThan(10);
    expect(box.count).toBeGreaterThan(10);
    expect(Math.abs((box.left + box.right) / 2 - 200)).toBeLessThan(5);
  }, 180_000);
});

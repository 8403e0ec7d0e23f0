import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { startCost } from "./cost-fixture.ts";
import { parseColour, templateOf } from "./colour.ts";
import { drawGraph } from "./draw-graph.ts";
import { type GraphParameters, parseGraphParameters } from "./graph-parameters.ts";

const parse = (query: string): GraphParameters => parseGraphParameters(new URLSearchParams(query));

describe("parseColour", () => {
  test("parseColour: names are Graphite's", () => {
    expect(parseColour("blue")).toEqual({ red: 100, green: 100, blue: 255, alpha: 1 });
    expect(parseColour("red")).toEqual({ red: 200, green: 0, blue: 50, alpha: 1 });
  });

  test("parseColour: digits may have a mark in front, escaped or not, and a transparency behind", () => {
    const colour = { red: 0, green: 0x66, blue: 0x99, alpha: 1 };
    for (const text of ["006699", "#006699", "%23006699"]) expect(parseColour(text)).toEqual(colour);
    expect(parseColour("00669980").alpha).toBeCloseTo(0.502, 3);
  });

  test.each(["", "blau", "12345", "1234567", "#12345g", "Blue"])("parseColour: %p is none", (text) => {
    expect(() => parseColour(text)).toThrow(RangeError);
  });

  test("templateOf: every colour of every template can be read", () => {
    for (const name of [
      "default",
      "classic",
      "noc",
      "summary",
      "solarized-dark",
      "grafana",
      "ocean1",
      "lava2",
      "none",
    ]) {
      const { lines, ...others } = templateOf(name);
      expect([...lines, ...Object.values(others)].map((text) => parseColour(text).alpha > 0)).not.toContain(false);
    }
  });
});

describe("parseGraphParameters", () => {
  test("parseGraphParameters: nothing asked is as Graphite draws it", () => {
    expect(parse("")).toMatchObject({
      width: 330,
      height: 250,
      margin: 10,
      fontSize: 10,
      lineWidth: 1.2,
      lineMode: "slope",
      areaMode: "none",
      unitSystem: "si",
      background: "white",
      foreground: "black",
      hideGrid: false,
      minorY: 1,
      divisors: [4, 5, 6],
    });
    expect(parse("").hideLegend).toBeUndefined();
  });

  test("parseGraphParameters: the address of hound's mail is understood", () => {
    const found = parse(
      "width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699&from=-24hours",
    );
    expect(found).toMatchObject({ width: 1600, height: 300, fontSize: 20, background: "FFFFFF", hideGrid: true });
    expect(found.colours).toEqual(["#999999", "#006699"]);
  });

  test("parseGraphParameters: graphOnly leaves nothing around the graph", () => {
    expect(parse("graphOnly=true&title=a&vtitle=b&margin=30")).toMatchObject({
      hideLegend: true,
      hideGrid: true,
      hideAxes: true,
      margin: 0,
      title: "",
      verticalTitle: "",
    });
  });

  test("parseGraphParameters: any word but false and 0 means yes; an empty one and default mean nothing", () => {
    for (const yes of ["true", "True", "1", "yes", "no"]) expect(parse(`hideGrid=${yes}`).hideGrid).toBe(true);
    for (const not of ["false", "FALSE", "0", "", "default"]) expect(parse(`hideGrid=${not}`).hideGrid).toBe(false);
    expect(parse("width=default&height=").width).toBe(330);
  });

  test("parseGraphParameters: of a parameter given twice the last one holds", () => {
    expect(parse("hideGrid=true&hideGrid=false&width=10&width=20")).toMatchObject({ hideGrid: false, width: 20 });
  });

  test("parseGraphParameters: limits, their older names, and those of two axes", () => {
    expect(parse("yMin=-1.5&yMax=.5&yStep=2&yLimit=9").axis).toEqual({ min: -1.5, max: 0.5, step: 2, limit: 9 });
    expect(parse("min=1&max=2").axis).toEqual({ min: 1, max: 2 });
    expect(parse("yMax=max").axis).toEqual({ max: "max" });
    expect(parse("yMinLeft=1&leftColor=red&leftWidth=3&yMaxRight=max&rightDashed=4")).toMatchObject({
      left: { min: 1, colour: "red", width: 3 },
      right: { max: "max", dashed: 4 },
    });
  });

  test("parseGraphParameters: areaAlpha 0 is none, a word is a half", () => {
    expect(parse("areaAlpha=0").areaAlpha).toBeUndefined();
    expect(parse("areaAlpha=some").areaAlpha).toBe(0.5);
    expect(parse("areaAlpha=0.25").areaAlpha).toBe(0.25);
    expect(parse("areaAlpha=7").areaAlpha).toBe(1);
  });

  test("parseGraphParameters: what Graphite passes over is passed over", () => {
    expect(parse("yUnitSystem=metric&template=mine&margin=-3&logBase=0.5&tz=Mars/Base")).toMatchObject({
      unitSystem: "si",
      background: "white",
      margin: 10,
      timeZone: "UTC",
    });
    expect(parse("logBase=e").logBase).toBe(Math.E);
    expect(parse("tz=Europe/Berlin").timeZone).toBe("Europe/Berlin");
  });

  test.each([
    "width=0",
    "width=4097",
    "height=-5",
    "height=1e9",
    "fontSize=0",
    "lineMode=curve",
    "areaMode=some",
    "yMin=low",
    "yStep=0",
    "logBase=1",
    "logBase=two",
    "colorList=red,nocolour",
    "bgcolor=fff",
    "yDivisors=0",
    "yDivisors=a",
    "graphType=pie",
    "lineWidth=1000",
  ])("parseGraphParameters: %s is refused with a sentence", (query) => {
    expect(() => parse(query)).toThrow(RangeError);
  });

  const names = [
    "width height margin bgcolor fgcolor fontName fontSize fontBold fontItalic colorList template yAxisSide title vtitle",
    "lineMode lineWidth hideLegend hideAxes minXStep hideGrid majorGridLineColor minorGridLineColor thickness min max",
    "graphOnly yMin yMax yLimit yStep areaMode areaAlpha drawNullAsZero tz yUnitSystem logBase yMinLeft yMinRight",
    "yMaxLeft yMaxRight yLimitLeft yLimitRight yStepLeft yStepRight rightWidth rightColor rightDashed leftWidth leftColor",
    "leftDashed xFormat minorY hideYAxis uniqueLegend vtitleRight yDivisors connectedLimit hideXAxis hideNullFromLegend",
  ].flatMap((line) => line.split(" "));
  const likely = ["true", "0", "1", "-1", "0.5", "10", "300", "1e308", "max", "e", "red", "staircase", "connected"];
  const more = ["stacked", "all", "first", "binary", "msec", "right", "classic", "%H:%M %q%", "a\nb", "NaN", "4,5"];
  const value = fc.oneof(fc.constantFrom(...likely, ...more), fc.double().map(String), fc.string({ unit: "grapheme" }));
  const query = fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 12 });

  const number = fc.oneof(
    fc.double(),
    fc.double({ min: -100, max: 100, noNaN: true }),
    fc.constantFrom(null, 0, -0, 1, Infinity, -Infinity, 1e308, -1e308, 5e-324),
  );
  const series = fc.record(
    {
      name: fc.string({ unit: "binary" }),
      startSeconds: fc.oneof(fc.integer({ min: 0, max: 2_000_000_000 }), fc.double()),
      stepSeconds: fc.oneof(fc.integer({ min: 1, max: 90_000 }), fc.double()),
      values: fc.array(number, { maxLength: 60 }),
      draw: fc.record(
        {
          color: fc.constantFrom("red", "00ff0044", "nocolour"),
          alpha: fc.double(),
          lineWidth: fc.double(),
          dashed: fc.double(),
          stacked: fc.boolean(),
          invisible: fc.boolean(),
          drawAsInfinite: fc.boolean(),
          secondYAxis: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ["name", "startSeconds", "stepSeconds", "values"] },
  );

  test("drawGraph: whatever is asked of whatever series is a picture or a RangeError, soon and of bounded size", () => {
    let drawn = 0;
    fc.assert(
      fc.property(query, fc.array(series, { maxLength: 8 }), (pairs, list) => {
        const costMs = startCost();
        let svg: string;
        try {
          const parameters = parseGraphParameters(new URLSearchParams(pairs));
          svg = drawGraph(list, parameters);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RangeError);
          return;
        } finally {
          expect(costMs()).toBeLessThan(2000);
        }
        drawn++;
        expect(svg.startsWith("<svg ") && svg.endsWith("</svg>")).toBe(true);
        expect(svg.replace(/<title>.*?<\/title>/s, "")).not.toMatch(/NaN|Infinity|undefined/);
        // eslint-disable-next-line no-control-regex
        expect(svg).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
        expect(svg.length).toBeLessThan(5_000_000);
      }),
      { numRuns: 400 },
    );
    expect(drawn).toBeGreaterThan(20);
  }, 120_000);
});

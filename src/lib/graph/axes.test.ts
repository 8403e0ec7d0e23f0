import { describe, expect, test } from "bun:test";

import { type TimeAxisOptions, formatWall, timeAxis } from "./time-axis.ts";
import { labelOf, valueAxis, type ValueAxisOptions } from "./value-axis.ts";

const axis = (least: number, most: number, more: Partial<ValueAxisOptions> = {}) =>
  valueAxis({ least, most, wanted: {}, unitSystem: "si", divisors: [4, 5, 6], labelRoom: 20, ...more });
const texts = (...words: Parameters<typeof axis>) => axis(...words).labels.map(({ text }) => text);

describe("valueAxis", () => {
  test("valueAxis: is widened to whole steps that people like", () => {
    expect(texts(3, 97)).toEqual(["0", "20", "40", "60", "80", "100"]);
    expect(texts(-14.7, 4.9)).toEqual(["-15", "-10", "-5", "0", "5"]);
    expect(texts(0, 0.23)).toEqual(["0.00", "0.05", "0.10", "0.15", "0.20", "0.25"]);
  });

  test("valueAxis: labels have units where steps are as large", () => {
    expect(texts(0, 3.7e9)).toEqual(["0", "1 G", "2 G", "3 G", "4 G"]);
    expect(texts(0, 3.7e9, { unitSystem: "binary" })).toEqual(["0", "1 Gi", "2 Gi", "3 Gi", "4 Gi"]);
    expect(texts(0, 3.7e9, { unitSystem: "none" })[1]).toBe("1000000000");
    expect(texts(0, 1500)).toEqual(["0", "500", "1000", "1500"]);
  });

  test("labelOf: spans of time in their units", () => {
    expect(labelOf(7200, 3600, "sec")).toBe("2 H");
    expect(labelOf(90_000, 30_000, "msec")).toBe("90 s");
    expect(labelOf(5000, 5000, "sec")).toBe("1.39 H");
    expect(labelOf(-0, 1, "si")).toBe("0");
  });

  test("valueAxis: limits that are asked for are kept to the letter", () => {
    expect(axis(3, 97, { wanted: { min: 1, max: 99 } })).toMatchObject({ bottom: 1, top: 99 });
    expect(axis(3, 97, { wanted: { max: "max" } })).toMatchObject({ bottom: 0, top: 97 });
    expect(axis(3, 97, { wanted: { limit: 50 } })).toMatchObject({ bottom: 0, top: 50 });
    expect(axis(3, 97, { wanted: { limit: 500 } })).toMatchObject({ bottom: 0, top: 100 });
    expect(
      axis(3, 97, { wanted: { step: 7 } })
        .labels.slice(0, 3)
        .map(({ value }) => value),
    ).toEqual([0, 7, 14]);
    expect(() => axis(0, 1, { wanted: { min: 5, max: 5 } })).toThrow("yMin must be below yMax");
  });

  test("valueAxis: one value alone has room around it", () => {
    for (const value of [0, 7, -7, 1e-12, 1e15]) {
      const { bottom, top } = axis(value, value);
      expect(bottom).toBeLessThan(value);
      expect(top).toBeGreaterThan(value);
    }
  });

  test("valueAxis: labels that would run into each other are left out", () => {
    expect(texts(0, 100, { wanted: { step: 5 }, labelRoom: 6 })).toEqual(["0", "25", "50", "75", "100"]);
  });

  test("valueAxis: a tiny step on a great span is not followed", () => {
    expect(axis(0, 1e6, { wanted: { step: 0.001 } }).labels.length).toBeLessThan(20);
  });

  test("valueAxis: distances of any size are divided or refused, never searched for ever", () => {
    for (const [least, most] of [
      [-1e308, 1e308],
      [0, 5e-324],
      [0, 1e-310],
      [1e15, 1e15 + 0.125],
      [0, Infinity],
    ] as const) {
      try {
        expect(axis(least, most).labels.length).toBeLessThan(1002);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RangeError);
      }
    }
  });

  test("valueAxis: a logarithm goes from power to power", () => {
    const found = axis(3, 1000, { logBase: 10 });
    expect(found.labels.map(({ text }) => text)).toEqual(
      ["1", "10", "100", "1000"].map((each) => each.replace("1000", "1 k")),
    );
    expect(found.positionOf(10)).toBeCloseTo(1 / 3, 9);
    expect(found.positionOf(0)).toBeUndefined();
    expect(() => axis(0, 10, { logBase: 10 })).toThrow(RangeError);
  });
});

describe("timeAxis", () => {
  const seconds = (iso: string) => Date.parse(iso) / 1000;
  const times = (from: string, until: string, more: Partial<TimeAxisOptions> = {}) =>
    timeAxis({
      fromSeconds: seconds(from),
      untilSeconds: seconds(until),
      widthPixels: 300,
      timeZone: "UTC",
      widthOf: (text) => text.length * 6,
      ...more,
    });
  const labels = (...words: Parameters<typeof times>) => times(...words).labels.map(({ text }) => text);

  test("timeAxis: seconds to centuries, as many labels as there is room for", () => {
    expect(labels("2026-11-18T10:00:01Z", "2026-11-18T10:00:50Z")).toEqual(["10:00:15", "10:00:30", "10:00:45"]);
    expect(labels("2026-11-18T10:05:00Z", "2026-11-18T11:05:00Z")).toEqual([
      "10:10",
      "10:20",
      "10:30",
      "10:40",
      "10:50",
      "11:00",
    ]);
    expect(labels("2026-11-17T14:13:00Z", "2026-11-18T14:13:00Z")[0]).toBe("16:00");
    expect(labels("2026-11-11T14:00:00Z", "2026-11-18T14:00:00Z", { widthPixels: 330 })).toEqual([
      "Nov 13",
      "Nov 15",
      "Nov 17",
    ]);
    expect(labels("2026-01-10T00:00:00Z", "2026-12-10T00:00:00Z")).toContain("Jul");
    expect(labels("1990-01-10T00:00:00Z", "2026-12-10T00:00:00Z").slice(0, 3)).toEqual(["1995", "2000", "2005"]);
    for (const years of [1, 10, 100, 1000, 5000]) {
      const from = seconds("2000-03-01T00:00:00Z");
      const count = timeAxis({
        fromSeconds: from,
        untilSeconds: from + years * 31_556_952,
        widthPixels: 300,
        timeZone: "UTC",
        widthOf: (text) => text.length * 6,
      }).labels.length;
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count).toBeLessThan(14);
    }
  });

  test("timeAxis: larger letters make fewer labels", () => {
    const range = ["2026-11-17T14:00:00Z", "2026-11-18T14:00:00Z"] as const;
    const small = labels(...range).length;
    expect(labels(...range, { widthOf: (text) => text.length * 20 }).length).toBeLessThan(small);
  });

  test("timeAxis: labels stand at hours of the zone's wall, also where it is half an hour off", () => {
    const range = ["2026-11-17T14:13:00Z", "2026-11-18T14:13:00Z"] as const;
    const found = times(...range, { timeZone: "Asia/Kolkata" });
    expect(found.labels.every(({ text }) => text.endsWith(":00"))).toBe(true);
    expect(found.labels.every(({ atSeconds }) => atSeconds % 3600 === 1800)).toBe(true);
  });

  test("timeAxis: days keep their midnight when clocks change", () => {
    // Berlin's clocks go back in the night to 2026-10-25, which has 25 hours.
    const { labels: found } = times("2026-10-23T12:00:00Z", "2026-10-28T12:00:00Z", {
      timeZone: "Europe/Berlin",
      widthPixels: 800,
      format: "%d %H:%M",
    });
    expect(
      found
        .filter(({ text }) => text.endsWith("00:00"))
        .map(({ atSeconds }) => new Date(atSeconds * 1000).toISOString().slice(0, 16)),
    ).toEqual(["2026-10-23T22:00", "2026-10-24T22:00", "2026-10-25T23:00", "2026-10-26T23:00", "2026-10-27T23:00"]);
    expect(new Set(found.map(({ atSeconds }) => atSeconds)).size).toBe(found.length);
  });

  test("timeAxis: no label names an hour that is skipped, and one that comes twice has two", () => {
    const axis = (from: string, until: string, timeZone: string, widthPixels: number) =>
      times(from, until, { timeZone, widthPixels }).labels.map(({ atSeconds, text }) => [
        (atSeconds - seconds(from)) / 3600,
        text,
      ]);
    const zones = [
      ["Europe/Berlin", "2026-03-28T23:00:00Z", "2026-10-24T22:00:00Z", "02:00"],
      ["America/New_York", "2026-03-08T05:00:00Z", "2026-11-01T04:00:00Z", "01:00"],
    ] as const;
    for (const [zone, spring, autumn, twice] of zones) {
      const hourLater = (from: string, hours: number) => new Date(Date.parse(from) + hours * 3_600_000).toISOString();
      expect(axis(spring, hourLater(spring, 5), zone, 400)).toEqual([
        [0, "00:00"],
        [1, "01:00"],
        [2, "03:00"],
        [3, "04:00"],
        [4, "05:00"],
        [5, "06:00"],
      ]);
      const found = axis(autumn, hourLater(autumn, 5), zone, 400);
      expect(found.map(([hour]) => hour)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(found.filter(([, text]) => text === twice)).toHaveLength(2);
      // Of several hours: as the wall shows them, and none at an hour that is not there.
      expect(axis(spring, hourLater(spring, 23), zone, 600)).not.toContainEqual([expect.anything(), "02:00"]);
      const day = axis(autumn, hourLater(autumn, 25), zone, 300);
      expect([day[0], day.at(-1)]).toEqual([
        [0, "00:00"],
        [25, "00:00"],
      ]);
    }
  });

  test("timeAxis: thin lines stand between the labels and on them", () => {
    const { labels: found, minor } = times("2026-11-18T10:05:00Z", "2026-11-18T11:05:00Z");
    expect(minor.length).toBe(13);
    expect(found.every(({ atSeconds }) => minor.includes(atSeconds))).toBe(true);
  });

  test("formatWall: writes as strftime does, and leaves what it does not know", () => {
    const wall = new Date("2026-03-05T15:04:09Z");
    expect(formatWall(wall, "%a %A %b %d %e %H %I %l %M %m %p %S %y %Y %j %%", "UTC")).toBe(
      "Thu Thursday Mar 05  5 15 03  3 04 03 PM 09 26 2026 064 %",
    );
    expect(formatWall(wall, "%F %T %D %R %Q %", "UTC")).toBe("2026-03-05 15:04:09 03/05/26 15:04 %Q %");
  });
});

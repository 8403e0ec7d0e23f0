/* eslint-disable import/default -- what is imported is the text of a file, not what it exports */
import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import axisText from "./time-axis.browser.js" with { type: "text" };
import zoneText from "./zone.browser.js" with { type: "text" };

/** As the browser gets them. */
const zoneAddress = `data:text/javascript;base64,${btoa(zoneText)}`;
const { momentOf, offsetAt, sameClock, wallOf } = (await import(zoneAddress)) as {
  momentOf(wall: number, zone: string): number;
  offsetAt(seconds: number, zone: string): number;
  sameClock(seconds: number, by: number, zone: string): number | undefined;
  wallOf(seconds: number, zone: string): number;
};
const linked = axisText.replace("./zone.browser.js", zoneAddress);
const { ticksOf, wordsOf } = (await import(`data:text/javascript;base64,${btoa(linked)}`)) as {
  ticksOf(from: number, until: number, step: number, zone: string): number[];
  wordsOf(ticks: readonly number[], step: number, zone: string): string[];
};

const at = (text: string) => Date.parse(text) / 1000;
const hour = 3600;
const day = 86_400;

/** Days on which clocks are changed: from midnight to midnight there. */
const changes = {
  "Berlin in spring": ["Europe/Berlin", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", 23],
  "Berlin in autumn": ["Europe/Berlin", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", 25],
  "New York in spring": ["America/New_York", "2026-03-08T00:00-05:00", "2026-03-09T00:00-04:00", 23],
  "New York in autumn": ["America/New_York", "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00", 25],
} as const;

describe("ticksOf and wordsOf", () => {
  for (const [name, [zone, start, end, hours]] of Object.entries(changes)) {
    test(`ticks: ${name}: a line at each hour that there is, none twice and none missing`, () => {
      const [from, until] = [at(start), at(end)];
      expect(until - from).toBe(hours * hour);
      const ticks = ticksOf(from, until, hour, zone);
      expect(ticks).toEqual(Array.from({ length: hours + 1 }, (_, slot) => from + slot * hour));
      const words = wordsOf(ticks, hour, zone).map((text) => text.slice(0, 5));
      const isSpring = hours === 23;
      const [gone, twice] = zone === "Europe/Berlin" ? ["02:00", "02:00"] : ["02:00", "01:00"];
      if (isSpring) expect(words).not.toContain(gone);
      else expect(words.filter((text) => text === twice)).toHaveLength(2);
      expect([words[0], words.at(-1)]).toEqual(["00:00", "00:00"]);
    });

    test(`ticks: ${name}: lines of several hours and of days stand where the wall shows them`, () => {
      const [from, until] = [at(start), at(end)];
      expect(wordsOf(ticksOf(from, until, 6 * hour, zone), 6 * hour, zone).map((text) => text.slice(0, 5))).toEqual([
        "00:00",
        "06:00",
        "12:00",
        "18:00",
        "00:00",
      ]);
      const twos = wordsOf(ticksOf(from, until, 2 * hour, zone), 2 * hour, zone).map((text) => text.slice(0, 5));
      expect([twos.length, twos.includes("02:00")]).toEqual(hours === 23 ? [12, false] : [13, true]);
      const days = ticksOf(from - 3 * day, until + 3 * day, day, zone);
      expect(days.map((each) => wallOf(each, zone) % day)).toEqual(days.map(() => 0));
      expect(days).toContain(from);
      expect(days).toContain(until);
    });
  }

  test("words: the year at first, a day where one begins, and other clocks where they are changed", () => {
    const from = at("2026-10-24T22:00+02:00");
    const ticks = ticksOf(from, from + 6 * hour, hour, "Europe/Berlin");
    expect(wordsOf(ticks, hour, "Europe/Berlin")).toEqual([
      "22:00\n2026-10-24",
      "23:00",
      "00:00\n10-25",
      "01:00",
      "02:00",
      "02:00\nUTC+01:00",
      "03:00",
    ]);
    expect(wordsOf([at("2026-12-31T00:00Z"), at("2027-01-01T00:00Z")], day, "UTC")).toEqual([
      "12-31\n2026",
      "01-01\n2027",
    ]);
    expect(
      wordsOf(ticksOf(at("2026-01-15T00:00Z"), at("2026-08-01T00:00Z"), 90 * day, "UTC"), 90 * day, "UTC"),
    ).toEqual(["2026-04", "2026-07"]);
    expect(
      wordsOf(ticksOf(at("2024-06-01T00:00Z"), at("2027-01-01T00:00Z"), 365 * day, "UTC"), 365 * day, "UTC"),
    ).toEqual(["2025", "2026", "2027"]);
  });

  test("ticks: whatever zone and stretch, they rise, are inside, and stand at whole steps of the wall", () => {
    const zones = [
      "UTC",
      "Europe/Berlin",
      "America/New_York",
      "Asia/Kathmandu",
      "Australia/Lord_Howe",
      "America/St_Johns",
    ];
    const steps = [10, 60, 300, 900, 1800, hour, 2 * hour, 6 * hour, 12 * hour, day, 7 * day, 30 * day, 365 * day];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...steps),
        fc.integer({ min: at("2005-01-01T00:00Z"), max: at("2040-01-01T00:00Z") }),
        fc.integer({ min: 1, max: 20 }),
        (zone, step, from, count) => {
          const until = from + count * step;
          const ticks = ticksOf(from, until, step, zone);
          expect(ticks.every((each, slot) => each >= from && each <= until && each > (ticks[slot - 1] ?? -1))).toBe(
            true,
          );
          // Two lines are never further apart than a step and a change of clocks, or a longer month or year; one may be skipped.
          const most = step >= 30 * day ? step * 1.1 : step > hour && step < day ? 2 * step : step + hour;
          expect(ticks.every((each, slot) => slot === 0 || each - (ticks[slot - 1] ?? 0) <= most)).toBe(true);
          if (step <= hour) expect(ticks.every((each) => wallOf(each, zone) % step === 0)).toBe(true);
          expect(wordsOf(ticks, step, zone)).toHaveLength(ticks.length);
        },
      ),
    );
  });
});

describe("sameClock", () => {
  test("momentOf: leads back to what the wall shows, wherever that is shown at all", () => {
    for (const [zone, start, end] of Object.values(changes)) {
      for (let each = at(start) - day; each < at(end) + day; each += 900) {
        const back = momentOf(wallOf(each, zone), zone);
        // The second of two equal hours leads to the first.
        expect([0, hour]).toContain(each - back);
        expect(offsetAt(back, zone) - offsetAt(each, zone)).toBe(each - back);
      }
    }
  });

  for (const [name, [zone, start, end, hours]] of Object.entries(changes)) {
    test(`sameClock: ${name}: a day earlier is the same hour of the clock, not so many seconds`, () => {
      const noon = at(end) - 12 * hour;
      expect(sameClock(noon, -day, zone)).toBe(noon - hours * hour);
      expect(sameClock(at(end), -7 * day, zone)).toBe(at(end) - 7 * day - (hours - 24) * hour);
      expect(sameClock(at(start), -day, zone)).toBe(at(start) - day);
      expect(sameClock(noon, -hour, zone)).toBe(noon - hour);
      expect(sameClock(noon, -day, "UTC")).toBe(noon - day);
      // Of the day before, laid over this one: an hour that is skipped has no place.
      const placed = Array.from({ length: 24 }, (_, slot) => sameClock(at(start) - day + slot * hour, day, zone));
      expect(placed.filter((each) => each === undefined)).toHaveLength(hours === 23 ? 1 : 0);
    });
  }
});

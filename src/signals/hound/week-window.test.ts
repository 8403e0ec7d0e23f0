/** Times that come again every week, in zones with summer time. */
import { expect, test } from "bun:test";

import { daysOf, isWithin, isZone, minuteOf, type WeekWindow } from "./week-window.ts";

const night: WeekWindow = {
  kind: "weekly",
  days: daysOf(["mon-fri"]),
  fromMinute: minuteOf("22:00"),
  untilMinute: minuteOf("07:00"),
  zone: "Europe/Berlin",
};

test("isWithin: a night belongs to the day on which it begins", () => {
  const within = (instant: string) => isWithin([night], Date.parse(instant));
  // 2026-11-20 is a Friday; Berlin is an hour ahead in winter.
  expect(within("2026-11-20T20:59:00Z")).toBe(false);
  expect(within("2026-11-20T21:00:00Z")).toBe(true);
  expect(within("2026-11-21T05:59:00Z")).toBe(true);
  expect(within("2026-11-21T06:00:00Z")).toBe(false);
  expect(within("2026-11-21T22:00:00Z")).toBe(false);
  expect(within("2026-11-23T05:00:00Z")).toBe(false);
});

test("isWithin: hours follow the zone's summer time", () => {
  expect(isWithin([night], Date.parse("2026-07-15T20:30:00Z"))).toBe(true);
  expect(isWithin([night], Date.parse("2026-12-15T20:30:00Z"))).toBe(false);
});

test("isWithin: a time that comes once ends before its end; none at all is never", () => {
  const once: WeekWindow = { kind: "once", fromAt: 1000, untilAt: 2000 };
  expect([999, 1000, 1999, 2000].map((at) => isWithin([once], at))).toEqual([false, true, true, false]);
  expect(isWithin([], 0)).toBe(false);
});

test("daysOf, minuteOf, isZone: what is none is refused", () => {
  expect(daysOf(["fri-mon"])).toEqual([0, 1, 5, 6]);
  expect(minuteOf("24:00")).toBe(1440);
  expect(() => daysOf(["someday"])).toThrow('wanted one such as "mon"');
  for (const wrong of ["24:01", "7", "12:60", "-1:00"])
    expect(() => minuteOf(wrong)).toThrow("wanted hours and minutes");
  expect([isZone("Europe/Berlin"), isZone("UTC"), isZone("Middle/Earth")]).toEqual([true, true, false]);
});

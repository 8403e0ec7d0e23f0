/**
 * Houston's charts on days on which clocks are changed, in a real browser that lives in the zone: the lines of the axis of
 * time, the time at the cursor, and the day before laid over such a day.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";

setDefaultTimeout(180_000);

/** Zone, day, when it begins, and its hours. */
const days = [
  ["Europe/Berlin", "20260329", "2026-03-29T00:00+01:00", 23],
  ["Europe/Berlin", "20261025", "2026-10-25T00:00+02:00", 25],
  ["America/New_York", "20260308", "2026-03-08T00:00-05:00", 23],
  ["America/New_York", "20261101", "2026-11-01T00:00-04:00", 25],
] as const;

describe.skipIf(chromiumMissing !== undefined)("houston's clocks", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-houston-"));
  const boards = join(folder, "boards");
  let browser: Browser;
  let node: ChildNode;

  beforeAll(async () => {
    mkdirSync(boards, { recursive: true });
    for (const [zone, day, start] of days) {
      // Its value says the time: hours since the day began there.
      const target = `scale(offset(timeFunction("t", 60), ${-Date.parse(start) / 1000}), ${1 / 3600})`;
      writeFileSync(
        join(boards, `d${day}.toml`),
        `title = "x"\ntz = "${zone}"\n[graphs.t]\ntargets = [${JSON.stringify(target)}]\nattrs = { width = 1200 }\n[[sections]]\nlabel = "x"\ngraphs = ["t"]\n`,
      );
    }
    node = await startChild({ folder, config: `[houston]\nfolder = ${JSON.stringify(boards)}\n` });
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await node[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = async (timezoneId: string, path: string) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, timezoneId });
    const misdeeds = watch(page, node.url);
    await page.addInitScript(`(() => {
      const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
      globalThis.written = [];
      // Each drawing begins with nothing.
      CanvasRenderingContext2D.prototype.clearRect = function (...all) {
        globalThis.written = [];
        return clearRect.call(this, ...all);
      };
      CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        globalThis.written.push(String(text));
        return fillText.call(this, text, ...rest);
      };
    })()`);
    await page.goto(`${node.url}/houston${path}`);
    await page.locator("[data-drawn] .u-over").waitFor();
    return { page, misdeeds };
  };
  /** What the legend says once the cursor stands there: the time, then the values. */
  const pointed = async (page: Page, x: number) => {
    const values = page.locator(".u-legend .u-value");
    const [before] = await values.allTextContents();
    await page.locator(".u-over").hover({ position: { x, y: 40 } });
    return until("the legend has followed", async () => {
      const found = await values.allTextContents();
      return found[0] !== before && found;
    });
  };
  /** What is written below the chart, a line's hour each. */
  const hours = (written: readonly string[]) => written.filter((text) => /^\d\d:\d\d$/.test(text));

  for (const [zone, day, start, count] of days) {
    const next = String(Number(day) + 1);
    const range = `from=00:00_${day}&until=00:00_${next}`;

    test(`${zone}, ${day}, ${count} hours: every line stands at an hour of the clock there, and the address needs no seconds`, async () => {
      const { misdeeds, page } = await open(zone, `/d/d${day}/?${range}&refresh=0`);
      const found = hours(await page.evaluate<string[]>("globalThis.written"));
      expect([found[0], found.at(-1)]).toEqual(["00:00", "00:00"]);
      // The distance of the lines is the chart's choice; the hour that is skipped has none, and one that is repeated has two.
      const step = Number(found.at(-2)?.slice(0, 2)) === 23 ? 1 : 24 - Number(found.at(-2)?.slice(0, 2));
      const twice = zone === "Europe/Berlin" ? 2 : 1;
      const expected = Array.from({ length: 24 / step + 1 }, (_, slot) => slot * step)
        .filter((hour) => count === 25 || hour !== 2)
        .flatMap((hour) => (count === 25 && step === 1 && hour === twice ? [hour, hour] : [hour]));
      expect(found).toEqual(expected.map((hour) => `${String(hour % 24).padStart(2, "0")}:00`));
      // At the right edge the clock shows the next midnight, after as many hours as the day has.
      const over = page.locator(".u-over");
      const width = (await over.boundingBox())?.width ?? 0;
      const [time = "", value = ""] = await pointed(page, width - 2);
      expect(Number(value)).toBeGreaterThan(count - 0.3);
      expect(Number(value)).toBeLessThanOrEqual(count);
      expect(time).toMatch(/ 23:[45]/);
      expect(misdeeds).toEqual({ complaints: [], strangers: [] });
      await page.close();
    });

    test(`${zone}, ${day}, ${count} hours: the day before lies hour over hour of the clock`, async () => {
      const { page } = await open(zone, `/d/d${day}/?${range}&refresh=0&compare=86400`);
      const over = page.locator(".u-over");
      const width = (await over.boundingBox())?.width ?? 0;
      const differences: number[] = [];
      for (const share of [0.02, 0.5, 0.9]) {
        const values = await pointed(page, Math.round(width * share));
        const [now = Number.NaN, before = Number.NaN] = values.slice(1).map(Number);
        differences.push(Math.round(now - before));
      }
      // Before the change a day is 24 hours ago, after it as many as the day has.
      expect(differences).toEqual([24, count, count]);
      await page.close();
    });

    test(`${zone}, ${day}: in UTC the lines are even, wherever the browser is`, async () => {
      const from = Date.parse(start) / 1000;
      const { page } = await open(zone, `/d/d${day}/?from=${from}&until=${from + 24 * 3600}&tz=UTC&refresh=0`);
      const found = hours(await page.evaluate<string[]>("globalThis.written"));
      const numbers = found.map((text) => Number(text.slice(0, 2)));
      const steps = new Set(numbers.slice(1).map((each, slot) => (each - (numbers[slot] ?? 0) + 24) % 24));
      expect([steps.size, found.every((text) => text.endsWith(":00"))]).toEqual([1, true]);
      expect(await page.getByLabel("Clocks").inputValue()).toBe("UTC");
      await page.close();
    });
  }

  test("clocks: those of the reader can be chosen, and the address says so", async () => {
    const { page } = await open("America/New_York", "/d/d20261025/?refresh=0");
    await page.getByLabel("Clocks").selectOption("America/New_York");
    await page.waitForURL(/tz=America%2FNew_York/);
    await page.goBack();
    await until("it is as before", async () => (await page.getByLabel("Clocks").inputValue()) === "Europe/Berlin");
    await page.goto(`${node.url}/houston/d/d20261025/?tz=Mars/Olympus&refresh=0`);
    expect(await page.getByLabel("Clocks").inputValue()).toBe("Europe/Berlin");
    await page.close();
    const picture = await fetch(`${node.url}/houston/graph/d20261025/t.svg?from=00:00_20261025&until=00:00_20261026`);
    expect(picture.status).toBe(200);
  });
});

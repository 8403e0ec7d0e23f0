/**
 * Charts: how long a page with a hundred of them, all looked at, takes in Chromium from the arrival of the figures until
 * the last is drawn, and from the click until then. The node, its store and the browser share the machine.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild, until } from "../src/kit/testing/child-node.ts";
import { startChromium } from "../tests/browser/chromium.ts";
import { medianOf, mustHave, spreadText } from "./measure.ts";
import { type BenchTable, type Effort, verdict } from "./report.ts";

const amounts: Record<Effort, { charts: number; turns: number; series: number }> = {
  smoke: { charts: 10, turns: 1, series: 1 },
  quick: { charts: 100, turns: 3, series: 3 },
  full: { charts: 100, turns: 9, series: 3 },
};
const goalMs = 1000;
const spanSeconds = 6 * 3600;
const stepSeconds = 10;

/** Measures drawing. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("chromium");
  const { charts, series, turns } = amounts[effort];
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const boards = join(folder, "boards");
  mkdirSync(boards);
  const names = Array.from({ length: charts }, (_, at) => `c${at}`);
  writeFileSync(
    join(boards, "many.toml"),
    `title = "Many"\nrange = "-6h"\n[graphs.one]\ntargets = ["bench.$1.*"]\nattrs = { areaMode = "first", yMin = 0 }\n[[sections]]\nlabel = "All"\ngraphs = [${names.map((name) => `"one ${name}"`).join(", ")}]\n`,
  );
  const browser = await startChromium();
  try {
    await using node = await startChild({
      folder,
      config: `[houston]\nfolder = ${JSON.stringify(boards)}\n`,
    });
    const now = Math.floor(Date.now() / 1000);
    for (const name of names) {
      const lines: string[] = [];
      for (let line = 0; line < series; line++) {
        for (let back = spanSeconds; back >= 0; back -= stepSeconds)
          lines.push(`bench.${name}.s${line} ${(Math.sin((back + line * 500) / 900) + 2).toFixed(3)} ${now - back}`);
      }
      const wrote = await fetch(`${node.url}/series/write`, { method: "POST", body: `${lines.join("\n")}\n` });
      if (!wrote.ok) throw new Error(`The store took no points: ${await wrote.text()}`);
    }
    const fromArrival: number[] = [];
    const fromClick: number[] = [];
    let points = 0;
    for (let turn = -1; turn < turns; turn++) {
      // High enough for all of them to be looked at.
      const page = await browser.newPage({ viewport: { width: 1600, height: Math.ceil(charts / 3) * 330 + 600 } });
      await page.goto(`${node.url}/houston/d/many/?refresh=0`);
      const count = () => page.evaluate<number>(`document.querySelectorAll("[data-drawn]").length`);
      await until("all charts are drawn", async () => (await count()) === charts, 60_000);
      const first = await page.evaluate<{ arrived: number[]; drawn: number[] }>(`({
        arrived: performance.getEntriesByName("houston-arrived").map((mark) => mark.startTime),
        drawn: performance.getEntriesByName("houston-drawn").map((mark) => mark.startTime),
      })`);
      // Batches: the time in which figures were there and not yet drawn, summed.
      const busyMs = first.drawn.reduce((sum, at, batch) => sum + at - (first.arrived[batch] ?? at), 0);
      points = await page.evaluate<number>(
        `[...document.querySelectorAll(".u-over")].reduce((sum, over) => sum + over.clientWidth, 0)`,
      );
      if (turn >= 0) {
        fromArrival.push(busyMs);
        fromClick.push(first.drawn.at(-1) ?? Number.NaN);
      }
      await page.close();
    }
    const median = medianOf(fromArrival);
    return [
      {
        title: `${charts} charts of ${series} series each, six hours at ten seconds`,
        rows: [
          {
            "from arrival to drawn, ms": median.toFixed(0),
            "spread, ms": spreadText(fromArrival),
            "from opening the page, ms": medianOf(fromClick).toFixed(0),
            "a chart, ms": (median / charts).toFixed(1),
          },
        ],
        notes: [
          `Medians of ${turns} pages after one that does not count; figures arrive in batches of 50 charts and the times of all are summed.`,
          `Charts are ${Math.round(points / charts)} pixels wide; figures are consolidated to as many points.`,
          verdict(median < goalMs, `${charts} charts drawn within ${goalMs} ms of the figures' arrival`),
        ],
      },
    ];
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Houston in a real browser, over a real node with its store: two hundred charts on a page, dragging, one cursor over all,
 * changing by form, the explorer by keyboard, a source that goes away, and all of it without script.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Browser, Locator, Page, Request } from "playwright-core";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { chromiumMissing, follow, startChromium, watch } from "./chromium.ts";
import contrastScript from "./contrast.browser.js" with { type: "text" };

setDefaultTimeout(180_000);

const charts = 200;
const wide = [
  'title = "Two hundred"',
  'range = "-1h"',
  "[graphs.one]",
  'title = "Chart $1"',
  'targets = ["many.$1", "constantLine(40)"]',
  'thresholds = [{ value = 50, label = "much", tone = "warn" }]',
  'attrs = { areaMode = "first" }',
  "[[sections]]",
  'label = "All"',
  `graphs = [${Array.from({ length: charts }, (_, at) => `"one m${at}"`).join(", ")}]`,
].join("\n");
const kinds = `title = "Kinds"
range = "-1h"
[graphs.stacked]
unit = "bytes"
targets = ["many.m{1,2,3}"]
attrs = { areaMode = "stacked" }
[graphs.staircase]
unit = "percent"
targets = ["many.m1"]
attrs = { lineMode = "staircase", areaMode = "all", yMin = 0, yMax = 100 }
[graphs.bad]
targets = ["noSuchFunction(many.m1)"]
[graphs.empty]
targets = ["nothing.here"]
[[sections]]
label = "All"
graphs = ["stacked", "staircase", "bad", "empty"]
`;

const axes = `title = "Axes"
refresh = "99999h"
[graphs.nought]
targets = ["constantLine(0)", "constantLine(5)"]
attrs = { logBase = 10, yMin = 0 }
[graphs.below]
targets = ["constantLine(-5)"]
attrs = { logBase = 2 }
[graphs.crossed]
targets = ["constantLine(7)"]
attrs = { yMin = 100, yMax = 0 }
[graphs.same]
targets = ["constantLine(7)"]
attrs = { yMin = 5, yMax = 5 }
[graphs.huge]
unit = "bytes"
targets = ["constantLine(1e308)", "constantLine(-1e308)"]
attrs = { from = "-90y" }
[[sections]]
label = "All"
graphs = ["nought", "below", "crossed", "same", "huge"]
`;

const numbers = `title = "Numbers"
range = "-1h"
[graphs.room]
kind = "number"
unit = "percent"
targets = ['alias(constantLine(91.25), "/")', 'alias(constantLine(40), "/data")', 'alias(constantLine(3), "<b>/tmp</b>")']
thresholds = [{ value = 80, label = "nearly full", tone = "warn" }, { value = 5, tone = "bad", below = true, label = "empty" }]
[graphs.beat]
kind = "number"
targets = ["many.m1", "nothing.here", "sum("]
[[sections]]
label = "All"
graphs = ["room", "beat"]
`;

describe.skipIf(chromiumMissing !== undefined)("houston", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-houston-"));
  let browser: Browser;
  let node: ChildNode;

  beforeAll(async () => {
    const boards = join(folder, "boards");
    mkdirSync(boards, { recursive: true });
    writeFileSync(join(boards, "wide.toml"), wide);
    writeFileSync(join(boards, "kinds.toml"), kinds);
    writeFileSync(join(boards, "axes.toml"), axes);
    writeFileSync(join(boards, "numbers.toml"), numbers);
    node = await startChild({
      folder,
      config: `[houston]\nfolder = ${JSON.stringify(boards)}\nstatus_checks = ["self"]\n[[chimney.checks]]\nname = "self"\nkind = "tcp"\ntarget = "127.0.0.1:9"\ninterval = "1s"\n`,
    });
    browser = await startChromium();
    const now = Math.floor(Date.now() / 1000);
    const lines: string[] = [];
    for (let at = 0; at < charts; at++)
      for (let back = 0; back < 3600; back += 60) lines.push(`many.m${at} ${(at + back / 60) % 97} ${now - back}`);
    const wrote = await fetch(`${node.url}/series/write`, { method: "POST", body: `${lines.join("\n")}\n` });
    expect(await wrote.json()).toMatchObject({ accepted: charts * 60 });
  });
  afterAll(async () => {
    await browser.close();
    await node[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const drawn = (page: Page) => page.evaluate<number>(`document.querySelectorAll("[data-drawn]").length`);
  /** Once what was asked for is drawn to the last chart. */
  const settled = (page: Page) =>
    until("all that was asked for is drawn", () =>
      page.evaluate<boolean>(`performance.getEntriesByName("houston-drawn").length > 0`),
    );
  /** Charts follow the window with its next frame. */
  const fits = (page: Page) =>
    until("nothing is wider than the window", () =>
      page.evaluate<boolean>("document.documentElement.scrollWidth <= innerWidth"),
    );
  const open = async (path: string, options: Parameters<Browser["newPage"]>[0] = {}) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    const misdeeds = watch(page, node.url);
    await page.goto(`${node.url}/houston${path}`);
    return { page, misdeeds };
  };

  test("two hundred charts: only those that are looked at are asked for, in one question, and all come on the way down", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const misdeeds = watch(page, node.url);
    const asked: number[] = [];
    page.on("request", (request) => {
      if (!request.url().endsWith("/houston/data")) return;
      asked.push((JSON.parse(request.postData() ?? "{}") as { charts: unknown[] }).charts.length);
    });
    await page.goto(`${node.url}/houston/d/wide/?refresh=0`);
    await until("the first charts are drawn", async () => (await drawn(page)) >= 4);
    expect(await page.locator("[data-chart]").count()).toBe(charts);
    await until(
      "nothing more is asked for",
      async () => (await drawn(page)) === asked.reduce((sum, count) => sum + count, 0),
    );
    expect(asked[0]).toBeGreaterThanOrEqual(4);
    expect(await drawn(page)).toBeLessThan(charts / 2);
    // Down the whole page by the wheel, measuring the frames on the way.
    await page.evaluate(`(() => {
      globalThis.gaps = [];
      let last = performance.now();
      const step = (now) => { globalThis.gaps.push(now - last); last = now; requestAnimationFrame(step); };
      requestAnimationFrame(step);
    })()`);
    await until(
      "all charts are drawn",
      async () => {
        await page.mouse.wheel(0, 900);
        await page.evaluate("new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))");
        // A busy machine may take two turns of the wheel as one, past charts that nobody saw: those come the next time round.
        const isAtEnd = await page.evaluate<boolean>("scrollY + innerHeight >= document.body.scrollHeight - 10");
        if (isAtEnd && (await drawn(page)) < charts) await page.mouse.wheel(0, -1e6);
        return (await drawn(page)) === charts;
      },
      120_000,
    );
    const median = async () => {
      const gaps = (await page.evaluate<number[]>("globalThis.gaps.splice(0)")).toSorted((one, other) => one - other);
      return gaps[Math.floor(gaps.length / 2)] ?? 0;
    };
    const drawing = await median();
    // Up again nothing is left to draw: what the machine takes for the frames alone.
    for (let turn = 0; turn < 15; turn++) {
      await page.mouse.wheel(0, -900);
      await page.evaluate("new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))");
    }
    expect(drawing).toBeLessThan(Math.max(100, 4 * (await median())));
    expect(Math.max(...asked)).toBeLessThanOrEqual(50);
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("time: dragging over one chart changes all of them and the address; back goes back", async () => {
    const { misdeeds, page } = await open("/d/wide/?refresh=0");
    const over = page.locator(".u-over").first();
    await over.waitFor();
    const box = await over.boundingBox();
    if (!box) throw new Error("The chart is nowhere");
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 50, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&until=\d+/);
    const words = new URL(page.url()).searchParams;
    const seconds = Number(words.get("until")) - Number(words.get("from"));
    expect(seconds).toBeGreaterThan(1700);
    expect(seconds).toBeLessThan(1900);
    expect(await page.locator('[name="from"]').inputValue()).toBe(words.get("from") ?? "");
    const picture = page.getByRole("link", { name: "Picture of" }).first();
    const pictured = new URL((await picture.getAttribute("href")) ?? "", page.url()).searchParams;
    expect([pictured.get("from"), pictured.get("until")]).toEqual([words.get("from"), words.get("until")]);
    await page.goBack();
    await until("the time is as before", async () => (await page.locator('[name="from"]').inputValue()) === "-1h");
    expect(await picture.getAttribute("href")).toContain("from=-1h");
    // The same by keys alone.
    await page.locator("[data-chart]").nth(1).focus();
    await page.keyboard.press("+");
    await page.waitForURL(/from=\d+&until=\d+/);
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("cursor: stands at the same time on all charts, with the values in their legends", async () => {
    const { page } = await open("/d/wide/?refresh=0");
    // What is drawn later stands in no cursor before the next move.
    await settled(page);
    await page
      .locator(".u-over")
      .first()
      .hover({ position: { x: 200, y: 60 } });
    const times = await until("both legends tell the time", async () => {
      const found = await page.locator(".u-legend .u-series:first-child .u-value").allTextContents();
      const shown = found.slice(0, 4);
      return shown.length === 4 && shown.every((text) => /^\d{4}-/.test(text)) ? shown : undefined;
    });
    expect(new Set(times).size).toBe(1);
    // The same by keys; and a digit hides a line.
    // The mouse is away then: under a chart that moves it would count as moved itself.
    await page.mouse.move(1, 1);
    const newest = async () => {
      const found = await page.locator(".u-legend .u-series:first-child .u-value").allTextContents();
      return found.every((text) => text === "newest");
    };
    await until("the cursor is gone", newest);
    const figure = page.locator("[data-chart]").first();
    await figure.focus();
    for (let press = 0; press < 3; press++) await page.keyboard.press("Shift+ArrowLeft");
    const moved = await until("the cursor stands on both", async () => {
      const found = await page.locator(".u-legend .u-series:first-child .u-value").allTextContents();
      return found[0] !== "newest" && found[0] === found[1] ? found[0] : undefined;
    });
    expect(moved).toMatch(/^\d{4}-/);
    expect(moved).not.toBe(times[0] ?? "");
    await page.keyboard.press("1");
    await until("its line is hidden", async () => (await figure.locator(".u-series.u-off").count()) === 1);
    await page.close();
  });

  test("kinds: stacked and staircase are drawn, and a wrong target and an empty one say so beside them", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const { misdeeds, page } = await open("/d/kinds/?compare=3600", { colorScheme });
      await until("all are drawn", async () => (await drawn(page)) === 4);
      const notes = await page.locator("[data-chart-note]").allTextContents();
      expect(notes.slice(0, 2)).toEqual(["", ""]);
      expect(notes[2]).toContain("noSuchFunction");
      expect(notes[3]).toBe("No figures for this time");
      expect(await page.locator(".u-legend").first().textContent()).toContain("many.m1 (before)");
      await page.setViewportSize({ width: 390, height: 800 });
      await fits(page);
      const { low } = await page.evaluate<{ low: unknown[] }>(contrastScript);
      expect(low).toEqual([]);
      expect(misdeeds).toEqual({ complaints: [], strangers: [] });
      await page.close();
    }
  });

  test("numbers: the newest value with its unit, the threshold in words and colour, kept in place at each refresh", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const { misdeeds, page } = await open("/d/numbers/?compare=3600&refresh=1", { colorScheme });
      await until("all are drawn", async () => (await drawn(page)) === 2);
      const boxes = page.locator(".number");
      const shown = await page.evaluate<string[][]>(
        `[...document.querySelectorAll(".number")].map((box) => [box.dataset.tone, ...[...box.children].map((part) => part.textContent)])`,
      );
      expect(shown.slice(0, 3)).toEqual([
        ["warn", "/", "91.25 %", "", "nearly full, before: 91.25 %"],
        ["", "/data", "40 %", "", "before: 40 %"],
        ["bad", "<b>/tmp</b>", "3 %", "", "empty, before: 3 %"],
      ]);
      expect(shown[3]?.[1]).toBe("many.m1");
      expect(Number(shown[3]?.[2])).toBeWithin(0, 97);
      expect(await boxes.nth(3).locator("path").getAttribute("d")).toMatch(/^M[\d.]+ [\d.]+h0.1L/);
      expect(await page.locator("[data-chart-note]").last().textContent()).toContain('Cannot parse target "sum("');
      const first = await boxes.first().elementHandle();
      const before = await page.locator("[data-drawn]").first().getAttribute("data-drawn");
      await until(
        "it was refreshed",
        async () => (await page.locator("[data-drawn]").first().getAttribute("data-drawn")) !== before,
      );
      expect(await first?.evaluate((box) => box.isConnected)).toBe(true);
      await page.setViewportSize({ width: 390, height: 800 });
      await fits(page);
      const { low } = await page.evaluate<{ low: unknown[] }>(contrastScript);
      expect(low).toEqual([]);
      expect(misdeeds).toEqual({ complaints: [], strangers: [] });
      await page.close();
    }
  });

  test("annotations: a deploy is told where the cursor is near it", async () => {
    const wrote = await fetch(`${node.url}/series/events/`, {
      method: "POST",
      body: JSON.stringify({
        what: "deploy of shop",
        tags: ["deploy"],
        when: Math.floor(Date.now() / 1000) - 1200,
        data: "v7",
      }),
    });
    expect(wrote.ok).toBe(true);
    const { page } = await open("/d/kinds/");
    await until("all are drawn", async () => (await drawn(page)) === 4);
    const over = page.locator(".u-over").first();
    const box = await over.boundingBox();
    const width = box?.width ?? 0;
    await until("its line is found", async () => {
      for (let x = width * 0.6; x < width * 0.73; x += 4) {
        await over.hover({ position: { x, y: 40 } });
        if ((await over.getAttribute("title")) === "deploy of shop: v7") return true;
      }
      return false;
    });
    await page.close();
  });

  test("annotations: an answer that another overtook changes nothing", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const at = Math.floor(Date.now() / 1000) - 1800;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let first: Request | undefined;
    await page.route("**/houston/annotations?*", async (route) => {
      first ??= route.request();
      const text = route.request() === first ? "older" : "newer";
      if (text === "older") await released;
      await route.fulfill({ json: [{ at, text, kind: "deploy" }] });
    });
    await page.goto(`${node.url}/houston/d/kinds/?refresh=0`);
    await until("all are drawn", async () => (await drawn(page)) === 4);
    const over = page.locator(".u-over").first();
    const width = (await over.boundingBox())?.width ?? 0;
    // In the middle of what is shown.
    const told = async () => {
      for (let x = width / 2 - 20; x < width / 2 + 20; x += 4) {
        await over.hover({ position: { x, y: 40 } });
        const title = await over.getAttribute("title");
        if (title) return title;
      }
      return undefined;
    };
    // Another stretch than the one before: nobody asks again for the same.
    await page.getByLabel("From").fill(String(at - 1500));
    await page.getByLabel("Until").fill(String(at + 1500));
    await page.keyboard.press("Enter");
    expect(await until("a line is found", told)).toBe("newer");
    const late = page.waitForEvent("requestfinished", (request) => request === first);
    release();
    await late;
    await page.evaluate("fetch('/houston/functions.json').then(() => 1)");
    expect(await told()).toBe("newer");
    await page.close();
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`by hand ${javaScriptEnabled ? "with" : "without"} script: made, filled, moved, changed as text, removed`, async () => {
      const { misdeeds, page } = await open("/", { javaScriptEnabled });
      const title = `Mine ${javaScriptEnabled}`;
      const slug = `mine-${javaScriptEnabled}`;
      await page.getByLabel("Title", { exact: true }).fill(title);
      const press = (button: Locator) => follow(page, button);
      await press(page.getByRole("button", { name: "Make it" }));
      for (const name of ["First", "Second"]) {
        const form = page.locator("form").filter({ has: page.getByRole("button", { name: "Add chart" }) });
        await form.getByLabel("Title").fill(name);
        await form.getByLabel("Targets, one a line").fill("many.m1\nmany.m2");
        await form.getByLabel("Areas").selectOption("stacked");
        await press(form.getByRole("button"));
        await page.getByRole("link", { name, exact: true }).waitFor();
      }
      await press(page.getByRole("button", { name: "Move second up" }));
      expect(await page.locator(".edit-row a").allTextContents()).toEqual(["Second", "First"]);
      await press(page.getByRole("link", { name: "First", exact: true }));
      await page.getByLabel("Title").fill("First of all");
      await press(page.getByRole("button", { name: "Save chart" }));
      expect(await page.locator(".edit-row a").allTextContents()).toEqual(["Second", "First of all"]);
      const file = await Bun.file(join(folder, "boards", `${slug}.toml`)).text();
      expect(file).toContain('[graphs.first]\ntitle = "First of all"\ntargets = ["many.m1", "many.m2"]');
      await press(page.getByRole("link", { name: "change the file as text" }));
      await page.getByLabel("The file").fill(`${file}colour = 1\n`);
      await press(page.getByRole("button", { name: "Save" }));
      expect(await page.getByRole("alert").textContent()).toContain("colour: there is no such key");
      expect(await page.getByLabel("The file").inputValue()).toContain("colour = 1");
      // Somebody else is faster.
      writeFileSync(join(folder, "boards", `${slug}.toml`), `# theirs\n${file}`);
      await page.getByLabel("The file").fill(`# mine\n${file}`);
      for (let turn = 0; turn < 2; turn++) {
        await press(page.getByRole("button", { name: "Save", exact: true }));
        expect(await page.getByRole("alert").textContent()).toContain("somebody else changed it meanwhile");
        expect((await page.getByLabel("What differs").textContent())?.split("\n").slice(0, 2)).toEqual([
          "- # theirs",
          "+ # mine",
        ]);
      }
      expect(await Bun.file(join(folder, "boards", `${slug}.toml`)).text()).toStartWith("# theirs");
      await press(page.getByRole("link", { name: "Keep theirs" }));
      expect(await page.getByLabel("The file").inputValue()).toStartWith("# theirs");
      await until("the node has seen the change", async () => {
        await page.goto(`${node.url}/houston/d/${slug}/edit/`);
        return (await page.getByText("The file has remarks").count()) > 0;
      });
      await page.getByText("Remove this dashboard").click();
      await press(page.getByRole("button", { name: "Remove it" }));
      await page.waitForURL(/\/houston\/$/);
      expect(await page.getByText(title).count()).toBe(0);
      expect(misdeeds.complaints.filter((text) => !/status of 4\d\d/.test(text))).toEqual([]);
      await page.close();
    });
  }

  test("without script: charts are pictures of Graphite's form, and the time is a form", async () => {
    const { page } = await open("/d/kinds/", { javaScriptEnabled: false });
    const pictures = await page.locator("noscript img, [data-chart-place] img").count();
    expect(pictures).toBe(4);
    await page.getByLabel("From").fill("-2h");
    await follow(page, page.getByRole("button", { name: "Show" }));
    expect(new URL(page.url()).searchParams.get("from")).toBe("-2h");
    expect(await page.locator("[data-chart-place] img").first().getAttribute("src")).toContain("from=-2h");
    const picture = await fetch(`${node.url}/houston/graph/kinds/stacked.png?from=-1h&width=300`);
    expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect((await picture.bytes()).length).toBeGreaterThan(1000);
    await page.close();
  });

  test("explorer: a metric and a function by keyboard alone, and the address says it", async () => {
    const { misdeeds, page } = await open("/explore/?from=-1h");
    const field = page.getByRole("combobox").first();
    await field.focus();
    await page.keyboard.type("sumS");
    const list = page.getByRole("listbox").first();
    const answered = () => page.locator('[role="listbox"][aria-busy="false"]').first().waitFor();
    await answered();
    await list.getByRole("option", { name: /^sumSeries\(/ }).waitFor();
    const [above, below] = [await field.boundingBox(), await list.boundingBox()];
    // What is written stays in sight.
    expect(below?.y ?? 0).toBeGreaterThanOrEqual((above?.y ?? Infinity) + (above?.height ?? 0) - 1);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await field.inputValue()).toMatch(/^sumSeries[A-Za-z]*\($/);
    await field.fill("sumSeries(");
    await page.keyboard.type("ma");
    await answered();
    const held = Promise.withResolvers<void>();
    await page.route("**/find.json?query=man*", async (route) => {
      await held.promise;
      await route.continue();
    });
    await page.keyboard.type("n");
    // What is chosen while the answer is on its way stays chosen when it comes.
    await page.keyboard.press("ArrowDown");
    expect(await list.getByRole("option", { name: "many." }).getAttribute("aria-selected")).toBe("true");
    held.resolve();
    await answered();
    expect(await list.getByRole("option", { selected: true }).textContent()).toBe("many.");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.keyboard.press("Tab");
    expect(await field.inputValue()).toBe("sumSeries(many.");
    await page.keyboard.press("Escape");
    await page.keyboard.type("m1)");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await page.waitForURL(/target=sumSeries/);
    await until("it is drawn", async () => (await drawn(page)) === 1);
    expect(await page.locator(".u-legend").textContent()).toContain("sumSeries(many.m1)");
    await page.getByLabel("Put a function on the last target").fill("movingAverage");
    await page.keyboard.press("Enter");
    await page.waitForURL(/wrap=movingAverage/);
    expect(await page.getByRole("combobox").first().inputValue()).toBe("movingAverage(sumSeries(many.m1), 5)");
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("a source that is away: the page says so, keeps what it shows, and goes on by itself", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    let isAway = false;
    await page.route("**/houston/data", (route) =>
      isAway
        ? route.fulfill({
            status: 503,
            contentType: "application/json",
            body: '{"detail":"Cannot ask series: it is away"}',
          })
        : route.continue(),
    );
    await page.goto(`${node.url}/houston/d/kinds/`);
    await until("all are drawn", async () => (await drawn(page)) === 4);
    isAway = true;
    await page.getByRole("link", { name: "3 h" }).click();
    await page.getByText("Cannot ask series: it is away").waitFor();
    expect(await page.locator(".u-over").count()).toBe(4);
    isAway = false;
    await page.getByText("Cannot ask series: it is away").waitFor({ state: "hidden" });
    await page.close();
  });

  test("a source that is slow: the page says that it waits, and nothing more once the figures are there", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route("**/houston/data", async (route) => {
      await released;
      await route.continue();
    });
    await page.goto(`${node.url}/houston/d/kinds/`);
    await page.getByText("The source takes its time").waitFor();
    // No time was told yet from which to move on.
    await page.locator("[data-chart]").first().focus();
    await page.keyboard.press("+");
    expect(await page.evaluate<string>("location.search")).toBe("");
    release();
    await until("all are drawn", async () => (await drawn(page)) === 4);
    await page.getByText("The source takes its time").waitFor({ state: "hidden" });
    await page.close();
  });

  test("nonsense for a time is said, and not asked for again as if the source were away", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.clock.install();
    await page.goto(`${node.url}/houston/d/kinds/?refresh=0`);
    await until("all are drawn", async () => (await drawn(page)) === 4);
    let asked = 0;
    page.on("request", (request) => (asked += request.url().endsWith("/houston/data") ? 1 : 0));
    await page.getByLabel("From").fill("nonsense");
    await page.keyboard.press("Enter");
    await page.getByText("Cannot show that time").waitFor();
    await page.clock.runFor(120_000);
    await page.evaluate("fetch('/houston/functions.json').then(() => 1)");
    expect(asked).toBe(1);
    await page.close();
  });

  test("by hand: what was typed and refused is still there, also when somebody else was faster", async () => {
    const { page } = await open("/d/axes/edit/same/", { javaScriptEnabled: false });
    await page.getByLabel("Targets").fill("constantLine(8)");
    await page.getByLabel("Thresholds").fill("no number");
    await follow(page, page.getByRole("button", { name: "Save chart" }));
    expect(await page.getByLabel("Targets").inputValue()).toBe("constantLine(8)");
    expect(await page.getByLabel("Thresholds").inputValue()).toBe("no number");
    await page.getByLabel("Thresholds").fill("9 warn");
    const path = `${node.url}/houston/d/axes.toml`;
    const before = await fetch(path);
    const text = (await before.text()).replace('"Axes"', '"Other axes"');
    const headers = { "If-Match": before.headers.get("etag") ?? "" };
    expect((await fetch(path, { method: "PUT", body: text, headers })).status).toBe(204);
    await follow(page, page.getByRole("button", { name: "Save chart" }));
    await page.getByText("somebody else changed it meanwhile").waitFor();
    expect(await page.getByLabel("Targets").inputValue()).toBe("constantLine(8)");
    // Pressing it again asks again; only who says so plainly puts theirs in the place of the other's.
    await follow(page, page.getByRole("button", { name: "Save chart" }));
    await page.getByText("somebody else changed it meanwhile").waitFor();
    expect(await (await fetch(path)).text()).not.toContain("constantLine(8)");
    expect(await page.getByLabel("What differs").textContent()).toMatch(
      /^- .*constantLine\(7\)[^]*^\+ .*constantLine\(8\)/m,
    );
    await follow(page, page.getByRole("button", { name: "Save mine over theirs" }));
    const after = await (await fetch(path)).text();
    expect(after).toContain("Other axes");
    expect(after).toContain("constantLine(8)");
    // The same for what is said of the whole.
    await page.goto(`${node.url}/houston/d/axes/edit/`);
    const read = await fetch(path);
    const third = (await read.text()).replace('"Other axes"', '"Axes of others"');
    expect(
      (await fetch(path, { method: "PUT", body: third, headers: { "If-Match": read.headers.get("etag") ?? "" } }))
        .status,
    ).toBe(204);
    const settings = page.locator("form").filter({ has: page.getByLabel("Refresh, such as 30s") });
    await settings.getByLabel("Title").fill("Axes of mine");
    await follow(page, settings.getByRole("button", { name: "Save" }));
    expect(await page.getByLabel("What differs").textContent()).toContain(
      '- title = "Axes of others"\n+ title = "Axes of mine"',
    );
    await follow(page, page.getByRole("link", { name: "Keep theirs" }));
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Change Axes of others");
    await page.close();
  });

  test("refresh: a beat that is not among those offered is kept, within reason; If-Match may be a star", async () => {
    const { page } = await open("/d/axes/?refresh=15");
    expect(await page.getByLabel("Refresh").inputValue()).toBe("15");
    await page.goto(`${node.url}/houston/d/axes/?refresh=0.001`);
    expect(await page.getByLabel("Refresh").inputValue()).toBe("1");
    await page.goto(`${node.url}/houston/d/axes/`);
    expect(await page.getByLabel("Refresh").inputValue()).toBe("86400");
    await page.close();
    const path = `${node.url}/houston/d/axes.toml`;
    const body = await (await fetch(path)).text();
    const put = (at: string) => fetch(at, { method: "PUT", body, headers: { "If-Match": "*" } });
    expect((await put(path)).status).toBe(204);
    expect((await put(`${node.url}/houston/d/nobody.toml`)).status).toBe(412);
  });

  test("compare: with a time before all times there is nothing to lay over, and the charts are drawn all the same", async () => {
    const { misdeeds, page } = await open("/d/kinds/?from=-100y&compare=2592000&refresh=0");
    await until("all are drawn", async () => (await drawn(page)) === 4);
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("refresh: a page that is refreshed again and again holds no more than before", async () => {
    const { page } = await open("/d/kinds/?compare=3600&refresh=0");
    await until("all are drawn", async () => (await drawn(page)) === 4);
    await settled(page);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const refresh = async (times: number) => {
      for (let turn = 0; turn < times; turn++) {
        const before = await page.locator("[data-drawn]").last().getAttribute("data-drawn");
        await page.evaluate(`document.dispatchEvent(new CustomEvent("time-changed"))`);
        // To the last chart: what the others replace after the garbage was collected would be counted.
        await settled(page);
        expect(await page.locator("[data-drawn]").last().getAttribute("data-drawn")).not.toBe(before);
      }
      await session.send("HeapProfiler.collectGarbage");
      const { metrics } = await session.send("Performance.getMetrics");
      const marks = await page.evaluate<number>(`performance.getEntriesByType("mark").length`);
      const of = (name: string) => metrics.find((each) => each.name === name)?.value ?? Number.NaN;
      return { nodes: of("Nodes"), listeners: of("JSEventListeners"), marks };
    };
    const early = await refresh(5);
    const late = await refresh(30);
    expect(late.nodes).toBeLessThanOrEqual(early.nodes + 5);
    expect(late.listeners).toBe(early.listeners);
    expect(late.marks).toBeLessThanOrEqual(2);
    await page.close();
  });

  test("axes: whatever a graph says of them, the page does not hang", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(`${node.url}/houston/d/axes/`);
    await until("all are drawn", async () => (await drawn(page)) === 5);
    await page.close();
  });

  test("this node: a fresh machine shows something real", async () => {
    await until("the first figures of the machine are in", async () => {
      const answer = await fetch(`${node.url}/houston/d/this-node/`);
      return (await answer.text()).includes("load_average");
    });
    const { misdeeds, page } = await open("/d/this-node/?from=-10min");
    await until("the first charts are drawn", async () => (await drawn(page)) >= 2);
    expect(await page.locator("h3").allTextContents()).toContain("Load");
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("status: the page and the badge say how the check is, and nothing else of the node", async () => {
    await until("the check is down", async () =>
      (await (await fetch(`${node.url}/houston/badge/self.svg`)).text()).includes("self: down"),
    );
    const { misdeeds, page } = await open("/status");
    const text = (await page.locator("body").textContent()) ?? "";
    expect(text).toContain("self");
    expect(text).not.toContain("127.0.0.1");
    expect(await page.locator("nav").count()).toBe(0);
    const { low } = await page.evaluate<{ low: unknown[] }>(contrastScript);
    expect(low).toEqual([]);
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });
});

/**
 * Every page with every sample in a real browser: quiet console, nothing from another host, no sideways scroll on a
 * narrow screen, enough contrast by day and by night, all of it reachable by keyboard.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, BrowserContext, Page } from "playwright-core";

import { until } from "../../src/kit/testing/child-node.ts";
import { freePort } from "../../src/kit/testing/free-port.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";
import contrastScript from "./contrast.browser.js" with { type: "text" };
import { type Storybook, startStorybook } from "./storybook.ts";

setDefaultTimeout(180_000);

if (chromiumMissing !== undefined) console.log(`Browser tests are left out: ${chromiumMissing}`);

describe.skipIf(chromiumMissing !== undefined)("pages", () => {
  let browser: Browser;
  let story: Storybook;

  beforeAll(async () => {
    story = startStorybook();
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await story[Symbol.asyncDispose]();
  });

  async function visit(context: BrowserContext, path: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${story.url}${path}`);
    return page;
  }

  /** Visits every page, two at a time, and looks at each; what the pages did that no page should do, and were too wide. */
  async function visitAll(width: number, look: (page: Page, path: string) => Promise<void>): Promise<unknown> {
    const context = await browser.newContext({ viewport: { width, height: 844 } });
    const wide: string[] = [];
    const complaints: string[] = [];
    const strangers: string[] = [];
    const rest = story.paths.values();
    const tab = async () => {
      const page = await context.newPage();
      const misdeeds = watch(page, story.url);
      for (const path of rest) {
        await page.goto(`${story.url}${path}`);
        const over = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        if (over > 0) wide.push(`${path}: ${over} px`);
        expect(await page.title()).not.toBe("taken");
        expect(await page.locator("h1").count()).toBe(1);
        await look(page, path);
      }
      complaints.push(...misdeeds.complaints);
      strangers.push(...misdeeds.strangers);
    };
    await Promise.all([tab(), tab()]);
    await context.close();
    return { complaints, strangers, wide };
  }
  const nothing = { complaints: [], strangers: [], wide: [] };

  test("pages: quiet, at home and within 390 px", async () => {
    expect(await visitAll(390, () => Promise.resolve())).toEqual(nothing);
  });

  test("pages: quiet, at home and within 1280 px; text and marks stand out enough in light and in dark", async () => {
    const low: string[] = [];
    const looked = { light: 0, dark: 0 };
    const misdeeds = await visitAll(1280, async (page, path) => {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const result = await page.evaluate<{ looked: number; low: { what: string; ratio: number; wanted: number }[] }>(
          contrastScript,
        );
        looked[colorScheme] += result.looked;
        low.push(
          ...result.low.map((one) => `${path}, ${colorScheme}: ${one.what} has ${one.ratio}, wanted ${one.wanted}`),
        );
      }
    });
    expect([...new Set(low)]).toEqual([]);
    expect(Math.min(looked.light, looked.dark)).toBeGreaterThan(1000);
    expect(misdeeds).toEqual(nothing);
  });

  test("contrast check: finds text that is too faint", async () => {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await visit(context, "/");
    await page.addStyleTag({ content: "h1 { color: #bbb !important }" });
    const result = await page.evaluate<{ low: { what: string }[] }>(contrastScript);
    expect(result.low.map((one) => one.what)).toEqual(['text "heron"']);
    await context.close();
  });

  test("pages: the tab key reaches all there is to press, visibly, and first of all the way to the content", async () => {
    const context = await browser.newContext();
    for (const path of ["/", "/cask/?sample=trouble", "/cask/lookup/?sample=found", "/cask/join/", "/sign-in"]) {
      const page = await visit(context, path);
      await page.evaluate("document.activeElement?.blur()");
      const wanted = await page.evaluate<number>(
        `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), summary")].filter((element) => element.checkVisibility()).length`,
      );
      const reached = new Set<string>();
      for (let presses = 0; presses < wanted + 2; presses++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate<string>(`(() => {
          const element = document.activeElement;
          if (element === document.body) return "";
          const all = [...document.querySelectorAll("*")].indexOf(element);
          const style = getComputedStyle(element);
          return (style.outlineStyle === "none" ? "no ring: " : "") + element.tagName + " " + element.textContent.trim().slice(0, 20) + " " + all;
        })()`);
        if (presses === 0 && path !== "/sign-in") expect(at).toStartWith("A Skip to the page");
        if (at !== "") reached.add(at);
      }
      expect([path, reached.size, [...reached].filter((at) => at.startsWith("no ring"))]).toEqual([path, wanted, []]);
      await page.close();
    }
    const page = await visit(context, "/");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until("the page has the focus", () => page.evaluate<boolean>(`document.activeElement.id === "page"`));
    await context.close();
  });

  test("theme: the switch wins over the system, lasts, and goes back to it", async () => {
    const context = await browser.newContext({ colorScheme: "light" });
    const page = await visit(context, "/");
    const ground = () => page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
    const day = await ground();
    await page.getByRole("button", { name: "dark" }).click();
    const night = await ground();
    expect(night).not.toBe(day);
    await page.reload();
    expect(await ground()).toBe(night);
    expect(await page.getByRole("button", { name: "dark" }).getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "auto" }).click();
    expect(await ground()).toBe(day);
    await context.close();
  });

  test("live: what happens on the node shows by itself, and the focus stays", async () => {
    const context = await browser.newContext();
    const page = await visit(context, "/");
    const misdeeds = watch(page, story.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator("#services a").first().focus();
    story.say("The sample badger <b>has</b> arrived.");
    await page.getByText("The sample badger <b>has</b> arrived.").waitFor();
    expect(await page.evaluate<string>("document.activeElement.textContent")).toBe("cask");
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await context.close();
  });

  test("live: what is pressed is not drawn anew before it is let go", async () => {
    const context = await browser.newContext();
    await context.addInitScript(`(() => {
      const { addEventListener: add } = EventSource.prototype;
      globalThis.arrived = "";
      globalThis.clicked = [];
      EventSource.prototype.addEventListener = function (type, ...rest) {
        add.call(this, type, ...rest);
        add.call(this, type, (event) => (globalThis.arrived += event.data));
      };
      addEventListener("click", ({ target }) => globalThis.clicked.push([target.textContent, target.isConnected]));
    })()`);
    const page = await visit(context, "/");
    story.say("The first vole has arrived.");
    const first = page.getByText("The first vole has arrived.");
    await first.hover();
    await page.mouse.down();
    story.say("The second vole has arrived.");
    await until("the browser was told", () => page.evaluate<boolean>(`globalThis.arrived.includes("second vole")`));
    const second = page.getByText("The second vole has arrived.");
    expect(await second.count()).toBe(0);
    await page.mouse.up();
    await second.waitFor();
    expect(await page.evaluate<unknown>("globalThis.clicked")).toEqual([["The first vole has arrived.", true]]);
    await context.close();
  });

  test("copy: a button in a live part keeps the focus, and its label however often it is pressed", async () => {
    const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
    const page = await context.newPage();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route("**/live", async (route) => {
      await released;
      await route.continue();
    });
    await page.addInitScript(`(() => {
      const write = navigator.clipboard.writeText.bind(navigator.clipboard);
      globalThis.copies = 0;
      navigator.clipboard.writeText = async (text) => {
        await write(text);
        globalThis.copies++;
      };
    })()`);
    await page.clock.install();
    await page.goto(`${story.url}/chimney/check/x/?sample=empty`);
    const button = page.locator("[data-live] [data-copy]").first();
    await button.focus();
    await button.evaluate((element) => element.setAttribute("data-old", ""));
    release();
    await page.locator("[data-live] [data-old]").waitFor({ state: "detached" });
    expect(await button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    await page.clock.pauseAt(Date.now() + 3_600_000);
    await page.keyboard.press("Enter");
    await page.locator("[data-copy]:focus", { hasText: "Copied" }).waitFor();
    await page.clock.runFor(1000);
    await page.keyboard.press("Enter");
    await until("it was copied again", () => page.evaluate<boolean>("globalThis.copies === 2"));
    await page.clock.runFor(3000);
    expect(await button.textContent()).toBe("Copy");
    expect(await page.evaluate<string>("navigator.clipboard.readText()")).toBe(
      (await button.getAttribute("data-copy")) ?? "",
    );
    await context.close();
  });

  test("upload: a file that waits travels with the fields as they were when it was taken", async () => {
    const page = await browser.newPage();
    await page.addInitScript(`(() => {
      const { send } = XMLHttpRequest.prototype;
      globalThis.sent = [];
      XMLHttpRequest.prototype.send = function (body) {
        globalThis.sent.push(body.get("image").name + " " + body.get("size_hints"));
        return send.call(this, body);
      };
    })()`);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.goto(`${story.url}/reticulum/`);
    await page.route("**/*", async (route) => {
      await released;
      await route.fulfill({ json: {} });
    });
    const names = ["one.png", "two.png", "three.png"];
    await page
      .locator("input[type=file]")
      .setInputFiles(names.map((name) => ({ name, mimeType: "image/png", buffer: Buffer.from(name) })));
    await page.locator("[data-upload] summary").click();
    await page.getByLabel("Sizes").fill("100s");
    await page.locator("[data-upload] button[type=submit]").click();
    await page.getByLabel("Sizes").fill("800w");
    release();
    await until("all have gone", () => page.evaluate<boolean>("globalThis.sent.length === 3"));
    expect(await page.evaluate<string[]>("globalThis.sent")).toEqual(names.map((name) => `${name} 100s`));
    await page.close();
  });

  test("live: says when the connection is lost and goes on when the node is back", async () => {
    const context = await browser.newContext();
    const first = startStorybook(freePort());
    const page = await context.newPage();
    await page.goto(first.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await first[Symbol.asyncDispose]();
    await page.getByText("Connection lost, trying again").waitFor();
    await using second = startStorybook(Number(new URL(first.url).port));
    await page.getByText("Live", { exact: true }).waitFor();
    second.say("Here again.");
    await page.getByText("Here again.").waitFor();
    await context.close();
  });
});

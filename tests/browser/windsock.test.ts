/**
 * Windsock in a real browser: two people in a room, the client loaded by a page of another site by each of its ways, the
 * live pages, and all of it without script.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";

import type { Browser, Page } from "playwright-core";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { signClaims } from "../../src/wires/windsock/doors/jwt.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";

setDefaultTimeout(180_000);

const key = { id: "k", secret: "a key of the browser tests" };

describe.skipIf(chromiumMissing !== undefined)("windsock", () => {
  let browser: Browser;
  let node: ChildNode;
  let base: string;

  beforeAll(async () => {
    node = await startChild({
      config: `[windsock]\nsecret = "a secret that is long enough"\ntoken_keys = ["${key.id}:${key.secret}"]\n`,
    });
    base = `${node.url}/windsock`;
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await node[Symbol.asyncDispose]();
  });

  const publish = async (address: string, content: string) => {
    const answer = await fetch(`${base}/publish`, { method: "POST", body: JSON.stringify({ address, content }) });
    expect(answer.status).toBe(200);
  };
  const open = async (path: string, options: Parameters<Browser["newPage"]>[0] = {}) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    const misdeeds = watch(page, node.url);
    await page.goto(`${base}${path}`);
    return { page, misdeeds };
  };
  const lines = (page: Page) => page.locator("[data-chat-log] li").allInnerTexts();
  const names = (page: Page) => page.locator("[data-chat-present] li").allInnerTexts();
  const isLive = (page: Page) => async () => (await page.locator("[data-chat-state]").innerText()) === "Live.";

  test("chat: two browsers hear each other, see who is there and who is typing, and what was said before", async () => {
    await publish("chat.lobby", JSON.stringify({ nick: "Eve", text: "said <b>before</b>" }));
    const { page: ann, misdeeds } = await open("/chat/lobby?nick=Ann");
    await until("Ann is live", isLive(ann));
    const other = await browser.newContext();
    const bob = await other.newPage();
    await bob.goto(`${base}/chat/lobby?nick=Bob`);
    await until("Bob is live", isLive(bob));
    for (const page of [ann, bob]) {
      await until("both are there", async () => (await names(page)).join() === "Ann,Bob");
      expect((await lines(page))[0]).toContain("said <b>before</b>");
    }
    await ann.fill("[name=text]", "good morn");
    await until("Bob sees that Ann is typing", async () =>
      (await bob.locator("[data-chat-typing]").innerText()).startsWith("Ann is typing"),
    );
    await ann.fill("[name=text]", "good morning");
    await ann.press("[name=text]", "Enter");
    for (const page of [ann, bob]) {
      await until("it is heard once", async () => {
        return (await lines(page)).filter((line) => line.includes("good morning")).length === 1;
      });
    }
    expect(await bob.locator("[data-chat-typing]").innerText()).toBe("");
    await bob.fill("[name=text]", "and to you");
    await bob.press("[name=text]", "Enter");
    await until("Ann hears Bob", async () => (await lines(ann)).at(-1)?.includes("and to you") === true);
    // Another name is another person.
    await bob.fill("[name=nick]", "Robert");
    await bob.press("[name=nick]", "Tab");
    await until("Robert is there", async () => (await names(ann)).join() === "Ann,Robert");
    await other.close();
    await until("Ann is alone", async () => (await names(ann)).join() === "Ann");
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await ann.close();
  });

  test("client.js: a page of another site loads it and is served by each way", async () => {
    const elsewhere = Bun.serve({
      port: 0,
      fetch: () => new Response("<!doctype html><title>x</title>", { headers: { "Content-Type": "text/html" } }),
    });
    try {
      const page = await browser.newPage();
      await page.goto(`http://localhost:${elsewhere.port}/`);
      const exp = Math.floor(Date.now() / 1000) + 600;
      const token = signClaims({ sub: "page", exp, subscribe: ["far.#"], publish: ["far.1"] }, key);
      for (const way of ["websocket", "sse", "poll"]) {
        const heard = await page.evaluate(`(async () => {
          const { Windsock } = await import(${JSON.stringify(`${base}/client.js`)});
          const windsock = new Windsock(${JSON.stringify(base)}, { token: ${JSON.stringify(token)}, ways: [${JSON.stringify(way)}] });
          const heard = [];
          const two = Promise.withResolvers();
          const { ready } = windsock.subscribe("far.*", ({ value }) => heard.push(value) === 2 && two.resolve());
          await ready;
          await windsock.publish("far.1", { way: windsock.transport });
          await windsock.publish("far.1", { way: 2 });
          await two.promise;
          windsock.close();
          return heard;
        })()`);
        expect(heard).toEqual([{ way }, { way: 2 }]);
      }
      const refused = await page.evaluate(`(async () => {
        const { Windsock } = await import(${JSON.stringify(`${base}/client.js`)});
        const windsock = new Windsock(${JSON.stringify(base)}, { token: "no.such.token" });
        return new Promise((resolve) => windsock.on("state", (event) => event.state === "closed" && resolve(event)));
      })()`);
      expect(refused).toMatchObject({ state: "closed", code: 3500 });
      await page.close();
    } finally {
      await elsewhere.stop(true);
    }
  });

  test("topics and tap: they show what happens while they are looked at", async () => {
    const { page, misdeeds } = await open("/");
    const { page: tap } = await open("/tap?topic=shop.%23");
    const publishes = page.getByRole("button", { name: "Publish", exact: true });
    await until("the tap listens", async () => (await tap.locator("[data-tap-state]").innerText()).startsWith("Live"));
    await page.fill("[name=address]", "shop.1");
    await page.fill("[name=content]", "<i>sold</i>");
    await publishes.click();
    await page.getByText("Published to shop.1").waitFor();
    await page.waitForLoadState();
    await until("the tap shows it", async () => (await tap.locator("[data-tap] li").count()) === 1);
    expect(await tap.locator("[data-tap] code").innerText()).toBe("<i>sold</i>");
    await until("the topic is among the busy ones", async () =>
      (await page.locator("[data-live=topics]").innerText()).includes("shop.1"),
    );
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.evaluate(`document.querySelector("[name=address]").removeAttribute("maxlength")`);
    await page.fill("[name=address]", "x".repeat(2000));
    await publishes.click();
    await page.getByText("longer than 1024 bytes").waitFor();
    await page.close();
    await tap.close();
  });

  test("without script: the room shows what was said and its form says something", async () => {
    const { page } = await open("/chat/quiet", { javaScriptEnabled: false });
    expect(await page.locator("[data-chat-empty]").isVisible()).toBe(true);
    await page.fill("[name=nick]", "Zoe");
    await page.fill("[name=text]", "no script here");
    await page.getByRole("button", { name: "Say", exact: true }).click();
    await page.waitForURL(/nick=Zoe$/);
    expect(await lines(page)).toHaveLength(1);
    expect((await lines(page))[0]).toContain("no script here");
    expect(await page.inputValue("[name=nick]")).toBe("Zoe");
    await page.goto(`${base}/tap?topic=chat.quiet`);
    expect(await page.locator("[data-tap] li").count()).toBe(1);
    await page.close();
  });

  test("narrow screens: nothing stands over the edge", async () => {
    await publish("chat.wide", JSON.stringify({ nick: "n".repeat(40), text: "x".repeat(500) }));
    for (const path of ["/", "/tap", `/tap?topic=${"x".repeat(1100)}`, "/chat/wide"]) {
      const { page } = await open(path, { viewport: { width: 390, height: 844 } });
      expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
      await page.close();
    }
  });
});

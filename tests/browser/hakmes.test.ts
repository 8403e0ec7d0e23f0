/** The pages of Hakmes on a real node in a real browser: files go in, are found, looked at and saved, with script and without. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";

import { type ChildNode, startChild } from "../../src/kit/testing/child-node.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";

const file = (name: string, text: string, mimeType = "text/plain") => ({ name, mimeType, buffer: Buffer.from(text) });
const keyOf = (text: string) => `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;

describe.skipIf(chromiumMissing !== undefined)("hakmes", () => {
  let browser: Browser;
  let node: ChildNode;
  let home = "";

  beforeAll(async () => {
    node = await startChild({ environment: { WARREN_RETICULUM_ENABLED: "false" } });
    home = `${node.url}/hakmes/`;
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await node[Symbol.asyncDispose]();
  });

  test("with script: several files go in on the first page, and each leads to its own", async () => {
    const page = await browser.newPage();
    const misdeeds = watch(page, node.url);
    await page.goto(home);
    await page.getByText("Ready for the first file.").waitFor();
    const evil = "<img src=x onerror=alert(1)>.txt";
    await page.locator("#file").setInputFiles([file("one.txt", "first content"), file(evil, "second content")]);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.locator(".upload-good").nth(1).waitFor();
    await page.getByText(evil).waitFor();
    // The figures follow by themselves.
    await page.getByText("2 files, 27 B, all there to be read.").waitFor();
    await page.locator("[data-upload-list] a:visible").last().click();
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.getByText("its bytes are those of its key").waitFor();
    expect(misdeeds).toMatchObject({ strangers: [], complaints: [] });
    await page.close();
  });

  test("without script: a file goes in, its page says so, it is found by its name and saved under it", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, acceptDownloads: true });
    const page = await context.newPage();
    await page.goto(home);
    await page.locator("#file").setInputFiles([file("Größe & Form.bin", "third", "application/octet-stream")]);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Stored. Its bytes are safe in Cask.").waitFor();
    expect(new URL(page.url()).pathname).toBe(`/hakmes/show/${keyOf("third")}/`);
    await page.goto(home);
    await page.locator("input[name=search]").fill("GRÖßE &");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("link", { name: "Größe & Form.bin" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("Größe & Form.bin");
    expect(await Bun.file(await download.path()).text()).toBe("third");
    await context.close();
  });

  test("a stored page with a script is saved, never run", async () => {
    const html = "<script>fetch('/hakmes/list.json').then(() => { document.title = 'taken' })</script>";
    const put = await fetch(`${home}page.html`, {
      method: "PUT",
      body: html,
      headers: { "Content-Type": "text/html" },
    });
    expect(put.status).toBe(200);
    const page = await browser.newPage();
    await page.goto(home);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.evaluate(`location.assign("/hakmes/file/${keyOf(html)}/")`),
    ]);
    expect(download.suggestedFilename()).toBe("page.html");
    expect(await page.title()).not.toBe("taken");
    // Nor does a stored script run as one of our own pages', which their policy would allow.
    const script = "document.title = 'taken'";
    await fetch(`${home}own.js`, { method: "PUT", body: script, headers: { "Content-Type": "text/javascript" } });
    const ran = await page.evaluate(`new Promise((done) => {
      const script = document.createElement("script");
      script.onload = () => done("ran");
      script.onerror = () => done("refused");
      script.src = "/hakmes/file/${keyOf(script)}/";
      document.head.append(script);
    })`);
    expect([ran, await page.title()]).not.toContain("taken");
    expect(ran).toBe("refused");
    await page.close();
  });

  test("a picture is shown, and a missing file is told of on a page", async () => {
    const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
    const put = await fetch(`${home}dot.gif`, { method: "PUT", body: gif, headers: { "Content-Type": "image/gif" } });
    const { key } = (await put.json()) as { key: string };
    const page = await browser.newPage();
    await page.goto(`${home}file/${key}/`);
    expect(await page.evaluate("document.images.length === 1 && document.images[0].naturalWidth")).toBe(1);
    const missing = await page.goto(`${home}show/sha1:${"0".repeat(40)}/`);
    expect([404, 503]).toContain(missing?.status() ?? 0);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.close();
  });
});

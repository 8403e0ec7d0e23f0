/** The upload page and the other forms in a real browser: with script (drop, several, progress) and without. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";

import { until } from "../../src/kit/testing/child-node.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";
import { type Storybook, startStorybook } from "./storybook.ts";

function file(name: string, text: string) {
  return { name, mimeType: "application/octet-stream", buffer: Buffer.from(text) };
}

describe.skipIf(chromiumMissing !== undefined)("upload", () => {
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

  test("upload: several files at once, each with its outcome and link; names stay text", async () => {
    const page = await browser.newPage();
    const misdeeds = watch(page, story.url);
    await page.goto(`${story.url}/cask/upload/`);
    await page.locator("#file").setInputFiles([file("<img src=x>.txt", "hello"), file("refused.txt", "no")]);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Stored: 2 of 3 copies").waitFor();
    await page.getByText('Failed: Cannot store "refused.txt": the disk is full').waitFor();
    await page.getByText("<img src=x>.txt").waitFor();
    const digest = new Bun.CryptoHasher("sha256").update("hello").digest("hex");
    expect(await page.locator("[data-upload-list] a").first().isVisible()).toBe(false);
    expect(await page.locator("[data-upload-list] a:visible").getAttribute("href")).toBe(
      `/cask/file/sha256:${digest}/`,
    );
    // The refusal is a status 503, which the browser mentions.
    expect(misdeeds.strangers).toEqual([]);
    expect(misdeeds.complaints.filter((text) => !text.includes("503"))).toEqual([]);
    expect(story.uploads.at(-1)).toEqual({ name: "<img src=x>.txt", sizeBytes: 5 });
    await page.close();
  });

  test("upload: the bar rises while the bytes travel", async () => {
    const page = await browser.newPage();
    await page.goto(`${story.url}/cask/upload/`);
    const session = await page.context().newCDPSession(page);
    const sendAt = (uploadThroughput: number) =>
      session.send("Network.emulateNetworkConditions", {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput,
      });
    await sendAt(200_000);
    await page.evaluate(`globalThis.seen = []; new MutationObserver((changes) => {
      for (const change of changes) if (change.attributeName === "value") globalThis.seen.push(Number(change.target.getAttribute("value")));
    }).observe(document.querySelector("[data-upload-list]"), { subtree: true, attributes: true })`);
    await page.locator("#file").setInputFiles([file("big.bin", "x".repeat(1_500_000))]);
    await page.getByRole("button", { name: "Upload" }).click();
    // Quick only from when enough was seen: how long a megabyte takes is the machine's affair.
    await until("the bar has risen more than once", () =>
      page.evaluate<boolean>("globalThis.seen.filter((value) => value > 0 && value < 1).length > 1"),
    );
    await sendAt(-1);
    await page.getByText("Stored: 2 of 3 copies").waitFor();
    const seen = await page.evaluate<number[]>("globalThis.seen");
    expect(seen.filter((value) => value > 0 && value < 1).length).toBeGreaterThan(1);
    expect(seen).toEqual(seen.toSorted((left, right) => left - right));
    expect(seen.at(-1)).toBe(1);
    await page.close();
  });

  test("upload: a file dropped anywhere is taken", async () => {
    const page = await browser.newPage();
    await page.goto(`${story.url}/cask/upload/`);
    await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["dropped"], "dropped.txt"));
      const target = document.querySelector("h1");
      target.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
      target.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await page.getByText("Stored: 2 of 3 copies").waitFor();
    expect(story.uploads.at(-1)).toEqual({ name: "dropped.txt", sizeBytes: 7 });
    await page.close();
  });

  test("upload: says so when the connection breaks", async () => {
    const page = await browser.newPage();
    await page.goto(`${story.url}/cask/upload/`);
    await page.route("**/cask/upload/", (route) => route.abort());
    await page.locator("#file").setInputFiles([file("lost.txt", "x")]);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Failed: the connection was lost").waitFor();
    await page.close();
  });

  test("forms: upload, look-up and join work without script, and nothing on the page waits for one", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${story.url}/cask/upload/`);
    await page.locator("#file").setInputFiles([file("plain.txt", "plain")]);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Stored in 2 of 3 copies.").waitFor();
    expect(story.uploads.at(-1)).toEqual({ name: "plain.txt", sizeBytes: 5 });
    expect(
      await page.locator("[data-theme-switch], [data-copy], [data-upload-hint]").filter({ visible: true }).count(),
    ).toBe(0);

    await page.goto(`${story.url}/cask/lookup/`);
    await page.getByLabel("Key").fill("sha256:00");
    await page.keyboard.press("Enter");
    await page.getByText("2 copies of 3 wanted").waitFor();

    await page.goto(`${story.url}/cask/join/`);
    await page.getByLabel("Gossip addresses").fill("10.0.0.12:7946");
    await page.getByLabel("Secret of the cluster").fill("s");
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByText("1 node answered.").waitFor();
    await context.close();
  });
});

/**
 * The pages of Reticulum in a real browser before a real node: images come in by choosing, dropping and without script;
 * any size is shown with its element to copy; the focal point is set by a click and by keys; results are purged.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";
import sharp from "sharp";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";

/** A picture whose left half has one colour and whose right half another; `seed` makes it unlike others. */
async function photo(width: number, height: number, seed: number): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="50%" height="100%" fill="rgb(200,${seed},30)"/><rect x="50%" width="50%" height="100%" fill="rgb(20,60,${200 - seed})"/></svg>`;
  const exif = {
    IFD0: { Make: "PENTAX <b>Corporation</b>" },
    IFD3: { GPSLatitudeRef: "N", GPSLatitude: "51/1 30/1 0/1", GPSLongitudeRef: "W", GPSLongitude: "0/1 7/1 0/1" },
  };
  return sharp(Buffer.from(svg)).jpeg().withExif(exif).toBuffer();
}

describe.skipIf(chromiumMissing !== undefined)("reticulum", () => {
  let browser: Browser;
  let node: ChildNode;
  let base: string;

  beforeAll(async () => {
    node = await startChild({ config: `[reticulum]\nconvert = true\n` });
    base = `${node.url}/reticulum`;
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await node[Symbol.asyncDispose]();
  });

  async function send(seed: number, name: string, width = 1200, height = 900): Promise<string> {
    const body = new FormData();
    body.set("image", new Blob([new Uint8Array(await photo(width, height, seed))], { type: "image/jpeg" }), name);
    const answer = await fetch(`${base}/`, { method: "POST", body });
    return ((await answer.json()) as { hash: string }).hash;
  }

  const shown = async (page: Page, selector: string) => {
    // The page may still be coming in.
    await page.locator(selector).first().waitFor();
    return page.evaluate<number[]>(
      `(async () => { const image = document.querySelector(${JSON.stringify(selector)}); await image.decode(); return [image.naturalWidth, image.naturalHeight, image.width, image.height]; })()`,
    );
  };

  test("light table: images come by choosing and by dropping, with progress; new ones appear by themselves", async () => {
    const page = await browser.newPage();
    const misdeeds = watch(page, node.url);
    await page.goto(`${base}/`);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("No images yet.").waitFor();
    const files = [
      { name: "<img src=x>.jpg", mimeType: "image/jpeg", buffer: await photo(600, 400, 1) },
      { name: "words.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no image at all") },
    ];
    await page.locator("#image").setInputFiles(files);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Stored", { exact: true }).waitFor();
    await page.getByText(/^Failed: .*image/).waitFor();
    const print = page.locator(".print");
    await print.first().waitFor();
    expect([await print.count(), await print.first().locator(".print-name").textContent()]).toEqual([
      1,
      "<img src=x>.jpg",
    ]);
    await print.first().locator("img").scrollIntoViewIfNeeded();
    expect((await shown(page, ".print img")).slice(0, 2)).toEqual([200, 200]);

    const dropped = (await photo(300, 200, 2)).toString("base64");
    await page.evaluate(`(() => {
      const bytes = Uint8Array.from(atob(${JSON.stringify(dropped)}), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
      const target = document.querySelector("h1");
      target.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
      target.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await page.locator(".print", { hasText: "dropped.jpg" }).waitFor();
    // The table may show it before the answer to the upload is here.
    const row = page.locator("[data-upload-list] li", { hasText: "dropped.jpg" });
    await row.getByText("Stored", { exact: true }).waitFor();
    const key = (await row.locator("a:visible").getAttribute("href")) ?? "";
    expect(key).toMatch(/^\/reticulum\/show\/sha256:[0-9a-f]{64}\/$/);
    await page.goto(`${node.url}${key}`);
    expect(await page.locator("h1").textContent()).toBe("dropped.jpg");
    // The refusal is a status 415, which the browser mentions.
    expect(misdeeds.strangers).toEqual([]);
    expect(misdeeds.complaints.filter((text) => !text.includes("415"))).toEqual([]);
    await page.close();
  });

  test("one image: a size is typed, shown with its bytes and its element, and told where it is spelt otherwise", async () => {
    const hash = await send(10, "harbour at dusk.jpg");
    const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
    const page = await context.newPage();
    const misdeeds = watch(page, node.url);
    await page.goto(`${base}/show/${hash}/`);
    expect(await page.getByLabel("Size", { exact: true }).inputValue()).toBe("640w");
    expect(await shown(page, ".made > img")).toEqual([640, 480, 640, 480]);

    // By keys alone.
    await page.getByLabel("Size", { exact: true }).focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("100h200w");
    await page.keyboard.press("Enter");
    await page.getByText("“100h200w” means 200w100h").waitFor();
    expect(await shown(page, ".made > img")).toEqual([133, 100, 133, 100]);
    const url = `${base}/image/${hash}/200w100h/harbour-at-dusk.jpg`;
    const answer = await fetch(url, { redirect: "manual" });
    const bytes = (await answer.bytes()).byteLength;
    await page.getByText(`${bytes.toLocaleString("en")} bytes`).waitFor();
    const line = `<img src="${url}" width="133" height="100" alt="">`;
    expect(await page.locator(".made pre").textContent()).toBe(line);
    // It is said for a moment only, so that it is looked for from before.
    await Promise.all([
      page.evaluate(`new Promise((said) => {
        new MutationObserver(() => document.querySelector(".made").innerText.includes("Copied") && said()).observe(document.body, { childList: true, subtree: true, characterData: true });
      })`),
      page.locator(".made").getByRole("button", { name: "Copy" }).click(),
    ]);
    expect(await page.evaluate<string>("navigator.clipboard.readText()")).toBe(line);

    await page.goto(`${base}/show/${hash}/?size=80s&format=webp&dpr=2`);
    expect(await shown(page, ".made > img")).toEqual([160, 160, 80, 80]);
    expect(await page.locator(".made").textContent()).toContain("WebP");
    expect(await page.locator("#srcset pre").textContent()).toContain(`/320w/harbour-at-dusk.jpg 320w`);

    expect((await page.goto(`${base}/show/${hash}/?size=huge`))?.status()).toBe(400);
    expect(await page.locator("#size-words").textContent()).toContain("“huge” is no size");
    expect(await page.getByLabel("Size", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    await page.goto(`${base}/show/${hash}/?size=20000w`);
    await page.getByText("at most 8192 to a side").waitFor();
    await page.getByRole("row", { name: /PENTAX <b>Corporation<\/b>/ }).waitFor();
    await page.getByText("51.5, -0.1166667").first().waitFor();
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await context.close();
  });

  test("focal point: by a click on the picture, without script too, and by keys; squares follow", async () => {
    const hash = await send(20, "halves.jpg");
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${base}/show/${hash}/`);
    await page.locator("input[type=image]").click({ position: { x: 40, y: 60 } });
    await page.getByText("Squares look there from now on.").waitFor();
    const focus = async () =>
      ((await (await fetch(`${base}/info/${hash}/`)).json()) as { focus: { x: number; y: number } | null }).focus;
    const clicked = await focus();
    expect([clicked?.x, clicked?.y].map((share) => Math.round((share ?? 0) * 100))).toEqual([13, 25]);
    const { dominant } = await sharp(await (await fetch(`${base}/image/${hash}/90s/a.jpg`)).bytes()).stats();
    expect(dominant.r).toBeGreaterThan(dominant.b);
    await page.getByLabel("% from the left").fill("90");
    await page.getByLabel("% from the top").fill("50.5");
    await page.keyboard.press("Enter");
    await page.getByText("Squares look at 90 % from the left and 50.5 % from the top.").waitFor();
    expect(await focus()).toEqual({ x: 0.9, y: 0.505 });
    await page.getByRole("button", { name: "Look at the middle again" }).click();
    await page.getByText("Squares show the middle again.").waitFor();
    expect(await focus()).toBeNull();
    await context.close();
  });

  test("purge: results are listed and forgotten; the report on copies is one step away", async () => {
    const hash = await send(30, "purge.jpg");
    await fetch(`${base}/image/${hash}/55w/a.jpg`);
    const page = await browser.newPage();
    await page.goto(`${base}/show/${hash}/`);
    await page.locator("#kept").getByRole("link", { name: "55w" }).waitFor();
    await page.getByRole("button", { name: "Purge results" }).click();
    await page.getByText(/results? of this node forgotten/).waitFor();
    await until("the page makes them anew", async () => {
      const { results } = (await (await fetch(`${base}/info/${hash}/`)).json()) as { results: { size: string }[] };
      return !results.some(({ size }) => size === "55w");
    });
    await page.getByRole("link", { name: "Which nodes have the original" }).click();
    await page.getByText("1 copy of").waitFor();
    await page.getByText("this node").waitFor();
    expect(page.url()).toBe(`${base}/image/${hash}/debug/image.jpg`);
    await page.close();
  });

  test("without script: the form takes an image and leads to its page, or says why not", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${base}/`);
    const file = { name: "plain.jpg", mimeType: "image/jpeg", buffer: await photo(400, 300, 40) };
    await page.locator("#image").setInputFiles(file);
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Stored. The original is safe in Cask.").waitFor();
    expect(await page.locator("h1").textContent()).toBe("plain.jpg");
    expect(await page.locator("[data-copy]:visible, [data-upload-hint]:visible").count()).toBe(0);

    await page.goto(`${base}/`);
    await page.locator("#image").setInputFiles({ ...file, buffer: Buffer.from("<svg/>"), name: "drawing.jpg" });
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByRole("alert").waitFor();
    expect(await page.locator("h1").textContent()).toBe("Light table");

    await page.getByLabel("Hash").fill("nonsense");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText("wanted a hash of 40 or 64").waitFor();
    await context.close();
  });

  test("light table: pages of older images, and a hash leads to its image", async () => {
    const hashes = await Promise.all(Array.from({ length: 27 }, (_, at) => send(50 + at, `many-${at}.jpg`, 60, 40)));
    const page = await browser.newPage();
    await page.goto(`${base}/`);
    expect(await page.locator(".print").count()).toBe(24);
    await page.getByRole("link", { name: "Older" }).click();
    await page.waitForURL(/before=/);
    expect(await page.locator(".print").count()).toBeGreaterThan(2);
    expect(await page.getByRole("link", { name: "Newer" }).getAttribute("href")).toBe("/reticulum/");
    await page.getByLabel("Hash").fill(`${base}/image/${hashes[0]}/100s/a.jpg`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${base}/show/${hashes[0]}/`);
    expect((await page.goto(`${base}/?before=x`))?.status()).toBe(400);
    await page.close();
  });

  test("upload keys: the form asks for one, with script and without", async () => {
    await using keyed = await startChild({ config: `[reticulum]\nupload_keys = ["open sesame"]\n` });
    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ javaScriptEnabled });
      const page = await context.newPage();
      await page.goto(`${keyed.url}/reticulum/`);
      const file = { name: "a.jpg", mimeType: "image/jpeg", buffer: await photo(80, 60, javaScriptEnabled ? 91 : 92) };
      await page.locator("#image").setInputFiles(file);
      await page.getByLabel("Upload key").fill("wrong");
      await page.getByRole("button", { name: "Upload" }).click();
      await page.getByText(/invalid upload key/).waitFor();
      await page.locator("#image").setInputFiles(file);
      await page.getByLabel("Upload key").fill("open sesame");
      await page.getByRole("button", { name: "Upload" }).click();
      await (
        javaScriptEnabled ? page.getByText("Stored", { exact: true }) : page.getByText("Stored. The original")
      ).waitFor();
      await context.close();
    }
  });

  test("docs/serve-images.md: its form, on a page of another origin, sends an image with the key it carries", async () => {
    await using keyed = await startChild({ config: `[reticulum]\nupload_keys = ["a long random text"]\n` });
    const document = await Bun.file(join(import.meta.dir, "../../docs/serve-images.md")).text();
    const sample = /^```html\n(<!doctype html>[\s\S]*?)^```$/m.exec(document)?.[1] ?? "";
    await using site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response(sample.replace("https://img.example.org/", `${keyed.url}/reticulum/`), {
          headers: { "Content-Type": "text/html" },
        }),
    });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${site.port}/`);
    const buffer = await photo(120, 90, 96);
    await page.getByLabel("Photo").setInputFiles({ name: "mine.jpg", mimeType: "image/jpeg", buffer });
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The image was taken and is safe.").waitFor();
    const url = (await page.locator("pre").textContent()) ?? "";
    expect(Buffer.compare(await (await fetch(url)).bytes(), buffer)).toBe(0);
    await page.close();
  });

  test("pages: all that can be pressed is reached by the tab key, visibly, and nothing is wider than a telephone", async () => {
    const hash = await send(95, "keys.jpg");
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    for (const path of ["/", `/show/${hash}/?size=1000w`, `/image/${hash}/debug/a.jpg`, "/state/"]) {
      await page.goto(`${base}${path}`);
      const over = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
      expect([path, over <= 0]).toEqual([path, true]);
      await page.evaluate("document.activeElement?.blur()");
      // Live parts are drawn again meanwhile, so that an element is known by its place among those that can be pressed.
      const pressable = `[...document.querySelectorAll("a[href], button, select, summary, input:not([type=hidden], [type=image])")].filter((element) => element.checkVisibility())`;
      const wanted = await page.evaluate<number>(`${pressable}.length`);
      const reached = new Set<string>();
      for (let presses = 0; presses < wanted + 12; presses++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate<string>(`(() => {
          const element = document.activeElement;
          if (!element.matches("a[href], button, select, summary, input")) return "";
          const ring = getComputedStyle(element).outlineStyle === "none" ? "no ring: " : "";
          return ring + element.tagName + " " + ${pressable}.indexOf(element);
        })()`);
        if (at !== "") reached.add(at);
      }
      expect([path, reached.size, [...reached].filter((at) => at.startsWith("no ring"))]).toEqual([path, wanted, []]);
    }
    await context.close();
  }, 180_000);
});

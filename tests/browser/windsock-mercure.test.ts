import { expect, test } from "bun:test";

import { openMercureStage, post, subscriberToken } from "../../src/wires/windsock/mercure/door-stage.ts";
import { chromiumMissing, startChromium } from "./chromium.ts";

const page = `<!doctype html><title>reader</title><script>
  window.heard = [];
  const source = new EventSource("/.well-known/mercure?topic=" + encodeURIComponent("https://x.example/{id}"));
  source.onopen = () => window.heard.push("open");
  source.onmessage = ({ data, lastEventId }) => window.heard.push(data + " " + lastEventId);
  source.addEventListener("news", ({ data }) => window.heard.push("news " + data));
</script>`;

if (chromiumMissing !== undefined) console.log(`Left out: ${chromiumMissing}`);

test.skipIf(chromiumMissing !== undefined)(
  "mercure: the browser's own EventSource hears updates, private ones by its cookie, and goes on after a break",
  async () => {
    await using stage = await openMercureStage({}, page);
    const browser = await startChromium();
    try {
      const context = await browser.newContext();
      const value = subscriberToken(["https://x.example/mine"]);
      await context.addCookies([{ name: "mercureAuthorization", value, url: stage.origin, httpOnly: true }]);
      const tab = await context.newPage();
      await tab.goto(`${stage.origin}/`);
      await tab.waitForFunction("window.heard.length === 1");
      await post(stage.url, [
        ["topic", "https://x.example/a"],
        ["data", "one"],
        ["id", "urn:1"],
        ["retry", "100"],
      ]);
      await post(stage.url, [
        ["topic", "https://x.example/mine"],
        ["data", "two"],
        ["type", "news"],
        ["private", "on"],
        ["id", "urn:2"],
      ]);
      await post(stage.url, [
        ["topic", "https://x.example/hidden"],
        ["data", "not this"],
        ["private", "on"],
      ]);
      await tab.waitForFunction("window.heard.length === 3");
      // The connection ends with a gap, and the browser comes back with the last id.
      stage.hub.breakOrder();
      await post(stage.url, [
        ["topic", "https://x.example/a"],
        ["data", "three"],
        ["id", "urn:3"],
      ]);
      await tab.waitForFunction('window.heard.at(-1) === "three urn:3"');
      const heard = (await tab.evaluate("window.heard")) as string[];
      expect(heard.slice(0, 4)).toEqual(["open", "one urn:1", "news two", "open"]);
      expect(heard).not.toContain("not this");
    } finally {
      await browser.close();
    }
  },
  120_000,
);

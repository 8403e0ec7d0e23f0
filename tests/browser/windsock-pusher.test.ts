import { expect, test } from "bun:test";
import { join } from "node:path";

import PusherServer from "pusher";

import { systemClock } from "../../src/kit/clock.ts";
import { silentLog } from "../../src/kit/log.ts";
import { openHub } from "../../src/wires/windsock/hub-ordered.ts";
import { openDoor } from "../../src/wires/windsock/links/door-fixture.ts";
import { openPusherDoor, usualPusherSettings } from "../../src/wires/windsock/pusher/door.ts";
import { hookPoster } from "../../src/wires/windsock/pusher/webhooks.ts";
import { chromiumMissing, startChromium } from "./chromium.ts";

const script = join(import.meta.dir, "../../node_modules/pusher-js/dist/web/pusher-with-encryption.min.js");
const masterKey = Buffer.alloc(32, 7).toString("base64");
const page = `<!doctype html><title>shop</title><script src="/pusher.js"></script><script>
  window.heard = [];
  const pusher = new Pusher("shop-key", {
    cluster: "", wsHost: location.hostname, wsPort: location.port, forceTLS: false, enabledTransports: ["ws"],
    channelAuthorization: { endpoint: "/auth" },
  });
  pusher.connection.bind("state_change", ({ current }) => window.heard.push(current));
  for (const name of ["open", "private-encrypted-room"]) {
    const channel = pusher.subscribe(name);
    channel.bind("pusher:subscription_succeeded", () => window.heard.push("in " + name));
    channel.bind("said", ({ text }) => window.heard.push(name + " " + text));
  }
</script>`;

if (chromiumMissing !== undefined) console.log(`Left out: ${chromiumMissing}`);

test.skipIf(chromiumMissing !== undefined)(
  "pusher: its client in a browser hears open and encrypted channels, and comes back by itself when messages were lost",
  async () => {
    const bounds = { count: 100, sizeBytes: 1e6, ageMs: 1e7 };
    const hub = openHub({ clock: systemClock, maxMessageBytes: 100_000, bounds });
    const over = new AbortController();
    const door = openPusherDoor({
      hub,
      clock: systemClock,
      log: silentLog,
      applications: [{ id: "shop", key: "shop-key", secret: "shop-secret" }],
      settings: usualPusherSettings,
      origins: [],
      nodeId: crypto.randomUUID(),
      enter: () => () => undefined,
      addressOf: (_request, caller) => caller.address,
      post: hookPoster(systemClock, over.signal),
    });
    let server: PusherServer | undefined;
    const open = await openDoor(async (request, caller, path) => {
      if (door.takes(path)) return door.handle(request, caller, path);
      if (path === "/pusher.js")
        return new Response(Bun.file(script), { headers: { "Content-Type": "text/javascript" } });
      if (path !== "/auth") return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
      const form = new URLSearchParams(await request.text());
      return Response.json(server?.authorizeChannel(form.get("socket_id") ?? "", form.get("channel_name") ?? ""));
    });
    const browser = await startChromium();
    try {
      const library = new PusherServer({
        appId: "shop",
        key: "shop-key",
        secret: "shop-secret",
        host: "127.0.0.1",
        port: String(open.port),
        useTLS: false,
        encryptionMasterKeyBase64: masterKey,
      });
      server = library;
      const tab = await (await browser.newContext()).newPage();
      await tab.goto(`${open.url}/`);
      await tab.waitForFunction('window.heard.filter((one) => one.startsWith("in ")).length === 2');
      await library.trigger("open", "said", { text: "hello" });
      await library.trigger("private-encrypted-room", "said", { text: "psst" });
      await tab.waitForFunction('window.heard.includes("private-encrypted-room psst")');
      hub.breakOrder();
      await tab.waitForFunction('window.heard.filter((one) => one.startsWith("in ")).length === 4');
      await library.trigger("open", "said", { text: "again" });
      await tab.waitForFunction('window.heard.at(-1) === "open again"');
      expect(await tab.evaluate('window.heard.filter((one) => one.startsWith("open "))')).toEqual([
        "open hello",
        "open again",
      ]);
    } finally {
      await browser.close();
      door.stop();
      over.abort();
      await open[Symbol.asyncDispose]();
      hub.close();
    }
  },
  120_000,
);

/**
 * Fitor's page in a real browser, over a real node and a real ngircd: lines as they are said, marks of unread rooms, the list of
 * who is there, search, speaking by keyboard, coming back after a lost connection, narrow and dark, and all of it without script;
 * by windsock's websocket, and by events where that is not to be had.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";

import type { Browser, Page } from "playwright-core";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { startFaultyProxy } from "../../src/kit/testing/faulty-proxy.ts";
import { type IrcServer, ngircd, OtherClient, startIrcServer } from "../../src/wires/fitor/peers-fixture.ts";
import { chromiumMissing, startChromium, watch } from "./chromium.ts";
import contrastScript from "./contrast.browser.js" with { type: "text" };

setDefaultTimeout(180_000);

describe.skipIf(chromiumMissing !== undefined || ngircd === null)("fitor", () => {
  let browser: Browser;
  let node: ChildNode;
  let server: IrcServer;
  let anna: OtherClient;

  beforeAll(async () => {
    server = await startIrcServer();
    node = await startChild({
      config: `[[fitor.networks]]
name = "test"
server = "127.0.0.1"
port = ${server.port}
channels = ["#one", "#two"]
[fitor]
bus = "none"
flood_line = "0s"
flood_bytes = 0
reconnect = "100ms"
`,
    });
    browser = await startChromium();
    anna = await OtherClient.join(server.port, "anna", "#one,#two");
    // It may have come to one before anna, and to the other after her.
    for (const channel of ["#one", "#two"])
      await anna.sees(new RegExp(`^:gobot!\\S+ JOIN :?${channel}$| 353 anna . ${channel} :.*gobot`));
  });
  afterAll(async () => {
    await browser.close();
    anna[Symbol.dispose]();
    await node[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const open = async (path: string, options: Parameters<Browser["newPage"]>[0] = {}) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
    const misdeeds = watch(page, node.url);
    await page.goto(`${node.url}/fitor${path}`);
    return { page, misdeeds };
  };
  const sees = (page: Page, text: string) => page.getByRole("log").getByText(text, { exact: false }).first().waitFor();
  const kept = (text: string) =>
    until(`it is kept: ${text}`, async () =>
      (await (await fetch(`${node.url}/fitor/log.json?room=test/%23one`)).text()).includes(text),
    );
  const live = (page: Page) => page.locator("[data-chat-state]", { hasText: "Live" }).waitFor();

  test("two browsers and a client of IRC talk with each other, and an unread room is marked", async () => {
    const one = await open("/room/test/%23one/");
    const two = await open("/room/test/%23two/");
    await Promise.all([live(one.page), live(two.page)]);
    await one.page.getByPlaceholder("Your name").fill("bea");
    await one.page.getByPlaceholder("Say something in #one").fill("hello <b>from</b> the page");
    await one.page.keyboard.press("Enter");
    await anna.sees(/PRIVMSG #one :bea: hello <b>from<\/b> the page$/);
    await sees(one.page, "hello <b>from</b> the page");
    anna.send("PRIVMSG #one :welcome https://example.org/x.", "PRIVMSG #one :\u0001ACTION nods\u0001");
    await sees(one.page, "welcome");
    await sees(one.page, "nods");
    expect(await one.page.getByRole("link", { name: "https://example.org/x" }).getAttribute("href")).toBe(
      "https://example.org/x",
    );
    const mark = two.page.locator('[data-room="test/#one"] .room-unread');
    await mark.filter({ hasText: "3" }).waitFor();
    expect(await two.page.getByRole("log").getByText("welcome").count()).toBe(0);
    // Who stands on a room by keyboard still does when the list is drawn again.
    await two.page.locator('[data-room="test/#two"]').focus();
    anna.send("TOPIC #two :Elsewhere");
    await two.page.locator("[data-head]").getByText("Elsewhere").waitFor();
    expect(await two.page.evaluate<string>('document.activeElement.getAttribute("data-room")')).toBe("test/#two");
    expect(await mark.textContent()).toBe("3");
    await two.page.keyboard.press("Alt+ArrowUp");
    await sees(two.page, "welcome");
    expect(two.page.url()).toEndWith("/room/test/%23one/");
    await one.page.locator("[data-people]").getByText("anna").waitFor();
    anna.send("TOPIC #one :Tea at four");
    await one.page.locator("[data-head]").getByText("Tea at four").waitFor();
    expect(one.misdeeds).toEqual({ complaints: [], strangers: [] });
    await Promise.all([one.page.close(), two.page.close()]);
  });

  /** By which way a page hears, and what it asked for. */
  const waysOf = (page: Page) => {
    const asked = { sockets: 0, events: 0, clients: 0 };
    page.on("websocket", (socket) => {
      if (socket.url().endsWith("/windsock/connect/")) asked.sockets++;
    });
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.endsWith("/events")) asked.events++;
      if (pathname.endsWith("/client.js")) asked.clients++;
    });
    return { asked, way: () => page.locator("[data-chat]").getAttribute("data-chat-way") };
  };
  const once = async (page: Page, text: string) => {
    await sees(page, text);
    expect(await page.getByRole("log").getByText(text).count()).toBe(1);
  };

  test("it hears by windsock's websocket, comes back to it when all connections are cut, and by events when it is sent away", async () => {
    await using line = await startFaultyProxy(Number(new URL(node.url).port));
    const page = await browser.newPage();
    const { asked, way } = waysOf(page);
    await page.goto(`${line.url}/fitor/room/test/%23one/`);
    await live(page);
    anna.send("PRIVMSG #one :by the websocket");
    await once(page, "by the websocket");
    expect([await way(), asked]).toEqual(["websocket", { sockets: 1, events: 0, clients: 1 }]);

    line.isRefusing = true;
    line.cut();
    await page.locator("[data-chat-state]", { hasText: "Connection lost" }).waitFor();
    anna.send("PRIVMSG #one :while all was cut", "TOPIC #one :cut");
    await anna.sees(/ TOPIC #one :cut$/);
    line.isRefusing = false;
    await once(page, "while all was cut");
    await page.locator("[data-head]").getByText("cut").waitFor();
    await live(page);
    anna.send("PRIVMSG #one :and after it");
    await once(page, "and after it");
    expect(await way()).toBe("websocket");
    expect(asked.sockets).toBeGreaterThan(1);
    expect(asked.events).toBe(0);

    const api = async (verb: string, body: object) =>
      (await fetch(`${node.url}/windsock/api/${verb}`, { method: "POST", body: JSON.stringify(body) })).json();
    const own = await until("it is the only one that is connected", async () => {
      const { connections } = (await api("connections", {})) as {
        connections: { connection: string; topics: string[] }[];
      };
      const pages = connections.filter(({ topics }) => topics.some((topic) => topic.startsWith("fitor:page.")));
      return pages.length === 1 && pages;
    });
    await api("disconnect", { connection: own[0]?.connection });
    await until("it hears by events", async () => (await way()) === "events");
    anna.send("PRIVMSG #one :sent away");
    await once(page, "sent away");
    expect(asked.events).toBe(1);

    // It goes back where all was cut, as after the server was started again.
    line.cut();
    await until("it hears by the websocket", async () => (await way()) === "websocket");
    await live(page);
    anna.send("PRIVMSG #one :not for ever");
    await once(page, "not for ever");
    await page.close();
  });

  test("a proxy's word that the server is away is not the end; that one may not any more is, and is said", async () => {
    await using line = await startFaultyProxy(Number(new URL(node.url).port));
    const page = await browser.newPage();
    const { asked, way } = waysOf(page);
    const answers = async (status: number, ...paths: string[]) => {
      await page.unrouteAll({ behavior: "ignoreErrors" });
      for (const path of paths) await page.route(`**/fitor/${path}*`, (route) => route.fulfill({ status, body: "no" }));
    };
    await answers(404, "token");
    await page.goto(`${line.url}/fitor/room/test/%23one/`);
    await live(page);
    expect([await way(), asked.events]).toEqual(["events", 1]);
    await answers(502, "token", "events", "changes.json");
    line.cut();
    await page.locator("[data-chat-state]", { hasText: "Connection lost" }).waitFor();
    await until("it was refused", () => asked.events > 1);
    anna.send("PRIVMSG #one :behind a proxy");
    await answers(200);
    await once(page, "behind a proxy");
    await until("it hears by the websocket", async () => (await way()) === "websocket");
    await live(page);

    await answers(401, "token", "events", "changes.json");
    line.cut();
    await page.getByText("Not live: reload to see what is new.").waitFor();
    await page.close();
  });

  test("while windsock lets nobody in for now, events are heard beside", async () => {
    const page = await browser.newPage();
    await page.clock.install();
    const { asked, way } = waysOf(page);
    await page.route("**/fitor/token", (route) => route.fulfill({ status: 503, body: "not now" }));
    await page.goto(`${node.url}/fitor/room/test/%23one/`);
    await until("it hears by events", async () => {
      await page.clock.runFor(1000);
      return (await way()) === "events";
    });
    await live(page);
    anna.send("PRIVMSG #one :heard beside");
    await once(page, "heard beside");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    // No further: a websocket that is being made is given up after a time as well.
    await until("it tries again", async () => {
      await page.clock.runFor(1000);
      return asked.sockets > 0;
    });
    await until("it hears by the websocket", async () => (await way()) === "websocket");
    await live(page);
    anna.send("PRIVMSG #one :and by one way again");
    await once(page, "and by one way again");
    expect(asked.events).toBe(1);
    await page.close();
  });

  test("a word from anybody on the pages' address shows nothing, and much of it is asked about once in a while", async () => {
    const { misdeeds, page } = await open("/room/test/%23one/");
    await live(page);
    let asked = 0;
    const beganAt = performance.now();
    page.on("request", (request) => {
      if (new URL(request.url()).pathname.endsWith("/changes.json")) asked++;
    });
    const address = await page.locator("[data-chat]").getAttribute("data-chat-address");
    const before = await page.locator("[data-lines] .line").count();
    const forged = ["null", "7", '"<b>"', "[]", "no json", '{"changed":"*"}', '{"changed":[1,{}]}'];
    forged.push(
      '{"id":1e9,"changed":["*"],"lines":[{"room":"test/#one","id":1e9,"kind":"message","html":"<li>forged</li>"}]}',
    );
    for (const content of [...forged, ...Array.from({ length: 60 }, () => '{"id":1e9,"changed":[]}')]) {
      const body = JSON.stringify({ address, content });
      expect((await fetch(`${node.url}/windsock/publish`, { method: "POST", body })).status).toBe(200);
    }
    anna.send("PRIVMSG #one :a real line");
    await once(page, "a real line");
    expect(await page.locator("[data-lines] .line").count()).toBe(before + 1);
    expect(asked).toBeLessThan((performance.now() - beganAt) / 250 + 2);
    expect(await page.locator("[data-chat]").getAttribute("data-chat-way")).toBe("websocket");
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("where windsock's client cannot be loaded, and where there is no windsock, it hears by events", async () => {
    // Where a token is not given, or not even questions are answered, either.
    const bars = { "**/client.js": 0, "**/fitor/token": 0, "**/fitor/changes.json*": 1 };
    const pages = Object.entries(bars).map(async ([url, sockets]) => {
      const barred = await browser.newPage();
      await barred.route(url, (route) => route.fulfill({ status: 403, body: "barred" }));
      const { asked, way } = waysOf(barred);
      await barred.goto(`${node.url}/fitor/room/test/%23one/`);
      await until("it hears by events", async () => (await way()) === "events");
      await live(barred);
      expect([url, asked]).toEqual([url, { sockets, events: 1, clients: 1 }]);
      return barred;
    });
    await using alone = await startChild({
      words: ["fitor"],
      config: `[fitor]
server = "127.0.0.1"
port = ${server.port}
channel = "#one"
nick = "apart"
bus = "none"
`,
    });
    const page = await browser.newPage();
    const apart = waysOf(page);
    const misdeeds = watch(page, alone.url);
    await page.goto(`${alone.url}/room/irc/%23one/`);
    await live(page);
    await page.locator("[data-people]").getByText("anna").waitFor();
    const all = [page, ...(await Promise.all(pages))];
    anna.send("PRIVMSG #one :by events");
    await Promise.all(all.map((each) => once(each, "by events")));
    expect([await apart.way(), apart.asked]).toEqual(["events", { sockets: 0, events: 1, clients: 0 }]);
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await Promise.all(all.map((each) => each.close()));
  });

  test("who is led on again and again to ask for what is not there asks ever less", async () => {
    const page = await browser.newPage();
    let asked = 0;
    page.on("request", (request) => {
      if (new URL(request.url()).pathname.endsWith("/changes.json")) asked++;
    });
    await page.addInitScript(
      'globalThis.answered = 0; document.addEventListener("fitor-asked", () => globalThis.answered++)',
    );
    const allAnswered = () =>
      until("every question is answered", async () => (await page.evaluate("globalThis.answered")) === asked);
    await page.goto(`${node.url}/fitor/room/test/%23one/`);
    await live(page);
    await allAnswered();
    await page.clock.install();
    // From here on time passes on the page only as it is told.
    await page.clock.pauseAt(Date.now() + 60_000);
    await allAnswered();
    const before = asked;
    for (let turn = 0; turn < 40; turn++) {
      await page.evaluate(
        'document.dispatchEvent(new CustomEvent("fitor-ask", { detail: { withParts: true } })); fetch("/healthz").then((answer) => answer.text())',
      );
      await allAnswered();
      await page.clock.runFor(250);
    }
    expect(asked - before).toBeGreaterThan(2);
    expect(asked - before).toBeLessThan(12);
    await page.close();
  });

  test("two pages of one browser: what is read on one is no news on the other, what nobody looks at is not read, and what is typed stays", async () => {
    const context = await browser.newContext();
    const [one, two] = [await context.newPage(), await context.newPage()];
    const hidden = await context.newPage();
    await hidden.addInitScript('Object.defineProperty(document, "hidden", { get: () => true })');
    const read = () => one.evaluate<string>('localStorage.getItem("fitor test/#one") ?? "nothing"');
    anna.send("PRIVMSG #one :before anybody looked");
    await hidden.goto(`${node.url}/fitor/room/test/%23one/`);
    await live(hidden);
    await sees(hidden, "before anybody looked");
    await two.goto(`${node.url}/fitor/room/test/%23two/`);
    await live(two);
    await one.goto(`${node.url}/fitor/healthz`);
    expect(await read()).toBe("nothing");
    await one.goto(`${node.url}/fitor/room/test/%23one/`);
    await live(one);
    expect(await read()).toMatch(/^\d+$/);

    anna.send("PRIVMSG #one :read on the other page");
    await once(one, "read on the other page");
    anna.send("PRIVMSG #two :and one here");
    await once(two, "and one here");
    const mark = two.locator('[data-room="test/#one"] .room-unread');
    await until("it is no news", async () => !(await mark.isVisible()));

    const field = two.getByPlaceholder("Say something in #two");
    await field.fill("half a sent");
    await two.reload();
    expect(await field.inputValue()).toBe("half a sent");
    await field.fill("");
    await two.reload();
    expect(await field.inputValue()).toBe("");
    await context.close();
  });

  test("a page that is put away hears nothing, and taken out again what it missed, once", async () => {
    const { misdeeds, page } = await open("/room/test/%23one/");
    await live(page);
    const turns = (kind: string) =>
      page.evaluate(`dispatchEvent(new PageTransitionEvent(${JSON.stringify(kind)}, { persisted: true }))`);
    const connections = async () => {
      const body = { method: "POST", body: "{}" };
      const told = (await (await fetch(`${node.url}/windsock/api/connections`, body)).json()) as {
        connections: unknown[];
      };
      return told.connections.length;
    };
    await until("it is connected", async () => (await connections()) === 1);
    await turns("pagehide");
    await until("it is not", async () => (await connections()) === 0);
    anna.send("PRIVMSG #one :while it was put away");
    await kept("while it was put away");
    expect(await page.getByText("while it was put away").count()).toBe(0);
    for (let turn = 0; turn < 3; turn++) {
      await turns("pagehide");
      await turns("pageshow");
    }
    await once(page, "while it was put away");
    await live(page);
    await until("it is connected again, once", async () => (await connections()) === 1);
    anna.send("PRIVMSG #one :and after it was taken out");
    await once(page, "and after it was taken out");
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("where fitor itself does not reach windsock, events are heard beside for as long", async () => {
    const page = await browser.newPage();
    let away = true;
    await page.route("**/fitor/changes.json*", async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ json: { ...((await answer.json()) as object), away } });
    });
    const { asked, way } = waysOf(page);
    await page.goto(`${node.url}/fitor/room/test/%23one/`);
    await until("it hears by events", async () => (await way()) === "events");
    expect(asked).toEqual({ sockets: 1, events: 1, clients: 1 });
    anna.send("PRIVMSG #one :heard all the same");
    await once(page, "heard all the same");
    away = false;
    await page.evaluate('document.dispatchEvent(new CustomEvent("fitor-ask", { detail: { withParts: false } }))');
    await until("it hears by the websocket", async () => (await way()) === "websocket");
    await live(page);
    expect(asked).toEqual({ sockets: 1, events: 1, clients: 1 });
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.close();
  });

  test("where events leave lines out, as for one who reads too slowly, it asks for them", async () => {
    const page = await browser.newPage();
    await page.route("**/fitor/token", (route) => route.fulfill({ status: 404, body: "no" }));
    const texts = ["first of three", "second of three", "third of three"];
    let told = "";
    await page.route("**/fitor/events*", async (route) => {
      if (told !== "") return;
      anna.send(...texts.map((text) => `PRIVMSG #one :${text}`));
      const after = Number(new URL(route.request().url()).searchParams.get("after"));
      const answer = await until("all three are kept", async () => {
        const kept = await fetch(`${node.url}/fitor/changes.json?room=test/%23one&after=${after}`);
        const { lines } = (await kept.json()) as { lines: { id: number; html: string }[] };
        return lines.find(({ html }) => html.includes("third of three"));
      });
      told = `event: line\nid: ${answer.id}\ndata: ${JSON.stringify(answer)}\n\n`;
      await route.fulfill({ contentType: "text/event-stream", body: told });
    });
    await page.goto(`${node.url}/fitor/room/test/%23one/`);
    for (const text of texts) await once(page, text);
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.close();
  });

  test("search finds by words, and leads to the place", async () => {
    anna.send("PRIVMSG #two :the ferret sleeps");
    const { misdeeds, page } = await open("/room/test/%23two/");
    await sees(page, "ferret");
    await page.getByPlaceholder("Search").fill("sleeps ferr");
    await page.keyboard.press("Enter");
    await page.getByText("What was found").waitFor();
    await page.waitForLoadState();
    expect(await page.locator("[data-lines] .line").count()).toBe(1);
    await page.getByRole("link", { name: "in its place" }).click();
    await page.waitForURL(/before=/);
    await sees(page, "the ferret sleeps");
    await page.getByRole("link", { name: "Back to now" }).click();
    await live(page);
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  test("what is missed while the line is cut comes afterwards, once", async () => {
    const { page } = await open("/room/test/%23one/");
    await live(page);
    await page.context().setOffline(true);
    await page.getByPlaceholder("Your name").fill("bea");
    await page.getByPlaceholder("Say something in #one").fill("not lost");
    await page.keyboard.press("Enter");
    await page.getByText("The server cannot be reached").waitFor();
    expect(await page.getByPlaceholder("Say something in #one").inputValue()).toBe("not lost");
    anna.send("PRIVMSG #one :while you were away");
    await kept("while you were away");
    await page.context().setOffline(false);
    await sees(page, "while you were away");
    expect(await page.getByRole("log").getByText("while you were away").count()).toBe(1);
    // Why something was not said stands there until it is typed in again, whatever is heard.
    const reason = page.locator("[data-chat-said]");
    expect(await reason.textContent()).toBe("The server cannot be reached");
    await page.getByPlaceholder("Say something in #one").fill("not lost at all");
    expect(await reason.textContent()).toBe("");
    await page.close();
  });

  test("a quiet room stays where it is while very much is said in another", async () => {
    const { page } = await open("/room/test/%23two/");
    await live(page);
    // More than a reader who comes back is told.
    for (let index = 0; index < 600; index++) {
      const body = new URLSearchParams({ nick: "bea", text: `line ${index}` });
      await fetch(`${node.url}/fitor/room/test/%23one/say`, { method: "POST", body, redirect: "manual" });
    }
    let loads = 0;
    page.on("load", () => loads++);
    await page.reload();
    await live(page);
    anna.send("PRIVMSG #two :quiet here");
    await sees(page, "quiet here");
    expect(loads).toBe(1);
    await page.close();
  });

  test("without script it reads, speaks, and keeps what could not be said", async () => {
    const { page } = await open("/room/test/%23two/", { javaScriptEnabled: false });
    await page.getByPlaceholder("Your name").fill("eva");
    await page.getByPlaceholder("Say something in #two").fill("no script here");
    await page.getByRole("button", { name: "Say", exact: true }).click();
    await sees(page, "no script here");
    expect(await page.getByPlaceholder("Your name").inputValue()).toBe("eva");
    await page.getByPlaceholder("Say something in #two").fill("/nick x");
    await page.getByRole("button", { name: "Say", exact: true }).click();
    await page.getByText("the only command here is /me").waitFor();
    expect(await page.getByPlaceholder("Say something in #two").inputValue()).toBe("/nick x");
    await page.close();
  });

  test("where the browser keeps nothing for pages it is live all the same", async () => {
    const page = await browser.newPage();
    const misdeeds = watch(page, node.url);
    await page.addInitScript(
      'Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } })',
    );
    await page.goto(`${node.url}/fitor/room/test/%23two/`);
    await live(page);
    await page.getByPlaceholder("Your name").fill("nia");
    await page.getByPlaceholder("Say something in #two").fill("nothing is kept");
    await page.keyboard.press("Enter");
    await sees(page, "nothing is kept");
    anna.send("PRIVMSG #one :over here");
    await page.locator('[data-room="test/#one"] .room-unread', { hasText: "1" }).waitFor();
    expect(misdeeds).toEqual({ complaints: [], strangers: [] });
    await page.close();
  });

  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      test(`reads well: ${width} pixels, ${colorScheme}`, async () => {
        const { misdeeds, page } = await open("/room/test/%23one/", { viewport: { width, height: 800 }, colorScheme });
        await live(page);
        expect(await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
        const { low } = await page.evaluate<{ low: unknown[] }>(contrastScript);
        expect(low).toEqual([]);
        const field = page.getByPlaceholder("Say something in #one");
        const box = await field.boundingBox();
        expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(800);
        expect(box?.width ?? 0).toBeGreaterThan(120);
        expect(misdeeds).toEqual({ complaints: [], strangers: [] });
        await page.close();
      });
    }
  }
});

/**
 * Mediacheck as a program: in its predecessor's place to the letter, as a check from a script, and as a service that checks
 * by the clock, after a deploy and when asked; always against a server that may be as hostile as it likes.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { type FakeCarbon, startFakeCarbon } from "../../src/kit/testing/fake-carbon.ts";
import type { SiteReport } from "../../src/signals/mediacheck/report.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-mediacheck-"));
const certificate = join(import.meta.dir, "../../src/kit/testdata/tls");
const html = (body: string, headers: Record<string, string> = {}) =>
  new Response(body, { headers: { "Content-Type": "text/html", ...headers } });
const gif = () => new Response("GIF89a", { headers: { "Content-Type": "image/gif" } });

let isBroken = false;
const asked: { path: string; atMs: number; agent: string | null; referer: string | null }[] = [];
const site = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 60,
  async fetch(request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { headers } = request;
    asked.push({
      path: pathname,
      atMs: performance.now(),
      agent: headers.get("user-agent"),
      referer: headers.get("referer"),
    });
    if (pathname === "/good/")
      return html(
        '<img src="/a.gif"><img src="/a.gif#x"><img src="data:image/gif;base64,x"><img src="blob:x"><link rel=preconnect href="/never"><img src="/empty">',
      );
    if (pathname === "/missing/") return html('<img src="/a.gif"><img srcset="/gone.gif 2x">');
    if (pathname === "/changing/") return html(isBroken ? '<img src="/gone.gif">' : '<img src="/a.gif">');
    if (pathname === "/a.gif") return gif();
    if (pathname === "/many-missing/")
      return html(Array.from({ length: 1500 }, (_, n) => `<img src="/none/${"x".repeat(100)}/${n}.gif">`).join(""));
    if (pathname === "/empty") return new Response(null, { status: 204 });
    if (pathname === "/busy.gif") {
      const times = asked.filter(({ path }) => path === "/busy.gif").length;
      return times < 2 ? new Response("later", { status: 429, headers: { "Retry-After": "1" } }) : gif();
    }
    if (pathname === "/busy/") return html('<img src="/busy.gif">');
    if (pathname === "/long-busy/") return html('<img src="/long-busy.gif">');
    if (pathname === "/long-busy.gif")
      return new Response("later", { status: 503, headers: { "Retry-After": "86400" } });
    if (pathname === "/walled/") return html('<img src="/wall.gif"><img src="/teapot.gif">');
    if (pathname === "/wall.gif") return new Response("no", { status: 403 });
    if (pathname === "/teapot.gif") return new Response("no", { status: 502 });
    if (pathname === "/circle/")
      return html('<img src="/round-1"><img src="/far/0"><img src="/to-data"><img src="/to-good">');
    if (pathname === "/round-1") return Response.redirect("/round-2");
    if (pathname === "/round-2") return Response.redirect("/round-1");
    if (pathname.startsWith("/far/")) return Response.redirect(`/far/${Number(pathname.slice(5)) + 1}`);
    if (pathname === "/to-data") return new Response(null, { status: 302, headers: { Location: "data:text/plain,x" } });
    if (pathname === "/to-good") return Response.redirect("/a.gif");
    if (pathname === "/site/")
      return html(
        '<a href="two/">2</a><a href="two/#here">2</a><a href="two/#nowhere">2</a><a href="https://elsewhere.example/">x</a>',
      );
    if (pathname === "/site/two/") return html('<p id="here"><a href="/site/">back</a><a href="/site/three/">3</a>');
    if (pathname === "/site/three/") return html('<img src="/gone.gif">');
    if (pathname === "/sitemap.xml")
      return xml(`<sitemapindex><sitemap><loc>${at}/map.xml.gz</loc></sitemap></sitemapindex>`);
    if (pathname === "/map.xml.gz") {
      return new Response(
        Bun.gzipSync(`<urlset><url><loc>${at}/good/</loc></url><url><loc>${at}/missing/</loc></url></urlset>`),
      );
    }
    if (pathname === "/styles/") {
      return html(
        '<link rel=stylesheet href="/wrong.css"><link rel=stylesheet href="/chain/0.css"><script src="/page.js"></script><script type=module src="/bare.js"></script><script src="/hash.js" integrity="sha256-AAAA"></script>',
      );
    }
    if (pathname === "/wrong.css" || pathname === "/page.js") return html("<p>not found, but 200");
    if (pathname === "/bare.js")
      return new Response('import "nobody"', { headers: { "Content-Type": "text/javascript" } });
    if (pathname === "/hash.js") return new Response("1", { headers: { "Content-Type": "text/javascript" } });
    if (pathname.startsWith("/chain/")) {
      const number = Number(/\d+/.exec(pathname)?.[0]);
      return new Response(`@import "${number + 1}.css";`, { headers: { "Content-Type": "text/css" } });
    }
    return new Response("no such page", { status: 404 });
  },
});
const at: string = `http://127.0.0.1:${site.port}`;
const secure = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls: { key: Bun.file(join(certificate, "first.key")), cert: Bun.file(join(certificate, "first.pem")) },
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return html(`<img src="${at}/a.gif"><img src="/b.gif"><img src="data:image/gif;base64,x">`);
    if (pathname === "/by-redirect/") return html('<img src="/away.gif">');
    if (pathname === "/away.gif") return Response.redirect(`${at}/a.gif`);
    return gif();
  },
});
const safe = `https://127.0.0.1:${secure.port}`;
const xml = (body: string) => new Response(body, { headers: { "Content-Type": "application/xml" } });

/** Answers written byte by byte, as no decent server would. */
let hostile: Server;
const sockets = new Set<Socket>();
const bomb = Bun.gzipSync(new Uint8Array(64 * 1024 * 1024));
const crowd = Array.from({ length: 30 }, (_, number) => `<img src="${number}.gif">`).join("");
function behave(path: string, socket: Socket): void {
  const head = (fields: string) => socket.write(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`);
  if (path === "/") {
    const page =
      '<img src="/silent.gif"><img src="/drip.gif"><img src="/endless.gif"><img src="/short.gif"><img src="/bomb.gif"><img src="/noise.gif"><img src="/closed.gif">';
    socket.end(
      `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\nConnection: close\r\n\r\n${page}`,
    );
  } else if (path === "/crowd/") {
    socket.end(
      `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${crowd.length}\r\nConnection: close\r\n\r\n${crowd}`,
    );
  } else if (path === "/drip.gif") {
    head("Content-Type: image/gif\r\nContent-Length: 100000");
    const timer = setInterval(() => socket.write("G"), 50);
    socket.on("close", () => clearInterval(timer));
  } else if (path === "/endless.gif") {
    head("Content-Type: image/gif");
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 71)));
    };
    socket.on("drain", more);
    more();
  } else if (path === "/short.gif") {
    head("Content-Type: image/gif\r\nContent-Length: 5000");
    socket.end("GIF89a");
  } else if (path === "/bomb.gif") {
    head(`Content-Type: image/gif\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}`);
    socket.end(bomb);
  } else if (path === "/noise.gif") socket.end("\0\u0001 what is this\r\n\r\n");
  else if (path === "/closed.gif") socket.destroy();
  // Whatever else is asked for is never answered.
}
let hostileAt = "";
let carbon: FakeCarbon;

beforeAll(async () => {
  carbon = await startFakeCarbon();
  hostile = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("data", (bytes) => behave(/^\S+ (\S+)/.exec(bytes.toString("latin1"))?.[1] ?? "", socket));
  });
  await new Promise<void>((resolve) => hostile.listen(0, "127.0.0.1", resolve));
  const address = hostile.address();
  hostileAt = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});
afterAll(async () => {
  site.stop(true);
  secure.stop(true);
  for (const socket of sockets) socket.destroy();
  hostile.close();
  await carbon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const run = (words: readonly string[]) => runProgram(["mediacheck", ...words], { folder });
/** By itself it gives a whole run three seconds, which a machine may take that is busy otherwise. */
const patiently = ["-timeout", "60000"];
const check = async (words: readonly string[]) => {
  const { exitCode, stderr, stdout } = await run(["check", "--json", ...words]);
  return { exitCode, stderr, report: JSON.parse(stdout) as SiteReport };
};
const troubles = (report: SiteReport) =>
  Object.fromEntries(
    report.resources
      .filter(({ verdict }) => verdict !== "good")
      .map(({ troubles: all, url }) => [new URL(url).pathname, all[0]?.sentence]),
  );

describe("in its predecessor's place", () => {
  test("mediacheck: says nothing and ends with 0 where all is there, data addresses and 204 among it", async () => {
    expect(await run(["-url", `${at}/good/`, ...patiently])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("mediacheck: one missing candidate ends with 1, each time, and is named in its words", async () => {
    for (let time = 0; time < 5; time++) {
      const { exitCode, stderr } = await run(["-url", `${at}/missing/`, ...patiently]);
      const lines = stderr.trim().split("\n");
      expect(exitCode).toBe(1);
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatch(
        new RegExp(
          `^time="[\\d:TZ-]{20}" level=error msg="Error fetching media" Error="bad status: 404 Not Found" URL="${at}/gone.gif"$`,
        ),
      );
      expect(lines[1]).toMatch(/^time="[^"]+" level=fatal msg="NOT OK"$/);
    }
  });

  test("mediacheck: its log as JSON, with everything at level info", async () => {
    const { exitCode, stderr } = await run([
      `-url=${at}/good/`,
      "-log-format",
      "json",
      "--log-level=info",
      ...patiently,
    ]);
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(exitCode).toBe(0);
    expect(lines.map(({ msg }) => msg)).toEqual([
      "fetching",
      "retrieved page",
      "extracted media URLs",
      "checking media URL",
      "checking media URL",
      "OK",
    ]);
    expect(lines[0]).toMatchObject({
      Host: `127.0.0.1:${site.port}`,
      Path: "/good/",
      Scheme: "http",
      URL: `${at}/good/`,
      level: "info",
    });
    expect(lines[2]).toMatchObject({ number: 3 });
  });

  test("mediacheck: wrong flags end with 2, a wrong address with 1, and a certificate counts unless it must not", async () => {
    expect((await run(["-url", "x", "-nonsense"])).stderr).toStartWith(
      "flag provided but not defined: -nonsense\nUsage of mediacheck:",
    );
    expect((await run(["-url", at, "-timeout", "soon"])).exitCode).toBe(2);
    const relative = await run(["-url", "/page"]);
    expect([relative.exitCode, relative.stderr]).toEqual([
      1,
      expect.stringContaining('level=fatal msg="must be an absolute URL"'),
    ]);
    expect((await run(["-log-level", "error"])).stderr).toContain('level=fatal msg="must specify a URL"');
    expect((await run(["-url", `${at}/nowhere/`, ...patiently])).stderr).toContain(
      'level=fatal msg="bad response status"',
    );
    expect((await run(["-url", `${safe}/by-redirect/`, ...patiently])).stderr).toContain("Certificate");
    const mixed = await run(["-url", `${safe}/`, "-verify-ssl=false", ...patiently]);
    expect(mixed.exitCode).toBe(1);
    expect(mixed.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(new RegExp(`level=fatal msg="HTTP/S mixed content error" url="${at}/a.gif"$`)),
      expect.stringMatching(/level=fatal msg="NOT OK"$/),
    ]);
    expect((await run(["-url", `${safe}/by-redirect/`, "-verify-ssl=false", ...patiently])).stderr).toContain(
      "HTTP/S mixed content error",
    );
  });

  test("mediacheck: its timeout ends the whole run, whatever the other side does", async () => {
    const began = performance.now();
    await run(["-url", at, "-timeout", "soon"]);
    const startMs = performance.now() - began;
    const startedMs = performance.now();
    const { exitCode, stderr } = await run(["-url", `${hostileAt}/crowd/`, "-timeout", "4000"]);
    expect(exitCode).toBe(1);
    // On a slow machine the program alone takes a part of it.
    expect(performance.now() - startedMs).toBeLessThan(9000 + 10 * startMs);
    expect(stderr.split("Error fetching media")).toHaveLength(31);
  });
});

describe("as a check", () => {
  test("check: every hostile answer is named for what it is, and the run ends in time", async () => {
    const words = [
      `${hostileAt}/`,
      "--resource-timeout",
      "4s",
      "--timeout",
      "20s",
      "--max-size",
      "4MiB",
      "--retries",
      "0",
    ];
    const { exitCode, report } = await check(words);
    expect(exitCode).toBe(1);
    expect(troubles(report)).toEqual({
      "/silent.gif": "No whole answer within 4 s",
      "/drip.gif": "No whole answer within 4 s",
      "/endless.gif": expect.stringMatching(
        /^(It is larger than 4\.00 MiB, and was not read on|No whole answer within 4 s)$/,
      ),
      "/short.gif": expect.stringMatching(/closed|end/i),
      "/bomb.gif": "It is larger than 4.00 MiB, and was not read on",
      "/noise.gif": expect.any(String),
      "/closed.gif": "Connection closed before an answer",
    });
    expect(report.elapsedMs).toBeLessThan(20_000);
  });

  test("check: waits as long as a host asks, and gives up where it asks for too long", async () => {
    const { exitCode } = await check([`${at}/busy/`]);
    const times = asked.filter(({ path }) => path === "/busy.gif").map(({ atMs }) => atMs);
    expect(exitCode).toBe(0);
    expect(times).toHaveLength(2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(950);
    expect(troubles((await check([`${at}/long-busy/`])).report)).toEqual({
      "/long-busy.gif": expect.stringMatching(/^Status 503, and it asks to come back in .*, which is too long$/),
    });
  });

  test("check: rules make warnings of statuses, and addresses are left alone where that is wanted", async () => {
    const rules = ["--status", "403:warn,5xx:skip", "--retries", "0"];
    const { exitCode, report } = await check([`${at}/walled/`, ...rules, "--user-agent", "Someone/1"]);
    expect(exitCode).toBe(0);
    expect(report.counts).toMatchObject({ warn: 1, skipped: 1, bad: 0 });
    expect(asked.findLast(({ path }) => path === "/wall.gif")).toMatchObject({
      agent: "Someone/1",
      referer: `${at}/walled/`,
    });
    expect((await check([`${at}/walled/`, "--skip", "*.gif"])).report.counts).toMatchObject({ skipped: 2, checked: 1 });
  });

  test("check: redirects in a circle, without end, and to nowhere", async () => {
    const { report } = await check([`${at}/circle/`]);
    expect(troubles(report)).toEqual({
      "/round-1": `It redirects in a circle: ${at}/round-1 came again`,
      "/far/0": `More than 10 redirects, the last to ${at}/far/11`,
      "/to-data": 'It redirects to "data:text/plain,x", which is no address to ask',
    });
  });

  test("check: what comes with 200 and is not what was wanted is bad", async () => {
    const { report } = await check([`${at}/styles/`]);
    expect(troubles(report)).toEqual({
      "/wrong.css": "It comes with type text/html, and browsers take nothing but text/css for a style sheet",
      "/page.js": "A page came where a script is wanted",
      "/bare.js": 'It imports "nobody", which is no address, and no import map names it',
      "/hash.js": "It does not have the hash that the page wants (integrity)",
    });
    expect(report.limits).toEqual(["Style sheets import each other more than 10 deep; the others were not looked at"]);
  });

  test("check: links to so many steps, fragments, and a packed sitemap behind an index", async () => {
    const one = await check([`${at}/site/`, "--depth", "1", "--fragments"]);
    expect(one.report.counts.pages).toBe(2);
    expect(troubles(one.report)).toEqual({
      "/site/": `It links to ${at}/site/two/#nowhere, and nothing there has that name`,
    });
    const two = await check([`${at}/site/`, "--depth", "2"]);
    expect(troubles(two.report)).toEqual({ "/gone.gif": "Bad status: 404" });
    const map = await check(["--sitemap", `${at}/sitemap.xml`]);
    expect([map.report.counts.pages, map.exitCode]).toEqual([2, 1]);
  });

  test("check: text for people, JUnit for programs, figures for Graphite, and 2 for a question without sense", async () => {
    const text = await run([
      "check",
      `${at}/missing/`,
      "--graphite",
      `127.0.0.1:${carbon.port}`,
      "--prefix",
      "web.shop",
    ]);
    expect(text.stdout.split("\n").slice(0, 3)).toEqual([
      `bad   ${at}/gone.gif`,
      "      Bad status: 404",
      `      in ${at}/missing/ (img srcset 2x)`,
    ]);
    expect(text.stdout).toContain("NOT OK: 3 addresses on 1 page, 1 bad;");
    await until("the figures arrived", () => carbon.points.some(({ path }) => path === "web.shop.kinds.image.checked"));
    expect(
      carbon.points
        .filter(({ path }) => /^web\.shop\.(ok|bad|checked)$/.test(path))
        .map(({ path, value }) => [path, value]),
    ).toEqual([
      ["web.shop.ok", 0],
      ["web.shop.checked", 3],
      ["web.shop.bad", 1],
    ]);
    const unsent = await run(["check", `${at}/good/`, "--deploy", "1.2", "--events", "http://127.0.0.1:1/"]);
    expect(unsent.exitCode).toBe(1);
    expect(unsent.stderr).toContain("Cannot send the result to http://127.0.0.1:1/: Connection refused\n");
    const junit = await run(["check", `${at}/missing/`, "--junit", "-q"]);
    expect(junit.stdout).toContain('<testsuites name="mediacheck" tests="3" failures="1"');
    expect(junit.stdout).toContain('<failure message="Bad status: 404">');
    for (const words of [
      [],
      ["ftp://x/"],
      [at, "--status", "9xx:warn"],
      [at, "--sizes", "cat:1"],
      [at, "--timeout", "0s"],
    ]) {
      expect((await run(["check", ...words])).exitCode).toBe(2);
    }
  });

  test("check: a flag that makes no sense is named, before anything is asked", async () => {
    const said = async (words: readonly string[]) => {
      const { exitCode, stderr, stdout } = await run(["check", "http://127.0.0.1:1/", ...words]);
      expect([exitCode, stdout]).toEqual([2, ""]);
      return stderr;
    };
    expect(await said(["--timeout", "10x"])).toStartWith('--timeout: Cannot parse duration "10x"');
    expect(await said(["--max-size", "0"])).toBe("Cannot use --max-size 0: wanted 1 to 1GiB\n");
    expect(await said(["--sizes", "image:x"])).toStartWith('--sizes: Cannot parse size "x"');
    expect(await said(["--graphite", "nowhere"])).toStartWith('--graphite: Cannot parse address "nowhere"');
    expect(await said(["--prefix", "a/b"])).toStartWith('Cannot use --prefix "a/b"');
    expect(await said(["--deploy", "1.2", "--events", "ftp://x"])).toStartWith('Cannot use --events "ftp://x"');
    expect(await said(["--json", "--junit"])).toStartWith("Cannot use --json and --junit together");
  });

  test("check: addresses that are not public are refused with --guard", async () => {
    expect(troubles((await check([`${at}/good/`, "--guard"])).report)["/good/"]).toContain(
      "is not an address of the public Internet",
    );
  });
});

describe("as a service", () => {
  const config = () => `[mediacheck]
interval = "1h"
graphite = "127.0.0.1:${carbon.port}"

[[mediacheck.sites]]
name = "shop"
url = "${at}/changing/"
interval = "never"

[[mediacheck.sites]]
name = "clock"
url = "${at}/good/"
`;
  const ask = async (node: ChildNode, path: string, form: Record<string, string> = {}) =>
    fetch(`${node.url}/mediacheck${path}`, { method: "POST", body: new URLSearchParams(form), redirect: "manual" });

  test("service: checks by the clock, when asked and after a deploy, tells of changes, and keeps what it found", async () => {
    await using node = await startChild({ config: config() });
    const status = async () =>
      (await (await fetch(`${node.url}/mediacheck/status.json`)).json()) as {
        sites: { name: string; state: string }[];
      };
    await until("the site of the clock was looked at", async () => (await status()).sites[1]?.state === "good");
    const first = (await (await ask(node, "/site/shop/check?wait=1")).json()) as SiteReport;
    expect(first).toMatchObject({ isGood: true, counts: { checked: 2 } });
    isBroken = true;
    const second = await ask(node, "/site/shop/deployed?wait=1", { what: "shop 1.2" });
    isBroken = false;
    expect(await second.json()).toMatchObject({ isGood: false, counts: { bad: 1 } });
    const events = async () =>
      (await (await fetch(`${node.url}/series/events`)).json()) as { what: string; tags: string[] }[];
    await until("the event arrived", async () => (await events()).length > 0);
    expect((await events())[0]).toMatchObject({
      what: "Deployed shop 1.2: 1 of 2 addresses are bad",
      tags: ["deploy", "mediacheck", "failed"],
    });
    await until("the figures arrived", () =>
      carbon.points.some(({ path, value }) => path === "mediacheck.shop.bad" && value === 1),
    );
    const { sites } = await status();
    expect(sites.map(({ name, state }) => [name, state])).toEqual([
      ["shop", "bad"],
      ["clock", "good"],
    ]);
    const page = await (await fetch(`${node.url}/mediacheck/site/shop/`, { headers: { Accept: "text/html" } })).text();
    expect(page).toContain(`${at}/gone.gif`);
    expect(page).toContain("Bad status: 404");
    expect(page).toContain("after a deploy: shop 1.2");
    const health = await (await fetch(`${node.url}/mediacheck/`, { headers: { Accept: "text/html" } })).text();
    expect(health).toContain("1 of 2 sites lacking something: shop.");
  });

  test("service: a page that somebody names is refused where it is not public, and its run says so", async () => {
    await using node = await startChild({ config: config() });
    const asking = await ask(node, "/check", { url: `${at}/good/`, wait: "1" });
    const report = (await asking.json()) as SiteReport;
    expect(report.resources[0]?.troubles[0]?.sentence).toContain("is not an address of the public Internet");
    const later = await ask(node, "/check", { url: `${at}/good/` });
    expect(later.status).toBe(202);
    const { report: path, run: id } = (await later.json()) as { report: string; run: number };
    await until("the run is over", async () => (await fetch(`${node.url}${path}`)).status === 200);
    expect(await (await fetch(`${node.url}/mediacheck/run/${id}.xml`)).text()).toStartWith("<?xml");
    expect((await fetch(`${node.url}/mediacheck/run/99999/`)).status).toBe(404);
    expect((await ask(node, "/check", { url: "file:///etc/passwd" })).status).toBe(400);
    expect((await ask(node, "/site/nobody/check")).status).toBe(404);
    expect((await fetch(`${node.url}/mediacheck/site/shop/check`)).status).toBe(405);
  });

  test("service: a site that cannot be is told at the start", async () => {
    const broken = '[[mediacheck.sites]]\nname = "shop"\nurl = "https://shop.example/"\nstatus = "999:good"\n';
    await expect(startChild({ config: broken })).rejects.toThrow(/Cannot use the site "shop": status/);
  });
});

test("mediacheck check: what is bad is bad, also for who reads only the first line", async () => {
  const program = [process.execPath, join(import.meta.dir, "../../src/main.ts")].join(" ");
  const child = Bun.spawn(
    ["bash", "-c", `set -o pipefail; ${program} mediacheck check ${at}/many-missing/ | head -n 1`],
    { stdout: "pipe", stderr: "ignore" },
  );
  expect(await new Response(child.stdout).text()).toStartWith("bad ");
  expect(await child.exited).toBe(1);
});

test("mediacheck check: one that is ended says what it found, and is not good", async () => {
  let isAsked = false;
  await using slow = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ url }) {
      if (new URL(url).pathname === "/") return html('<img src="/slow.gif">');
      isAsked = true;
      return new Promise<Response>(() => undefined);
    },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    isAsked = false;
    const program = [process.execPath, join(import.meta.dir, "../../src/main.ts")];
    const child = Bun.spawn([...program, "mediacheck", "check", `http://127.0.0.1:${slow.port}/`], {
      stdout: "pipe",
      stderr: "ignore",
    });
    await until("the slow picture is asked for", () => isAsked || undefined);
    child.kill(signal);
    expect(await new Response(child.stdout).text()).toContain("Not answered when the run was ended");
    expect(await child.exited).toBe(1);
  }
});

/**
 * What Mediacheck asks for, beside what Chromium asks for, on the same pages. Whatever Chromium fetches has to be fetched;
 * what is fetched beyond that is listed with its reason, so that nothing comes in or goes out unseen.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";

import { systemClock } from "../../src/kit/clock.ts";
import { until } from "../../src/kit/testing/child-node.ts";
import { checkSite } from "../../src/signals/mediacheck/crawl.ts";
import type { SiteReport } from "../../src/signals/mediacheck/report.ts";
import { usualSettings } from "../../src/signals/mediacheck/settings.ts";
import { chromiumMissing, startChromium } from "./chromium.ts";

setDefaultTimeout(180_000);

if (chromiumMissing !== undefined) console.log(`Browser tests are left out: ${chromiumMissing}`);

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  css: "text/css",
  js: "text/javascript",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  woff2: "font/woff2",
  vtt: "text/vtt",
  mp4: "video/mp4",
  mp3: "audio/mpeg",
  webmanifest: "application/manifest+json",
  map: "application/json",
};

/** A file that is there: by its ending, with a body that its kind has. */
function file(path: string): Response {
  const ending = path.split(".").at(-1) ?? "";
  const type = types[ending];
  if (type === undefined) return new Response("no such file", { status: 404 });
  const body =
    ending === "png"
      ? png
      : ending === "svg"
        ? '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><symbol id="a"><rect width="1" height="1"/></symbol></svg>'
        : ending === "html"
          ? "<!doctype html><title>within</title>"
          : ending === "vtt"
            ? "WEBVTT\n"
            : ending === "json" || ending === "webmanifest"
              ? "{}"
              : "";
  return new Response(body, { headers: { "Content-Type": type } });
}

interface Site {
  /** Bodies by path; what is not here is made up by its ending. Heads may come with them. */
  files: Record<string, string | { body: string; headers: Record<string, string> }>;
  /** Asked for by us only, with the reason. */
  only: Record<string, string>;
  /** Asked for by Chromium at one time and not at another, with the reason. */
  sometimes?: Record<string, string>;
  /** Addresses that have to be bad. */
  bad?: string[];
}

const unpicked = "a browser picks one candidate";
const unmatched = "its condition does not hold here";
const unused = "nothing in the page uses it";
const headless = "headless Chromium fetches no manifests, and no icons for home screens";

const sites: Record<string, Site> = {
  images: {
    files: {
      "/": `<!doctype html><body background="bg.png"><img src="a.png"><img src=" b.png " srcset="b-1.png 1x, b-2.png 2x">
        <img srcset="c,1.png 100w, c,2.png 2000w" sizes="50px"><img src="data:image/png;base64,AAAA"><img src="">
        <picture><source srcset="d.avif.png" type="image/avif"><source media="(min-width: 99999px)" srcset="e.png"><img src="f.png"></picture>
        <input type="image" src="g.png"><input type="text" src="never.png"><template><img src="never2.png"></template><noscript><img src="never3.png"></noscript>
        <svg><image href="h.png"/><use href="sprite.svg#a"/><image xlink:href="i.png" /></svg><table background="j.png"><tr><td background="k.png">x</table>
        <video poster="poster.png"></video><!-- <img src="never4.png"> -->`,
    },
    only: { "/b-2.png": unpicked, "/b.png": unpicked, "/c,2.png": unpicked, "/e.png": unmatched, "/f.png": unpicked },
  },
  styles: {
    files: {
      "/": `<!doctype html><link rel="stylesheet" href="css/main.css"><link rel="alternate stylesheet" title="x" href="alt.css">
        <link rel="stylesheet" media="print" href="print.css"><link rel="stylesheet" disabled href="never.css"><link rel="stylesheet" type="text/less" href="never.less.css">
        <style>@import "inline.css"; #one { background: image-set("one-1.png" 1x, url(one-2.png) 2x) } @font-face { font-family: F; src: url(f.woff2) format("woff2") }
        @font-face { font-family: G; src: url(g.woff2) } p { font-family: F; cursor: url(cur.png), auto }</style>
        <p id="one" style="background: url('two.png')">x<p class="c">y<div id="m">z</div>`,
      "/css/main.css": `@charset "utf-8"; /* @import "never.css"; */ @import url(deep/a.css) screen; @import "b.css";
        .c { background-image: url( "../pics/c.png" ), linear-gradient(red, blue) } #m { mask: url(../mask.svg#a) }
        #unused { background: url(unused.png) } @media print { p { background: url(printed.png) } } @import "late.css"; @namespace x url(http://www.w3.org/1999/xhtml);
        #frag { fill: url(#a) } .data { background: url(data:image/png;base64,AAAA) }`,
      "/css/deep/a.css": `#m { border-image: url(border.png) 1 }`,
      "/inline.css": `p { list-style-image: \\75 rl(bullet.png); display: list-item }`,
    },
    only: {
      "/one-1.png": "the element has another background of its own",
      "/one-2.png": unpicked,
      "/g.woff2": unused,
      "/css/unused.png": unused,
      "/css/printed.png": unmatched,
    },
  },
  scripts: {
    files: {
      "/": `<!doctype html><script type="importmap">{"imports":{"lib":"./vendor/lib.js","kit/":"./vendor/kit/"},"scopes":{"/sub/":{"lib":"./vendor/other.js"}}}</script>
        <script src="classic.js"></script><script type="module" src="main.js"></script><script nomodule src="old.js"></script><script type="text/template" src="never.js"></script>
        <script type="module">import "./inline.js"; import x from "lib"; import data from "./data.json" with { type: "json" };</script>
        <link rel="modulepreload" href="ahead.js"><script>const now = () => import("./lazy.js"); window.addEventListener("load", now); "import('./never.js')"</script>`,
      "/main.js": `import "./sub/a.js"; export * from "kit/x.js"; import("./dynamic.js"); const never = () => import("./later.js"); // import "./never.js"`,
      "/sub/a.js": `import y from "lib";`,
      "/vendor/lib.js": `export default 1`,
      "/vendor/other.js": `export default 2`,
    },
    only: { "/old.js": "for browsers that know no modules", "/later.js": "the function is never called" },
  },
  links: {
    files: {
      "/": {
        body: `<!doctype html><base href="/base/"><link rel="preconnect" href="https://elsewhere.example/"><link rel="dns-prefetch" href="//elsewhere.example">
        <link rel="canonical" href="canonical.html"><link rel="alternate" type="application/rss+xml" href="feed.xml"><link rel="next" href="next.html">
        <link rel="icon" href="icon.png"><link rel="apple-touch-icon" href="touch.png"><link rel="manifest" href="app.webmanifest">
        <link rel="preload" as="image" href="p.png" imagesrcset="p-1.png 1x, p-2.png 2x"><link rel="preload" as="font" href="f.woff2" crossorigin>
        <link rel="preload" as="script" href="p.js"><meta property="og:image" content="og.png"><a href="link.html">x</a><img src="here.png">`,
        headers: { Link: '</header.css>; rel=preload; as=style, <head.css>; rel="stylesheet"' },
      },
      "/base/app.webmanifest": `{"icons":[{"src":"192.png","sizes":"192x192"}],"shortcuts":[{"name":"x","url":"/","icons":[{"src":"s.png"}]}]}`,
    },
    only: {
      "/base/touch.png": headless,
      "/base/app.webmanifest": headless,
      "/base/192.png": headless,
      "/base/s.png": headless,
      "/base/p.png": unpicked,
      "/base/p-2.png": unpicked,
      "/head.css": "Chromium follows Link: rel=stylesheet of no header",
    },
  },
  frames: {
    files: {
      "/": `<!doctype html><iframe src="in/frame.html"></iframe><iframe srcdoc="<img src='doc.png'><style>body{background:url(doc-bg.png)}</style>"></iframe>
        <iframe src="about:blank"></iframe><iframe src="javascript:void 0"></iframe><object data="obj.svg"></object><embed src="emb.svg"><object data="obj.html"></object>`,
      "/in/frame.html": `<!doctype html><img src="inner.png"><iframe src="two.html"></iframe>`,
      "/in/two.html": `<!doctype html><link rel=stylesheet href=two.css>`,
      "/obj.html": `<!doctype html><img src="in-object.png">`,
    },
    only: {},
  },
  media: {
    files: {
      "/": `<!doctype html><video preload="auto" src="a.mp4" muted></video><audio preload="auto"><source src="b.mp3"></audio>
        <video preload="none" src="c.mp4"></video><video preload="auto"><source src="d.mp4"><track default kind="captions" src="e.vtt"></video>`,
    },
    only: { "/c.mp4": "preload=none: fetched when it is played" },
    sometimes: { "/e.vtt": "captions are fetched when the video turns out to be playable, or soon enough" },
  },
  policy: {
    files: {
      "/": {
        body: `<!doctype html><meta http-equiv="Content-Security-Policy" content="font-src 'none'"><img src="/ok/a.png"><img src="/no/b.png">
        <style>#x { background: url(/ok/inline.png) }</style><style nonce="abc">#y { background: url(/ok/nonce.png) } @font-face { font-family: F; src: url(/ok/f.woff2) } #y { font-family: F }</style>
        <div id="x" style="background: url(/ok/attribute.png)">x</div><div id="y">y</div><script src="/s.js"></script><script nonce="abc" src="/n.js"></script>
        <script nonce="abc" type="module" src="/m.js"></script><iframe src="/frame.html"></iframe><script src="/h.js" integrity="sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="></script>`,
        headers: {
          "Content-Security-Policy":
            "img-src http://127.0.0.1:*/ok/; style-src 'nonce-abc'; script-src 'nonce-abc' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; frame-src 'none'",
        },
      },
      "/m.js": `import "./m2.js"`,
    },
    only: {},
    bad: ["/no/b.png", "/s.js", "/frame.html", "/ok/f.woff2"],
  },
};

describe.skipIf(chromiumMissing !== undefined)("mediacheck beside Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  for (const [name, site] of Object.entries(sites)) {
    test(`mediacheck: asks for what Chromium asks for (${name})`, async () => {
      const server = Bun.serve({
        hostname: "127.0.0.1",
        port: 0,
        fetch(request) {
          const path = decodeURIComponent(new URL(request.url).pathname);
          const found = site.files[path];
          if (found === undefined) return file(path);
          const { body, headers } = typeof found === "string" ? { body: found, headers: {} } : found;
          const ending = path === "/" ? "html" : (path.split(".").at(-1) ?? "");
          return new Response(body, { headers: { "Content-Type": types[ending] ?? "text/html", ...headers } });
        },
      });
      const origin = `http://127.0.0.1:${server.port}`;
      try {
        const report = await check(`${origin}/`);
        const ours = new Map(
          report.resources
            .filter(({ attempts }) => attempts !== undefined)
            .map(({ url, verdict }) => [pathIn(url, origin), verdict]),
        );
        const due = [...ours.keys()].filter((path) => !(path in site.only) && !(path in (site.sometimes ?? {})));
        const theirs = await asksOfChromium(browser, `${origin}/`, due);
        const missing = [...theirs].filter((path) => !ours.has(path));
        const beyond = [...ours.keys()].filter((path) => !theirs.has(path) && !(path in (site.sometimes ?? {})));
        expect({ missing, beyond: beyond.toSorted() }).toEqual({
          missing: [],
          beyond: Object.keys(site.only).toSorted(),
        });
        const bad = report.resources.filter(({ verdict }) => verdict === "bad").map(({ url }) => pathIn(url, origin));
        expect(bad.toSorted()).toEqual((site.bad ?? []).toSorted());
      } finally {
        await server.stop(true);
      }
    });
  }
});

const dueMs = 20_000;
const silenceMs = 500;

function pathIn(url: string, origin: string): string {
  return url.startsWith(origin) ? decodeURIComponent(url.slice(origin.length)) : url;
}

/**
 * What Chromium asks for. Half a second of silence may be that of a busy machine, so it counts only once all that is `due` was
 * asked for; what was not asked for after `dueMs` never will be.
 */
async function asksOfChromium(browser: Browser, url: string, due: readonly string[]): Promise<Set<string>> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const { origin } = new URL(url);
  const asked = new Set<string>();
  const blocked = new Set<string>();
  let lastMs = performance.now();
  page.on("request", (request) => {
    lastMs = performance.now();
    const at = request.url().replace(/#.*$/, "");
    if (/^https?:/.test(at)) asked.add(pathIn(at, origin));
  });
  // A request that the policy stops is told of, but never sent.
  page.on("requestfailed", (request) => {
    if (request.failure()?.errorText.includes("csp") === true) blocked.add(pathIn(request.url(), origin));
  });
  await page.goto(url, { waitUntil: "networkidle" });
  const deadlineMs = performance.now() + dueMs;
  await until("Chromium asks for nothing more", () => {
    const isAll = performance.now() > deadlineMs || due.every((path) => asked.has(path));
    return isAll && performance.now() - lastMs > silenceMs;
  });
  await context.close();
  return new Set([...asked].filter((path) => !blocked.has(path)));
}

async function check(url: string): Promise<SiteReport> {
  return checkSite(
    { pages: [url], sitemaps: [] },
    { clock: systemClock, settings: usualSettings },
    new AbortController().signal,
  );
}

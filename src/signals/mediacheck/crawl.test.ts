import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { checkSite, type CrawlParts } from "./crawl.ts";
import type { SiteReport } from "./report.ts";
import { type CheckSettings, usualSettings } from "./settings.ts";

type Files = Record<string, string | { body: string; headers?: Record<string, string>; status?: number }>;
const typesByEnding: Record<string, string> = {
  "": "text/html",
  html: "text/html",
  css: "text/css",
  js: "text/javascript",
  png: "image/png",
  woff2: "font/woff2",
  webmanifest: "application/json",
  xml: "application/xml",
};

/** An Internet of a few files, by `host/path`; what is asked for is noted. */
function internet(files: Files): { parts: Pick<CrawlParts, "fetch" | "resolve">; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    parts: {
      resolve: async () => ["192.0.2.1"],
      async fetch(url, init) {
        const at = new URL(url);
        const host = new Headers(init.headers).get("host") ?? "";
        const path = `${host}${decodeURI(at.pathname)}`;
        asked.push(`${at.protocol}//${path}`);
        const found = files[path];
        if (found === undefined) return new Response("no such page", { status: 404 });
        const { body, headers, status = 200 } = typeof found === "string" ? { body: found, headers: {} } : found;
        const ending = /\.(\w+)$/.exec(at.pathname)?.[1] ?? "";
        return new Response(body, {
          status,
          headers: { "Content-Type": typesByEnding[ending] ?? "image/png", ...headers },
        });
      },
    },
  };
}

async function look(
  files: Files,
  url = "https://a.example/",
  settings: Partial<CheckSettings> = {},
): Promise<SiteReport & { asked: string[] }> {
  const { asked, parts } = internet(files);
  const own = { ...usualSettings, retries: 0, totalMs: 20_000, ...settings };
  const report = await checkSite(
    { pages: [url], sitemaps: [] },
    { clock: systemClock, settings: own, ...parts },
    new AbortController().signal,
  );
  return { ...report, asked };
}

const troubles = (report: SiteReport) =>
  Object.fromEntries(
    report.resources
      .filter(({ troubles: all }) => all.length > 0)
      .map(({ troubles: all, url }) => [url.replace("https://", ""), all.map(({ sentence }) => sentence)]),
  );

describe("checkSite", () => {
  test("mixed content: active and passive, by style sheets and by redirect; not where the policy upgrades it", async () => {
    const files: Files = {
      "a.example/":
        '<img src="http://a.example/a.png"><link rel=stylesheet href="b.css"><script src="ftp://a.example/c.js"></script><img src="d.png">',
      "a.example/b.css": "a { background: url(http://a.example/e.png) }",
      "a.example/d.png": { body: "", status: 302, headers: { Location: "http://a.example/a.png" } },
      "a.example/a.png": "x",
    };
    const report = await look(files);
    expect(
      report.resources.filter(({ troubles: all }) => all.some(({ isMixed }) => isMixed)).map(({ url }) => url),
    ).toEqual(["http://a.example/a.png", "ftp://a.example/c.js", "https://a.example/d.png", "http://a.example/e.png"]);
    expect(report.asked).not.toContain("http://a.example/e.png");
    const upgraded = await look({
      "a.example/": {
        body: '<img src="http://a.example/a.png">',
        headers: { "Content-Security-Policy": "upgrade-insecure-requests" },
      },
      "a.example/a.png": "x",
    });
    expect([upgraded.isGood, upgraded.asked]).toEqual([true, ["https://a.example/", "https://a.example/a.png"]]);
  });

  test("policies: head and page together, within srcdoc, and for where addresses begin", async () => {
    const report = await look({
      "a.example/": {
        body: `<meta http-equiv="Content-Security-Policy" content="font-src 'none'"><base href="https://b.example/"><img src="/a.png">
          <style>@font-face { src: url(f.woff2) }</style><iframe srcdoc="<img src='https://c.example/c.png'>"></iframe>`,
        headers: { "Content-Security-Policy": "base-uri 'none'; img-src 'self'; style-src 'unsafe-inline'" },
      },
      "a.example/a.png": "x",
    });
    expect(troubles(report)).toEqual({
      "a.example/f.woff2": ["The page's Content-Security-Policy (font-src) does not let browsers load it"],
      "c.example/c.png": ["The page's Content-Security-Policy (img-src) does not let browsers load it"],
    });
    expect(report.asked.toSorted()).toEqual(["https://a.example/", "https://a.example/a.png"]);
  });

  test("by choice: pictures for other sites, bounds on sizes, bounds on numbers", async () => {
    const files: Files = {
      "a.example/":
        '<meta property="og:image" content="/og.png"><img src="/big.png"><img src="/1.png"><img src="/2.png"><img src="/3.png">',
      "a.example/big.png": "x".repeat(2000),
      "a.example/1.png": "x",
      "a.example/2.png": "x",
      "a.example/3.png": "x",
    };
    expect((await look(files)).isGood).toBe(true);
    const strict = await look(files, undefined, {
      metaImages: true,
      sizeRules: [{ kind: "image", maxBytes: 1024, isHard: true }],
    });
    expect(troubles(strict)).toEqual({
      "a.example/og.png": ["Bad status: 404"],
      "a.example/big.png": ["It has 1.95 KiB, more than the 1.00 KiB set for image"],
    });
    const bounded = await look(files, undefined, { maxResources: 3 });
    expect([bounded.resources.length, bounded.limits]).toEqual([
      3,
      ["There is more than a run looks at: 3 addresses, and 256 MiB of text; the others were left out"],
    ]);
  });

  test("each address once, however often and by whomever it is mentioned; sizes are those of the whole", async () => {
    const files: Files = {
      "a.example/":
        '<img src="a.png"><img src="a.png#x"><link rel=stylesheet href="b.css"><link rel=icon href="/a.png"><a href="/two">2</a><video src="v.mp4">',
      "a.example/two": '<img src="a.png"><link rel=stylesheet href="b.css">',
      "a.example/b.css": "a { background: url(a.png) } b { background: url(b.css) }",
      "a.example/a.png": "x".repeat(5000),
      "a.example/v.mp4": { body: "x".repeat(200_000), headers: { "Content-Type": "video/mp4" } },
    };
    const report = await look(files, undefined, { depth: 1 });
    expect(report.asked.filter((url) => url.endsWith("a.png"))).toHaveLength(1);
    const picture = report.resources.find(({ url }) => url.endsWith("a.png"));
    expect([picture?.sizeBytes, picture?.kinds.toSorted()]).toEqual([5000, ["icon", "image"]]);
    const film = report.resources.find(({ url }) => url.endsWith("v.mp4"));
    expect([film?.verdict, film?.isCut]).toEqual(["good", true]);
  });

  test("passwords in addresses are never shown", async () => {
    const report = await look(
      { "a.example/": '<img src="https://me:secret@a.example/a.png">' },
      "https://me:secret@a.example/",
    );
    expect(JSON.stringify(report)).not.toContain("secret");
  });

  test("style sheets, modules and frames that name each other in circles come to an end", async () => {
    const report = await look({
      "a.example/":
        '<link rel=stylesheet href="a.css"><script type=module src="a.js"></script><iframe src="/"></iframe>',
      "a.example/a.css": "@import 'b.css';",
      "a.example/b.css": "@import 'a.css';",
      "a.example/a.js": 'import "./b.js";',
      "a.example/b.js": 'import "./a.js";',
    });
    expect([report.isGood, report.asked.length]).toEqual([true, 5]);
  });

  test("whatever pages, style sheets, scripts and heads say, there is a report", async () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        "<img src=",
        "a.png",
        "<base href=",
        "http://[",
        "//b.example/",
        "<style>@import ",
        "url(",
        "'",
        '"',
        ">",
        "<script type=module>import '",
        "./a.js",
        "<link rel=stylesheet href=a.css>",
        "<iframe srcdoc=",
        "<meta http-equiv=refresh content='0;url=",
        "\\",
        "{",
        "#",
        "<a href=",
      ),
      fc.string({ maxLength: 6 }),
    );
    const text = fc.array(pieces, { maxLength: 30 }).map((all) => all.join(""));
    const head = fc.constantFrom(
      "<a.css>; rel=stylesheet",
      "default-src 'none'",
      "text/html; charset=utf-16",
      "",
      "nosniff",
      "a, b",
    );
    await fc.assert(
      fc.asyncProperty(text, text, text, head, head, async (page, css, js, one, other) => {
        const report = await look(
          {
            "a.example/": { body: page, headers: { Link: one, "Content-Security-Policy": other } },
            "a.example/a.css": css,
            "a.example/a.js": { body: js, headers: { "Content-Type": one } },
            "b.example/": { body: page, headers: { "X-Content-Type-Options": other } },
          },
          undefined,
          { depth: 1, fragments: true, metaImages: true },
        );
        return report.resources.length > 0 && report.counts.checked === report.resources.length;
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});

test("checkSite: what was not looked at is not good", async () => {
  const many = Array.from({ length: 30 }, (_, number) => `<img src="/${number}.png">`).join("");
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, number) => [`a.example/${number}.png`, "png"]));
  const report = await look({ ...files, "a.example/": many }, undefined, { maxResources: 10 });
  expect([report.isGood, report.limits.length]).toEqual([false, 1]);
  const long = await look({ "a.example/": `<img src="/none.png">${" ".repeat(9 * 1024 * 1024)}` });
  expect(long.isGood).toBe(false);
  expect((await look({ ...files, "a.example/": many })).isGood).toBe(true);
});

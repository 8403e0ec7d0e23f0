import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { frameObjections, objectionsTo, originObjections } from "./content-kind.ts";
import { HostTurns } from "./host-turns.ts";
import { hasIntegrity } from "./integrity.ts";
import { retryAfterMs } from "./loader.ts";
import { logrusLine } from "./logrus.ts";
import { areOriginal, parseOriginal } from "./original.ts";
import { Policies } from "./policy.ts";
import type { Reference, ResourceKind } from "./reference.ts";
import { junitOf } from "./report-junit.ts";
import { fits, parseSizeRules } from "./settings.ts";
import { parseStatusRules, ruleOn } from "./status-rules.ts";
import { decodeText } from "./text-decoding.ts";

const page = "https://site.example/dir/";
const answer = (headers: Record<string, string>, body = "x", url = "https://site.example/thing") => ({
  headers: new Headers(headers),
  body: Buffer.from(body),
  url,
});
const as = (kind: ResourceKind, more: Partial<Reference> = {}): Reference => ({ url: "", kind, how: "", ...more });

describe("policies", () => {
  const forbids = (policy: string, kind: ResourceKind, url: string, more = {}) =>
    new Policies([policy], page).forbids(kind, { url, ...more });

  test("forbids: hosts, schemes, ports and paths, with the directive that counts", () => {
    const policy =
      "default-src 'self'; img-src https://*.cdn.example/pics/ data: http://plain.example:8080; font-src *";
    const cases: [ResourceKind, string, string | undefined][] = [
      ["script", "https://site.example/a.js", undefined],
      ["script", "https://other.example/a.js", "default-src"],
      ["image", "https://a.b.cdn.example/pics/x.png", undefined],
      ["image", "https://cdn.example/pics/x.png", "img-src"],
      ["image", "https://a.cdn.example/other/x.png", "img-src"],
      ["image", "http://a.cdn.example/pics/x.png", "img-src"],
      ["image", "http://plain.example:8080/x", undefined],
      ["image", "http://plain.example/x", "img-src"],
      ["image", "https://site.example/x.png", "img-src"],
      ["font", "https://anywhere.example/f.woff2", undefined],
      ["page", "https://anywhere.example/", undefined],
    ];
    for (const [kind, url, wanted] of cases) expect([url, forbids(policy, kind, url)]).toEqual([url, wanted]);
    expect(
      forbids("img-src https://a.example/x", "image", "https://a.example/y", { isRedirected: true }),
    ).toBeUndefined();
    expect(forbids("img-src 'none'", "image", "https://site.example/x")).toBe("img-src");
    expect(forbids("img-src *, img-src 'none'", "image", "https://site.example/x")).toBe("img-src");
  });

  test("forbids: nonces, hashes, strict-dynamic", () => {
    const url = "https://other.example/a.js";
    expect(forbids("script-src 'nonce-x'", "script", url, { nonce: "x" })).toBeUndefined();
    expect(forbids("script-src 'nonce-x'", "script", url, { nonce: "y" })).toBe("script-src");
    expect(forbids("script-src 'sha256-abc'", "script", url, { integrity: "sha256-abc" })).toBeUndefined();
    expect(forbids("script-src 'nonce-x' 'strict-dynamic' *", "script", url)).toBe("script-src");
    expect(forbids("script-src 'nonce-x' 'strict-dynamic'", "module", url, { isByScript: true })).toBeUndefined();
  });

  test("forbidsInline: nothing without leave, by word, nonce or hash", () => {
    const inline = (policy: string, nonce?: string) =>
      new Policies([policy], page).forbidsInline("style", "a{}", nonce);
    const hash = new Bun.CryptoHasher("sha256").update("a{}").digest("base64");
    expect(inline("style-src 'self'")).toBe("style-src");
    expect(inline("style-src 'unsafe-inline'")).toBeUndefined();
    expect(inline("style-src 'unsafe-inline' 'nonce-x'")).toBe("style-src");
    expect(inline("style-src 'nonce-x'", "x")).toBeUndefined();
    expect(inline(`style-src 'sha256-${hash}'`)).toBeUndefined();
    expect(inline("img-src 'none'")).toBeUndefined();
  });

  test("Policies: never throws", () => {
    const words = fc.constantFrom(
      "default-src",
      "img-src",
      "'self'",
      "*",
      "https:",
      "*.x",
      "x:*",
      "x:80/",
      "'nonce-",
      ";",
      ",",
      "'none'",
      "[::1]",
      "%",
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(words, fc.string({ maxLength: 6 })), { maxLength: 20 }),
        fc.webUrl(),
        (parts, url) => {
          const policies = new Policies([parts.join(" ")], page);
          return typeof policies.forbids("image", { url }) !== "number" && typeof policies.mayBase(url) === "boolean";
        },
      ),
    );
  });
});

describe("answers", () => {
  test("objectionsTo: what browsers refuse is hard, what is odd is soft, the rest is nothing", () => {
    const hard = (kind: ResourceKind, headers: Record<string, string>, body?: string, more = {}) =>
      objectionsTo(answer(headers, body), as(kind, more)).map(({ isHard }) => isHard);
    const nosniff = { "X-Content-Type-Options": "nosniff" };
    expect(hard("style", { "Content-Type": "text/css; charset=utf-8" })).toEqual([]);
    expect(hard("style", { "Content-Type": "text/plain" })).toEqual([true]);
    expect(hard("style", {})).toEqual([false]);
    expect(hard("script", { "Content-Type": "text/plain" })).toEqual([false]);
    expect(hard("script", { "Content-Type": "text/plain", ...nosniff })).toEqual([true]);
    expect(hard("script", { "Content-Type": "image/png" })).toEqual([true]);
    expect(hard("module", { "Content-Type": "text/plain" })).toEqual([true]);
    expect(hard("module", { "Content-Type": "application/json" }, "{}", { importType: "json" })).toEqual([]);
    expect(hard("image", { "Content-Type": "text/html" })).toEqual([true]);
    expect(hard("image", { "Content-Type": "application/octet-stream" }, "GIF89a")).toEqual([]);
    expect(hard("image", { "Content-Type": "application/octet-stream" }, "what")).toEqual([false]);
    expect(hard("image", {}, '<?xml version="1.0"?><!-- x --><svg xmlns="x">')).toEqual([]);
    expect(hard("font", { "Content-Type": "text/html" })).toEqual([true]);
  });

  test("originObjections: fonts and modules of other origins need leave, and some resources stay at home", () => {
    const foreign = "https://other.example/f.woff2";
    const sentences = (headers: Record<string, string>, reference: Reference) =>
      originObjections(answer(headers, "x", foreign), reference, page);
    expect(sentences({}, as("font"))).toHaveLength(1);
    expect(sentences({ "Access-Control-Allow-Origin": "*" }, as("font"))).toEqual([]);
    expect(sentences({ "Access-Control-Allow-Origin": "https://site.example" }, as("module"))).toEqual([]);
    expect(sentences({}, as("image"))).toEqual([]);
    expect(sentences({ "Cross-Origin-Resource-Policy": "same-origin" }, as("image"))).toHaveLength(1);
    expect(originObjections(answer({}), as("font"), page)).toEqual([]);
  });

  test("frameObjections: a page that does not want to be within another", () => {
    const foreign = (headers: Record<string, string>) =>
      frameObjections(answer(headers, "x", "https://other.example/"), page).length;
    expect([foreign({}), foreign({ "X-Frame-Options": "DENY" }), foreign({ "X-Frame-Options": "sameorigin" })]).toEqual(
      [0, 1, 1],
    );
    expect(
      foreign({ "Content-Security-Policy": "frame-ancestors https://site.example", "X-Frame-Options": "DENY" }),
    ).toBe(0);
    expect(foreign({ "Content-Security-Policy": "frame-ancestors 'self'" })).toBe(1);
  });

  test("hasIntegrity: the strongest kind counts, unknown kinds want nothing", () => {
    const bytes = Buffer.from("x");
    const digest = (kind: "sha256" | "sha512") =>
      `${kind}-${new Bun.CryptoHasher(kind).update(bytes).digest("base64")}`;
    expect(hasIntegrity(bytes, digest("sha256"))).toBe(true);
    expect(hasIntegrity(bytes, `sha256-AAAA ${digest("sha512")}?x`)).toBe(true);
    expect(hasIntegrity(bytes, `${digest("sha256")} sha512-AAAA`)).toBe(false);
    expect(hasIntegrity(bytes, "md5-x nonsense")).toBeUndefined();
  });

  test("decodeText: by mark, by head, by the page itself; a name that is none does no harm", () => {
    const latin = Buffer.from("<meta charset=latin1>\u00e9", "latin1");
    expect(decodeText(latin, new Headers())).toEndWith("é");
    expect(decodeText(Buffer.from("é"), new Headers({ "Content-Type": "text/html; charset=utf-8" }))).toBe("é");
    expect(decodeText(Buffer.from("é"), new Headers({ "Content-Type": "text/html; charset=nonsense" }))).toBe("é");
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: "grapheme-ascii" }), (bytes, name) => {
        const headers = new Headers({ "Content-Type": `text/html; charset=${name.replaceAll(/[^ -~]/g, "")}` });
        return typeof decodeText(bytes, headers) === "string";
      }),
    );
  });
});

describe("rules", () => {
  test("parseStatusRules: the first that fits counts, and nonsense is told", () => {
    const rules = parseStatusRules("404:ok, 4xx:warn,500-503:skip");
    expect([404, 410, 503, 504, 200, 301].map((status) => ruleOn(status, rules))).toEqual([
      "ok",
      "warn",
      "skip",
      "error",
      "ok",
      "error",
    ]);
    for (const text of ["999:ok", "4xx", "404:good", "4xx-500:ok", "500-400:ok"])
      expect(() => parseStatusRules(text)).toThrow(SyntaxError);
  });

  test("parseSizeRules, fits: kinds and sizes; patterns with stars, in no time", () => {
    expect(parseSizeRules("image:500KiB:warn,script:1MiB")).toEqual([
      { kind: "image", maxBytes: 512_000, isHard: false },
      { kind: "script", maxBytes: 1_048_576, isHard: true },
    ]);
    expect(() => parseSizeRules("cat:1")).toThrow(SyntaxError);
    expect([
      fits("https://a/b/c.png", "*/b/*.png"),
      fits("https://a/b.png", "https://a/*"),
      fits("https://a/", "b*"),
      fits("xay", "a"),
    ]).toEqual([true, true, false, true]);
    expect(fits("a".repeat(1e5), `${"*a".repeat(1000)}*b`)).toBe(false);
  });

  test("retryAfterMs: seconds, dates, and nothing", () => {
    const at = Date.UTC(2026, 10, 22, 12);
    const of = (value: string) => retryAfterMs(new Headers({ "Retry-After": value }), at);
    expect([of("120"), of("Sun, 22 Nov 2026 12:00:30 GMT"), of("Sun, 22 Nov 2026 11:00:00 GMT"), of("soon")]).toEqual([
      120_000,
      30_000,
      0,
      undefined,
    ]);
  });
});

describe("turns", () => {
  const never = new AbortController().signal;

  test("HostTurns: so many at a time, so many to one host, and one that waits holds up no other", async () => {
    const turns = new HostTurns({ clock: new ManualClock(), parallel: 3, parallelPerHost: 2, delayMs: 0 });
    const order: string[] = [];
    const take = (host: string) =>
      turns.take(host, never).then((release) => {
        order.push(host);
        return release;
      });
    const [first] = [take("a"), take("a"), take("a"), take("b"), take("c")];
    await Promise.resolve();
    await Promise.resolve();
    expect(order).toEqual(["a", "a", "b"]);
    (await first)?.();
    await Promise.resolve();
    await Promise.resolve();
    expect(order).toEqual(["a", "a", "b", "a"]);
  });

  test("HostTurns: a pause between two to one host, and silence where it is asked for", async () => {
    const clock = new ManualClock();
    const turns = new HostTurns({ clock, parallel: 9, parallelPerHost: 9, delayMs: 100 });
    const atMs: number[] = [];
    const startedMs = clock.monotonicMs();
    const noted = () => atMs.push(clock.monotonicMs() - startedMs);
    const all = [turns.take("a", never).then(noted), turns.take("a", never).then(noted)];
    await all[0];
    turns.pause("a", 5000);
    clock.advance(4999);
    await Promise.resolve();
    expect(atMs).toEqual([0]);
    clock.advance(1);
    await Promise.all(all);
    expect(atMs).toEqual([0, 5000]);
  });

  test("HostTurns: who waits leaves when told to", async () => {
    const turns = new HostTurns({ clock: new ManualClock(), parallel: 1, parallelPerHost: 1, delayMs: 0 });
    await turns.take("a", never);
    const told = new AbortController();
    const waiting = turns.take("a", told.signal);
    told.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("words", () => {
  test("logrusLine: quotes what has to be quoted, sorts names, writes JSON as Go does", () => {
    const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    expect(
      logrusLine("text", "error", "Error fetching media", { URL: 'http://a/?b="c"', Error: "no\nway\u0001" }, at),
    ).toBe(
      'time="2026-01-02T03:04:05Z" level=error msg="Error fetching media" Error="no\\nway\\x01" URL="http://a/?b=\\"c\\""',
    );
    expect(logrusLine("text", "warn", "x", { path: "/a-b_c.d", empty: "" }, at)).toBe(
      'time="2026-01-02T03:04:05Z" level=warning msg=x empty="" path=/a-b_c.d',
    );
    expect(logrusLine("json", "info", "a & <b>", { number: 3 }, at)).toBe(
      '{"level":"info","msg":"a \\u0026 \\u003cb\\u003e","number":3,"time":"2026-01-02T03:04:05Z"}',
    );
  });

  test("areOriginal: its flags with one dash, and none of ours", () => {
    expect([["-url", "x"], ["-log-level=info"], ["--url", "x"], ["-verify-ssl"]].map(areOriginal)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([[], ["check", "-url"], ["--data", "x"], ["-h"], ["--log-level", "info"]].map(areOriginal)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  test("parseOriginal: as Go reads flags", () => {
    const usual = { url: "", timeoutMs: 3000, logLevel: "error", logFormat: "text", verifySsl: true };
    expect(parseOriginal(["-url", "x", "-verify-ssl=0", "-timeout=5", "rest", "-url", "y"])).toEqual({
      ...usual,
      url: "x",
      verifySsl: false,
      timeoutMs: 5,
    } as never);
    expect(parseOriginal(["-verify-ssl", "-url", "x"])).toEqual({ ...usual, url: "x" } as never);
    expect(parseOriginal(["-url"])).toBe("flag needs an argument: -url");
    expect(parseOriginal(["-verify-ssl=maybe"])).toBe('invalid boolean value "maybe" for -verify-ssl: parse error');
    expect(parseOriginal(["-h"])).toBeUndefined();
    fc.assert(fc.property(fc.array(fc.string()), (words) => parseOriginal(words) !== null));
  });

  test("junitOf: whatever an address has, the document is XML", () => {
    const url = "https://a/\u0000<&\"'\ud800]]>\u001b";
    const xml = junitOf({
      startedAt: 0,
      elapsedMs: 5,
      isGood: false,
      counts: { pages: 1, checked: 1, good: 0, warn: 0, bad: 1, skipped: 0, bytes: 0, requests: 1 },
      limits: [],
      resources: [
        { url, kinds: ["image"], verdict: "bad", troubles: [{ isHard: true, sentence: url }], uses: [], useCount: 0 },
      ],
    });
    // eslint-disable-next-line no-control-regex
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b-\u001f\ud800-\udfff]/);
    expect(xml).toContain('<failure message="https://a/');
  });
});

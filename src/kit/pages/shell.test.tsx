/** @jsxImportSource hono/jsx */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../fault.ts";
import { asset } from "./assets.ts";
import {
  Facts,
  Flash,
  Headline,
  KeyText,
  Mark,
  Meter,
  Pagination,
  Section,
  Sentence,
  Sparkline,
  Table,
} from "./components.tsx";
import { linkTo, renderHtml } from "./html.ts";
import { createShell } from "./shell.ts";

const clock = { now: () => 0, monotonicMs: () => 0, schedule: () => () => {} };
const shell = createShell({
  navigation: [{ name: "cask", summary: "files", href: "/cask/" }],
  version: "1.2.3",
  nodeName: "heron",
  clock,
});
const request = new Request("http://localhost/cask/");

test("createShell: a page carries the strict policy and links only hashed assets that the shell can give", async () => {
  const script = asset("cask-own.js", "document.title");
  const page = shell.page({ title: "T", service: "cask", body: "<b>", live: "/cask/live", assets: [script] }, request);
  const html = await page.text();
  expect(page.status).toBe(200);
  expect(page.headers.get("Content-Security-Policy")).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
  expect(html).toContain('<main id="page" tabindex="-1">&lt;b&gt;</main>');
  expect(html).not.toMatch(/\sstyle=|\son[a-z]+=|<script>/);
  const links = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? "");
  expect(links.length).toBe(6);
  for (const link of links) {
    const answer = shell.asset(new Request(`http://localhost${link}`));
    expect(answer?.status).toBe(200);
    expect(answer?.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
    const packed = shell.asset(new Request(`http://localhost${link}`, { headers: { "Accept-Encoding": "br, gzip" } }));
    const unpacked = Bun.gunzipSync((await packed?.arrayBuffer()) ?? new ArrayBuffer(0));
    expect(new TextDecoder().decode(unpacked)).toBe((await answer?.text()) ?? "");
  }
});

test("createShell: an asset of another version is missing and not remembered, other paths are not its own", () => {
  const missing = shell.asset(new Request("http://localhost/assets/000000000000.warren.css"));
  expect([missing?.status, missing?.headers.get("Cache-Control")]).toEqual([404, "no-store"]);
  expect(shell.asset(new Request("http://localhost/cask/assets/"))).toBeUndefined();
});

test("problem: shows the public message, keeps the cause to itself, tells when to come back", async () => {
  const cause = new Error("password is hunter2");
  const limited = shell.problem(
    new Fault("limited", "cask/too-many", "Cannot store: too many", { retryAfterMs: 1500, cause }),
    request,
  );
  expect([limited.status, limited.headers.get("Retry-After")]).toEqual([429, "2"]);
  expect(await limited.text()).toContain("Cannot store: too many.");
  const bug = await shell.problem(cause, request, { requestId: "r-1" }).text();
  expect(bug).not.toContain("hunter2");
  expect(bug).toContain("r-1");
});

test("signIn: a plain form that keeps where to go, 401 at first and 403 after a failure", async () => {
  const first = shell.signIn({ to: '/"><script>' }, request);
  expect([first.status, shell.signIn({ to: "/", failure: "No." }, request).status]).toEqual([401, 403]);
  expect(await first.text()).toContain('value="/&quot;&gt;&lt;script&gt;"');
});

test("components: whatever text they are given, it stays text", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("<", ">", '"', "'", "&", "a", "\0", "-", "!", "/") }), (text) => {
      const html = renderHtml(
        <Section title={text} id={text} note={text}>
          <Headline title={text} sentence={text} tone="bad" />
          <Table
            caption={text}
            rows={[text]}
            empty={text}
            columns={[
              { title: text, kind: "main", cell: (row) => row },
              { title: text, cell: (row) => row },
            ]}
          />
          <Facts of={[[text, text, text]]} />
          <Flash tone="warn">{text}</Flash>
          <KeyText text={text} href={text} copy />
          <Mark tone="good" word={text} note={text} />
          <Meter label={text} value={1} max={2} words={text} />
          <Pagination label={text} newer={text} words={text} />
          <Sparkline label={text} values={[1, Number.NaN, 3]} words={text} />
        </Section>,
      );
      const tags = html.replace(/="[^"]*"/g, "").match(/<[^>]*>?/g) ?? [];
      for (const tag of tags) expect(tag).toMatch(/^<\/?[a-z][a-z0-9]*( [a-z-]+| viewBox| preserveAspectRatio)*\/?>$/i);
    }),
  );
});

test("Table: says why it is empty instead of showing headings over nothing", () => {
  const html = renderHtml(
    <Table caption="c" rows={[]} empty="No node is known." columns={[{ title: "Node", cell: () => "" }]} />,
  );
  expect(html).toBe('<p class="empty">No node is known.</p>');
});

test("linkTo: follows paths of this node and web addresses, nothing else", () => {
  const addresses = [
    "/a",
    "http://h:1/a",
    "HTTPS://h",
    "//h/a",
    "/\\h",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://",
    " /a",
    "",
  ];
  expect(addresses.filter((address) => linkTo(address) !== undefined)).toEqual(["/a", "http://h:1/a", "HTTPS://h"]);
});

test("Sentence: shortens hashes and identifiers, keeps the whole within reach", () => {
  const key = `sha1:${"ab".repeat(20)}`;
  const id = "44310df0-234c-4cdf-a5dd-a0f7a2a78d02";
  expect(renderHtml(<Sentence text={`Brought ${key} to ${id}, <sha1:abc>`} />)).toBe(
    `Brought <code title="${key}">sha1:abababab…</code> to <code title="${id}">44310df0…</code>, &lt;sha1:abc&gt;`,
  );
});

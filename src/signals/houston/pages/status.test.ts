import { expect, test } from "bun:test";

import { renderHtml } from "../../../kit/pages/html.ts";
import { badge } from "../status.ts";
import { Status } from "./status.tsx";
import type { StatusRow } from "./view.ts";

const row = (name: string, level: StatusRow["level"]): StatusRow => ({
  name,
  level,
  sinceAt: undefined,
  days: [{ at: 0, runs: 10, bad: 1 }],
  share: 0.9,
});
const overall = (rows: readonly StatusRow[]) =>
  /<p class="overall[^"]*">([^<]*)</.exec(
    renderHtml(Status({ title: "Status", now: 0, rows, trouble: undefined })),
  )?.[1];

test("status: of hundreds that are down the first few are named, and the rest counted", () => {
  const rows = Array.from({ length: 300 }, (_, at) => row(`s${at}`, "down"));
  expect(overall(rows)).toBe("Down: s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 290 more.");
  expect(overall([row("a", "up"), row("b", "unknown")])).toBe("Not known: b.");
  expect(overall([row("a", "up")])).toBe("Everything is up.");
});

test("badge: whatever a check is called, the picture is well-formed and shows it as text", async () => {
  const names = [
    `"/><script>alert(1)</script>`,
    "]]>&amp;<!--",
    "\u0000\u0008\uFFFF\uD800",
    "😀".repeat(100),
    "x".repeat(1e5),
  ];
  for (const name of names) {
    const svg = badge(name, "down", 0.5);
    expect(svg.length).toBeLessThan(3000);
    const seen: string[] = [];
    const reader = new HTMLRewriter().on("*", { element: ({ tagName }) => void seen.push(tagName) });
    await reader.transform(new Response(svg)).text();
    expect(seen).toEqual(["svg", "title", "rect", "path", "g", "text", "text"]);
    expect(svg.trimEnd()).not.toMatch(/[\p{Cc}\uFFFE\uFFFF]/u);
  }
});

/** Every bench runs with the smallest input and gives figures; whether they are good is not asked here. */
import { describe, expect, test } from "bun:test";

import { medianOf, spreadText } from "./measure.ts";
import { pageText, sizeText, tableText } from "./report.ts";
import { benches, runBench } from "./run.ts";

/** Programs a bench stands on beside this one. */
const stands: Record<string, readonly string[]> = {
  "cask-get": ["nginx", "wrk"],
  "cask-put": ["wrk"],
  "cask-cluster": ["wrk"],
  "cask-large": ["curl"],
  "hakmes-transfer": ["nginx", "curl"],
  reticulum: ["nginx", "wrk"],
  houston: ["chromium"],
  cbp: ["haproxy"],
};

describe("benches", () => {
  for (const bench of benches) {
    test(`${bench.name}: runs with a tiny input and says on what, or what it lacks`, async () => {
      const missing = (stands[bench.name] ?? []).filter((program) => Bun.which(program) === null);
      if (missing.length > 0) {
        expect(runBench(bench, "smoke")).rejects.toThrow(`${missing.join(" and ")} must be installed`);
        return;
      }
      const { page, text } = await runBench(bench, "smoke");
      expect(text.split("\n").length).toBeGreaterThan(2);
      expect(text).not.toContain("NaN");
      for (const said of [`# ${bench.name}: `, "- Machine: ", `Bun ${Bun.version}`, `bun run bench ${bench.name}`]) {
        expect(page).toContain(said);
      }
    }, 180_000);
  }
});

test("medianOf, spreadText: the middle, and how far all lie from it", () => {
  expect(medianOf([3, 1, 2])).toBe(2);
  expect(medianOf([])).toBeNaN();
  expect(spreadText([90, 100, 110])).toBe("±10 %");
});

test("sizeText: bytes as people say them", () => {
  expect([0, 1023, 1024, 1536, 2 ** 20, 2 ** 32].map(sizeText)).toEqual([
    "0 bytes",
    "1023 bytes",
    "1 KiB",
    "1.5 KiB",
    "1 MiB",
    "4 GiB",
  ]);
});

test("tableText, pageText: every column of any row has its place", () => {
  const rows = [{ a: 1 }, { a: 2, b: "x" }];
  expect(tableText(rows, "text")).toBe("a  b\n1\n2  x");
  expect(tableText(rows, "markdown")).toBe("| a | b |\n| - | - |\n| 1 |   |\n| 2 | x |");
  const on = { date: "2030-01-01", command: "c", machine: "m", versions: ["v"], load: [0, 1] as const };
  expect(pageText({ name: "n", summary: "s" }, [{ title: "t", rows, notes: ["w"] }], on)).toContain(
    "\n## t\n\n| a | b |",
  );
});

/**
 * What cutting by content is for: an edit changes the chunks near it and no others.
 */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type CutPlan, defaultCutPlan } from "./cut-plan.ts";
import { newIn, noise } from "./testing/inputs.ts";

const mib = 2 ** 20;
const fixed: CutPlan = { kind: "fixed", sizeBytes: mib };

describe("an edit of 64 MiB, cut by the default plan", () => {
  const bytes = noise(61, 64 * mib);

  test("one byte put in at the front: one or two chunks are new; all are with fixed cuts", () => {
    const edited = Buffer.concat([Uint8Array.of(1), bytes]);
    expect(newIn(defaultCutPlan, bytes, edited).chunks).toBeLessThanOrEqual(2);
    const { chunks, of } = newIn(fixed, bytes, edited);
    expect(chunks).toBe(of);
  });

  test("one byte put in, changed or taken out further on: a few chunks are new", () => {
    const edits: [number, (byte: number) => number[]][] = [
      [32 * mib, (byte) => [byte ^ 1, byte]],
      [13.5 * mib, (byte) => [byte ^ 1]],
      [50 * mib + 7, () => []],
    ];
    for (const [place, edit] of edits) {
      const middle = Uint8Array.from(edit(bytes[place] ?? 0));
      const edited = Buffer.concat([bytes.subarray(0, place), middle, bytes.subarray(place + 1)]);
      expect(newIn(defaultCutPlan, bytes, edited).chunks).toBeWithin(1, 6);
    }
  });

  test("the halves swapped: a few chunks are new", () => {
    const swapped = Buffer.concat([bytes.subarray(30 * mib + 1), bytes.subarray(0, 30 * mib + 1)]);
    expect(newIn(defaultCutPlan, bytes, swapped).chunks).toBeLessThanOrEqual(8);
  });
});

describe("two successive tar files", () => {
  test("a line in one source and a new file cost a small part of the whole", () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-chunker-"));
    try {
      const tree = join(folder, "hono");
      cpSync(join(import.meta.dirname, "../../../node_modules/hono"), tree, { recursive: true });
      const earlier = tarOf(folder, "hono");
      const source = join(tree, "dist/compose.js");
      writeFileSync(source, `// One more line.\n${readFileSync(source, "utf8")}`);
      writeFileSync(join(tree, "dist/added.js"), "export const added = true;\n");
      const later = tarOf(folder, "hono");
      const plan: CutPlan = { kind: "content", minBytes: 4096, averageBytes: 16_384, maxBytes: 65_536 };
      expect(newIn(plan, earlier, later).bytes / later.length).toBeLessThan(0.1);
      expect(newIn({ kind: "fixed", sizeBytes: 16_384 }, earlier, later).bytes / later.length).toBeGreaterThan(0.5);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function tarOf(folder: string, name: string): Uint8Array {
  const { stdout, stderr, exitCode } = Bun.spawnSync(
    ["tar", "--sort=name", "--owner=0", "--group=0", "-cf", "-", name],
    {
      cwd: folder,
    },
  );
  if (exitCode !== 0) throw new Error(`Cannot make a tar file: ${stderr.toString()}`);
  return stdout;
}

/** Progress, columns and the screen, on streams that only remember. */
import { expect, test } from "bun:test";

import { ManualClock } from "../testing/manual-clock.ts";
import { formatColumns } from "./columns.ts";
import { progressText, startProgress } from "./progress.ts";
import { createScreen } from "./screen.ts";

function streams(isTTY: boolean) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const keep = (list: string[]) => ({
    isTTY,
    columns: 60,
    write(chunk: string | Uint8Array, written?: (failure?: Error | null) => void) {
      list.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
      written?.();
      return true;
    },
  });
  return { stdout, stderr, screen: createScreen(keep(stdout), keep(stderr)) };
}

test("createScreen: results go to standard output, everything else to standard error", async () => {
  const { screen, stderr, stdout } = streams(false);
  screen.print("key");
  await screen.write(new TextEncoder().encode("bytes"));
  screen.note("a word");
  screen.draw("never seen");
  expect(stdout).toEqual(["key\n", "bytes"]);
  expect(stderr).toEqual(["a word\n"]);
});

test("createScreen: what is drawn stays below what is printed, and is replaced whole", () => {
  const { screen, stderr } = streams(true);
  screen.draw("one\ntwo");
  screen.note("said");
  screen.draw("three");
  screen.draw("");
  screen.draw("last");
  screen.settle();
  screen.draw("");
  expect(stderr).toEqual([
    "one\ntwo",
    "\r\u001B[1A\u001B[0J",
    "said\n",
    "one\ntwo",
    "\r\u001B[1A\u001B[0J",
    "three",
    "\r\u001B[0J",
    "last",
    "\n",
  ]);
});

test("startProgress: a bar with rate and time left on a terminal, no more than ten times a second", () => {
  const { screen, stderr } = streams(true);
  const clock = new ManualClock();
  const progress = startProgress({ screen, clock, label: "put", total: 800 });
  progress.at(8);
  clock.advance(50);
  progress.at(50);
  clock.advance(950);
  progress.at(400, "1 of 2 files");
  progress.end();
  expect(stderr[0]).toBe("put  [------------------------]  1 %  8 B of 800 B");
  expect(stderr.filter((text) => text.startsWith("put")).length).toBe(2);
  expect(stderr[2]).toStartWith("put  [############------------]  50 %  400 B of 800 B");
  expect(stderr.at(-1)).toBe("\r\u001B[0J");
});

test("startProgress: elsewhere a plain line every ten seconds, and none for what is quick", () => {
  const { screen, stderr } = streams(false);
  const clock = new ManualClock();
  const progress = startProgress({ screen, clock, label: "drain", total: 100, unit: "blobs" });
  for (let done = 1; done <= 25; done++) {
    clock.advance(1000);
    progress.at(done);
  }
  progress.end();
  expect(stderr).toEqual([
    "drain  10 %  10 of 100  1/s  1 min 30 s left\n",
    "drain  20 %  20 of 100  1/s  1 min 20 s left\n",
  ]);
});

test("progressText: says only what is known", () => {
  const view = { label: "get", done: 5, total: undefined, perSecond: 0, amount: String, beside: "", withBar: true };
  expect(progressText(view)).toBe("get  5");
  expect(progressText({ ...view, total: 0 })).toBe("get  5");
  expect(progressText({ ...view, total: 4, perSecond: 2 })).toBe("get  [########################]  100 %  5 of 4  2/s");
});

test("formatColumns: as wide as the widest cell, numbers to the right, nothing after the last", () => {
  expect(
    formatColumns(
      [
        ["NAME", "SIZE", ""],
        ["a", "1000", "x"],
        ["long name", "5"],
      ],
      { right: [1] },
    ),
  ).toEqual(["NAME       SIZE", "a          1000  x", "long name     5"]);
  expect(formatColumns([])).toEqual([]);
});

import { afterEach, describe, expect, test } from "bun:test";

import { type Clock, systemClock } from "./clock.ts";
import { Fault } from "./fault.ts";
import { PicturePainter, pngOf } from "./graph-picture.ts";
import { innerCommand } from "./self.ts";

const svg = (body: string, width = 40, height = 30) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`;
const red = '<rect width="100%" height="100%" fill="#ff0000"/>';

const painters: PicturePainter[] = [];
afterEach(() => {
  for (const painter of painters.splice(0)) painter.stop();
});

function painter(options: { clock?: Clock; command?: () => string[]; queueMax?: number } = {}): PicturePainter {
  const made = new PicturePainter({
    clock: options.clock ?? systemClock,
    command: options.command ?? (() => innerCommand("graph-painter", "")),
    idleMs: 60_000,
    queueMax: options.queueMax ?? 10,
  });
  painters.push(made);
  return made;
}

/** Width, height and whether it is a PNG at all. */
function sizeOf(png: Uint8Array): [string, number, number] {
  const view = new DataView(png.buffer, png.byteOffset);
  return [new TextDecoder().decode(png.subarray(1, 4)), view.getUint32(16), view.getUint32(20)];
}

/** A clock whose timers fire when told. */
function heldClock() {
  const timers: { delayMs: number; run: () => void; isOver: boolean }[] = [];
  const clock: Clock = {
    ...systemClock,
    schedule(delayMs, run) {
      const timer = { delayMs, run, isOver: false };
      timers.push(timer);
      return () => {
        timer.isOver = true;
      };
    },
  };
  const fire = (delayMs: number) => {
    for (const timer of timers) if (!timer.isOver && timer.delayMs === delayMs) timer.run();
  };
  return { clock, fire };
}

const outcome = (promise: Promise<unknown>) => promise.then(String, (thrown: Fault) => thrown.code);
/** Reads and never answers. */
const silent = () => ["/bin/sh", "-c", "cat >/dev/null"];

describe("pngOf", () => {
  test("pngOf: is a PNG of the size that the SVG says", async () => {
    expect(sizeOf(await pngOf(svg(red)))).toEqual(["PNG", 40, 30]);
  });

  test("pngOf: is not begun for those who have left", async () => {
    const left = pngOf(svg(red), { signal: AbortSignal.abort(new Error("left")) });
    await expect(left).rejects.toThrow("left");
  });
});

describe("PicturePainter", () => {
  test("paint: answers each with its own picture, in one process", async () => {
    const one = painter();
    expect(one.pid).toBeUndefined();
    const sizes = await Promise.all([10, 200, 3000, 7].map((width) => one.paint(svg(red, width, 20)).then(sizeOf)));
    expect(sizes).toEqual([10, 200, 3000, 7].map((width) => ["PNG", width, 20]));
    const { pid } = one;
    await one.paint(svg(red));
    expect(one.pid).toBe(pid);
  });

  test("paint: what is no SVG is a fault, and the next one is drawn", async () => {
    const one = painter();
    expect(await outcome(one.paint("no svg at all"))).toBe("kit/picture");
    const jpeg = "<svg xmlns='http://www.w3.org/2000/svg' width='99999' height='99999'/>";
    expect(await outcome(one.paint(jpeg))).toBe("kit/picture");
    expect(sizeOf(await one.paint(svg(red)))).toEqual(["PNG", 40, 30]);
  });

  test("paint: one that takes too long is given up with its process, and the next one is drawn by another", async () => {
    const { clock, fire } = heldClock();
    let starts = 0;
    const one = painter({
      clock,
      command: () => (starts++ === 0 ? silent() : innerCommand("graph-painter", "")),
    });
    const slow = outcome(one.paint(svg(red), { timeoutMs: 77 }));
    const next = one.paint(svg(red));
    fire(77);
    expect(await slow).toBe("kit/picture-slow");
    expect(sizeOf(await next)).toEqual(["PNG", 40, 30]);
  });

  test("paint: a process that dies fails what it drew, and no more", async () => {
    let starts = 0;
    const one = painter({ command: () => (starts++ === 0 ? ["/bin/false"] : innerCommand("graph-painter", "")) });
    const first = outcome(one.paint(svg(red)));
    const second = one.paint(svg(red));
    expect(await first).toBe("kit/picture");
    expect(sizeOf(await second)).toEqual(["PNG", 40, 30]);
  });

  test("paint: a program that is not there is a fault", async () => {
    const one = painter({ command: () => ["/no/such/program"] });
    expect(await outcome(one.paint(svg(red)))).toBe("kit/picture");
  });

  test("paint: more than may wait are refused at once", async () => {
    const one = painter({ command: silent, queueMax: 1 });
    const leaving = new AbortController();
    const waiting = [0, 1].map(() => outcome(one.paint(svg(red), { signal: leaving.signal })));
    expect(await outcome(one.paint(svg(red)))).toBe("kit/picture-busy");
    leaving.abort(new Fault("timeout", "test/left", "left"));
    expect(await Promise.all(waiting)).toEqual(["test/left", "test/left"]);
  });

  test("paint: the process ends when nothing is wanted, and starts again", async () => {
    const { clock, fire } = heldClock();
    const one = painter({ clock });
    await one.paint(svg(red));
    expect(one.pid).toBeGreaterThan(0);
    fire(60_000);
    expect(one.pid).toBeUndefined();
    expect(sizeOf(await one.paint(svg(red)))).toEqual(["PNG", 40, 30]);
  });
});

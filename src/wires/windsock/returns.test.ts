import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { testAlone } from "../../kit/testing/own-process.ts";
import type { Returner } from "./hub.ts";
import { openHub, type OrderedHub } from "./hub-ordered.ts";
import type { Interest, Publication } from "./publication.ts";
import { parsePosition } from "./publication-log.ts";

const everything: Interest[] = [{ kind: "prefix", prefix: "" }];

/** A hub, on disk or not, with a folder of its own. */
function makeHub(isOnDisk: boolean, count = 10_000) {
  const folder = mkdtempSync(join(tmpdir(), "windsock-returns-"));
  const open = () =>
    openHub({
      clock: systemClock,
      maxMessageBytes: 10_000,
      bounds: { count, sizeBytes: 1e9, ageMs: 3_600_000 },
      ...(isOnDisk ? { path: join(folder, "log.sqlite") } : {}),
    });
  return { open, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function fill(hub: OrderedHub, count: number): void {
  for (let at = 0; at < count; at++) void hub.accept({ address: `a.${at % 7}`, content: `${at} ${"x".repeat(100)}` });
  hub.flush();
}

/** Takes what it is told a turn of the event loop later, as a connection does; keeps nothing. */
class Reader implements Returner {
  heard = 0;
  wrong = 0;
  gaps = 0;
  #last = 0;
  #waiting: Publication[] = [];

  hear(publication: Publication): void {
    this.#waiting.push(publication);
  }

  gap(): void {
    this.gaps++;
  }

  async room(): Promise<boolean> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.take();
    return true;
  }

  take(): void {
    for (const { position } of this.#waiting) {
      const offset = parsePosition(position)?.offset ?? 0;
      if (offset !== this.#last + 1) this.wrong++;
      this.#last = offset;
      this.heard++;
    }
    this.#waiting = [];
  }
}

testAlone(
  import.meta.path,
  "goBack: a thousand who come back at once from the disk cost little memory, and delay nobody",
  async () => {
    const [clients, publications] = [1000, 5000];
    using made = makeHub(true);
    let hub = made.open();
    const { epoch } = hub.place;
    fill(hub, publications);
    hub.close();
    hub = made.open();
    try {
      let worstMs = 0;
      let live = 0;
      // What passed, or what the processor did where that is less: one that gets no turn keeps nobody waiting by its work.
      const saidAt: { ms: number; cpu: NodeJS.CpuUsage }[] = [];
      hub.sit([{ kind: "exact", address: "live" }], {
        hear({ content }) {
          live++;
          const at = saidAt[Number(content)];
          if (!at) throw new Error(`nobody said "${content}"`);
          const { system, user } = process.cpuUsage(at.cpu);
          worstMs = Math.max(worstMs, Math.min(performance.now() - at.ms, (system + user) / 1000));
        },
        gap: () => undefined,
      });
      const readers = Array.from({ length: clients }, () => new Reader());
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      let most = before;
      const over = new AbortController();
      const coming = Promise.all(readers.map((reader) => hub.goBack(everything, reader, `${epoch}-0`))).finally(() => {
        over.abort();
      });
      let said = 0;
      while (!over.signal.aborted) {
        // What is said meanwhile is heard by all of them in its place, too.
        if (said < 200) {
          saidAt.push({ ms: performance.now(), cpu: process.cpuUsage() });
          void hub.publish({ address: "live", content: String(said++) });
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
        most = Math.max(most, process.memoryUsage().rss);
      }
      const returns = await coming;
      for (const reader of readers) reader.take();
      expect(returns.every(({ isComplete, seat }) => isComplete && seat)).toBe(true);
      expect(live).toBe(said);
      expect(readers.filter(({ gaps, wrong }) => gaps + wrong > 0)).toHaveLength(0);
      expect(readers.filter(({ heard }) => heard !== publications + said)).toHaveLength(0);
      // All at once it is more than a gigabyte, and a second or more in which nobody else is heard.
      expect(most - before).toBeLessThan(300 * 2 ** 20);
      expect(worstMs).toBeLessThan(500);
    } finally {
      hub.close();
    }
  },
);

for (const isOnDisk of [false, true]) {
  test(`goBack, ${isOnDisk ? "on disk" : "in memory"}: each once and in order over the seam, or after a gap, whatever happens meanwhile`, async () => {
    type Step = "say" | "many" | "break" | "room" | "turn";
    const step = fc.constantFrom<Step>("say", "say", "many", "room", "room", "turn", "turn", "break");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 900 }), async (steps, past) => {
        using made = makeHub(isOnDisk, 1500);
        const hub = made.open();
        try {
          const interests: Interest[] = [{ kind: "exact", address: "a.1" }];
          const since = hub.position;
          const said: string[] = [];
          const say = (count: number) => {
            for (let at = 0; at < count; at++) {
              const content = String(said.length);
              void hub.accept({ address: "a.1", content });
              said.push(content);
              void hub.accept({ address: "a.2", content: "other" });
            }
          };
          say(past);
          hub.flush();
          const saw: string[] = [];
          let rooms: ((isOpen: boolean) => void)[] = [];
          let isOpen = false;
          const back = hub.goBack(
            interests,
            {
              hear: ({ content }) => void saw.push(content),
              gap: () => void saw.push("gap"),
              room: () =>
                isOpen ? Promise.resolve(true) : new Promise<boolean>((resolve) => void rooms.push(resolve)),
            },
            since,
          );
          const letIn = () => {
            for (const room of rooms) room(true);
            rooms = [];
          };
          for (const one of steps) {
            if (one === "say") say(1);
            else if (one === "many") say(150);
            else if (one === "room") letIn();
            else if (one === "break") hub.breakOrder();
            else await new Promise<void>((resolve) => void setImmediate(resolve));
          }
          isOpen = true;
          letIn();
          const { isComplete, seat } = await back;
          expect(seat).toBeDefined();
          if (!isComplete) expect(saw).toContain("gap");
          // A gap has a reason: the order was broken, or more was said than is kept.
          if (saw.includes("gap")) expect(steps.includes("break") || said.length * 2 > 1500).toBe(true);
          say(3);
          hub.flush();
          // From the last gap on it is the end of what was said, whole; before it, pieces in order.
          const pieces = saw
            .join(" ")
            .split("gap")
            .map((piece) =>
              piece
                .split(" ")
                .filter((word) => word !== "")
                .map(Number),
            );
          const last = pieces.at(-1) ?? [];
          expect(last.at(-1)).toBe(said.length - 1);
          for (const piece of pieces) {
            for (const [index, number] of piece.entries())
              if (index > 0) expect(number).toBe((piece[index - 1] ?? 0) + 1);
          }
          if (pieces.length === 1) expect(last[0]).toBe(0);
          seat?.leave();
        } finally {
          hub.close();
        }
      }),
      { numRuns: isOnDisk ? 25 : 80 },
    );
  }, 180_000);
}

test("goBack: who leaves in the midst gets no seat, and those who wait for their turn go on", async () => {
  using made = makeHub(false);
  const hub = made.open();
  const since = hub.position;
  fill(hub, 1000);
  const leaving = new Reader();
  let rooms = 0;
  leaving.room = () => Promise.resolve(++rooms < 3);
  const staying = new Reader();
  const [left, stayed] = await Promise.all([
    hub.goBack(everything, leaving, since),
    hub.goBack(everything, staying, since),
  ]);
  staying.take();
  leaving.take();
  expect([left.seat, left.isComplete, leaving.heard]).toEqual([undefined, true, 400]);
  expect([staying.heard, staying.wrong, stayed.isComplete]).toEqual([1000, 0, true]);
  // From where it stopped it goes on without a gap.
  expect(hub.resume(everything, left.position, { count: 1 }).publications[0]?.content).toStartWith("400 ");
  expect(hub.figures.listeners).toBe(1);
  hub.close();
});

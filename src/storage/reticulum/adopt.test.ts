/** The rules of adoption, without a network: what is tried again, what ends the run, what is only told. */
import { describe, expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Key } from "../cask/client.ts";
import { adopt, type AdoptOptions, type Found } from "./adopt.ts";
import type { ImageToPut } from "./client.ts";

const hashOf = (bytes: Uint8Array) => new Bun.CryptoHasher("sha1").update(bytes).digest("hex");

function found(text: string, options: Partial<Found> = {}): Found {
  const bytes = new TextEncoder().encode(text);
  return {
    hash: hashOf(bytes),
    place: text,
    extension: "jpg",
    open: async () => ({ bytes, extension: "jpg" }),
    ...options,
  };
}

async function* these(...images: Found[]): AsyncGenerator<Found, void> {
  yield* images;
}

/** A server that keeps what it is given, and fails as it is told. */
function server(failures: Error[] = []) {
  const held = new Set<string>();
  const puts: ImageToPut[] = [];
  return {
    held,
    puts,
    holds: async (key: Key, extension: string) => held.has(`${key}.${extension}`),
    async put(image: ImageToPut) {
      const failure = failures.shift();
      if (failure) throw failure;
      puts.push(image);
      held.add(`sha1:${hashOf(image.bytes)}.jpg`);
      return { hash: "", key: "", extension: "", full_url: "", format: "", width: 1, height: 1, length: 1 };
    },
  };
}

const options = (clock: ManualClock, more: Partial<AdoptOptions> = {}): AdoptOptions => ({
  clock,
  signal: new AbortController().signal,
  parallel: 2,
  isDry: false,
  ...more,
});

describe("adopt", () => {
  test("adopt: names by SHA-1, declares the extension, and sends nothing twice", async () => {
    const target = server();
    const clock = new ManualClock();
    const first = await adopt(these(found("a"), found("b")), target, options(clock));
    expect(first).toMatchObject({ seen: 2, adopted: 2, adoptedBytes: 2, already: 0, finished: true, left: [] });
    expect(target.puts.map(({ algorithm, mediaType }) => [algorithm, mediaType])).toEqual([
      ["sha1", "image/jpeg"],
      ["sha1", "image/jpeg"],
    ]);
    const unread = found("b", { open: () => Promise.reject(new Error("not to be read")) });
    expect(await adopt(these(unread), target, options(clock))).toMatchObject({ already: 1, adopted: 0, failed: 0 });
    const unknown = found("b", { extension: undefined, open: unread.open });
    expect(await adopt(these(unknown), target, options(clock))).toMatchObject({ already: 1, adopted: 0, failed: 0 });
  });

  test("adopt: wrong bytes, refused and unreadable ones are told and left; the rest comes over", async () => {
    const target = server([new Fault("invalid", "reticulum/damaged", "damaged", { status: 422 })]);
    const images = [
      found("refused"),
      found("x", { hash: "0".repeat(40), place: "wrong" }),
      found("y", { place: "gone", open: () => Promise.reject(new Error("no such file")) }),
      found("good"),
    ];
    const report = await adopt(these(...images), target, options(new ManualClock(), { parallel: 1 }));
    expect(report).toMatchObject({ seen: 4, adopted: 1, bad: 1, refused: 1, failed: 1, finished: true });
    expect(report.left).toEqual([
      { place: "refused", reason: "damaged" },
      { place: "wrong", reason: `its bytes hash to ${hashOf(new TextEncoder().encode("x"))}` },
      { place: "gone", reason: "no such file" },
    ]);
  });

  test("adopt: a dry run reads and verifies, and sends nothing", async () => {
    const target = server();
    const wrong = found("x", { hash: "0".repeat(40) });
    const report = await adopt(these(found("a"), wrong), target, options(new ManualClock(), { isDry: true }));
    expect([report.adopted, report.bad, target.puts.length]).toEqual([1, 1, 0]);
  });

  test("adopt: a busy server is waited for, as long as it says", async () => {
    const busy = new Fault("unavailable", "reticulum/busy", "busy", { retryAfterMs: 7000 });
    const target = server([busy, busy]);
    const clock = new ManualClock();
    const running = adopt(these(found("a")), target, options(clock));
    let waitedMs = 0;
    while (target.puts.length === 0) {
      await clock.advance(500);
      waitedMs += 500;
      if (waitedMs > 60_000) break;
    }
    expect(waitedMs).toBeGreaterThanOrEqual(14_000);
    expect(waitedMs).toBeLessThan(16_000);
    expect((await running).adopted).toBe(1);
  });

  test("adopt: without the right to store it ends with that, and looks at no further images", async () => {
    const target = server([new Fault("forbidden", "warren/scope", "no right")]);
    let asked = 0;
    async function* endless(): AsyncGenerator<Found, void> {
      while (asked < 1000) yield found(`image ${asked++}`);
    }
    const running = adopt(endless(), target, options(new ManualClock(), { parallel: 1 }));
    expect(await running.catch((thrown: unknown) => thrown)).toMatchObject({ code: "warren/scope" });
    expect(asked).toBe(1);
  });

  test("adopt: ends between two images when it is told to, and says that it is not finished", async () => {
    const stop = new AbortController();
    const target = server();
    const images = ["a", "b", "c"].map((text) => found(text));
    const report = await adopt(
      these(...images),
      target,
      options(new ManualClock(), { parallel: 1, signal: stop.signal, onProgress: () => stop.abort() }),
    );
    expect([report.seen, report.finished]).toEqual([1, false]);
  });
});

import { describe, expect, test } from "bun:test";

import { below, seededRandom } from "../../kit/random.ts";
import { keyOfShort } from "./digest.ts";
import { gathered, inPieces, label, made, noise, settled } from "./hakmes-fixture.ts";
import type { Intake, Suspended } from "./hakmes.ts";

const bytes = noise(60_000, 50);
const key = keyOfShort("sha256", bytes);

async function straight() {
  const fixture = made();
  const intake = await fixture.hakmes.begin();
  await intake.write(bytes);
  const { file } = await intake.finish(label);
  return { ...fixture, file, list: await Array.fromAsync(fixture.hakmes.chunks(file)) };
}

describe("Intake", () => {
  test("put aside and taken up anywhere: the same file as one that came without a break", async () => {
    const seed = Number(process.env.SEED ?? 7);
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const wanted = await straight();
    for (let turn = 0; turn < 20; turn++) {
      const { hakmes } = made();
      let suspended: Suspended | undefined;
      let at = 0;
      while (at < bytes.length) {
        const intake: Intake = await hakmes.begin(suspended ? { from: suspended } : {});
        expect(intake.sizeBytes).toBe(at);
        const end = Math.min(bytes.length, at + 1 + below(random, 25_000));
        await intake.write(bytes.subarray(at, end));
        suspended = await intake.settle();
        expect(suspended.sizeBytes).toBe(end);
        expect(suspended.tail.length).toBeLessThan(4096);
        intake.abandon();
        at = end;
      }
      const last = await hakmes.begin(suspended ? { from: suspended } : {});
      const { file } = await last.finish(label);
      expect({ ...file, createdAt: 0 }).toEqual({ ...wanted.file, createdAt: 0 });
      expect(await Array.fromAsync(hakmes.chunks(file))).toEqual(wanted.list);
    }
  });

  test("settle: may be followed by more, and tells only the chunks after a place when asked to", async () => {
    const { hakmes } = made();
    const intake = await hakmes.begin();
    await intake.write(bytes.subarray(0, 20_000));
    const first = await intake.settle();
    await intake.write(bytes.subarray(20_000));
    const rest = await intake.settle({ after: first.chunks.length });
    const { file } = await intake.finish(label);
    expect(file.key).toBe(key);
    const list = await Array.fromAsync(hakmes.chunks(file));
    expect([
      ...first.chunks,
      ...rest.chunks,
      { key: keyOfShort("sha256", rest.tail), sizeBytes: rest.tail.length },
    ]).toEqual(list);
  });

  test("mark: going back forgets what came since, as if it had not come", async () => {
    const seed = Number(process.env.SEED ?? 8);
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const wanted = await straight();
    for (let turn = 0; turn < 20; turn++) {
      const { hakmes } = made();
      const intake = await hakmes.begin();
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + 1 + below(random, 9000));
        const back = intake.mark();
        for (let wrong = below(random, 3); wrong > 0; wrong--) {
          await intake.write(noise(below(random, 20_000), wrong));
          await back();
          expect(intake.sizeBytes).toBe(at);
        }
        await intake.write(bytes.subarray(at, end));
        at = end;
      }
      const { file } = await intake.finish(label);
      expect(file.key).toBe(key);
      expect(await Array.fromAsync(hakmes.chunks(file))).toEqual(wanted.list);
      expect((await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
    }
  });

  test("write: waits when as many chunks are on their way as may be, or as many bytes", async () => {
    for (const [settings, most] of [
      [{ parallel: 3 }, 3],
      [{ parallel: 50, memoryBytes: 5000 }, 5],
      [{ parallel: 50, memoryBytes: 1 }, 1],
    ] as const) {
      const { hakmes, chunks } = made({ ...settings, plan: { kind: "fixed", sizeBytes: 1000 } });
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      chunks.gate = () => released;
      const intake = await hakmes.begin();
      let isTaken = false;
      const writing = intake.write(bytes).then(() => {
        isTaken = true;
      });
      while (chunks.underWay < most) await new Promise((resolve) => setImmediate(resolve));
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect([isTaken, chunks.underWay]).toEqual([false, most]);
      release();
      await writing;
      expect((await intake.finish(label)).file.key).toBe(key);
      expect(chunks.mostUnderWay).toBe(most);
    }
  });

  test("write: in pieces of any length, chunks of every length come out as the plan says", async () => {
    const long = noise(5_000_000, 51);
    const plan = { kind: "content", minBytes: 65_536, averageBytes: 262_144, maxBytes: 1_000_000 } as const;
    const lists = [];
    for (const pieceBytes of [5_000_000, 700_001, 65_536, 30_011]) {
      const { hakmes } = made({ plan, memoryBytes: 4_000_000 });
      const { file } = await hakmes.take(inPieces(long, pieceBytes), label);
      expect([file.key, file.cut === undefined]).toEqual([keyOfShort("sha256", long), false]);
      expect((await gathered(await hakmes.read(file))).equals(long)).toBe(true);
      lists.push(await Array.fromAsync(hakmes.chunks(file)));
    }
    expect(new Set(lists.map((list) => JSON.stringify(list))).size).toBe(1);
    expect(lists[0]?.some(({ sizeBytes }) => sizeBytes > 262_144)).toBe(true);
  });

  describe("many that stall", () => {
    // Room for four of the longest chunks.
    const plan = { kind: "fixed", sizeBytes: 1 << 20 } as const;
    const long = noise(2_500_000, 52);

    test("what they hold is sent when another needs the room; all of them go on and are whole", async () => {
      const { hakmes, chunks, clock } = made({ plan, memoryBytes: 1 << 20 });
      const stalled = [];
      for (let sender = 0; sender < 12; sender++) {
        const own = long.slice();
        own[0] = sender;
        const intake = await hakmes.begin();
        const undo = intake.mark();
        await settled(clock, intake.write(own.subarray(0, 900_000)));
        stalled.push({ intake, own, undo });
        clock.advance(200);
      }
      const sent = chunks.blobs.size;
      expect(sent).toBeGreaterThanOrEqual(12 - 4);
      const [first, second] = stalled;
      await settled(clock, first?.undo() ?? Promise.resolve());
      await settled(clock, first?.intake.write(first.own.subarray(0, 900_000)) ?? Promise.resolve());
      const { tail, chunks: list } = (await second?.intake.settle()) ?? { tail: undefined, chunks: [] };
      expect([tail?.length, list.length]).toEqual([0, 1]);
      for (const { intake, own } of stalled) {
        await settled(clock, intake.write(own.subarray(900_000)));
        const { file } = await settled(clock, intake.finish(label));
        expect(file.key).toBe(keyOfShort("sha256", own));
        expect((await settled(clock, gathered(await hakmes.read(file)))).equals(own)).toBe(true);
      }
    });

    test("a file that was cut where the plan would not have says of no plan that it was", async () => {
      const { hakmes, clock } = made({ plan, memoryBytes: 1 << 20 });
      const intake = await hakmes.begin();
      await intake.write(long.subarray(0, 900_000));
      const others = await Promise.all(Array.from({ length: 8 }, () => hakmes.begin()));
      await settled(clock, Promise.all(others.map((other) => other.write(long.subarray(0, 900_000)))));
      await intake.write(long.subarray(900_000));
      const { file } = await intake.finish(label);
      expect([file.key, file.cut]).toEqual([keyOfShort("sha256", long), undefined]);
      for (const other of others) other.abandon();
      const alone = await hakmes.begin();
      await alone.write(long.subarray(1));
      expect((await alone.finish(label)).file.cut).toEqual(hakmes.cut);
    });

    test("nobody silent: who waits for a second sends what it has, and goes on", async () => {
      const { hakmes, clock, chunks } = made({ plan, memoryBytes: 1 << 20 });
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const intakes = await Promise.all(Array.from({ length: 8 }, () => hakmes.begin()));
      // None of them is ever between two calls.
      chunks.gate = () => released;
      const writing = intakes.map((intake, at) => {
        const own = long.slice();
        own[0] = at;
        return intake
          .write(own)
          .then(() => intake.finish(label).then(({ file }) => [file.key, keyOfShort("sha256", own)]));
      });
      release();
      for (const [key, wanted] of await settled(clock, Promise.all(writing))) expect(key).toBe(wanted);
    });
  });

  test("a failure ends it: every later call throws the same, and what is under way is aborted", async () => {
    const { hakmes, chunks, clock } = made();
    chunks.trouble = ({ verb }) => (verb === "put" ? "fail" : undefined);
    const intake = await hakmes.begin();
    const settling = settled(
      clock,
      intake.write(bytes).then(() => intake.settle()),
    );
    expect(settling).rejects.toMatchObject({ code: "cask/unreachable" });
    await settling.catch(() => undefined);
    chunks.trouble = () => undefined;
    expect(intake.write(bytes)).rejects.toMatchObject({ code: "cask/unreachable" });
    expect(intake.finish(label)).rejects.toMatchObject({ code: "cask/unreachable" });
    while (chunks.underWay > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(hakmes.counts().files).toBe(0);
  });

  test("abandon: lets go of what is under way, and of the room it took", async () => {
    const { hakmes, chunks } = made({ memoryBytes: 4096 });
    chunks.gate = ({ signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => resolve());
      });
    const intake = await hakmes.begin();
    const writing = intake.write(bytes);
    while (chunks.underWay === 0) await new Promise((resolve) => setImmediate(resolve));
    intake.abandon();
    expect(writing).rejects.toMatchObject({ code: "hakmes/abandoned" });
    await writing.catch(() => undefined);
    expect(intake.settle()).rejects.toMatchObject({ code: "hakmes/abandoned" });
    chunks.gate = async () => undefined;
    const next = await hakmes.begin();
    await next.write(bytes);
    expect((await next.finish(label)).file.key).toBe(key);
  });

  test("a suspended file whose chunk is gone or wrong is not taken up", async () => {
    for (const trouble of ["miss", "garble"] as const) {
      const { hakmes, chunks, clock } = made();
      const intake = await hakmes.begin();
      await intake.write(bytes);
      const suspended = await intake.settle();
      intake.abandon();
      chunks.trouble = ({ key: asked }) => (asked === suspended.chunks[5]?.key ? trouble : undefined);
      const beginning = settled(clock, hakmes.begin({ from: suspended }));
      expect(beginning).rejects.toMatchObject({ code: "hakmes/chunk-unavailable" });
      await beginning.catch(() => undefined);
    }
  });

  test("two calls at once, and calls after the end, are mistakes of the caller", async () => {
    const { hakmes } = made();
    const intake = await hakmes.begin();
    const first = intake.write(bytes);
    expect(intake.write(bytes)).rejects.toThrow(TypeError);
    await first.catch(() => undefined);
    const other = await hakmes.begin();
    await other.finish(label);
    expect(other.write(bytes)).rejects.toThrow(TypeError);
  });
});

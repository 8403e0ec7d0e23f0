import { describe, expect, test } from "bun:test";

import { below, seededRandom } from "../../kit/random.ts";
import { keyOfShort } from "./digest.ts";
import { gathered, label, made, noise, settled } from "./hakmes-fixture.ts";
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

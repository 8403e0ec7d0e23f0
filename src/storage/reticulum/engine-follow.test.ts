import { describe, expect, test } from "bun:test";

import { until } from "../../kit/testing/child-node.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { DecoderRequest } from "./decoder/message.ts";
import type { ImageLimits, RenderJob } from "./engine.ts";
import { Decoder, type DecoderOutcome } from "./engine-decoder.ts";
import { codeOf, testEngine } from "./engine-fixture.ts";
import { usualLimits } from "./engine-pool.ts";
import { fileOf, grain, picture } from "./image-fixture.ts";

const small = await fileOf(picture(200, 150), "jpeg");
const box = (width: number) => ({ kind: "box" as const, width });
const request = (id: number, job: Omit<RenderJob, "source">): DecoderRequest => ({
  id,
  kind: "render",
  limits: usualLimits,
  job,
  idle: false,
});
/** Seconds of work. */
const slow = (id: number) => request(id, { spec: box(3000), format: "avif", effort: 6 });
const quick = (id: number, width: number) => request(id, { spec: box(width) });

/**
 * A decoder that has done a job, and how often it was through with one that it had given back. Its time stands still unless
 * a test moves it, or on a slow machine a second job would be given back for the length of the first.
 */
async function begun(limits: Partial<ImageLimits> = {}) {
  const clock = new ManualClock();
  const seen = { through: 0 };
  const decoder = new Decoder({
    limits: { ...usualLimits, ...limits },
    folder: "",
    clock,
    onThrough: () => seen.through++,
    onEnd: () => undefined,
  });
  expect(decoder.takesMore(1)).toBe(false);
  await decoder.run(quick(1, 30), small);
  return {
    clock,
    decoder,
    seen,
    async [Symbol.asyncDispose]() {
      decoder.kill();
      await decoder.gone();
    },
  };
}

const widthOf = (outcome: DecoderOutcome) =>
  outcome.kind === "answer" && outcome.answer.kind === "rendered" ? outcome.answer.width : outcome.kind;

// Without memory to share there is no second job.
describe.if(process.platform === "linux")("a job behind the one at hand", () => {
  test("is done after it, each out of its own original", async () => {
    await using shared = await begun();
    const { decoder } = shared;
    const other = await fileOf(grain(90, 90), "png");
    for (let id = 2; id < 20; id += 2) {
      const first = decoder.run(quick(id, id), small, true);
      expect([decoder.takesMore(small.length), decoder.waiting]).toEqual([true, 0]);
      const second = decoder.run(quick(id + 1, id + 1), other, true);
      expect([decoder.takesMore(1), decoder.waiting, decoder.isAt(id), decoder.isAt(id + 1)]).toEqual([
        false,
        1,
        true,
        false,
      ]);
      expect(widthOf(await first)).toBe(id);
      const made = await second;
      expect(made).toMatchObject({ kind: "answer", answer: { format: "png", width: id + 1, height: id + 1 } });
    }
    expect([decoder.isBusy, decoder.jobsDone, shared.seen.through]).toEqual([false, 19, 0]);
  }, 120_000);

  test("is not laid out where it may not be, nor when it is long", async () => {
    await using shared = await begun();
    const { decoder } = shared;
    const first = decoder.run(quick(2, 30), small);
    expect(decoder.takesMore(1)).toBe(false);
    await first;
    const followed = decoder.run(quick(3, 30), small, true);
    expect([decoder.takesMore(4 * 2 ** 20), decoder.takesMore(4 * 2 ** 20 + 1)]).toEqual([true, false]);
    await followed;
  }, 120_000);

  test("is given back soon when the first takes long, and does not share its fate", async () => {
    await using shared = await begun({ timeMs: 600 });
    const { clock, decoder } = shared;
    const ends: string[] = [];
    const first = decoder.run(slow(2), small, true).then(({ kind }) => ends.push(kind));
    const second = decoder.run(quick(3, 40), small).then((outcome) => {
      expect(outcome).toEqual({ kind: "given-back", died: false });
      ends.push(outcome.kind);
    });
    clock.advance(99);
    expect(decoder.waiting).toBe(1);
    clock.advance(1);
    await second;
    clock.advance(499);
    expect(decoder.isOver).toBe(false);
    clock.advance(1);
    await first;
    expect(ends).toEqual(["given-back", "too-slow"]);
  }, 120_000);

  test("has all of its time when its turn comes, and one that was given back is no answer to anybody", async () => {
    await using shared = await begun({ timeMs: 1000 });
    const { clock, decoder, seen } = shared;
    const first = decoder.run(request(2, { spec: box(2000), format: "avif", effort: 2 }), small, true);
    const following = decoder.run(quick(3, 40), small, true);
    clock.advance(999);
    const second = await following;
    expect([second.kind, decoder.isBusy, decoder.waiting, decoder.takesMore(1)]).toEqual([
      "given-back",
      true,
      0,
      false,
    ]);
    expect(widthOf(await first)).toBe(2000);
    await until("it is through with what it gave back", () => seen.through === 1);
    expect(decoder.isBusy).toBe(false);
    const third = decoder.run(quick(4, 50), small, true);
    clock.advance(999);
    expect(widthOf(await third)).toBe(50);
  }, 120_000);

  test("is given back when the process dies or is ended under the first", async () => {
    for (const [end, wanted] of [
      [(decoder: Decoder) => process.kill(decoder.pid, "SIGKILL"), ["died", { kind: "given-back", died: true }]],
      [(decoder: Decoder) => decoder.kill(), ["cancelled", { kind: "given-back", died: false }]],
    ] as const) {
      await using shared = await begun();
      const { decoder } = shared;
      const outcomes = [decoder.run(slow(2), small, true), decoder.run(quick(3, 40), small)] as const;
      end(decoder);
      expect([(await outcomes[0]).kind, await outcomes[1]]).toEqual([...wanted]);
    }
  }, 120_000);
});

describe("the engine with jobs behind others", () => {
  test("none is lost when processes die again and again, and none is blamed for another", async () => {
    await using shared = testEngine({ processes: 2 });
    const { engine } = shared;
    await Promise.all([10, 11].map((width) => engine.render({ source: small, spec: box(width) })));
    const victims = engine.pids;
    const ends = Promise.all(
      Array.from({ length: 60 }, (_, at) => codeOf(engine.render({ source: small, spec: box(20 + at) }))),
    );
    for (const pid of victims) process.kill(pid, "SIGKILL");
    expect((await ends).filter((code) => code !== "fine")).toEqual([]);
    // One may be at a job yet that it was too slow to begin, and that another has done.
    await until("all are through", () => engine.state().busy === 0);
    const { busy, done, failed, restarts, waiting } = engine.state();
    expect({ busy, done, failed, waiting }).toEqual({ busy: 0, done: 62, failed: 0, waiting: 0 });
    expect(restarts).toBe(2);
  }, 120_000);

  test("who leaves while a process has yet to come to the job ends no process", async () => {
    const clock = new ManualClock();
    await using shared = testEngine({ processes: 1, clock });
    const { engine } = shared;
    await engine.render({ source: small, spec: box(10) });
    const { pids } = engine;
    const leaving = new AbortController();
    const ends = Array.from({ length: 12 }, (_, at) =>
      engine
        .render({ source: small, spec: box(20 + at) }, { signal: leaving.signal })
        .catch((thrown: unknown) => thrown),
    );
    await until("one is at work", () => engine.state().busy === 1);
    leaving.abort();
    for (const end of await Promise.all(ends)) expect(end).toMatchObject({ name: "AbortError" });
    expect((await engine.render({ source: small, spec: box(50) })).width).toBe(50);
    // Time enough for one that was left in the middle of a job to be ended.
    clock.advance(10_000);
    expect(engine.pids).toEqual(pids);
    expect(engine.state()).toMatchObject({ busy: 0, waiting: 0, restarts: 0 });
  }, 120_000);
});

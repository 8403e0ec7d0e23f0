import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import sharp from "sharp";

import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { seededRandom } from "../../kit/random.ts";
import { until } from "../../kit/testing/child-node.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { oldestSafeVersion } from "./decoder/library.ts";
import type { RenderJob } from "./engine.ts";
import { Decoder, residentBytes } from "./engine-decoder.ts";
import { codeOf, isAlive, processorMs, testEngine } from "./engine-fixture.ts";
import { usualLimits } from "./engine-pool.ts";
import { animation, fileOf, grain, hostileFiles, joined, picture } from "./image-fixture.ts";

const box = (width: number) => ({ kind: "box" as const, width });
/** Seconds of work out of a small file. */
const slowJob = async (): Promise<RenderJob> => ({
  source: await fileOf(picture(400, 300), "jpeg"),
  spec: box(3000),
  format: "avif",
  effort: 6,
});
const quickJob = async (): Promise<RenderJob> => ({ source: await fileOf(picture(200, 150), "jpeg"), spec: box(50) });

describe("hostile files", () => {
  test("each is refused with a reason or taken for what it is, and none harms the next", async () => {
    await using shared = testEngine();
    const { engine } = shared;
    const good = await quickJob();
    const workMs = () => engine.pids.reduce((sum, pid) => sum + processorMs(pid), 0);
    for (const { name, bytes, codes } of await hostileFiles()) {
      const beforeMs = workMs();
      const outcomes = [
        await codeOf(engine.probe(bytes)),
        await codeOf(engine.render({ source: bytes, spec: box(50) })),
        await codeOf(engine.render({ source: bytes, spec: { kind: "square", side: 400 }, format: "webp" })),
      ];
      const wrong = outcomes.filter((code) => !codes.includes(code));
      expect({ name, wrong, isSoon: workMs() - beforeMs < 10_000 }).toEqual({ name, wrong: [], isSoon: true });
    }
    expect((await engine.render(good)).width).toBe(50);
    const { failed, refused, restarts } = engine.state();
    expect({ restarts, some: failed + refused > 40 }).toEqual({ restarts: 0, some: true });
  }, 120_000);

  test("too many bytes are refused unread", async () => {
    await using shared = testEngine({ limits: { inputBytes: 1000 } });
    expect(await codeOf(shared.engine.probe(await fileOf(grain(100, 100), "png")))).toBe("reticulum/too-large");
    expect(shared.engine.state()).toMatchObject({ processes: 0, refused: 1 });
  });

  test("loaders of other formats are shut, even when the first look is passed by", async () => {
    const answers = async (source: Uint8Array) => {
      const decoder = new Decoder({
        limits: usualLimits,
        folder: "",
        clock: systemClock,
        onThrough: () => undefined,
        onEnd: () => undefined,
      });
      const outcome = await decoder.run({ id: 1, kind: "probe", limits: usualLimits }, source);
      decoder.kill();
      await decoder.gone();
      return outcome.kind === "answer" && outcome.answer.kind === "refused" ? outcome.answer.code : outcome.kind;
    };
    const svg = new TextEncoder().encode(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    );
    const tiff = await sharp({ create: { width: 9, height: 9, channels: 3, background: "red" } })
      .tiff()
      .toBuffer();
    const ppm = new TextEncoder().encode("P6 1 1 255 abc");
    // The library itself would read all of them.
    for (const source of [svg, tiff]) expect((await sharp(source).metadata()).width).toBe(9);
    for (const source of [svg, tiff, ppm]) expect(await answers(source)).toBe("damaged");
  }, 120_000);

  test("the library is newer than its known holes", () => {
    expect(Bun.semver.order(oldestSafeVersion, "0.35.0")).toBeGreaterThanOrEqual(0);
    expect(Bun.semver.order(sharp.versions.sharp, oldestSafeVersion)).toBeGreaterThanOrEqual(0);
    // libwebp's heap overflow of 2023 was mended in 1.3.2.
    expect(Bun.semver.order(sharp.versions.webp ?? "0.0.0", "1.3.2")).toBeGreaterThanOrEqual(0);
  });

  test("with every seventh file damaged, hundreds of jobs end as they should", async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const random = seededRandom(seed);
    await using shared = testEngine({ waitingMax: 1000 });
    const formats = ["jpeg", "png", "webp", "gif"] as const;
    const sources = await Promise.all(formats.map((format) => fileOf(grain(240, 180), format)));
    const jobs = Array.from({ length: 400 }, (_, at) => {
      const source = sources[at % sources.length] ?? new Uint8Array();
      const isBad = random() < 0.15;
      const bytes = isBad ? source.subarray(0, Math.floor(source.length * (0.1 + 0.7 * random()))) : source;
      const width = 20 + Math.floor(200 * random());
      return { isBad, done: codeOf(shared.engine.render({ source: bytes, spec: box(width) })) };
    });
    const ends = await Promise.all(jobs.map(async ({ isBad, done }) => [isBad, await done]));
    const wrong = ends.filter(([isBad, code]) => code !== (isBad ? "reticulum/damaged" : "fine"));
    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    await until("all are through", () => shared.engine.state().busy === 0);
    expect(shared.engine.state()).toMatchObject({ waiting: 0, busy: 0, restarts: 0 });
  }, 120_000);
});

test("hostile files: whatever byte is another one, there is an answer, and no process dies of it", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const random = seededRandom(seed);
  await using shared = testEngine({ waitingMax: 1000, limits: { inputPixels: 4_000_000 } });
  const moving = [await animation("gif", { width: 60, height: 40, frames: 4 })];
  moving.push(await animation("webp", { width: 60, height: 40, frames: 4 }));
  const still = await Promise.all(
    (["jpeg", "png", "webp", "gif", "avif"] as const).map((format) => fileOf(grain(120, 90), format)),
  );
  const sources = [...still, ...moving];
  const answers = ["fine", "reticulum/damaged", "reticulum/too-large", "reticulum/unsupported-format"];
  answers.push("reticulum/not-an-image", "reticulum/result-too-large");
  const ends = await Promise.all(
    Array.from({ length: 350 }, (_, at) => {
      const bytes = Uint8Array.from(sources[at % sources.length] ?? []);
      // Headers are worth more than pixels.
      const reach = random() < 0.5 ? Math.min(400, bytes.length) : bytes.length;
      for (let flips = 1 + Math.floor(6 * random()); flips > 0; flips--)
        bytes[Math.floor(reach * random())] = Math.floor(256 * random());
      return codeOf(shared.engine.render({ source: bytes, spec: box(40) }));
    }),
  );
  expect({ seed, wrong: ends.filter((code) => !answers.includes(code)) }).toEqual({ seed, wrong: [] });
  expect({ seed, restarts: shared.engine.state().restarts }).toEqual({ seed, restarts: 0 });
}, 120_000);

describe("processes", () => {
  test("none is there before the first job, and a resting one is let go", async () => {
    const clock = new ManualClock();
    await using shared = testEngine({ restMs: 50, clock });
    const { engine } = shared;
    expect(engine.state().processes).toBe(0);
    await engine.render(await quickJob());
    const [pid = 0] = engine.pids;
    clock.advance(49);
    expect([engine.pids, isAlive(pid)]).toEqual([[pid], true]);
    clock.advance(1);
    await until("it rested enough", () => engine.state().processes === 0);
    expect(isAlive(pid)).toBe(false);
    expect(engine.state()).toMatchObject({ restarts: 0, done: 1 });
    await engine.render(await quickJob());
    expect(engine.state().done).toBe(2);
  }, 120_000);

  test("a job whose process is killed is done by another, and its neighbour never notices", async () => {
    await using shared = testEngine({ processes: 2 });
    const { engine } = shared;
    await Promise.all([engine.render(await quickJob()), engine.render(await quickJob())]);
    const job = { ...(await slowJob()), effort: 2, spec: box(1500) };
    const victims = engine.pids;
    const [slow, neighbour] = [engine.render(job), engine.render(job)];
    expect(engine.state().busy).toBe(2);
    process.kill(victims[0] ?? 0, "SIGKILL");
    expect([(await slow).width, (await neighbour).width]).toEqual([1500, 1500]);
    expect(engine.state()).toMatchObject({ restarts: 1, done: 4, failed: 0 });
    expect(engine.pids.includes(victims[0] ?? 0)).toBe(false);
  }, 120_000);

  test("a job that kills its process twice is given up", async () => {
    await using shared = testEngine({ processes: 1 });
    const { engine } = shared;
    const ended = codeOf(engine.render(await slowJob()));
    for (let deaths = 0; deaths < 2; deaths++) {
      await until("it works", () => engine.state().busy === 1 && engine.pids.length === 1);
      const pid = engine.pids[0] ?? 0;
      process.kill(pid, "SIGKILL");
      await until("its end is noticed", () => !engine.pids.includes(pid));
    }
    expect(await ended).toBe("reticulum/engine-died");
    expect((await engine.render(await quickJob())).width).toBe(50);
  }, 120_000);

  test("what takes too long is ended, with its process", async () => {
    const clock = new ManualClock();
    await using shared = testEngine({ processes: 1, clock, limits: { timeMs: 400 } });
    const { engine } = shared;
    await engine.render(await quickJob());
    const [pid = 0] = engine.pids;
    const ended = codeOf(engine.render(await slowJob()));
    clock.advance(399);
    expect([engine.state().busy, isAlive(pid)]).toEqual([1, true]);
    clock.advance(1);
    expect(await ended).toBe("reticulum/too-slow");
    expect(isAlive(pid)).toBe(false);
    expect((await engine.render(await quickJob())).width).toBe(50);
    expect(engine.state()).toMatchObject({ failed: 1, restarts: 1 });
  }, 120_000);

  test.if(process.platform === "linux")(
    "what takes too much memory is ended, with its process",
    async () => {
      await using shared = testEngine({ processes: 1, limits: { memoryBytes: 200 * 2 ** 20 } });
      const { engine } = shared;
      await engine.render(await quickJob());
      const [pid = 0] = engine.pids;
      expect(residentBytes(pid)).toBeGreaterThan(20 * 2 ** 20);
      // Interlaced, so that all of its 192 MB are needed at once, and for as long as the slow job takes.
      const source = await sharp({ create: { width: 8000, height: 8000, channels: 3, background: "red" } })
        .png({ progressive: true, compressionLevel: 1 })
        .toBuffer();
      expect(await codeOf(engine.render({ ...(await slowJob()), source }))).toBe("reticulum/too-large");
      expect(isAlive(pid)).toBe(false);
      expect((await engine.render(await quickJob())).width).toBe(50);
    },
    120_000,
  );

  test("take sources of any length, one after another", async () => {
    await using shared = testEngine({ processes: 1 });
    const { engine } = shared;
    // What stands behind the end of an image is of no account.
    const padded = async (width: number, sizeBytes: number) =>
      joined(await fileOf(picture(width, 100), "png"), new Uint8Array(sizeBytes));
    const sources = [await padded(300, 0), await padded(301, 3 * 2 ** 20), await padded(302, 20 * 2 ** 20)];
    for (const at of [0, 1, 2, 0, 2, 1, 0]) {
      const source = sources[at] ?? new Uint8Array();
      expect(await engine.probe(source)).toMatchObject({ width: 300 + at, height: 100 });
    }
    expect(engine.state()).toMatchObject({ restarts: 0, done: 7, failed: 0 });
  }, 120_000);

  test("are replaced after their jobs", async () => {
    await using shared = testEngine({ processes: 1, jobsPerProcess: 3 });
    const { engine } = shared;
    for (let at = 0; at < 7; at++) await engine.render(await quickJob());
    expect(engine.state()).toMatchObject({ done: 7, failed: 0, restarts: 2 });
  }, 120_000);

  test.if(process.platform === "linux")(
    "yield to the rest of the program",
    async () => {
      await using shared = testEngine({ processes: 1 });
      await shared.engine.render(await quickJob());
      const [pid = 0] = shared.engine.pids;
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim()).toBe("1000");
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      expect(Number(stat[16])).toBe(10);
      // Nothing of this process's environment is told to it.
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean).sort();
      expect(environment.map((entry) => entry.split("=")[0])).toEqual([
        "BUN_ENABLE_CRASH_REPORTING",
        "DO_NOT_TRACK",
        "GLIBC_TUNABLES",
        "MALLOC_ARENA_MAX",
        "TMPDIR",
        "UV_THREADPOOL_SIZE",
        "VIPS_WARNING",
      ]);
    },
    120_000,
  );

  test("signals that a terminal sends to everyone do not end a job at hand", async () => {
    await using shared = testEngine({ processes: 1 });
    const { engine } = shared;
    await engine.render(await quickJob());
    const [pid = 0] = engine.pids;
    process.kill(pid, "SIGINT");
    process.kill(pid, "SIGTERM");
    await engine.render({ ...(await slowJob()), effort: 0 });
    process.kill(pid, "SIGTERM");
    await engine.render(await quickJob());
    expect(engine.pids).toEqual([pid]);
  }, 120_000);

  test.if(process.platform === "linux")(
    "none outlives the program, however that ends",
    async () => {
      const script = `
      const { createEngine, usualLimits } = await import(${JSON.stringify(join(import.meta.dir, "engine-pool.ts"))});
      const { systemClock } = await import(${JSON.stringify(join(import.meta.dir, "../../kit/clock.ts"))});
      const { fileOf, picture } = await import(${JSON.stringify(join(import.meta.dir, "image-fixture.ts"))});
      const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
      const engine = createEngine({ limits: usualLimits, folder: "", clock: systemClock, log, processes: 2 });
      const source = await fileOf(picture(400, 300), "jpeg");
      // One rests, the other is in the middle of something long.
      await Promise.all([0, 1].map(() => engine.render({ source, spec: { kind: "box", width: 60 } })));
      void engine.render({ source, spec: { kind: "box", width: 4000 }, format: "avif", effort: 6 });
      process.stdout.write(engine.pids.join(" ") + "\\n");
      await new Promise(() => {});`;
      const parent = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
      let printed = "";
      for await (const piece of parent.stdout) {
        printed += new TextDecoder().decode(piece);
        if (printed.includes("\n")) break;
      }
      const pids = printed.trim().split(" ").map(Number);
      expect(pids.map(isAlive)).toEqual([true, true]);
      parent.kill("SIGKILL");
      await parent.exited;
      await until("they are gone", () => pids.every((pid) => !isAlive(pid)));
    },
    120_000,
  );

  test("closing ends everything at once", async () => {
    const shared = testEngine({ processes: 1 });
    const { engine } = shared;
    const running = codeOf(engine.render(await slowJob()));
    const waiting = codeOf(engine.render(await quickJob()));
    await until("one works", () => engine.state().busy === 1);
    const { pids } = engine;
    await shared[Symbol.asyncDispose]();
    expect([await running, await waiting]).toEqual(["reticulum/busy", "reticulum/busy"]);
    expect(pids.map(isAlive)).toEqual([false]);
    expect(engine.state()).toMatchObject({ processes: 0, waiting: 0 });
    expect(await codeOf(engine.render(await quickJob()))).toBe("reticulum/busy");
  }, 120_000);
});

describe("the queue", () => {
  test("overload is refused at once, with a time to wait, and nothing that was taken is lost", async () => {
    await using shared = testEngine({ processes: 1, waitingMax: 5 });
    const { engine } = shared;
    const job = await quickJob();
    const ends = await Promise.all(
      Array.from({ length: 20 }, () => engine.render(job).catch((fault: unknown) => fault)),
    );
    const refused = ends.filter((end) => end instanceof Fault);
    expect(refused.length).toBe(14);
    for (const fault of refused)
      expect([fault.code, fault.status, (fault.retryAfterMs ?? 0) >= 1000]).toEqual(["reticulum/busy", 503, true]);
    expect(engine.state()).toMatchObject({ done: 6, refused: 14, waiting: 0, waitingMax: 5 });
  }, 120_000);

  test("bytes of sources are bounded, too", async () => {
    const job = await quickJob();
    await using shared = testEngine({ processes: 1, heldBytesMax: job.source.byteLength * 2 });
    const copies = Array.from({ length: 4 }, () => ({ ...job, source: job.source.slice() }));
    const ends = await Promise.all(copies.map((copy) => codeOf(shared.engine.render(copy))));
    expect(ends.sort()).toEqual(["fine", "fine", "reticulum/busy", "reticulum/busy"]);
    // Many sizes of one image hold it once.
    const sizes = await Promise.all(
      [40, 41, 42, 43, 44].map((width) => codeOf(shared.engine.render({ ...job, spec: box(width) }))),
    );
    expect(sizes).toEqual(["fine", "fine", "fine", "fine", "fine"]);
  }, 120_000);

  test("who leaves while waiting is taken out, and who leaves a long job ends it", async () => {
    const clock = new ManualClock();
    await using shared = testEngine({ processes: 1, clock });
    const { engine } = shared;
    await engine.render(await quickJob());
    const [pid = 0] = engine.pids;
    const leaving = new AbortController();
    const long = engine.render(await slowJob(), { signal: leaving.signal }).catch((thrown: unknown) => thrown);
    const waiting = new AbortController();
    const second = engine.render(await quickJob(), { signal: waiting.signal }).catch((thrown: unknown) => thrown);
    await until("one works and one waits", () => engine.state().busy === 1 && engine.state().waiting === 1);
    waiting.abort();
    expect(await second).toMatchObject({ name: "AbortError" });
    expect(engine.state().waiting).toBe(0);
    leaving.abort();
    expect(await long).toMatchObject({ name: "AbortError" });
    // It might have been nearly done.
    clock.advance(499);
    expect([engine.state().busy, isAlive(pid)]).toEqual([1, true]);
    clock.advance(1);
    await until("its process is gone", () => !isAlive(pid));
    expect((await engine.render(await quickJob())).width).toBe(50);
    expect(engine.state()).toMatchObject({ failed: 0, done: 2 });
    expect(
      await engine.render(await quickJob(), { signal: AbortSignal.abort() }).catch((thrown: unknown) => thrown),
    ).toMatchObject({ name: "AbortError" });
  }, 120_000);

  test("a small job overtakes large ones that came before, an idle one goes last", async () => {
    // What comes late enough overtakes nobody: here all come at one instant.
    await using shared = testEngine({ processes: 1, clock: new ManualClock() });
    const { engine } = shared;
    const order: string[] = [];
    const add = async (name: string, job: RenderJob, idle = false) => {
      await engine.render(job, { idle });
      order.push(name);
    };
    const small = await quickJob();
    const large = { source: await fileOf(grain(2000, 1500), "jpeg"), spec: box(1500) };
    await Promise.all([
      add("first", small),
      add("idle", small, true),
      add("large", large),
      add("large", large),
      add("small", small),
    ]);
    expect(order).toEqual(["first", "small", "large", "large", "idle"]);
  }, 120_000);
});

describe("a decoder that was taken over", () => {
  const fakes: Record<string, string> = {
    "sends what is no frame": "process.stdout.write('x'.repeat(100))",
    "claims a body of four gigabytes": "out(head('WRD1', 2, 0xffffffff) + '{}')",
    "claims a head of four gigabytes": "out(head('WRD1', 0xffffffff, 0))",
    "sends a head that is not JSON": "out(head('WRD1', 2, 0) + '{(')",
    "answers what nobody asked":
      "say(ready); say({ kind: 'refused', id: 99, code: 'damaged', message: '', reason: '', rssBytes: 1 })",
    "answers in shapes that do not exist": "say(ready); say({ kind: 'rendered', id: 1, format: 'svg', width: -1 })",
    "ends at once": "process.exit(3)",
    "says why it cannot start": "say({ kind: 'unready', reason: 'no library' })",
    "closes its output and stays": "process.stdin.resume(); require('node:fs').closeSync(1)",
  };
  for (const [name, act] of Object.entries(fakes)) {
    test(`it ${name}: the job fails with a Fault, and nothing else`, async () => {
      const script = `
        const head = (magic, one, two) => { const b = Buffer.alloc(12); b.write(magic); b.writeUInt32LE(one, 4); b.writeUInt32LE(two, 8); return b.toString("latin1"); };
        const out = (text) => process.stdout.write(Buffer.from(text, "latin1"));
        const say = (value) => { const text = JSON.stringify(value); out(head("WRD1", text.length, 0) + text); };
        const ready = { kind: "ready", sharp: "1", vips: "1" };
        ${act};
        setTimeout(() => {}, 60000);`;
      await using shared = testEngine({ processes: 1, command: [process.execPath, "-e", script] });
      expect(await codeOf(shared.engine.render(await quickJob()))).toBe("reticulum/engine-died");
      await until("it is gone", () => shared.engine.pids.length === 0);
      expect(shared.engine.state()).toMatchObject({ done: 0, failed: 1, busy: 0 });
    }, 120_000);
  }
});

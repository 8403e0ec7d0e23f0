/**
 * Pictures of graphs as PNG. A painter is a process of its own that is started when the first picture is wanted, draws one at
 * a time, and is ended when none was wanted for a while; until then and after, pictures cost this process nothing.
 * Leaves out what is drawn: SVG comes from `lib/graph`.
 */
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Clock, systemClock } from "./clock.ts";
import { Fault, reasonOf } from "./fault.ts";
import { innerCommand } from "./self.ts";

/** The largest SVG that is taken. */
export const maxSvgBytes: number = 64 * 2 ** 20;
/** The largest picture. */
export const maxPicturePixels: number = 4096 * 4096;

/** What one picture may cost. */
export interface PictureOptions {
  readonly signal?: AbortSignal;
  /** From the call to the answer. @default 10 s */
  readonly timeoutMs?: number;
}

/** How pictures are made. */
export interface PainterOptions {
  readonly clock: Clock;
  /** The words that start the process. */
  readonly command: () => string[];
  /** The process ends when nothing was wanted for so long. */
  readonly idleMs: number;
  /** Pictures that may wait. */
  readonly queueMax: number;
}

interface Job {
  readonly svg: Uint8Array;
  readonly settle: (outcome: Uint8Array | Fault) => void;
  isOver: boolean;
}

type Child = Bun.Subprocess<"pipe", "pipe", "ignore">;

/** Nothing of this program's environment, which may hold secrets. */
const childEnvironment = {
  UV_THREADPOOL_SIZE: "2",
  MALLOC_ARENA_MAX: "2",
  BUN_ENABLE_CRASH_REPORTING: "0",
  DO_NOT_TRACK: "1",
  VIPS_WARNING: "1",
};

const unable = (cause: unknown) =>
  new Fault("unavailable", "kit/picture", "Cannot draw the picture: the painter of pictures failed", { cause });

/** Draws pictures one after the other. */
export class PicturePainter {
  readonly #options: PainterOptions;
  readonly #waiting: Job[] = [];
  #current: Job | undefined;
  #child: Child | undefined;
  #cancelIdle: (() => void) | undefined;

  constructor(options: PainterOptions) {
    this.#options = options;
  }

  /** The process that draws; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** See {@link pngOf}. */
  async paint(svg: string, { signal, timeoutMs = 10_000 }: PictureOptions = {}): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const { clock, queueMax } = this.#options;
    const bytes = new TextEncoder().encode(svg);
    if (bytes.byteLength > maxSvgBytes) {
      throw new Fault("too-large", "kit/picture-large", "Cannot draw the picture: it has too many lines");
    }
    if (this.#waiting.length >= queueMax) {
      throw new Fault("unavailable", "kit/picture-busy", "Cannot draw the picture: too many are wanted at once", {
        retryAfterMs: 1000,
      });
    }
    const { promise, resolve } = Promise.withResolvers<Uint8Array | Fault>();
    const job: Job = { svg: bytes, settle: resolve, isOver: false };
    const cancel = clock.schedule(timeoutMs, () => {
      this.#drop(job, new Fault("timeout", "kit/picture-slow", "Cannot draw the picture: it takes too long"));
    });
    const leave = () =>
      this.#drop(job, new Fault("timeout", "kit/picture-left", "Cannot draw the picture: nobody waits"));
    signal?.addEventListener("abort", leave, { once: true });
    this.#waiting.push(job);
    this.#next();
    const outcome = await promise;
    cancel();
    signal?.removeEventListener("abort", leave);
    signal?.throwIfAborted();
    if (outcome instanceof Fault) throw outcome;
    return outcome;
  }

  /** Ends the process; it starts again when it is wanted. */
  stop(): void {
    this.#cancelIdle?.();
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  /** Gives a job up. One that is being drawn takes the process with it, which cannot be told to stop. */
  #drop(job: Job, fault: Fault): void {
    if (job.isOver) return;
    this.#finish(job, fault);
    const at = this.#waiting.indexOf(job);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#current !== job) return;
    this.#current = undefined;
    this.stop();
    this.#next();
  }

  #finish(job: Job, outcome: Uint8Array | Fault): void {
    job.isOver = true;
    job.settle(outcome);
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const job = this.#waiting.shift();
    const { clock, idleMs } = this.#options;
    this.#cancelIdle?.();
    if (job === undefined) {
      if (this.#child !== undefined) this.#cancelIdle = clock.schedule(idleMs, () => this.stop());
      return;
    }
    this.#current = job;
    try {
      this.#child ??= this.#start();
      void this.#send(this.#child, job);
    } catch (thrown) {
      this.#ended(this.#child, job, reasonOf(thrown));
    }
  }

  async #send(child: Child, { svg }: Job): Promise<void> {
    try {
      const head = new DataView(new ArrayBuffer(4));
      head.setUint32(0, svg.byteLength);
      child.stdin.write(new Uint8Array(head.buffer));
      child.stdin.write(svg);
      await child.stdin.flush();
    } catch {
      // It is gone: its end says what becomes of the picture.
      child.kill("SIGKILL");
    }
  }

  #start(): Child {
    const child: Child = Bun.spawn(this.#options.command(), {
      stdio: ["pipe", "pipe", "ignore"],
      argv0: "warren",
      env: childEnvironment,
      onExit: (_child, exitCode, signal) => {
        this.#ended(child, this.#child === child ? this.#current : undefined, `it ended with ${signal ?? exitCode}`);
      },
    });
    // It must not keep this program from ending.
    child.unref();
    void this.#listen(child);
    return child;
  }

  async #listen(child: Child): Promise<void> {
    let held = new Uint8Array();
    try {
      for await (const piece of child.stdout) {
        held = held.byteLength === 0 ? new Uint8Array(piece) : new Uint8Array(Buffer.concat([held, piece]));
        if (held.byteLength < 5) continue;
        const view = new DataView(held.buffer, held.byteOffset);
        const end = 5 + view.getUint32(1);
        if (held.byteLength < end) continue;
        const body = held.slice(5, end);
        const isPicture = view.getUint8(0) === 1;
        held = held.slice(end);
        this.#answered(child, isPicture ? body : unable(new TextDecoder().decode(body)));
      }
    } catch (thrown) {
      this.#answered(child, unable(thrown));
      child.kill("SIGKILL");
    }
  }

  #answered(child: Child, outcome: Uint8Array | Fault): void {
    const job = this.#current;
    if (this.#child !== child || job === undefined) return;
    this.#current = undefined;
    this.#finish(job, outcome);
    this.#next();
  }

  /** The process is gone, by itself or because it was ended. */
  #ended(child: Child | undefined, job: Job | undefined, how: string): void {
    if (this.#child === child) this.#child = undefined;
    if (job === undefined || job.isOver) return;
    this.#current = undefined;
    this.#finish(job, unable(how));
    this.#next();
  }
}

/**
 * Where a single executable unpacks the image library: a folder that nobody else may write to. Its content is checked before
 * it is loaded.
 */
function libraryFolder(): string {
  const userId = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `warren-pictures-${userId}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (process.getuid !== undefined && (uid !== userId || (mode & 0o022) !== 0)) {
    throw new Error(`Cannot use the folder "${folder}": others may write to it`);
  }
  return folder;
}

let shared: PicturePainter | undefined;

/**
 * A PNG of the size that the SVG says. Only for SVG of this program's own making, as `lib/graph` draws it.
 * Faults: `kit/picture` (unavailable) when pictures cannot be made here, `kit/picture-busy` (unavailable) when too many wait,
 * `kit/picture-slow` (timeout), `kit/picture-large`. Throws the reason of `signal` when that aborts.
 */
export function pngOf(svg: string, options: PictureOptions = {}): Promise<Uint8Array> {
  shared ??= new PicturePainter({
    clock: systemClock,
    command: () => innerCommand("graph-painter", Bun.isStandaloneExecutable ? libraryFolder() : ""),
    idleMs: 60_000,
    queueMax: 500,
  });
  return shared.paint(svg, options);
}

/**
 * The engine on processes: a queue in front of a few decoders. Processes are started when there is work, kept warm, let go
 * after a while of rest (their memory goes back to the system with them) and replaced after many jobs or when they have
 * grown. A job whose process dies is tried once more on another; the others never notice. Nothing is decoded in this
 * process: it looks at the first bytes only.
 */
import { availableParallelism } from "node:os";

import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { DecoderAnswer, DecoderRequest } from "./decoder/message.ts";
import type { Engine, EngineState, ImageFacts, ImageLimits, Rendered, RenderJob } from "./engine.ts";
import { Decoder, type DecoderOutcome } from "./engine-decoder.ts";
import { estimateMs } from "./engine-estimate.ts";
import { closing, faultOf } from "./engine-fault.ts";
import { EngineQueue } from "./engine-queue.ts";
import { requireImage } from "./sniff.ts";

/** What an engine needs. */
export interface EngineOptions {
  readonly limits: ImageLimits;
  /** Where a single executable unpacks the image library it carries; made when needed. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Decoder processes at most. @default as many as there are cores */
  readonly processes?: number;
  /** Jobs that may wait. @default 256 */
  readonly waitingMax?: number;
  /** Bytes of the sources of all jobs that wait or run, each source counted once. @default 256 MiB */
  readonly heldBytesMax?: number;
  /** A process that had nothing to do for so long is let go. @default 60 s */
  readonly restMs?: number;
  /** A process is replaced after so many jobs. @default 5000 */
  readonly jobsPerProcess?: number;
  /** The words that start a decoder. @default this program's own */
  readonly command?: readonly string[];
}

/** Limits that suit photographs of today and a small machine. */
export const usualLimits: ImageLimits = {
  inputPixels: 100_000_000,
  inputBytes: 64 * 2 ** 20,
  pages: 1000,
  outputSide: 8192,
  outputPixels: 50_000_000,
  timeMs: 30_000,
  memoryBytes: 1024 * 2 ** 20,
};

type Answer = Extract<DecoderAnswer, { id: number }>;

interface Job {
  readonly request: DecoderRequest;
  readonly source: Uint8Array;
  readonly estimateMs: number;
  readonly sizeBytes: number;
  readonly idle: boolean;
  /** Set while it runs. */
  decoder: Decoder | undefined;
  deaths: number;
  /** A process ended with it: it shares none any more, so that it is known whose fault it is when that happens again. */
  isAlone: boolean;
  /** Nobody waits for it any more. */
  isAbandoned: boolean;
  readonly settle: (result: { answer: Answer; body: Uint8Array } | Error) => void;
}

/** A running job that nobody wants any more may go on for so long before its process is ended. */
const abandonedMs = 500;
/** A job of so much work at most may be laid out behind another such: a longer one would have others wait in its shadow. */
const followedMsMax = 30;

/** Starts nothing until the first job comes. */
export function createEngine(options: EngineOptions): ProcessEngine {
  return new ProcessEngine(options);
}

/** {@link Engine} on processes; made by {@link createEngine}. */
export class ProcessEngine implements Engine {
  readonly #options: Required<Omit<EngineOptions, "command">> & Pick<EngineOptions, "command">;
  readonly #queue: EngineQueue<Job>;
  readonly #waitingMax: number;
  readonly #decoders = new Set<Decoder>();
  /** What lets a resting process go. */
  readonly #rests = new Map<Decoder, () => void>();
  #isClosed = false;
  #requests = 0;
  #restarts = 0;
  #done = 0;
  #failed = 0;
  #refused = 0;

  constructor(options: EngineOptions) {
    this.#options = {
      processes: availableParallelism(),
      waitingMax: 256,
      heldBytesMax: 256 * 2 ** 20,
      restMs: 60_000,
      jobsPerProcess: 5000,
      ...options,
    };
    this.#waitingMax = this.#options.waitingMax;
    this.#queue = new EngineQueue({ waitingMax: this.#waitingMax, heldBytesMax: this.#options.heldBytesMax });
  }

  async probe(source: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<ImageFacts> {
    const { answer } = await this.#do(source, { kind: "probe" }, false, undefined, options.signal);
    if (answer.kind !== "probed") throw new TypeError(`A decoder answered "${answer.kind}" to a probe`);
    return answer.facts;
  }

  async render(job: RenderJob, options: { signal?: AbortSignal; idle?: boolean } = {}): Promise<Rendered> {
    const { source, ...wish } = job;
    const idle = options.idle ?? false;
    const { answer, body } = await this.#do(source, { kind: "render", job: wish, idle }, idle, job, options.signal);
    if (answer.kind !== "rendered") throw new TypeError(`A decoder answered "${answer.kind}" to a rendering`);
    const { format, width, height, pages } = answer;
    return { bytes: body, format, width, height, pages };
  }

  state(): EngineState {
    const decoders = [...this.#decoders];
    return {
      processes: decoders.length,
      busy: decoders.filter((decoder) => decoder.isBusy).length,
      waiting: decoders.reduce((sum, { waiting }) => sum + waiting, this.#queue.waiting + this.#queue.idle),
      waitingMax: this.#waitingMax,
      restarts: this.#restarts,
      done: this.#done,
      failed: this.#failed,
      refused: this.#refused,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const job of this.#queue.clear()) job.settle(closing());
    const decoders = [...this.#decoders];
    for (const decoder of decoders) decoder.kill();
    await Promise.all(decoders.map((decoder) => decoder.gone()));
  }

  /** Process ids, for tests that do harm to them. */
  get pids(): number[] {
    return [...this.#decoders].map(({ pid }) => pid);
  }

  async #do(
    source: Uint8Array,
    wish: { kind: "probe" } | { kind: "render"; job: Omit<RenderJob, "source">; idle: boolean },
    idle: boolean,
    job: RenderJob | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ answer: Answer; body: Uint8Array }> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw closing();
    const { limits, clock } = this.#options;
    if (source.byteLength > limits.inputBytes)
      throw this.#refusal(
        new Fault(
          "too-large",
          "reticulum/too-large",
          `Cannot take the image: it has ${source.byteLength} bytes, at most ${limits.inputBytes} are taken`,
        ),
      );
    const sniffed = this.#sniff(source);
    const { promise, resolve, reject } = Promise.withResolvers<{ answer: Answer; body: Uint8Array }>();
    const { inputPixels, pages, outputSide, outputPixels } = limits;
    const entry: Job = {
      request: { ...wish, id: ++this.#requests, limits: { inputPixels, pages, outputSide, outputPixels } },
      source,
      estimateMs: estimateMs(sniffed, job),
      sizeBytes: source.byteLength,
      idle,
      decoder: undefined,
      deaths: 0,
      isAlone: false,
      isAbandoned: false,
      settle: (result) => {
        signal?.removeEventListener("abort", abandon);
        if (result instanceof Error) reject(result);
        else resolve(result);
      },
    };
    const abandon = () => this.#abandon(entry, signal?.reason);
    if (!this.#queue.add(entry, clock.monotonicMs())) throw this.#refusal(this.#busy());
    signal?.addEventListener("abort", abandon, { once: true });
    this.#pump();
    return promise;
  }

  #sniff(source: Uint8Array) {
    try {
      return requireImage(source);
    } catch (thrown) {
      this.#refused++;
      throw thrown;
    }
  }

  #refusal(fault: Fault): Fault {
    this.#refused++;
    return fault;
  }

  #busy(): Fault {
    const workMs = this.#queue.estimateMs / this.#options.processes;
    return new Fault("unavailable", "reticulum/busy", "Cannot make the image now: too many are waiting", {
      retryAfterMs: Math.min(30_000, Math.max(1000, Math.ceil(workMs))),
    });
  }

  /** Gives work to whoever is free, and starts processes while there is more work than there are of them. */
  #pump(): void {
    while (!this.#isClosed) {
      const idlers = [...this.#decoders].filter((decoder) => !decoder.isBusy && !decoder.isOver);
      const hasRoom = this.#decoders.size < this.#options.processes;
      if (idlers.length === 0 && !hasRoom) {
        this.#layOut();
        return;
      }
      const job = this.#queue.take(this.#mayIdle());
      if (job === undefined) return;
      const decoder = idlers[0] ?? this.#start();
      void this.#run(decoder, job);
    }
  }

  /** Gives short jobs to those that will be done with one soon: they would rest while the next is fetched. */
  #layOut(): void {
    for (const decoder of this.#decoders) {
      if (this.#isWorn(decoder, 1)) continue;
      const job = this.#queue.take(false, (next) => isShort(next) && decoder.takesMore(next.sizeBytes));
      if (job) void this.#run(decoder, job);
    }
  }

  /** Work that nobody waits for leaves one process free, when there are several, for who comes next. */
  #mayIdle(): boolean {
    const busy = [...this.#decoders].filter((decoder) => decoder.isBusy).length;
    return busy === 0 || busy < this.#options.processes - 1;
  }

  #start(): Decoder {
    const { limits, folder, clock, command } = this.#options;
    const decoder: Decoder = new Decoder({
      limits,
      folder,
      clock,
      ...(command && { command }),
      onThrough: () => {
        this.#tend(decoder);
        this.#pump();
      },
      onEnd: () => {
        this.#decoders.delete(decoder);
        this.#wake(decoder);
        this.#pump();
      },
    });
    this.#decoders.add(decoder);
    return decoder;
  }

  async #run(decoder: Decoder, job: Job): Promise<void> {
    this.#wake(decoder);
    job.decoder = decoder;
    const outcome = await decoder.run(job.request, job.source, isShort(job));
    job.decoder = undefined;
    this.#tend(decoder);
    if (this.#isTriedAgain(job, outcome)) this.#queue.putBack(job);
    else {
      this.#queue.release(job);
      if (!job.isAbandoned) job.settle(this.#resultOf(outcome));
    }
    this.#pump();
  }

  #isTriedAgain(job: Job, outcome: DecoderOutcome): boolean {
    if (outcome.kind !== "died" && outcome.kind !== "given-back") return false;
    // It may have been at the next one when it ended, with its answer to the one before still on its way.
    job.isAlone ||= outcome.kind === "died" || outcome.died;
    if (job.isAbandoned || this.#isClosed) return false;
    if (outcome.kind === "given-back") return true;
    if (++job.deaths >= 2) return false;
    this.#options.log.warn("A decoder died; its job is tried once more", { reason: outcome.reason });
    this.#restarts++;
    return true;
  }

  /** What becomes of a process after a job. */
  #tend(decoder: Decoder): void {
    if (decoder.isOver || decoder.isBusy) return;
    this.#wake(decoder);
    const { clock, restMs } = this.#options;
    if (this.#isWorn(decoder, 0)) {
      this.#restarts++;
      decoder.retire();
      return;
    }
    this.#rests.set(
      decoder,
      clock.schedule(restMs, () => {
        this.#rests.delete(decoder);
        if (!decoder.isBusy && !decoder.isOver) decoder.retire();
      }),
    );
  }

  /** Whether it is to be replaced after what it has at hand, `jobs` of them. */
  #isWorn(decoder: Decoder, jobs: number): boolean {
    const { jobsPerProcess, limits } = this.#options;
    // Half of what it may have at most: the next large image would find no room otherwise.
    return decoder.jobsDone + jobs >= jobsPerProcess || decoder.rssBytes > limits.memoryBytes / 2;
  }

  #wake(decoder: Decoder): void {
    this.#rests.get(decoder)?.();
    this.#rests.delete(decoder);
  }

  #resultOf(outcome: DecoderOutcome): { answer: Answer; body: Uint8Array } | Error {
    if (outcome.kind === "answer" && outcome.answer.kind !== "refused") {
      this.#done++;
      return { answer: outcome.answer as Answer, body: outcome.body };
    }
    this.#failed++;
    if (outcome.kind !== "answer" && outcome.kind !== "cancelled" && outcome.kind !== "given-back") {
      if (outcome.kind !== "died") this.#restarts++;
      this.#options.log.warn("A decoder was lost", {
        why: outcome.kind,
        reason: "reason" in outcome ? outcome.reason : undefined,
      });
    }
    return faultOf(outcome, this.#options.limits);
  }

  /** Nobody waits for it any more: taken out, or ended unless it is nearly done. */
  #abandon(job: Job, reason: unknown): void {
    const { decoder } = job;
    job.isAbandoned = true;
    job.settle(reason instanceof Error ? reason : new DOMException("The job was abandoned", "AbortError"));
    if (this.#queue.remove(job) || !decoder) return;
    this.#options.clock.schedule(abandonedMs, () => {
      // One that it did not come to yet harms nobody.
      if (job.decoder === decoder && !decoder.isOver && decoder.isAt(job.request.id)) {
        this.#restarts++;
        decoder.kill();
      }
    });
  }
}

function isShort(job: Job): boolean {
  return !job.isAlone && !job.idle && job.estimateMs <= followedMsMax;
}

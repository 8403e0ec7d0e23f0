/**
 * One decoder as the engine sees it: a child process that does one job at a time. A second one may be laid out for it, so
 * that it goes on at once; until it gets there nothing is counted against that one, and whatever happens to the first gives
 * it back unharmed. It is killed when a job takes too long or the process too much memory, and whatever happens to it
 * becomes an outcome of the job at hand. What it sends is held against the protocol; a single wrong byte ends it. It starts
 * when it is made, and cannot outlive this program.
 */
import { readFileSync } from "node:fs";

import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import { innerCommand } from "../../kit/self.ts";
import { encodeHead, FrameReader } from "./decoder/frame.ts";
import { answerShape, type DecoderAnswer, type DecoderRequest } from "./decoder/message.ts";
import type { ImageLimits } from "./engine.ts";
import { openShelf, type Shelf, windowBytes } from "./engine-shelf.ts";

/** How a job ended. */
export type DecoderOutcome =
  | { readonly kind: "answer"; readonly answer: DecoderAnswer & { id: number }; readonly body: Uint8Array }
  /** It was ended for time, for memory, or because the caller left. */
  | { readonly kind: "too-slow" | "too-large" | "cancelled" }
  /** It ended by itself. */
  | { readonly kind: "died"; readonly reason: string }
  /** It never became ready, and another one will not either. */
  | { readonly kind: "unable"; readonly reason: string }
  /** It did not get to this job, and will not be asked what becomes of it; `died` when it ended by itself. */
  | { readonly kind: "given-back"; readonly died: boolean };

/** A job that it has, or had: what comes of one without `settle` is of no account. */
interface Entry {
  readonly id: number;
  readonly shelf: number | undefined;
  /** Another one may be laid out behind it. */
  readonly mayBeFollowed: boolean;
  settle: ((outcome: DecoderOutcome) => void) | undefined;
}

type DecoderEnd = Exclude<DecoderOutcome, { kind: "answer" | "given-back" }>;

/** What a decoder needs. */
export interface DecoderOptions {
  readonly limits: ImageLimits;
  /** Where a single executable unpacks the image library. */
  readonly folder: string;
  readonly clock: Clock;
  /** Called when it is through with a job that it had given back before. */
  readonly onThrough: () => void;
  /** Called once when the process is gone. */
  readonly onEnd: () => void;
  /** The words that start it. @default this program's own decoder */
  readonly command?: readonly string[];
}

/** From its start to its first words. */
const startTimeoutMs = 15_000;
/** Between looks at the memory of a process that works. */
const memoryLookMs = 25;
/** After so many looks at one job the one behind it is given back: another process may be free before. */
const looksPatient = 4;
/** Shelves of a decoder: for the job at hand, and for the next. */
const shelfCount = 2;
/** Between the end of what it says and its own end. */
const exitTimeoutMs = 1000;
/** What comes beside the pixels of a result in the worst of formats. */
const bodySlackBytes = 4 * 2 ** 20;

const nothing = new Uint8Array();

/** A decoder process. */
export class Decoder {
  readonly #options: DecoderOptions;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "ignore">;
  readonly #shelves: readonly Shelf[] = openShelves();
  readonly #cancels = new Set<() => void>();
  readonly #gone = Promise.withResolvers<void>();
  #isReady = false;
  #isGone = false;
  #end: DecoderEnd | undefined;
  /** What it has to do, in order; it is at the first. */
  #entries: Entry[] = [];
  #jobsDone = 0;
  #rssBytes = 0;

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#child = Bun.spawn([...(options.command ?? innerCommand("image-decoder", options.folder))], {
      stdio: ["pipe", "pipe", "ignore", ...this.#shelves.map(({ descriptor }) => descriptor)],
      argv0: "warren",
      // Nothing of this program's environment, which may hold secrets.
      env: {
        UV_THREADPOOL_SIZE: "2",
        MALLOC_ARENA_MAX: "2",
        // Small pieces are not gathered for later: each large one that is freed would have them all put together first.
        GLIBC_TUNABLES: "glibc.malloc.mxfast=0",
        BUN_ENABLE_CRASH_REPORTING: "0",
        DO_NOT_TRACK: "1",
        VIPS_WARNING: "1",
        TMPDIR: "/tmp",
      },
      onExit: (_child, exitCode, signal) => this.#exited(signal ? `by signal ${signal}` : `with code ${exitCode}`),
    });
    this.#after(startTimeoutMs, () => {
      if (!this.#isReady) this.#finish({ kind: "unable", reason: "it did not start in time" });
    });
    void this.#listen();
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Has a job. */
  get isBusy(): boolean {
    return this.#entries.length > 0;
  }

  /** Whether it is at that job, and not only to come to it. */
  isAt(id: number): boolean {
    return this.#entries[0]?.id === id;
  }

  /** Has one job, and a second of so many bytes may be laid out for it. */
  takesMore(sizeBytes: number): boolean {
    const [first, second] = this.#entries;
    if (!this.#isReady || this.isOver || second !== undefined || first?.settle === undefined) return false;
    return first.mayBeFollowed && this.#shelves.length === shelfCount && sizeBytes <= windowBytes;
  }

  /** Jobs that wait for it to come to them. */
  get waiting(): number {
    return this.#entries.slice(1).filter(({ settle }) => settle).length;
  }

  /** Takes no more jobs. */
  get isOver(): boolean {
    return this.#isGone || this.#end !== undefined;
  }

  /** Jobs that it answered. */
  get jobsDone(): number {
    return this.#jobsDone;
  }

  /** Resident memory after its last job. */
  get rssBytes(): number {
    return this.#rssBytes;
  }

  /** Does one job; never rejects. Only for one that is not over, and not busy unless it {@link takesMore}. */
  run(request: DecoderRequest, source: Uint8Array, mayBeFollowed = false): Promise<DecoderOutcome> {
    const { promise, resolve } = Promise.withResolvers<DecoderOutcome>();
    const taken = this.#entries[0]?.shelf;
    const free = this.#shelves.findIndex((_shelf, at) => at !== taken);
    const shelf = this.#shelves[free]?.put(source) ? free : undefined;
    this.#entries.push({ id: request.id, shelf, mayBeFollowed, settle: resolve });
    if (this.#isReady && this.#entries.length === 1) this.#watch();
    if (shelf === undefined) {
      void this.#send(encodeHead(request, source.byteLength), source);
    } else {
      void this.#send(encodeHead({ ...request, shared: { shelf, sizeBytes: source.byteLength } }, 0), nothing);
    }
    return promise;
  }

  /** Ends it at once; the job at hand ends as cancelled. */
  kill(): void {
    this.#finish({ kind: "cancelled" });
  }

  /** Lets it end by itself. Only for one that is not busy. */
  retire(): void {
    this.#end ??= { kind: "cancelled" };
    // It has nothing to do and ends at once; one that hangs all the same is helped.
    this.#after(exitTimeoutMs, () => this.#child.kill("SIGKILL"));
    void this.#closeInput();
  }

  /** Resolves when the process is gone. */
  gone(): Promise<void> {
    return this.#gone.promise;
  }

  async #closeInput(): Promise<void> {
    try {
      await this.#child.stdin.end();
    } catch {
      // It was gone before.
      this.#child.kill("SIGKILL");
    }
  }

  async #send(head: Uint8Array, source: Uint8Array): Promise<void> {
    try {
      this.#child.stdin.write(head);
      this.#child.stdin.write(source);
      await this.#child.stdin.flush();
    } catch (thrown) {
      this.#finish({ kind: "died", reason: reasonOf(thrown) });
    }
  }

  /** Holds the job at hand to its time and the process to its memory. */
  #watch(): void {
    const { limits } = this.#options;
    this.#after(limits.timeMs, () => this.#finish({ kind: "too-slow" }));
    let looks = 0;
    const look = () => {
      if (++looks === looksPatient) this.#giveBack(false);
      if (residentBytes(this.pid) > limits.memoryBytes) this.#finish({ kind: "too-large" });
      else this.#after(memoryLookMs, look);
    };
    this.#after(memoryLookMs, look);
  }

  #after(delayMs: number, callback: () => void): void {
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
  }

  #stopWatching(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  async #listen(): Promise<void> {
    // Four bytes a pixel is what the least compact of encoders may come to.
    const reader = new FrameReader(this.#options.limits.outputPixels * 5 + bodySlackBytes);
    try {
      for await (const piece of this.#child.stdout) {
        for (const { head, body } of reader.push(piece)) this.#take(answerShape.parse(head), body);
      }
      this.#after(exitTimeoutMs, () => this.#finish({ kind: "died", reason: "it closed its output" }));
    } catch (thrown) {
      this.#finish({ kind: "died", reason: `it broke the protocol: ${reasonOf(thrown)}` });
    }
  }

  #take(answer: DecoderAnswer, body: Uint8Array): void {
    if (this.isOver) return;
    if (answer.kind === "unready") {
      this.#finish({ kind: "unable", reason: answer.reason });
      return;
    }
    if (answer.kind === "ready") {
      if (this.#isReady) throw new RangeError("it said twice that it is ready");
      this.#isReady = true;
      this.#stopWatching();
      if (this.isBusy) this.#watch();
      return;
    }
    const [entry] = this.#entries;
    if (entry?.id !== answer.id) throw new RangeError("it answered what nobody asked");
    this.#stopWatching();
    this.#entries.shift();
    if (entry.shelf !== undefined) this.#shelves[entry.shelf]?.clear();
    this.#jobsDone++;
    this.#rssBytes = answer.rssBytes;
    // It has begun with the next.
    if (this.isBusy) this.#watch();
    if (entry.settle) entry.settle({ kind: "answer", answer, body });
    else this.#options.onThrough();
  }

  /** Others may do what it did not come to. What it makes of that all the same is of no account. */
  #giveBack(died: boolean): void {
    for (const entry of this.#entries.slice(1)) {
      entry.settle?.({ kind: "given-back", died });
      entry.settle = undefined;
    }
  }

  /** Ends the process; what is at hand ends as `end` when the process is really gone, so that its memory is free by then. */
  #finish(end: DecoderEnd): void {
    if (this.isOver) return;
    this.#end = end;
    this.#stopWatching();
    this.#child.kill("SIGKILL");
  }

  #exited(how: string): void {
    this.#isGone = true;
    this.#stopWatching();
    for (const shelf of this.#shelves) shelf.close();
    this.#end ??= { kind: "died", reason: `it ended ${how}` };
    this.#entries[0]?.settle?.(this.#end);
    this.#giveBack(this.#end.kind === "died");
    this.#entries = [];
    this.#options.onEnd();
    this.#gone.resolve();
  }
}

function openShelves(): Shelf[] {
  const shelves: Shelf[] = [];
  for (let at = 0; at < shelfCount; at++) {
    const shelf = openShelf();
    if (shelf === undefined) break;
    shelves.push(shelf);
  }
  return shelves;
}

/** Resident memory of a process, where the system tells it, else 0. */
export function residentBytes(pid: number): number {
  try {
    const match = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(match?.[1] ?? 0) * 1024;
  } catch (thrown) {
    // No such file: another system, or a process that has just ended.
    if (thrown instanceof Error && "code" in thrown) return 0;
    throw thrown;
  }
}

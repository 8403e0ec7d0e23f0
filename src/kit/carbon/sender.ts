/**
 * Sends points to a store of metrics, in Graphite's plain or pickled form, and does not lose them while it is away:
 * batches wait in a bounded spool on disk and are caught up with, oldest first, before anything new goes out. Sending
 * never waits and never throws. A connection that ends by itself has what was written in its last seconds sent again;
 * points carry their time, so a second copy changes nothing.
 *
 * Left out: several targets (make several senders), and aggregation.
 */
import type { Point } from "../../lib/graphite/path.ts";
import { encodePickleFrame } from "../../lib/graphite/pickle.ts";
import { type Clock, sleep } from "../clock.ts";
import { reasonOf } from "../fault.ts";
import { letGo } from "../let-go.ts";
import type { Logger } from "../log.ts";
import type { Delivery } from "./delivery.ts";
import { LineBuffer, withoutBlanks } from "./line-buffer.ts";
import { type Batch, Spool } from "./spool.ts";

/** How points become bytes. */
export type CarbonProtocol = "line" | "pickle";

/** What a sender is made of. */
export interface CarbonOptions {
  /** The target in words, such as `graphite.example:2003`. */
  name: string;
  delivery: Delivery;
  /** @default line */
  protocol?: CarbonProtocol;
  /** A folder of its own; only this sender may use it. */
  spoolFolder: string;
  /** @default 64 MiB */
  spoolMaxBytes?: number;
  clock: Clock;
  log: Logger;
  /** The first wait after a failure; it doubles up to 30 s. @default 1000 */
  retryMs?: number;
}

/** How a sender stands. Instants are epoch ms, 0 for never. */
export interface CarbonState {
  readonly name: string;
  /** The last attempt succeeded, or there was none. */
  readonly isUp: boolean;
  readonly sentPoints: number;
  readonly sentBytes: number;
  /** Bytes that wait, in memory and on disk. */
  readonly waitingBytes: number;
  readonly spooledBytes: number;
  /** Dropped because the spool was full or could not be written. */
  readonly droppedPoints: number;
  readonly droppedBytes: number;
  readonly lastSentAt: number;
  readonly lastFailedAt: number;
  /** Why the last attempt failed, empty when it did not. */
  readonly failure: string;
  /** What the last complete batch took: bytes, and ms until it was written. */
  readonly lastLengthBytes: number;
  readonly lastWriteMs: number;
}

/** Takes the points of one flush as they are made. */
export interface CarbonBatch {
  add(path: string, value: number, atSeconds: number): void;
  /** Hands over what was gathered; the batch takes no more after it. */
  end(): void;
}

const batchBytes = 64 * 1024;
const pickleMaxPoints = 500;
const retryMaxMs = 30_000;
/** What was written this long before a connection broke may not have arrived. */
const doubtMs = 2000;
/** And of so many bytes at most, about what a kernel holds of a connection. */
const doubtBytes = 1024 * 1024;
/** The spool of a slow target refuses now and then; with nothing lost for so long, it is over. */
const lossEndsMs = 60_000;
/** Batches in memory while the target takes them. */
const memoryMaxBytes = 4 * 1024 * 1024;

/** A sender to one target; a PointSink that can be closed. */
export class CarbonSender {
  readonly #options: CarbonOptions;
  readonly #spool: Spool;
  readonly #queue: Batch[] = [];
  readonly #recent: { batch: Batch; sentMs: number }[] = [];
  readonly #stopping = new AbortController();
  readonly #finished: Promise<void>;
  #queueBytes = 0;
  #recentBytes = 0;
  #waiting = new AbortController();
  #settled: (() => void)[] = [];
  #isBusy = false;
  #isUp = true;
  #failure = "";
  #sentPoints = 0;
  #sentBytes = 0;
  #lostPoints = 0;
  #lostBytes = 0;
  /** While the spool refuses: what had been lost before, and when it last refused. */
  #loss: { readonly points: number; readonly bytes: number; lastMs: number } | undefined;
  #lastSentAt = 0;
  #lastFailedAt = 0;
  #lastLengthBytes = 0;
  #lastWriteMs = 0;

  /** Opens the spool and begins with what is in it. Throws the system's error when the folder cannot be used. */
  constructor(options: CarbonOptions) {
    this.#options = options;
    this.#spool = new Spool(
      options.spoolFolder,
      options.spoolMaxBytes ?? 64 * 1024 * 1024,
      options.protocol === "pickle" ? wholeFrames : wholeLines,
    );
    options.delivery.lost = () => this.#sendAgain();
    this.#finished = this.#run();
  }

  send(points: Iterable<Point>): void {
    const batch = this.batch();
    for (const { path, value, atSeconds } of points) batch.add(path, value, atSeconds);
    batch.end();
  }

  /** Takes points one by one, without a list of all of them. */
  batch(): CarbonBatch {
    const take = (batch: Batch) => this.#take(batch);
    if (this.#options.protocol !== "pickle") return new LineBuffer(batchBytes, take);
    let points: Point[] = [];
    const end = () => {
      if (points.length > 0) take({ bytes: encodePickleFrame(points), points: points.length });
      points = [];
    };
    return {
      add(path, value, atSeconds) {
        points.push({ path: withoutBlanks(path), value, atSeconds });
        if (points.length >= pickleMaxPoints) end();
      },
      end,
    };
  }

  state(): CarbonState {
    const { bytes, points } = this.#spool.dropped;
    const spooledBytes = this.#spool.sizeBytes;
    return {
      name: this.#options.name,
      isUp: this.#isUp,
      sentPoints: this.#sentPoints,
      sentBytes: this.#sentBytes,
      waitingBytes: this.#queueBytes + spooledBytes,
      spooledBytes,
      droppedPoints: points + this.#lostPoints,
      droppedBytes: bytes + this.#lostBytes,
      lastSentAt: this.#lastSentAt,
      lastFailedAt: this.#lastFailedAt,
      failure: this.#failure,
      lastLengthBytes: this.#lastLengthBytes,
      lastWriteMs: this.#lastWriteMs,
    };
  }

  /** Resolves when nothing waits any more, or the first attempt after now failed. */
  settled(): Promise<void> {
    if (!this.#isBusy && this.#queue.length === 0 && (this.#spool.sizeBytes === 0 || !this.#isUp)) {
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** Delivers what it can at once, spools the rest, and ends. May be called twice. */
  async close(): Promise<void> {
    if (this.#isUp && !this.#stopping.signal.aborted) {
      const late = new AbortController();
      await Promise.race([this.settled(), sleep(this.#options.clock, 2000, late.signal)]);
      late.abort();
    }
    this.#stopping.abort();
    this.#waiting.abort();
    await this.#options.delivery.close();
    await this.#finished;
    this.#toDisk();
    this.#lossIsOver();
  }

  #take(batch: Batch): void {
    // While the target is away everything goes to the disk, where a kill does not reach it.
    if (!this.#isUp || this.#stopping.signal.aborted || this.#queueBytes > memoryMaxBytes) {
      this.#toDisk();
      // Where the disk refuses too, the newest waits in memory: with nothing to try, nobody would see the target back.
      if (!this.#isSpooled(batch)) this.#enqueue(batch);
    } else this.#enqueue(batch);
    this.#waiting.abort();
  }

  #enqueue(batch: Batch): void {
    this.#queue.push(batch);
    this.#queueBytes += batch.bytes.length;
  }

  #keep(batch: Batch): void {
    if (this.#isSpooled(batch)) return;
    this.#lostPoints += batch.points;
    this.#lostBytes += batch.bytes.length;
  }

  /** Whether the spool took it. A refusal is logged once, for a full disk refuses every batch for hours. */
  #isSpooled(batch: Batch): boolean {
    const { clock, log, name } = this.#options;
    try {
      this.#spool.append(batch);
      this.#lossIsOver();
      return true;
    } catch (thrown) {
      if (this.#loss === undefined)
        log.error("Points for a target that is away cannot be spooled and are lost", {
          target: name,
          reason: reasonOf(thrown),
        });
      this.#loss ??= { points: this.#lostPoints, bytes: this.#lostBytes, lastMs: 0 };
      this.#loss.lastMs = clock.monotonicMs();
      return false;
    }
  }

  #lossIsOver(): void {
    if (this.#loss === undefined) return;
    this.#options.log.warn("Points that could not be spooled were lost; it is over", {
      target: this.#options.name,
      points: this.#lostPoints - this.#loss.points,
      bytes: this.#lostBytes - this.#loss.bytes,
    });
    this.#loss = undefined;
  }

  #toDisk(): void {
    for (const batch of this.#queue.splice(0)) this.#keep(batch);
    this.#queueBytes = 0;
  }

  #sendAgain(): void {
    const since = this.#options.clock.monotonicMs() - doubtMs;
    const doubtful = this.#recent.splice(0).filter(({ sentMs }) => sentMs >= since);
    this.#recentBytes = 0;
    for (const { batch } of doubtful) this.#keep(batch);
    if (doubtful.length > 0) this.#waiting.abort();
  }

  async #run(): Promise<void> {
    const { clock, delivery, log, name, retryMs = 1000 } = this.#options;
    let pauseMs = retryMs;
    while (!this.#stopping.signal.aborted) {
      const fromDisk = this.#firstOnDisk();
      const next = fromDisk ?? this.#queue[0];
      if (!next) {
        this.#settle();
        this.#waiting = new AbortController();
        await sleep(clock, 60_000, this.#waiting.signal);
        continue;
      }
      if (!fromDisk) {
        this.#queue.shift();
        this.#queueBytes -= next.bytes.length;
      }
      const startedMs = clock.monotonicMs();
      this.#isBusy = true;
      try {
        await delivery.write(next.bytes);
        this.#wrote(next, clock.monotonicMs() - startedMs);
        fromDisk?.remove();
        if (!this.#isUp) log.info("A target of metrics takes them again", { target: name });
        if (this.#loss && (!this.#isUp || clock.monotonicMs() - this.#loss.lastMs >= lossEndsMs)) this.#lossIsOver();
        this.#isUp = true;
        this.#failure = "";
        pauseMs = retryMs;
      } catch (thrown) {
        const reason = reasonOf(thrown);
        if (this.#isUp && !this.#stopping.signal.aborted)
          log.warn("A target of metrics cannot be reached; points are spooled", { target: name, reason });
        this.#isUp = false;
        this.#failure = reason;
        this.#lastFailedAt = clock.now();
        if (!fromDisk) this.#keep(next);
        this.#toDisk();
        this.#isBusy = false;
        this.#settle();
        await sleep(clock, pauseMs, this.#stopping.signal);
        pauseMs = Math.min(pauseMs * 2, retryMaxMs);
      }
      this.#isBusy = false;
    }
    this.#settle();
  }

  #firstOnDisk(): ReturnType<Spool["first"]> {
    try {
      return this.#spool.first();
    } catch (thrown) {
      this.#options.log.error("Spooled points cannot be read", {
        target: this.#options.name,
        reason: reasonOf(thrown),
      });
      return undefined;
    }
  }

  #wrote(batch: Batch, tookMs: number): void {
    const { clock, delivery } = this.#options;
    this.#sentPoints += batch.points;
    this.#sentBytes += batch.bytes.length;
    this.#lastSentAt = clock.now();
    this.#lastLengthBytes = batch.bytes.length;
    this.#lastWriteMs = tookMs;
    if (delivery.hasReceipts) return;
    const nowMs = clock.monotonicMs();
    this.#recent.push({ batch, sentMs: nowMs });
    this.#recentBytes += batch.bytes.length;
    for (let oldest = this.#recent[0]; oldest; oldest = this.#recent[0]) {
      if (oldest.sentMs >= nowMs - doubtMs && this.#recentBytes <= doubtBytes) break;
      this.#recent.shift();
      this.#recentBytes -= oldest.batch.bytes.length;
      letGo(oldest.batch.bytes);
    }
  }

  #settle(): void {
    for (const settled of this.#settled.splice(0)) settled();
  }
}

/** How many of these bytes are whole lines. */
function wholeLines(bytes: Uint8Array): number {
  return bytes.lastIndexOf(10) + 1;
}

/** How many of these bytes are whole frames of pickles. */
function wholeFrames(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) break;
    at = end;
  }
  return at;
}

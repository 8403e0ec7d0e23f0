/**
 * Sends points to a store of metrics, in Graphite's plain or pickled form, and does not lose them while it is away:
 * batches wait in a bounded spool on disk and are caught up with, oldest first, before anything new goes out. Sending
 * never waits and never throws. A connection that ends by itself has what was written in its last seconds sent again;
 * points carry their time, so a second copy changes nothing.
 *
 * Left out: several targets (make several senders), and aggregation.
 */
import { encodeLine } from "../../lib/graphite/line.ts";
import type { Point } from "../../lib/graphite/path.ts";
import { encodePickleFrame } from "../../lib/graphite/pickle.ts";
import { type Clock, sleep } from "../clock.ts";
import { reasonOf } from "../fault.ts";
import { letGo } from "../let-go.ts";
import type { Logger } from "../log.ts";
import type { Delivery } from "./delivery.ts";
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
    const isPickle = this.#options.protocol === "pickle";
    // Lines are written where they will be sent from: a flush of many names would otherwise leave their texts behind.
    let lines: Buffer | undefined;
    let sizeBytes = 0;
    let points: Point[] = [];
    let count = 0;
    const pass = () => {
      if (count === 0) return;
      const bytes = isPickle ? encodePickleFrame(points) : new Uint8Array((lines as Buffer).subarray(0, sizeBytes));
      this.#take({ bytes, points: count });
      sizeBytes = 0;
      points = [];
      count = 0;
    };
    const addLine = (line: string) => {
      // A character has at most three bytes of UTF-8 for each of its units.
      const mostBytes = line.length * 3;
      if (lines === undefined || mostBytes > lines.length)
        lines = Buffer.allocUnsafeSlow(Math.max(batchBytes, mostBytes));
      if (sizeBytes + mostBytes > lines.length) pass();
      count++;
      sizeBytes += lines.write(line, sizeBytes);
    };
    return {
      add(path, value, atSeconds) {
        const safePath = /\s/.test(path) ? path.replaceAll(/\s/g, "_") : path;
        const point = { path: safePath, value, atSeconds };
        if (!isPickle) {
          addLine(encodeLine(point));
          return;
        }
        count++;
        points.push(point);
        if (points.length >= pickleMaxPoints) pass();
      },
      end: pass,
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
  }

  #take(batch: Batch): void {
    // While the target is away everything goes to the disk, where a kill does not reach it.
    if (!this.#isUp || this.#stopping.signal.aborted || this.#queueBytes > memoryMaxBytes) {
      this.#toDisk();
      this.#keep(batch);
    } else {
      this.#queue.push(batch);
      this.#queueBytes += batch.bytes.length;
    }
    this.#waiting.abort();
  }

  #keep(batch: Batch): void {
    try {
      this.#spool.append(batch);
    } catch (thrown) {
      this.#lostPoints += batch.points;
      this.#lostBytes += batch.bytes.length;
      this.#options.log.error("Points for a target that is away cannot be spooled and are lost", {
        target: this.#options.name,
        points: batch.points,
        reason: reasonOf(thrown),
      });
    }
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

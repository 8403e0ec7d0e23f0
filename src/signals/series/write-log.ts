/**
 * The log of what was written, so that a crash loses nothing older than its window. Points gather for the length of the
 * window (or until somebody waits for them), go out in one write and are synced together. What a disk refused stays in
 * memory and is tried again in a new file, since nothing is known of the end of the old one.
 *
 * Segments `log/<number>.log` are frames: names of new series, points (20 bytes each: u32 id, u32 step, u32 time, f64
 * value; the highest bit of the step says that the point was written past the roll-up), ids that were removed.
 */
import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Appender, Disk } from "./disk.ts";
import { readWhole } from "./disk.ts";
import { frame, frameHeadBytes, readFrames, sealFrame } from "./frames.ts";

const kindSeries = 1;
const kindPoints = 2;
const kindRemoved = 3;
const pointBytes = 20;
const directBit = 0x8000_0000;
const pointsStart = frameHeadBytes + 4;
const frameBytesMax = 4 << 20;
const folder = "log";

/** What a replay meets, in order. */
export interface LogVisitor {
  series(id: number, path: string): void;
  point(id: number, stepSeconds: number, direct: boolean, timeSeconds: number, value: number): void;
  removed(id: number): void;
  /** A segment that is damaged elsewhere than at its end, where every crash leaves something. */
  damaged(name: string, bytes: number): void;
}

/** Settings of {@link WriteLog}. */
export interface WriteLogOptions {
  disk: Disk;
  clock: Clock;
  /** How long a point may wait for its sync. */
  windowMs: number;
  /** Bytes that may wait while the disk refuses. */
  waitingBytesMax: number;
  failed(reason: string): void;
  synced(bytes: number, tookMs: number): void;
}

/** The log. */
export class WriteLog {
  readonly #options: WriteLogOptions;
  #segment: { name: string; file: Appender } | undefined;
  #nextNumber: number;
  #finished: string[] = [];
  #names: [number, string][] = [];
  #points = new Uint8Array(1 << 16);
  #view = new DataView(this.#points.buffer);
  #pointsAt = pointsStart;
  #full: Uint8Array[] = [];
  #removed: number[] = [];
  #unwritten: Uint8Array[] = [];
  #waitingBytes = 0;
  #turn: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #failure = "";

  constructor(options: WriteLogOptions, firstNumber: number) {
    this.#options = options;
    this.#nextNumber = firstNumber;
  }

  /** Reads what former runs left, oldest first, and names the segments. */
  static replay(disk: Disk, visitor: LogVisitor): { segments: string[]; nextNumber: number } {
    const segments = disk.list(folder).filter((name) => /^\d+\.log$/.test(name));
    for (const name of segments) {
      const { payloads, damagedBytes } = readFrames(readWhole(disk, `${folder}/${name}`));
      for (const payload of payloads) replayPayload(payload, visitor);
      if (damagedBytes > 0) visitor.damaged(`${folder}/${name}`, damagedBytes);
    }
    const numbers = segments.map((name) => Number.parseInt(name, 10));
    return { segments: segments.map((name) => `${folder}/${name}`), nextNumber: Math.max(0, ...numbers) + 1 };
  }

  /** Why the last sync failed, or nothing. */
  get failure(): string {
    return this.#failure;
  }

  /** More waits than may: points have to be refused. */
  get overfull(): boolean {
    return this.#waitingBytes + this.#pointsAt > this.#options.waitingBytesMax;
  }

  /** Much waits: whoever can be held back should be. */
  get busy(): boolean {
    return this.#waitingBytes + this.#pointsAt > this.#options.waitingBytesMax / 4;
  }

  series(id: number, path: string): void {
    this.#names.push([id, path]);
    this.#schedule();
  }

  removed(id: number): void {
    this.#removed.push(id);
    this.#schedule();
  }

  point(id: number, stepSeconds: number, direct: boolean, timeSeconds: number, value: number): void {
    if (this.#pointsAt + pointBytes > this.#points.length) this.#makeRoom();
    const view = this.#view;
    const at = this.#pointsAt;
    view.setUint32(at, id, true);
    view.setUint32(at + 4, direct ? (stepSeconds | directBit) >>> 0 : stepSeconds, true);
    view.setUint32(at + 8, timeSeconds, true);
    view.setFloat64(at + 12, value, true);
    this.#pointsAt = at + pointBytes;
    if (this.#cancelTimer === undefined) this.#schedule();
  }

  /** Resolves when everything logged so far is synced; rejects with the disk's error when it refused. */
  commit(): Promise<void> {
    if (!this.#turn) {
      this.#turn = this.#write().finally(() => {
        this.#turn = undefined;
      });
      return this.#turn;
    }
    // One is being written without the newest: all who ask now share the one after it.
    this.#next ??= this.#turn
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.commit();
      });
    return this.#next;
  }

  /** From here on everything goes into a new segment. Returns those before it, to be removed when they are not needed. */
  rotate(): string[] {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment) {
      this.#finished.push(segment.name);
      this.#closing = segment.file;
    }
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }
  #closing: Appender | undefined;

  /** Segments of a former run, to be removed with the first that are finished. */
  inherit(segments: readonly string[]): void {
    this.#finished.push(...segments);
  }

  /** Writes what is left and closes. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    await this.commit();
    await this.#segment?.file.close();
    await this.#closing?.close();
    this.#segment = undefined;
    this.#closing = undefined;
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#options.clock.schedule(this.#options.windowMs, () => {
      this.#cancelTimer = undefined;
      // A failure is kept and tried again; whoever waits for it is told through their own promise.
      this.commit().catch(() => this.#schedule());
    });
  }

  #makeRoom(): void {
    if (this.#points.length < frameBytesMax) {
      const larger = new Uint8Array(this.#points.length * 2);
      larger.set(this.#points);
      this.#points = larger;
    } else {
      this.#full.push(this.#takePoints());
      this.#points = new Uint8Array(frameBytesMax);
      // So much does not wait for the window.
      this.commit().catch(() => this.#schedule());
    }
    this.#view = new DataView(this.#points.buffer);
  }

  #takePoints(): Uint8Array {
    const bytes = this.#points.slice(0, this.#pointsAt);
    bytes[frameHeadBytes] = kindPoints;
    sealFrame(bytes);
    this.#waitingBytes += bytes.length;
    this.#pointsAt = pointsStart;
    return bytes;
  }

  /** Names first, then points, then removals: an id is known before its points and gone after them. */
  #take(): void {
    if (this.#names.length > 0) {
      const bytes = frame(
        Buffer.concat([Uint8Array.of(kindSeries, 0, 0, 0), Buffer.from(JSON.stringify(this.#names))]),
      );
      this.#waitingBytes += bytes.length;
      this.#unwritten.push(bytes);
      this.#names = [];
    }
    this.#unwritten.push(...this.#full);
    this.#full = [];
    if (this.#pointsAt > pointsStart) this.#unwritten.push(this.#takePoints());
    if (this.#removed.length > 0) {
      this.#unwritten.push(
        frame(Buffer.concat([Uint8Array.of(kindRemoved, 0, 0, 0), Buffer.from(JSON.stringify(this.#removed))])),
      );
      this.#removed = [];
    }
  }

  async #write(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#take();
    const closing = this.#closing;
    this.#closing = undefined;
    await closing?.close();
    if (this.#unwritten.length === 0) return;
    const bytes = Buffer.concat(this.#unwritten);
    const count = this.#unwritten.length;
    const startedMs = this.#options.clock.monotonicMs();
    const { disk } = this.#options;
    let segment = this.#segment;
    const isNew = !segment;
    try {
      if (!segment) {
        const name = `${folder}/${String(this.#nextNumber++).padStart(10, "0")}.log`;
        segment = { name, file: await disk.create(name) };
        this.#segment = segment;
      }
      await segment.file.append(bytes);
      await segment.file.sync();
    } catch (thrown) {
      this.#failure = reasonOf(thrown);
      this.#options.failed(this.#failure);
      if (segment) await this.#giveUp(segment, isNew);
      throw thrown;
    }
    this.#failure = "";
    this.#unwritten.splice(0, count);
    this.#waitingBytes = this.#unwritten.reduce((sum, each) => sum + each.length, 0);
    this.#options.synced(bytes.length, this.#options.clock.monotonicMs() - startedMs);
  }

  /** The end of it is not known. A new one holds nothing that does not wait here too, and would only take room. */
  async #giveUp(segment: { name: string; file: Appender }, isNew: boolean): Promise<void> {
    const isCurrent = this.#segment === segment;
    if (isCurrent) this.#segment = undefined;
    if (this.#closing === segment.file) this.#closing = undefined;
    try {
      await segment.file.close();
      if (isNew && isCurrent) {
        await this.#options.disk.remove(segment.name);
        return;
      }
    } catch (thrown) {
      this.#options.failed(reasonOf(thrown));
    }
    if (isCurrent) this.#finished.push(segment.name);
  }
}

function replayPayload(payload: Uint8Array, visitor: LogVisitor): void {
  const kind = payload[0];
  if (kind === kindPoints) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    for (let at = 4; at + pointBytes <= payload.length; at += pointBytes) {
      const step = view.getUint32(at + 4, true);
      const direct = step >= directBit;
      visitor.point(
        view.getUint32(at, true),
        direct ? step - directBit : step,
        direct,
        view.getUint32(at + 8, true),
        view.getFloat64(at + 12, true),
      );
    }
    return;
  }
  const text = new TextDecoder().decode(payload.subarray(4));
  if (kind === kindSeries) for (const [id, path] of JSON.parse(text) as [number, string][]) visitor.series(id, path);
  if (kind === kindRemoved) for (const id of JSON.parse(text) as number[]) visitor.removed(id);
}

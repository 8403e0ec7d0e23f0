/**
 * A line of JSON for each connection, in a file. Lines are written together once a second, and the file is opened anew
 * each time, so that it can be moved away. What comes faster than it can be written is counted and left out. What a full disk
 * took of a line stands in a line of its own.
 */
import { type FileHandle, open } from "node:fs/promises";

import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Connection } from "./connection.ts";

const pendingMax = 100_000;
const writeEveryMs = 1000;

/** The file. */
export class AccessLog {
  readonly #path: string;
  readonly #clock: Clock;
  #lines: string[] = [];
  #leftOut = 0;
  #failure = "";
  #writing: Promise<void> | undefined;
  #isScheduled = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Why it cannot be written; empty when it can. */
  get failure(): string {
    return this.#failure;
  }

  /** Lines that were not written. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Notes a connection that is over. */
  add(proxy: string, connection: Connection): void {
    if (this.#lines.length >= pendingMax) {
      this.#leftOut++;
      return;
    }
    this.#lines.push(lineOf(proxy, connection, this.#clock));
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.schedule(writeEveryMs, () => {
      this.#isScheduled = false;
      void this.flush();
    });
  }

  /** Writes what waits. Never throws; see {@link failure}. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#writing = this.#append(lines.join("")).then(
      () => {
        this.#failure = "";
      },
      (thrown: unknown) => {
        this.#failure = reasonOf(thrown);
        this.#leftOut += lines.length;
      },
    );
    await this.#writing;
  }

  async #append(text: string): Promise<void> {
    const hasFailed = this.#failure !== "";
    await using file = await open(this.#path, hasFailed ? "a+" : "a");
    const isTorn = hasFailed && !(await endsWithLine(file));
    await file.appendFile(isTorn ? `\n${text}` : text);
  }
}

async function endsWithLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 10;
}

/** The line of a connection, with its line end. Times in ms. */
export function lineOf(proxy: string, connection: Connection, clock: Pick<Clock, "now" | "monotonicMs">): string {
  const tookMs = clock.monotonicMs() - connection.startedMs;
  const since = (ms: number, from: number) => (ms === 0 ? undefined : Math.round((ms - from) * 1000) / 1000);
  return `${JSON.stringify({
    at: new Date(clock.now() - tookMs).toISOString(),
    proxy,
    client: connection.address,
    upstream: connection.upstream?.plan.name,
    ending: connection.ending,
    ms: Math.round(tookMs * 1000) / 1000,
    connect_ms: since(connection.connectedMs, connection.startedMs),
    first_byte_ms: since(connection.firstByteMs, connection.connectedMs),
    up_bytes: connection.up.bytes,
    down_bytes: connection.down.bytes,
  })}\n`;
}

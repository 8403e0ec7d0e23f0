/**
 * Where flushed values go: the port that all targets fulfil. A target takes the values of a flush one by one as they are
 * made, so that there is never a list of all of them; it never throws, and never has the flush wait for it.
 */

/** Takes the values of one flush. */
export interface FlushWriter {
  add(path: string, value: number): void;
  /** A value with a time of its own. */
  addAt(path: string, value: number, atSeconds: number): void;
  end(): void;
}

/** How a target stands. Instants are epoch ms, 0 for never. */
export interface OutputState {
  readonly name: string;
  /** What it is: `graphite`, `series`, `console`. */
  readonly kind: string;
  readonly isUp: boolean;
  readonly sentPoints: number;
  readonly spooledBytes: number;
  readonly droppedPoints: number;
  readonly lastSentAt: number;
  readonly lastFailedAt: number;
  readonly failure: string;
  /** Of the last flush. */
  readonly lastLengthBytes: number;
  readonly lastWriteMs: number;
}

/** A target. */
export interface Output {
  begin(atSeconds: number): FlushWriter;
  state(): OutputState;
  close(): Promise<void>;
}

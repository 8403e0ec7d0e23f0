/**
 * Looking on while lines arrive. Costs nothing while nobody looks. A reader that is slower than the traffic misses lines
 * and is told how many; it never slows the traffic down.
 */

/** One line as it came. */
export interface TappedLine {
  readonly line: string;
  readonly sender: string;
  /** Why it is bad, undefined when it is good. */
  readonly reason?: string;
}

/** Those who look on. */
export class Taps {
  readonly #readers = new Set<(line: TappedLine) => void>();

  /** Somebody looks on. */
  get isOpen(): boolean {
    return this.#readers.size > 0;
  }

  /** Calls `reader` with each line until the returned function is called. */
  open(reader: (line: TappedLine) => void): () => void {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  offer(line: TappedLine): void {
    for (const reader of this.#readers) reader(line);
  }
}

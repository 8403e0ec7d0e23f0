/**
 * Room in memory, counted in bytes, for what many do at once. Uploads wait for room, in the order in which they came: what
 * they hold goes away by itself. Readers do not wait, for what they hold goes away at the pace of their clients: they go on
 * with less.
 */

/** So many bytes, shared. */
export class Room {
  readonly #maxBytes: number;
  #takenBytes = 0;
  #waiting: { sizeBytes: number; enter: () => void }[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What is taken now, bytes. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Takes so many bytes if they are there. What was taken is to be given back once. */
  take(sizeBytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(sizeBytes)) return false;
    this.#takenBytes += sizeBytes;
    return true;
  }

  /** Takes so many bytes as soon as they are there; more than there can be are given when nobody else has any. */
  async enter(sizeBytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.take(sizeBytes)) return;
    await new Promise<void>((resolve, reject) => {
      const entry = {
        sizeBytes,
        enter: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        reject(signal?.reason as unknown);
        this.#letIn();
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(entry);
    });
  }

  /** Gives back what was taken. */
  give(sizeBytes: number): void {
    this.#takenBytes -= sizeBytes;
    this.#letIn();
  }

  #letIn(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.sizeBytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#takenBytes += next.sizeBytes;
      next.enter();
    }
  }

  #fits(sizeBytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + sizeBytes <= this.#maxBytes;
  }
}

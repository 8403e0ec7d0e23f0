/**
 * How many bytes all uploads together may hold in memory. Whoever wants more is told no, and takes the way that needs
 * less: over the disk instead of memory, with shorter queues. Nobody waits for memory, so nothing can lock up over it.
 */
export class MemoryBudget {
  readonly #maxBytes: number;
  #takenBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes so many bytes if they are there to be had. What was taken must be given back once. */
  take(sizeBytes: number): boolean {
    if (this.#takenBytes + sizeBytes > this.#maxBytes) return false;
    this.#takenBytes += sizeBytes;
    return true;
  }

  /** Gives back what was taken. */
  give(sizeBytes: number): void {
    this.#takenBytes -= sizeBytes;
  }

  /** What is taken now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }
}

/** What one upload has taken of the budget. */
export class BudgetShare {
  readonly #budget: MemoryBudget;
  #takenBytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  take(sizeBytes: number): boolean {
    if (!this.#budget.take(sizeBytes)) return false;
    this.#takenBytes += sizeBytes;
    return true;
  }

  giveAll(): void {
    this.#budget.give(this.#takenBytes);
    this.#takenBytes = 0;
  }
}

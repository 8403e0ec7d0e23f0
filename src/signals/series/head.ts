/**
 * The newest points of one series at one step, in memory until they are written to a file: dense from the first slot on,
 * because points come in order nearly always, with a map for those that do not. One value a slot; the last one stays.
 */

/** Gaps up to so many slots are filled with nothing; a point further ahead goes into the map. */
const gapMax = 64;

/** Points in memory. */
export class Head {
  readonly stepSeconds: number;
  #firstSlot = 0;
  #length = 0;
  #values: Float64Array<ArrayBuffer> = new Float64Array(4);
  #late: Map<number, number> | undefined;

  constructor(stepSeconds: number) {
    this.stepSeconds = stepSeconds;
  }

  /** Takes a value, which is not NaN. True when the slot had none here before. */
  set(slot: number, value: number): boolean {
    if (this.#length === 0) this.#firstSlot = slot;
    const at = slot - this.#firstSlot;
    if (at >= 0 && at < this.#length) {
      const before = this.#values[at] as number;
      this.#values[at] = value;
      // A slot may have waited in the map while the row had not come so far.
      return Number.isNaN(before) && !(this.#late?.delete(slot) ?? false);
    }
    if (at < 0 || at > this.#length + gapMax) {
      this.#late ??= new Map();
      const fresh = !this.#late.has(slot);
      this.#late.set(slot, value);
      return fresh;
    }
    if (at >= this.#values.length) {
      const larger = new Float64Array(Math.max(at + 1, this.#values.length * 2));
      larger.set(this.#values);
      this.#values = larger;
    }
    if (at > this.#length) this.#values.fill(NaN, this.#length, at);
    this.#values[at] = value;
    this.#length = at + 1;
    return !(this.#late?.delete(slot) ?? false);
  }

  /** Calls back for each point in `[fromSlot, untilSlot)`, in no order. */
  each(fromSlot: number, untilSlot: number, take: (slot: number, value: number) => void): void {
    const first = Math.max(fromSlot, this.#firstSlot);
    const last = Math.min(untilSlot, this.#firstSlot + this.#length);
    for (let slot = first; slot < last; slot++) {
      const value = this.#values[slot - this.#firstSlot] as number;
      if (!Number.isNaN(value)) take(slot, value);
    }
    if (this.#late) for (const [slot, value] of this.#late) if (slot >= fromSlot && slot < untilSlot) take(slot, value);
  }

  /** Lays what is here over `target`, whose first place is `firstSlot`. */
  layOver(firstSlot: number, target: Float64Array): void {
    this.each(firstSlot, firstSlot + target.length, (slot, value) => {
      target[slot - firstSlot] = value;
    });
  }

  /** All points by slot. */
  points(): { slots: Float64Array; values: Float64Array } {
    const pairs: [number, number][] = [];
    this.each(0, Infinity, (slot, value) => pairs.push([slot, value]));
    if (this.#late) pairs.sort(([left], [right]) => left - right);
    return {
      slots: Float64Array.from(pairs, ([slot]) => slot),
      values: Float64Array.from(pairs, ([, value]) => value),
    };
  }
}

/**
 * What was heard, by run of numbers: the newest of each. After a gap all that is kept is told once more, what was heard too.
 */

/** Of the runs that were met, so many of late are remembered. */
const mostRuns = 100;

/** @param {string} position */
function placeOf(position) {
  const [run = "", number] = position.split("-");
  return { run, number: Number(number) };
}

/** Tells what is new from what comes again. */
export class Heard {
  /** @type {Map<string, number>} */
  #newest = new Map();

  /**
   * Whether it lies beyond what came of its run; from now on it does not.
   * @param {string} position
   */
  isNew(position) {
    const { number, run } = placeOf(position);
    const newest = this.#newest.get(run) ?? -1;
    this.#newest.delete(run);
    this.#newest.set(run, Math.max(newest, number));
    const [oldest = ""] = this.#newest.keys();
    if (this.#newest.size > mostRuns) this.#newest.delete(oldest);
    return number > newest;
  }

  /**
   * A gap, which begins there: a log that lost its end gives its numbers again, to others.
   * @param {string} position
   */
  gapAt(position) {
    const { number, run } = placeOf(position);
    if (number < (this.#newest.get(run) ?? 0)) this.#newest.delete(run);
  }
}

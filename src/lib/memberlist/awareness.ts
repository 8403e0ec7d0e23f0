/**
 * How well this node seems to be itself (Lifeguard's local health). Missed acks and nacks and being suspected raise the score,
 * answered probes lower it; a node that is unwell probes more slowly and so accuses others less.
 */

/** A health score from 0, well, to a maximum. */
export class Awareness {
  readonly #scores: number;
  #score = 0;

  /** The score stays below `scores`. */
  constructor(scores: number) {
    this.#scores = scores;
  }

  get score(): number {
    return this.#score;
  }

  /** Moves the score, within its bounds. */
  apply(delta: number): void {
    this.#score = Math.min(this.#scores - 1, Math.max(0, this.#score + delta));
  }

  /** The delay times the score plus one. */
  scale(delayMs: number): number {
    return delayMs * (this.#score + 1);
  }
}

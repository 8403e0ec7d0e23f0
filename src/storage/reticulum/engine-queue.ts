/**
 * Who is next. A job stands where its arrival and a multiple of its estimated length put it: a short one overtakes long ones
 * that came a little before it, and no long one waits for ever, because what comes late enough stands behind it whatever its
 * length. Jobs that nobody waits for (idle ones) go only when no other does. Bounded by count and by the bytes that waiting
 * and running jobs hold; knows nothing of processes.
 */

/** A job as the queue sees it. */
export interface Waiting {
  readonly estimateMs: number;
  readonly sizeBytes: number;
  /** What holds those bytes: jobs of one source hold them once. */
  readonly source: object;
  readonly idle: boolean;
}

/** Bounds of a queue. */
export interface QueueBounds {
  /** Jobs that wait, for those that someone waits for and for idle ones each. */
  readonly waitingMax: number;
  /** Sources of all jobs that wait or run, each counted once. */
  readonly heldBytesMax: number;
}

/** A second of estimated work may be overtaken by what comes up to this many seconds later. */
const lengthWeight = 10;
/** Beyond this a job is long, and longer ones stand no further behind. */
const estimateMsMax = 3000;

/** A queue of jobs of one kind. */
export class EngineQueue<Job extends Waiting> {
  readonly #bounds: QueueBounds;
  readonly #wanted = new Map<Job, number>();
  readonly #idle = new Map<Job, number>();
  /** How many jobs wait or run for each source. */
  readonly #sources = new Map<object, number>();
  #heldBytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  /** Jobs that someone waits for. */
  get waiting(): number {
    return this.#wanted.size;
  }

  /** Jobs that nobody waits for. */
  get idle(): number {
    return this.#idle.size;
  }

  /** Estimated work of all that wait, idle ones aside. */
  get estimateMs(): number {
    let sum = 0;
    for (const job of this.#wanted.keys()) sum += job.estimateMs;
    return sum;
  }

  /** Puts `job` in, at `nowMs` of monotonic time; false when a bound would be passed. A single job is never too large. */
  add(job: Job, nowMs: number): boolean {
    const line = job.idle ? this.#idle : this.#wanted;
    if (line.size >= this.#bounds.waitingMax) return false;
    const jobs = this.#sources.get(job.source) ?? 0;
    const newBytes = jobs === 0 ? job.sizeBytes : 0;
    if (this.#heldBytes > 0 && newBytes > 0 && this.#heldBytes + newBytes > this.#bounds.heldBytesMax) return false;
    this.#heldBytes += newBytes;
    this.#sources.set(job.source, jobs + 1);
    line.set(job, nowMs + lengthWeight * Math.min(estimateMsMax, job.estimateMs));
    return true;
  }

  /** Puts a job that was taken before in front of all others. Its bytes are still counted. */
  putBack(job: Job): void {
    (job.idle ? this.#idle : this.#wanted).set(job, -Infinity);
  }

  /**
   * Takes the next one out; idle ones only when `withIdle` and nothing else waits. None when `suits` does not like that very
   * one. Its bytes count until {@link release}.
   */
  take(withIdle: boolean, suits?: (job: Job) => boolean): Job | undefined {
    const line = this.#wanted.size > 0 || !withIdle ? this.#wanted : this.#idle;
    let next: Job | undefined;
    let least = Infinity;
    for (const [job, rank] of line) {
      if (next !== undefined && rank >= least) continue;
      next = job;
      least = rank;
    }
    if (next === undefined || suits?.(next) === false) return undefined;
    line.delete(next);
    return next;
  }

  /** Takes a job out that is no longer wanted, with its bytes; false when it does not wait. */
  remove(job: Job): boolean {
    const found = this.#wanted.delete(job) || this.#idle.delete(job);
    if (found) this.release(job);
    return found;
  }

  /** A job that was taken holds its bytes no longer; others may still hold the same. */
  release(job: Job): void {
    const others = (this.#sources.get(job.source) ?? 1) - 1;
    if (others > 0) {
      this.#sources.set(job.source, others);
      return;
    }
    this.#sources.delete(job.source);
    this.#heldBytes -= job.sizeBytes;
  }

  /** Takes everything out. */
  clear(): Job[] {
    const all = [...this.#wanted.keys(), ...this.#idle.keys()];
    for (const job of all) this.remove(job);
    return all;
  }
}

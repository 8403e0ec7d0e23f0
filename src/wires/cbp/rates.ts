/** How fast some counters rise, second by second, for as long as a page shows. */

/** The course of several counters: the rise of each in the last seconds, oldest first. */
export class Rates<Name extends string> {
  readonly #read: () => Record<Name, number>;
  readonly #keep: number;
  readonly #courses = new Map<Name, number[]>();
  #before: Record<Name, number>;
  #beforeMs: number;

  /** `read` gives the counters; `keep` rates of each are kept. */
  constructor(read: () => Record<Name, number>, nowMs: number, keep = 60) {
    this.#read = read;
    this.#keep = keep;
    this.#before = read();
    this.#beforeMs = nowMs;
  }

  /** Takes the rates since the last call. */
  look(nowMs: number): void {
    const seconds = (nowMs - this.#beforeMs) / 1000;
    if (seconds <= 0) return;
    const now = this.#read();
    for (const name of Object.keys(now) as Name[]) {
      const course = this.#courses.get(name) ?? [];
      course.push((now[name] - this.#before[name]) / seconds);
      if (course.length > this.#keep) course.shift();
      this.#courses.set(name, course);
    }
    this.#before = now;
    this.#beforeMs = nowMs;
  }

  /** Per second, oldest first. */
  list(name: Name): readonly number[] {
    return this.#courses.get(name) ?? [];
  }
}

/**
 * One piece of work for all who want the same thing at the same time. Whoever comes first starts it, the others wait for
 * it; when the last of them leaves, it is told to end. Nothing is remembered: what was made is kept elsewhere.
 */

interface Flight<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
  isOver: boolean;
}

/** Work under way, by name. */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();
  /** How many joined work that another had started. */
  #joined = 0;

  /** How many pieces of work are under way. */
  get size(): number {
    return this.#flights.size;
  }

  /** How many askers found their work under way, since the start. */
  get joined(): number {
    return this.#joined;
  }

  /**
   * The result of the work of that name, which is started by `start` unless it is under way. Rejects with the signal's
   * reason when it aborts before; the work's own signal aborts when nobody waits any more.
   */
  async join(name: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    let flight = this.#flights.get(name);
    if (flight) this.#joined++;
    else flight = this.#start(name, start);
    flight.waiting++;
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal?.reason);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([flight.result, left]);
    } finally {
      signal?.removeEventListener("abort", leave);
      flight.waiting--;
      if (flight.waiting === 0) {
        // Whoever asks from now on must not be given work that is ending.
        if (this.#flights.get(name) === flight) this.#flights.delete(name);
        // Telling work that is done costs a great deal for nothing.
        if (!flight.isOver) flight.abort.abort();
      }
    }
  }

  #start(name: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController();
    const flight: Flight<T> = {
      abort,
      waiting: 0,
      isOver: false,
      result: start(abort.signal).finally(() => {
        flight.isOver = true;
        if (this.#flights.get(name) === flight) this.#flights.delete(name);
      }),
    };
    // Those who left do not hear how it ended.
    flight.result.catch(() => undefined);
    this.#flights.set(name, flight);
    return flight;
  }
}

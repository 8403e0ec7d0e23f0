/**
 * Publications on their way to a log elsewhere: a bounded number wait while it is away, for a bounded time, in batches of
 * which one is under way. A batch whose fate is unknown is sent again as it was, under its number, by which the log
 * knows it; so nothing stands there twice.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Envelope } from "../publication.ts";

/** Publications that go together. */
export interface Batch {
  /** Grows with each. */
  readonly number: number;
  readonly envelopes: readonly Envelope[];
}

interface Waiting {
  envelope: Envelope;
  untilMs: number;
  resolve(): void;
  reject(fault: Fault): void;
}

const mostWaiting = 20_000;
/** Characters; whatever they hold, what waits stays within a memory's reach. */
const mostWaitingCharacters = 64 * 1024 * 1024;
const mostAtOnce = 200;
const mostAtOnceBytes = 512 * 1024;
const lookEveryMs = 100;

/** See the file's head. */
export class Outbox {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  #waiting: Waiting[] = [];
  #characters = 0;
  #underWay: { batch: Batch; waiting: readonly Waiting[] } | undefined;
  #number = 0;
  #wake: () => void = () => undefined;
  #cancelLook: () => void;

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    const look = () => {
      this.#dropLate();
      this.#cancelLook = clock.schedule(lookEveryMs, look);
    };
    this.#cancelLook = clock.schedule(lookEveryMs, look);
  }

  /** Resolves when it is in the log. Fault `windsock/away` (unavailable) when that did not come about in time. */
  add(envelope: Envelope): Promise<void> {
    const characters = charactersOf(envelope);
    if (this.#waiting.length >= mostWaiting || this.#characters + characters > mostWaitingCharacters) {
      return Promise.reject(away("too many publications wait already"));
    }
    this.#characters += characters;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ envelope, untilMs: this.#clock.monotonicMs() + this.#patienceMs, resolve, reject });
    this.#wake();
    return promise;
  }

  /** The next batch to send, the one whose fate is unknown first; waits for one until the signal aborts. */
  async next(signal: AbortSignal): Promise<Batch | undefined> {
    while (!signal.aborted) {
      this.#underWay ??= this.#gather();
      if (this.#underWay) return this.#underWay.batch;
      await new Promise<void>((resolve) => {
        const stop = () => resolve();
        this.#wake = () => {
          signal.removeEventListener("abort", stop);
          resolve();
        };
        signal.addEventListener("abort", stop, { once: true });
      });
    }
    return undefined;
  }

  /** A batch is in the log. */
  done({ number }: Batch): void {
    if (this.#underWay?.batch.number !== number) return;
    for (const { resolve } of this.#underWay.waiting) resolve();
    this.#underWay = undefined;
  }

  /** Everything that waits fails. */
  close(): void {
    this.#cancelLook();
    const left = [...(this.#underWay?.waiting ?? []), ...this.#waiting];
    this.#underWay = undefined;
    this.#waiting = [];
    this.#characters = 0;
    for (const { reject } of left) reject(away("this node stops"));
  }

  #gather(): { batch: Batch; waiting: readonly Waiting[] } | undefined {
    let sizeBytes = 0;
    let count = 0;
    for (const { envelope } of this.#waiting) {
      sizeBytes += charactersOf(envelope);
      if (count > 0 && (sizeBytes > mostAtOnceBytes || count >= mostAtOnce)) break;
      count++;
    }
    if (count === 0) return undefined;
    const waiting = this.#take(count);
    return { batch: { number: ++this.#number, envelopes: waiting.map(({ envelope }) => envelope) }, waiting };
  }

  #take(count: number): Waiting[] {
    const taken = this.#waiting.splice(0, count);
    for (const { envelope } of taken) this.#characters -= charactersOf(envelope);
    return taken;
  }

  #dropLate(): void {
    const nowMs = this.#clock.monotonicMs();
    const isLate = ({ untilMs }: Waiting) => untilMs <= nowMs;
    if (this.#underWay?.waiting.every(isLate)) {
      const { waiting } = this.#underWay;
      this.#underWay = undefined;
      for (const { reject } of waiting) reject(away("it did not say that it took the publication; it may have"));
    }
    const late = this.#waiting.findIndex((one) => !isLate(one));
    for (const { reject } of this.#take(late < 0 ? this.#waiting.length : late)) {
      reject(away("it cannot be reached"));
    }
  }
}

function charactersOf({ address, content }: Envelope): number {
  return address.length + content.length;
}

function away(reason: string): Fault {
  return new Fault(
    "unavailable",
    "windsock/away",
    `Cannot publish: what carries messages between nodes is away: ${reason}`,
    {
      retryAfterMs: 1000,
    },
  );
}

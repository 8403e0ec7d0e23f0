/**
 * The log in memory: a list that grows at its end and is forgotten from its beginning. Every start is an epoch of its
 * own, so whoever comes back after a restart is told that something may be missing.
 */
import { concerns, type Interest, type Publication } from "./publication.ts";
import {
  concernsAny,
  type Found,
  type LogBounds,
  newEpoch,
  type Portion,
  type PortionBounds,
  PortionMeasure,
  type PublicationLog,
  sizeOf,
} from "./publication-log.ts";

/** See {@link PublicationLog}. */
export class MemoryLog implements PublicationLog {
  #epoch: string;
  readonly #bounds: LogBounds;
  #kept: (Publication | undefined)[] = [];
  /** Where in the list the oldest one is. */
  #head = 0;
  #newest = 0;
  #sizeBytes = 0;

  constructor(bounds: LogBounds, epoch = newEpoch()) {
    this.#epoch = epoch;
    this.#bounds = bounds;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get newest(): number {
    return this.#newest;
  }

  get count(): number {
    return this.#kept.length - this.#head;
  }

  get oldest(): number {
    return this.#newest - this.count + 1;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(publications: readonly Publication[]): void {
    for (const publication of publications) {
      this.#newest++;
      if (this.#bounds.count === 0) continue;
      this.#kept.push(publication);
      this.#sizeBytes += sizeOf(publication);
      while (this.count > this.#bounds.count || this.#sizeBytes > this.#bounds.sizeBytes) this.#forget();
    }
  }

  after(offset: number, interests: readonly Interest[], limit: number): Found {
    const first = Math.max(offset + 1, this.oldest);
    const publications: Publication[] = [];
    let isComplete = offset + 1 >= this.oldest;
    for (let at = this.#kept.length - 1; at >= this.#head + (first - this.oldest); at--) {
      const publication = this.#kept[at];
      if (!publication || !concernsAny(interests, publication.address)) continue;
      if (publications.length === limit) {
        isComplete = false;
        break;
      }
      publications.push(publication);
    }
    return { publications: publications.reverse(), isComplete };
  }

  following(offset: number, interests: readonly Interest[], bounds: PortionBounds): Portion {
    const first = Math.max(offset + 1, this.oldest);
    const publications: Publication[] = [];
    const isComplete = offset + 1 >= this.oldest;
    const measure = new PortionMeasure(bounds);
    for (let number = first; number <= this.#newest; number++) {
      const next = number - 1;
      if (!measure.look()) return { publications, isComplete, next };
      const publication = this.#kept[this.#head + (number - this.oldest)];
      if (!publication || !concernsAny(interests, publication.address)) continue;
      if (!measure.take(publication)) return { publications, isComplete, next };
      publications.push(publication);
    }
    return { publications, isComplete, next: undefined };
  }

  last(interest: Interest, limit: number): Publication[] {
    const found: Publication[] = [];
    for (let at = this.#kept.length - 1; at >= this.#head && found.length < limit; at--) {
      const publication = this.#kept[at];
      if (publication && concerns(interest, publication.address)) found.push(publication);
    }
    return found.reverse();
  }

  renew(): void {
    this.#epoch = newEpoch();
  }

  reset(epoch: string, newest: number): void {
    this.close();
    this.#epoch = epoch;
    this.#newest = newest;
  }

  trim(now: number): void {
    for (;;) {
      const oldest = this.#kept[this.#head];
      if (!oldest || oldest.at > now - this.#bounds.ageMs) return;
      this.#forget();
    }
  }

  close(): void {
    this.#kept = [];
    this.#head = 0;
    this.#sizeBytes = 0;
  }

  #forget(): void {
    const oldest = this.#kept[this.#head];
    if (!oldest) return;
    this.#sizeBytes -= sizeOf(oldest);
    this.#kept[this.#head] = undefined;
    this.#head++;
    // Moved together rarely enough that it costs each publication one copy.
    if (this.#head > 1024 && this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
  }
}

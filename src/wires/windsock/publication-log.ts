/**
 * What was published, in its order: the port of the log from which listeners go back to where they were. Offsets are
 * whole numbers that grow by one; an epoch says which run of numbers they are of, so that a log that began anew is never
 * taken for the former one. Fulfilled in memory and by SQLite.
 */
import { concerns, type Interest, type Publication } from "./publication.ts";

/** How much is kept; the first bound that is met counts. All 0 keeps nothing. */
export interface LogBounds {
  /** Publications. */
  count: number;
  /** Of address and content, in UTF-8. */
  sizeBytes: number;
  /** How long, in ms. */
  ageMs: number;
}

/** What a log finds. */
export interface Found {
  /** Oldest first. */
  publications: Publication[];
  /** Whether nothing of interest is missing, neither trimmed nor beyond the limit. */
  isComplete: boolean;
}

/** The most of one portion; what concerns nobody costs time, too. */
export interface PortionBounds {
  /** Publications that are found. */
  count: number;
  /** Of their addresses and contents, in characters; one at least is found. @default no bound */
  characters?: number;
  /** Publications that are looked at. @default no bound */
  looks?: number;
}

/** A portion. */
export interface Portion extends Found {
  /** The offset after which the next one begins; undefined when there is nothing more. */
  next: number | undefined;
}

/** The log of one order. Everything in it is done when the call returns. */
export interface PublicationLog {
  /** Short text of letters and digits. */
  readonly epoch: string;
  /** The offset of the newest publication ever; 0 before the first. */
  readonly newest: number;
  /** The offset of the oldest that is kept; `newest + 1` when there is none. */
  readonly oldest: number;
  /** How much is kept now. */
  readonly count: number;
  readonly sizeBytes: number;
  /** Adds publications whose offsets follow {@link newest}; on disk, they are on it afterwards. */
  append(publications: readonly Publication[]): void;
  /** What came after an offset and concerns any of the interests: the newest `limit` of it. */
  after(offset: number, interests: readonly Interest[], limit: number): Found;
  /** What came after an offset and concerns any of the interests: the oldest of it, up to some bounds. */
  following(offset: number, interests: readonly Interest[], bounds: PortionBounds): Portion;
  /** The newest `limit` that concern the interest, oldest first. */
  last(interest: Interest, limit: number): Publication[];
  /**
   * Begins another run of numbers, because something between was lost: what is kept stays, numbers go on, but no position
   * of before is complete any more.
   */
  renew(): void;
  /** Forgets everything and goes on at a place in the numbers of a log that several nodes share. */
  reset(epoch: string, newest: number): void;
  /** Forgets what is beyond the bounds at `now`, epoch ms. */
  trim(now: number): void;
  close(): void;
}

/** A position as text. */
export function formatPosition(epoch: string, offset: number): string {
  return `${epoch}-${offset}`;
}

/** Epoch and offset of a position, or undefined for anything else. */
export function parsePosition(text: string): { epoch: string; offset: number } | undefined {
  const match = /^([a-z\d]{1,40})-(\d{1,15})$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { epoch: match[1], offset: Number(match[2]) };
}

/** Whether any of the interests is met. */
export function concernsAny(interests: readonly Interest[], address: string): boolean {
  for (const interest of interests) if (concerns(interest, address)) return true;
  return false;
}

/** What a publication counts for, in bytes of UTF-8. */
export function sizeOf(envelope: { address: string; content: string }): number {
  return Buffer.byteLength(envelope.address) + Buffer.byteLength(envelope.content);
}

/** A new epoch, drawn so that two never meet. */
export function newEpoch(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
}

/** Whether one more would be beyond the bounds of a portion. */
export class PortionMeasure {
  readonly #bounds: Required<PortionBounds>;
  #count = 0;
  #characters = 0;
  #looks = 0;

  constructor({ characters = Infinity, count, looks = Infinity }: PortionBounds) {
    this.#bounds = { characters, count, looks };
  }

  /** Whether another one may be looked at; counts it. */
  look(): boolean {
    return ++this.#looks <= this.#bounds.looks;
  }

  /** Whether one that was found has room; counts it. */
  take({ address, content }: { address: string; content: string }): boolean {
    const { characters, count } = this.#bounds;
    this.#characters += address.length + content.length;
    return ++this.#count <= count && (this.#count === 1 || this.#characters <= characters);
  }
}

/**
 * Answers that are ready to be sent again: bytes and headers by what was asked, as it stands in the URL. This is where
 * nearly all requests end, so that finding one costs a look into a map. Bounded; an image's answers go when it changes.
 */
import type { Clock } from "../../kit/clock.ts";
import { formatHttpDate } from "../../kit/http/conditional.ts";
import { LeastRecent } from "./least-recent.ts";

/** An answer with status 200. */
export interface ReadyAnswer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  readonly contentType: string;
  /** Of the result it is, to note its use; absent for an original. */
  readonly resultName: string | undefined;
  /** Vary: Accept. */
  readonly varies: boolean;
}

interface Prepared extends ReadyAnswer {
  headers: Headers;
  preparedMs: number;
  isPrivate: boolean;
}

const yearSeconds = 31_536_000;
/** Headers hold a date, which may be off by this much. */
const freshMs = 3_600_000;
/** Beside its bytes an answer takes about so much. */
const overheadBytes = 1500;
const answersMax = 50_000;

/** How long an answer may be kept by whom. */
export interface Keeping {
  /** Only by the browser that asked, not by caches in between. */
  isPrivate: boolean;
  /** Epoch ms at which the URL is no longer good; absent for one that stays so. */
  expiresAt?: number | undefined;
}

/** Headers of an answer that may be kept: those of 200, 206 and 304. */
export function keepingHeaders(keeping: Keeping, now: number, varies: boolean): Record<string, string> {
  const { expiresAt, isPrivate } = keeping;
  const seconds = expiresAt === undefined ? yearSeconds : Math.max(0, Math.floor((expiresAt - now) / 1000));
  return {
    "Cache-Control": `${isPrivate ? "private" : "public"}, max-age=${seconds}${expiresAt === undefined ? ", immutable" : ""}`,
    Expires: formatHttpDate(now + seconds * 1000),
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    ...(varies ? { Vary: "Accept" } : {}),
  };
}

/** Answers by address. */
export class ReadyAnswers {
  readonly #held: LeastRecent<Prepared>;
  readonly #clock: Clock;
  /** Names of results that were sent since they were last asked for. */
  #used = new Set<string>();

  constructor(options: { maxBytes: number; clock: Clock }) {
    this.#held = new LeastRecent(options.maxBytes, answersMax);
    this.#clock = options.clock;
  }

  /** What an answer is found under: what stands in the URL, and the format that `Accept` chose. */
  static address(hash: string, size: string, extension: string, pixelRatio: number, negotiated: string): string {
    return `${hash}/${size}.${extension}/${pixelRatio}/${negotiated}`;
  }

  keep(address: string, answer: ReadyAnswer): void {
    const prepared = { ...answer, headers: new Headers(), preparedMs: Number.NEGATIVE_INFINITY, isPrivate: false };
    this.#held.set(address, prepared, answer.bytes.byteLength + overheadBytes);
  }

  /** The answer at an address; it counts as used. */
  find(address: string): ReadyAnswer | undefined {
    return this.#find(address);
  }

  /** The whole answer at an address, to a plain GET. */
  response(address: string, isPrivate: boolean): Response | undefined {
    const found = this.#find(address);
    if (found === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - found.preparedMs > freshMs || found.isPrivate !== isPrivate) {
      found.headers = new Headers({
        ...keepingHeaders({ isPrivate }, this.#clock.now(), found.varies),
        "Content-Type": found.contentType,
        "Content-Disposition": "inline",
        "Accept-Ranges": "bytes",
        ETag: found.etag,
      });
      found.preparedMs = nowMs;
      found.isPrivate = isPrivate;
    }
    return new Response(found.bytes, { headers: found.headers });
  }

  /** Forgets the answers of an image. */
  forget(hash: string): void {
    this.#held.deleteAll(hash);
  }

  /** Names of results that were used since the last call. */
  takeUsed(): ReadonlySet<string> {
    const used = this.#used;
    this.#used = new Set();
    return used;
  }

  state(): { answers: number; sizeBytes: number } {
    return { answers: this.#held.count, sizeBytes: this.#held.sizeBytes };
  }

  #find(address: string): Prepared | undefined {
    const found = this.#held.get(address);
    if (found?.resultName !== undefined) this.#used.add(found.resultName);
    return found;
  }
}

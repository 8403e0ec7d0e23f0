/**
 * Fetches one resource: waits for its turn, follows redirects one by one so that each is seen, tries again what may pass,
 * and keeps as long away from a host as it asks. Every attempt is bounded in time and bytes. What comes back is an answer
 * or the reason why there is none; nothing is judged here.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { parseHttpDate } from "../../kit/http/conditional.ts";
import { outbound, type OutboundAnswer, type OutboundOptions } from "../../kit/outbound.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import { HostTurns } from "./host-turns.ts";
import { shownUrl } from "./reference.ts";
import type { CheckSettings } from "./settings.ts";

/** What is asked for. */
export interface Asking {
  url: string;
  /** The page or style sheet that mentions it. */
  referrer: string | undefined;
  /** Set where the rules of CORS count: who asks. */
  origin: string | undefined;
  accept: string;
  /** The most that is read; more is cut off. */
  maxBytes: number;
}

/** An answer. */
export interface Loaded {
  status: number;
  headers: Headers;
  body: Uint8Array;
  isCut: boolean;
  /** Of the body; as its head says, where not all of it was read. */
  sizeBytes: number;
  /** Where it came from. */
  url: string;
  /** Every address on the way, the first and the last included. */
  hops: readonly string[];
  attempts: number;
  elapsedMs: number;
}

/** An answer, or why there is none. */
export type LoadOutcome =
  | { answer: Loaded; failure?: never }
  | { failure: { sentence: string; attempts: number; elapsedMs: number; hops: readonly string[] }; answer?: never };

/** What a loader stands on. */
export interface LoaderParts {
  clock: Clock;
  settings: CheckSettings;
  /** How requests go out; replaced in tests. */
  resolve?: OutboundOptions["resolve"];
  fetch?: OutboundOptions["fetch"];
}

const mayPass = new Set([429, 502, 503, 504]);
const redirects = new Set([301, 302, 303, 307, 308]);
const firstWaitMs = 300;

/** Fetches for one run. */
export class Loader {
  readonly #parts: LoaderParts;
  readonly #turns: HostTurns;
  readonly #endsAtMs: number;
  requests = 0;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
    const { clock, settings } = parts;
    this.#turns = new HostTurns({ clock, ...settings });
    this.#endsAtMs = clock.monotonicMs() + settings.totalMs;
  }

  /** Fetches. Rejects only with the signal's reason. */
  async load(asking: Asking, signal: AbortSignal): Promise<LoadOutcome> {
    const { clock, settings } = this.#parts;
    const startedMs = clock.monotonicMs();
    for (let attempts = 1; ; attempts++) {
      const hops: string[] = [];
      const tried = await this.#attempt(asking, hops, signal);
      const elapsedMs = clock.monotonicMs() - startedMs;
      const fail = (sentence: string): LoadOutcome => ({ failure: { sentence, attempts, elapsedMs, hops } });
      if ("sentence" in tried) {
        if (!tried.mayPass || attempts > settings.retries) return fail(tried.sentence);
        await this.#wait(firstWaitMs * 2 ** (attempts - 1), signal);
        continue;
      }
      const { answer } = tried;
      const done = { answer: { ...answer, hops, attempts, elapsedMs } };
      if (!mayPass.has(answer.status) || attempts > settings.retries) return done;
      const askedMs = retryAfterMs(answer.headers, clock.now());
      const waitMs = askedMs ?? firstWaitMs * 2 ** (attempts - 1);
      if (waitMs > settings.maxWaitMs || clock.monotonicMs() + waitMs >= this.#endsAtMs) {
        if (askedMs === undefined) return done;
        return fail(`Status ${answer.status}, and it asks to come back in ${formatSpan(askedMs)}, which is too long`);
      }
      if (askedMs !== undefined) this.#turns.pause(hostOf(answer.url), waitMs);
      await this.#wait(waitMs, signal);
    }
  }

  async #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#parts.clock, waitMs, signal);
    signal.throwIfAborted();
  }

  async #attempt(
    asking: Asking,
    hops: string[],
    signal: AbortSignal,
  ): Promise<{ answer: Omit<Loaded, "hops" | "attempts" | "elapsedMs"> } | { sentence: string; mayPass: boolean }> {
    const { clock, fetch, resolve, settings } = this.#parts;
    let at = asking.url;
    let leftMs = settings.resourceMs;
    for (;;) {
      if (hops.includes(at))
        return { sentence: `It redirects in a circle: ${shownUrl(at).slice(0, 200)} came again`, mayPass: false };
      hops.push(at);
      const release = await this.#turns.take(hostOf(at), signal);
      const startedMs = clock.monotonicMs();
      this.requests++;
      try {
        const answer = await outbound(at, {
          clock,
          timeoutMs: Math.max(1, Math.round(leftMs)),
          maxBytes: asking.maxBytes,
          maxRedirects: 0,
          guard: settings.guard,
          verifyTls: settings.verifyTls,
          headers: headersOf(asking, at, settings.userAgent),
          signal,
          ...(resolve ? { resolve } : {}),
          ...(fetch ? { fetch } : {}),
        });
        const location = redirects.has(answer.status) ? answer.headers.get("location") : null;
        if (location === null) {
          return { answer: { ...headOf(answer), url: at } };
        }
        const next = URL.parse(location, at);
        if (next === null || (next.protocol !== "http:" && next.protocol !== "https:")) {
          return {
            sentence: `It redirects to "${shownUrl(location).slice(0, 200)}", which is no address to ask`,
            mayPass: false,
          };
        }
        if (hops.length > settings.maxRedirects) {
          return {
            sentence: `More than ${settings.maxRedirects} redirects, the last to ${shownUrl(next.href).slice(0, 200)}`,
            mayPass: false,
          };
        }
        next.hash = "";
        at = next.href;
      } catch (thrown) {
        signal.throwIfAborted();
        if (!(thrown instanceof Fault)) throw thrown;
        if (thrown.code === "outbound/late") {
          return { sentence: `No whole answer within ${formatSpan(settings.resourceMs)}`, mayPass: false };
        }
        const isTemporary =
          thrown.code === "outbound/unreachable" && !/name not known|certificate/i.test(thrown.message);
        return { sentence: thrown.message, mayPass: isTemporary };
      } finally {
        release();
      }
      leftMs -= clock.monotonicMs() - startedMs;
      if (leftMs <= 0) return { sentence: `No whole answer within ${formatSpan(settings.resourceMs)}`, mayPass: false };
    }
  }
}

function headOf({ body, headers, isCut, status }: OutboundAnswer) {
  const told = Number(headers.get("content-length") ?? "");
  const sizeBytes = isCut && Number.isSafeInteger(told) ? Math.max(told, body.length) : body.length;
  return { status, headers, body, isCut, sizeBytes };
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? "";
}

function headersOf({ accept, origin, referrer }: Asking, at: string, userAgent: string): Record<string, string> {
  const headers: Record<string, string> = { "User-Agent": userAgent, Accept: accept, "Accept-Language": "en" };
  const from = referrer === undefined ? null : URL.parse(referrer);
  if (from !== null && !(from.protocol === "https:" && at.startsWith("http:"))) {
    // As browsers do by default: the whole address at home, only the origin elsewhere.
    const isHome = from.origin === URL.parse(at)?.origin;
    from.username = "";
    from.password = "";
    from.hash = "";
    headers["Referer"] = isHome ? from.href : `${from.origin}/`;
  }
  if (origin !== undefined && origin !== URL.parse(at)?.origin) headers["Origin"] = origin;
  return headers;
}

/** How long an answer asks to be left alone; undefined when it does not say. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = parseHttpDate(value);
  return at === undefined ? undefined : Math.max(0, at - now);
}

/**
 * Tells the application what happens: connections, publications, topics that somebody began or ceased to hear. News wait
 * in a bounded queue and go out in batches, signed, again and again with growing pauses until they were taken; what finds
 * no room is counted and given up. The one question, whether somebody may connect, is asked at once and answered by status:
 * 2xx lets in, 401 and 403 refuse; anything else leaves the connection for later. Leaves out which URL is wise: the
 * operator names it.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import { outbound, type OutboundAnswer, type OutboundOptions } from "../../../kit/outbound.ts";
import { type Work, type WorkOutcome } from "../../../kit/worker.ts";
import { signatureHeader, signRequest } from "./signature.ts";

/** What is told; `connect` is asked. */
export const webhookKinds = ["connect", "disconnect", "publish", "occupied", "vacated"] as const;
/** One of {@link webhookKinds}. */
export type WebhookKind = (typeof webhookKinds)[number];

/** One piece of news. */
export interface News {
  kind: Exclude<WebhookKind, "connect">;
  /** Epoch ms. */
  at: number;
  address?: string;
  content?: string;
  position?: string;
  user?: string;
  connection?: string;
  reason?: string;
}

/** Somebody at the door. */
export interface Visitor {
  connection: string;
  user: string;
  /** IP address. */
  address: string;
  transport: string;
}

/** How the application is told. */
export interface WebhookOptions {
  url: string;
  kinds: readonly WebhookKind[];
  /** Signs what goes out; unsigned without. */
  secret?: string;
  clock: Clock;
  log: Logger;
  /** @default 5000 */
  timeoutMs?: number;
  /** @default kit/outbound */
  send?: (url: string, options: OutboundOptions) => Promise<Pick<OutboundAnswer, "status">>;
}

const maxWaiting = 10_000;
const maxWaitingBytes = 16 * 1024 * 1024;
const batchCount = 100;
const batchBytes = 1024 * 1024;
/** Questions that are asked at a time, and those that may wait for their turn, for as long as one answer may take. */
const mostAsked = 100;
const mostAsking = 10_000;
/** News that were refused so often in a row are given up, so that one bad piece does not hold all others. */
const maxTries = 8;

/** The way to the application. */
export class Webhooks {
  readonly #options: WebhookOptions;
  readonly #kinds: ReadonlySet<WebhookKind>;
  #waiting: { news: News; sizeBytes: number }[] = [];
  #waitingBytes = 0;
  #tries = 0;
  #asked = 0;
  /** Who waits for a turn to ask; told whether it has come. */
  readonly #turns = new Set<(isTurn: boolean) => void>();
  /** Called when there is something to send. */
  wake: () => void = () => undefined;
  readonly figures = { sent: 0, lost: 0, failures: 0 };

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#kinds = new Set(options.kinds);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether anybody wants to know. */
  wants(kind: WebhookKind): boolean {
    return this.#kinds.has(kind);
  }

  /** Tells, when there is time. */
  tell(news: News): void {
    if (!this.#kinds.has(news.kind)) return;
    const sizeBytes = 200 + Buffer.byteLength(news.content ?? "") + Buffer.byteLength(news.address ?? "");
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + sizeBytes > maxWaitingBytes) {
      this.figures.lost++;
      return;
    }
    this.#waiting.push({ news, sizeBytes });
    this.#waitingBytes += sizeBytes;
    this.wake();
  }

  /**
   * Returns if the application lets somebody in, or was not to be asked. Faults: `windsock/refused` (forbidden),
   * `windsock/webhook` (unavailable: it gave no answer).
   */
  async mayConnect(visitor: Visitor): Promise<void> {
    if (!this.#kinds.has("connect")) return;
    await this.#turn();
    let status: number;
    try {
      ({ status } = await this.#send(JSON.stringify({ connect: visitor })));
    } catch (thrown) {
      this.figures.failures++;
      throw new Fault("unavailable", "windsock/webhook", "Cannot let you in now: the application gave no answer", {
        cause: thrown,
        retryAfterMs: 5000,
      });
    } finally {
      this.#asked--;
      for (const next of this.#turns) {
        next(true);
        break;
      }
    }
    if (status >= 200 && status < 300) return;
    if (status === 401 || status === 403) {
      throw new Fault("forbidden", "windsock/refused", "Cannot let you in: the application refused");
    }
    this.figures.failures++;
    throw new Fault("unavailable", "windsock/webhook", `Cannot let you in now: the application said ${status}`, {
      retryAfterMs: 5000,
    });
  }

  /** Waits until there is room to ask; many may come at once, and an application that is slow must not use up all sockets. */
  async #turn(): Promise<void> {
    const { clock, timeoutMs = 5000 } = this.#options;
    if (this.#asked >= mostAsked) {
      const isTurn =
        this.#turns.size < mostAsking &&
        (await new Promise<boolean>((resolve) => {
          const tell = (isTurn: boolean) => {
            this.#turns.delete(tell);
            cancel();
            // Its place is its own from now on.
            if (isTurn) this.#asked++;
            resolve(isTurn);
          };
          const cancel = clock.schedule(timeoutMs, () => tell(false));
          this.#turns.add(tell);
        }));
      if (isTurn) return;
      throw new Fault(
        "unavailable",
        "windsock/webhook",
        "Cannot let you in now: the application is asked by too many",
        {
          retryAfterMs: 5000,
        },
      );
    }
    this.#asked++;
  }

  /** The work of sending. */
  work(): Work {
    return {
      name: "webhooks",
      summary: "Tells the application what happened",
      step: () => this.step(),
      progress: () => ({ waiting: this.#waiting.length, sent: this.figures.sent, lost: this.figures.lost }),
    };
  }

  /** Sends one batch. Throws when it was not taken; the worker then waits. */
  async step(): Promise<WorkOutcome> {
    const batch: News[] = [];
    let sizeBytes = 0;
    for (const each of this.#waiting) {
      if (batch.length === batchCount || (batch.length > 0 && sizeBytes + each.sizeBytes > batchBytes)) break;
      batch.push(each.news);
      sizeBytes += each.sizeBytes;
    }
    if (batch.length === 0) return "idle";
    const done = () => {
      this.#waiting = this.#waiting.slice(batch.length);
      this.#waitingBytes -= sizeBytes;
      this.#tries = 0;
    };
    try {
      const { status } = await this.#send(JSON.stringify({ events: batch }));
      if (status < 200 || status >= 300) throw new Error(`The webhook answered ${status}`);
    } catch (thrown) {
      this.figures.failures++;
      if (++this.#tries < maxTries) throw thrown;
      this.#options.log.warn("News for the webhook were given up", {
        count: batch.length,
        reason: reasonOf(thrown),
      });
      this.figures.lost += batch.length;
      done();
      return { waitMs: 0 };
    }
    done();
    this.figures.sent += batch.length;
    return this.#waiting.length > 0 ? { waitMs: 0 } : "idle";
  }

  #send(body: string): Promise<Pick<OutboundAnswer, "status">> {
    const { clock, secret, timeoutMs = 5000, url } = this.#options;
    const { pathname, search } = new URL(url);
    const signed = { method: "POST", target: `${pathname}${search}`, body };
    return (this.#options.send ?? outbound)(url, {
      clock,
      timeoutMs,
      maxBytes: 4096,
      maxRedirects: 0,
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(secret === undefined ? {} : { [signatureHeader]: signRequest(signed, secret, clock.now() / 1000) }),
      },
      body,
    });
  }
}

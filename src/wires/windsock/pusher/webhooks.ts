/**
 * News of channels for the application's own server: gathered for a moment, sent together, signed. What cannot be
 * delivered is tried again for a stated while, then dropped and counted; what waits is bounded. Source: Pusher Channels'
 * documentation of webhooks.
 */
import type { Clock } from "../../../kit/clock.ts";
import { outbound } from "../../../kit/outbound.ts";
import type { Application } from "./application.ts";
import type { ChannelNews } from "./channels.ts";
import { sign } from "./signature.ts";

const gatherMs = 50;
const mostAtOnce = 100;
const mostWaiting = 10_000;
const firstRetryMs = 1000;
const longestRetryMs = 30_000;
const giveUpAfterMs = 300_000;
const timeoutMs = 5000;

/** Sends a body to a URL; resolves to the status. */
export type PostHook = (url: string, headers: Record<string, string>, body: string) => Promise<number>;

/** Posts as the node does to places that the operator named. */
export function hookPoster(clock: Clock, signal: AbortSignal): PostHook {
  return async (url, headers, body) =>
    (
      await outbound(url, {
        clock,
        timeoutMs,
        maxBytes: 10_000,
        method: "POST",
        headers,
        body,
        signal,
        maxRedirects: 0,
      })
    ).status;
}

/** The webhook of one application. */
export class Webhook {
  readonly #application: Application;
  readonly #clock: Clock;
  readonly #post: PostHook;
  #waiting: ChannelNews[] = [];
  #isSending = false;
  #cancel: () => void = () => undefined;
  #isOver = false;
  #retryMs = firstRetryMs;
  #troubleSinceMs: number | undefined;
  #dropped = 0;
  #failure: string | undefined;

  constructor(application: Application, clock: Clock, post: PostHook) {
    this.#application = application;
    this.#clock = clock;
    this.#post = post;
  }

  /** News that were given up. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why the last try failed; undefined when it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  add(news: ChannelNews): void {
    if (this.#application.webhook === undefined || this.#isOver) return;
    if (this.#waiting.length >= mostWaiting) {
      this.#waiting.shift();
      this.#dropped++;
    }
    this.#waiting.push(news);
    if (!this.#isSending) this.#later(gatherMs);
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #later(delayMs: number): void {
    this.#isSending = true;
    this.#cancel = this.#clock.schedule(delayMs, () => void this.#send());
  }

  async #send(): Promise<void> {
    const { key, secret, webhook } = this.#application;
    const events = this.#waiting.slice(0, mostAtOnce);
    const body = JSON.stringify({ time_ms: this.#clock.now(), events });
    const headers = {
      "Content-Type": "application/json",
      "X-Pusher-Key": key,
      "X-Pusher-Signature": sign(secret, body),
    };
    const before = this.#dropped;
    try {
      const status = await this.#post(webhook ?? "", headers, body);
      this.#failure = status >= 200 && status < 300 ? undefined : `the webhook answered ${status}`;
    } catch (thrown) {
      this.#failure = thrown instanceof Error ? thrown.message : String(thrown);
    }
    if (this.#isOver) return;
    const nowMs = this.#clock.monotonicMs();
    const lost = this.#dropped - before;
    if (this.#failure === undefined) {
      // What was dropped meanwhile stood at the beginning.
      this.#waiting.splice(0, Math.max(0, events.length - lost));
      this.#dropped -= Math.min(lost, events.length);
      this.#troubleSinceMs = undefined;
      this.#retryMs = firstRetryMs;
    } else {
      this.#troubleSinceMs ??= nowMs;
      if (nowMs - this.#troubleSinceMs > giveUpAfterMs) {
        this.#dropped += this.#waiting.splice(0, Math.max(0, events.length - lost)).length;
        this.#troubleSinceMs = nowMs;
      }
      this.#later(this.#retryMs);
      this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
      return;
    }
    if (this.#waiting.length > 0) this.#later(gatherMs);
    else this.#isSending = false;
  }
}

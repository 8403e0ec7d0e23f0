/**
 * How pages learn that there is something new where windsock runs in the same program: a word on an address of their own, never
 * what is new, as others may have the right to publish there too; that they ask of this service, with rights of their own. Many
 * news are one word, none are sent while nobody holds a token, and one that could not be published is sent again.
 */
import { z } from "zod";

import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Reach } from "../../kit/reach.ts";
import type { BridgeNews } from "./bridge.ts";
import { pageAddress } from "./plan.ts";
import { postToWindsock } from "./windsock-post.ts";

/** One word to the pages; what they do not know of it they ask. */
export interface Nudge {
  /** The newest line that it tells of; 0 for none. */
  id: number;
  /** Rooms in which people or topics changed, or `*` for all, and for their list. */
  changed: string[];
}

/** What nudges stand on. */
export interface NudgeParts {
  /** Windsock of this program. */
  reach: Reach;
  clock: Clock;
  log: Logger;
  /** Unique among nodes that are linked: pages hear of their own node only. */
  nodeId: string;
}

const grantShape = z.object({ token: z.string(), expiresInMs: z.number() });

/** How long a token is good; while a page is open its client gets another one in time. */
const tokenSeconds = 240;
/** So long after its end it may still be heard with it: a poll that was begun in time goes on. */
const lingerMs = 60_000;
/** What comes within this time of a word waits for the next one. */
const gatherMs = 200;
const retryMostMs = 10_000;
/** Rooms are named as long as that, as JSON, is no longer; the shortest bound that messages of windsock can have is 1 KiB. */
const maxNamesLength = 250;

/** See the file's head. */
export class Nudges {
  /** Where windsock's client is, for pages: a path without a trailing slash. */
  readonly windsockPath: string;
  /** What pages subscribe to. */
  readonly address: string;
  readonly #parts: NudgeParts;
  readonly #stopping = new AbortController();
  #waiting: Nudge | undefined;
  #telling: Promise<void> | undefined;
  /** Until then, by the monotonic clock, somebody may hold a token. */
  #wantedUntilMs = -Infinity;
  #isAway = false;

  private constructor(parts: NudgeParts, windsockPath: string) {
    this.#parts = parts;
    this.windsockPath = windsockPath;
    this.address = `${pageAddress}.${parts.nodeId}`;
  }

  /** Undefined where pages cannot reach windsock, or it gives no tokens: they then hear by server-sent events. */
  static async open(parts: NudgeParts): Promise<Nudges | undefined> {
    const { log, reach } = parts;
    if (reach.pagePath === undefined) return undefined;
    const nudges = new Nudges(parts, reach.pagePath);
    try {
      await nudges.#grant("");
      return nudges;
    } catch (thrown) {
      log.info("Pages hear by server-sent events, as windsock gives them no tokens", { reason: reasonOf(thrown) });
      return undefined;
    }
  }

  /** A token that is good for hearing {@link address}, and for minutes. Fault `fitor/windsock` (unavailable). */
  async token(user: string): Promise<string> {
    const { expiresInMs, token } = await this.#grant(user);
    this.#wantedUntilMs = this.#parts.clock.monotonicMs() + expiresInMs + lingerMs;
    return token;
  }

  /** Whether the last word could not be published: pages that rely on them hear nothing. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Takes what happened. */
  take(news: BridgeNews): void {
    if (!this.#isWanted || this.#stopping.signal.aborted) return;
    const { changed, id } = nudgeOf(news);
    this.#waiting = joined(this.#waiting ?? { id: 0, changed: [] }, { id, changed });
    this.#telling ??= this.#tell();
  }

  /** Ends it; nothing is published after that. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#telling;
  }

  get #isWanted(): boolean {
    return this.#parts.clock.monotonicMs() < this.#wantedUntilMs;
  }

  async #tell(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopping;
    let pauseMs = gatherMs;
    while (this.#waiting && this.#isWanted && !signal.aborted) {
      const nudge = this.#waiting;
      this.#waiting = undefined;
      try {
        await this.#ask("publish", { address: this.address, content: JSON.stringify(nudge) });
        pauseMs = gatherMs;
        this.#isAway = false;
      } catch (thrown) {
        if (signal.aborted) break;
        this.#isAway = true;
        if (pauseMs === gatherMs)
          log.warn("Pages cannot be told what is new; trying again", { reason: reasonOf(thrown) });
        this.#waiting = joined(nudge, this.#waiting ?? { id: 0, changed: [] });
        pauseMs = Math.min(pauseMs * 4, retryMostMs);
      }
      await sleep(clock, pauseMs, signal);
    }
    this.#waiting = undefined;
    this.#telling = undefined;
  }

  async #grant(user: string): Promise<z.infer<typeof grantShape>> {
    const answer = await this.#ask("within/token", { user, address: this.address, seconds: tokenSeconds });
    return grantShape.parse(JSON.parse(answer));
  }

  async #ask(path: string, body: object): Promise<string> {
    const answer = await postToWindsock(this.#parts.reach, path, body, this.#stopping.signal);
    const text = await answer.text();
    if (answer.ok) return text;
    const reason = `Cannot use windsock: it answered ${answer.status} ${text.slice(0, 200).trim()}`;
    throw new Fault("unavailable", "fitor/windsock", reason);
  }
}

function nudgeOf(news: BridgeNews): Nudge {
  switch (news.kind) {
    case "line":
      return { id: news.line.id, changed: [] };
    case "people":
      return { id: 0, changed: [news.room] };
    case "state":
      return { id: 0, changed: ["*"] };
  }
}

function joined(one: Nudge, other: Nudge): Nudge {
  const changed = [...new Set([...one.changed, ...other.changed])];
  const isAll = changed.includes("*") || JSON.stringify(changed).length > maxNamesLength;
  return { id: Math.max(one.id, other.id), changed: isAll ? ["*"] : changed };
}

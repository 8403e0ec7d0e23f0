/**
 * The bus over Windsock of the same program, by its requests of HTTP, without a socket between: publications go out one after the
 * other, and what others publish is asked for by long polls that go on from a position, so that nothing is missed and nothing
 * comes twice.
 */
import { z } from "zod";

import { type Clock, sleep } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Reach } from "../../kit/reach.ts";
import type { Bus, BusEvents } from "./bus.ts";
import { postToWindsock } from "./windsock-post.ts";

const answerShape = z.object({
  publications: z.array(z.object({ address: z.string(), content: z.string() })),
  position: z.string(),
  gap: z.boolean().optional(),
});

const maxWaiting = 1000;
const waitSeconds = 25;
const pauseMs = 2000;

/** A bus within the program. */
export class WindsockBus implements Bus {
  readonly name = "windsock of this program";
  readonly counts = { published: 0, lost: 0, heard: 0 };
  readonly #reach: Reach;
  readonly #clock: Clock;
  readonly #events: BusEvents;
  readonly #query: string;
  readonly #stopping = new AbortController();
  readonly #listening: Promise<void>;
  #sending: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isUp = false;

  /** Hears every address that begins with one of `prefixes`. */
  constructor(options: { reach: Reach; prefixes: readonly string[]; clock: Clock }, events: BusEvents) {
    this.#reach = options.reach;
    this.#clock = options.clock;
    this.#events = events;
    this.#query = options.prefixes.map((prefix) => `prefix=${encodeURIComponent(prefix)}`).join("&");
    this.#listening = this.#listen();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  publish(address: string, content: string): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#waiting >= maxWaiting) {
      this.#lose("too many wait already");
      return;
    }
    this.#waiting++;
    this.#sending = this.#sending.then(async () => {
      try {
        const answer = await postToWindsock(this.#reach, "publish", { address, content }, this.#stopping.signal);
        if (answer.ok) this.counts.published++;
        else this.#lose(`windsock answered ${answer.status} ${(await answer.text()).slice(0, 200)}`);
      } catch (thrown) {
        this.#lose(reasonOf(thrown));
      } finally {
        this.#waiting--;
      }
    });
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#listening, this.#sending]);
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stopping;
    let position: string | undefined;
    while (!signal.aborted) {
      try {
        const since = position === undefined ? "wait=0" : `since=${encodeURIComponent(position)}&wait=${waitSeconds}`;
        const answer = await this.#reach.fetch(`${this.#reach.baseUrl}/poll?${this.#query}&${since}`, { signal });
        const body = await answer.text();
        if (!answer.ok) throw new Error(`windsock answered ${answer.status} ${body.slice(0, 200)}`);
        const told = answerShape.parse(JSON.parse(body));
        this.#isUp = true;
        position = told.position;
        for (const { address, content } of told.publications) {
          this.counts.heard++;
          this.#events.heard(address, content);
        }
      } catch (thrown) {
        if (signal.aborted) break;
        if (this.#isUp) this.#events.lost(`cannot listen: ${reasonOf(thrown)}`);
        this.#isUp = false;
        await sleep(this.#clock, pauseMs, signal);
      }
    }
    this.#isUp = false;
  }

  #lose(reason: string): void {
    if (this.#stopping.signal.aborted) return;
    this.counts.lost++;
    this.#events.lost(reason);
  }
}

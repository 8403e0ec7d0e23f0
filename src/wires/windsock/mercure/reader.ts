/**
 * One reader of the Mercure door: which updates it is given, once each, and the bounded queue between the hub and its
 * connection. Server-sent events have no word for "something is missing"; where it may be, the connection ends with the
 * event `windsock-gap`, the browser comes back by itself with the id it saw last, and the answer's header tells.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Listener } from "../hub.ts";
import type { Publication } from "../publication.ts";
import type { Matcher } from "./matcher.ts";
import { eventText, updateOf } from "./update.ts";

/** What a reader is held to. */
export interface ReaderSettings {
  /** More than this waiting ends the connection. */
  waitingBytes: number;
  /** A comment goes out after this much silence. */
  heartbeatMs: number;
}

const idsRemembered = 64;

/** See the file's head. */
export class Reader implements Listener {
  readonly #matchers: readonly Matcher[];
  readonly #granted: readonly Matcher[];
  readonly #settings: ReaderSettings;
  readonly #clock: Clock;
  readonly #seen: string[] = [];
  #waiting: string[] = [];
  #waitingBytes = 0;
  #wake: () => void = () => undefined;
  #isOver = false;
  #isLive = false;

  constructor(matchers: readonly Matcher[], granted: readonly Matcher[], clock: Clock, settings: ReaderSettings) {
    this.#matchers = matchers;
    this.#granted = granted;
    this.#clock = clock;
    this.#settings = settings;
  }

  hear(publication: Publication): void {
    const update = updateOf(publication);
    if (!update || this.#isOver) return;
    const { id, isPrivate, topics } = update;
    if (!topics.some((topic) => this.#matchers.some((matcher) => matcher.matches(topic)))) return;
    if (isPrivate && !topics.some((topic) => this.#granted.some((matcher) => matcher.matches(topic)))) return;
    // One update has a publication for each of its topics.
    if (this.#seen.includes(id)) return;
    if (topics.length > 1) this.#seen.push(id);
    if (this.#seen.length > idsRemembered) this.#seen.shift();
    this.#put(eventText(update));
  }

  gap(): void {
    // Before the answer has begun, its header tells.
    if (this.#isLive) this.end("event: windsock-gap\ndata: Something may be missing; come back\n\n");
  }

  /** Ends the connection, with last words if there are any. */
  end(words = ""): void {
    if (this.#isOver) return;
    if (words !== "") this.#waiting.push(words);
    this.#isOver = true;
    this.#wake();
  }

  /** What goes out, until the end. */
  async *texts(): AsyncGenerator<Uint8Array> {
    this.#isLive = true;
    // So that the browser's connection counts as open at once.
    yield Buffer.from(":\n\n");
    while (true) {
      if (this.#waiting.length > 0) {
        const text = this.#waiting.join("");
        this.#waiting = [];
        this.#waitingBytes = 0;
        yield Buffer.from(text);
        continue;
      }
      if (this.#isOver) return;
      const isSilent = await new Promise<boolean>((resolve) => {
        const cancel = this.#clock.schedule(this.#settings.heartbeatMs, () => resolve(true));
        this.#wake = () => {
          cancel();
          resolve(false);
        };
      });
      if (isSilent) yield Buffer.from(":\n\n");
    }
  }

  #put(text: string): void {
    this.#waiting.push(text);
    this.#waitingBytes += text.length;
    // What is asked for of the past has to fit, whatever it is.
    if (this.#isLive && this.#waitingBytes > this.#settings.waitingBytes) {
      this.#waiting = [];
      this.end("event: windsock-gap\ndata: You read too slowly; come back\n\n");
    }
    this.#wake();
  }
}

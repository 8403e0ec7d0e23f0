/**
 * One reader of the Mercure door: which updates it is given, once each, and the bounded queue between the hub and its
 * connection. Server-sent events have no word for "something is missing"; where it may be, the connection ends with the
 * event `windsock-gap`, the browser comes back by itself with the id it saw last, and the answer's header tells.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Returner } from "../hub.ts";
import type { Publication } from "../publication.ts";
import type { Matcher } from "./matcher.ts";
import { eventText, type Update, updateOf } from "./update.ts";

/** What a reader is held to. */
export interface ReaderSettings {
  /** More than this waiting ends the connection. */
  waitingBytes: number;
  /** A comment goes out after this much silence. */
  heartbeatMs: number;
}

const idsRemembered = 64;
/** What goes out at a time, about. */
const portionCharacters = 65_536;
/** Who takes nothing of what waits for so long gets no more of it. */
const stalledMs = 60_000;

/** See the file's head. */
export class Reader implements Returner {
  readonly #matchers: readonly Matcher[];
  readonly #granted: readonly Matcher[];
  readonly #settings: ReaderSettings;
  readonly #clock: Clock;
  readonly #seen: string[] = [];
  /** The topics of the last update of several that was not for this reader. */
  #foreign = "";
  /** Texts are made when they go out: what is kept of the past is one for all. */
  #waiting: (Update | string)[] = [];
  /** How many of them, at first, are of the past; the rest is counted in bytes. */
  #past = 0;
  #waitingBytes = 0;
  #wake: () => void = () => undefined;
  #isOver = false;
  #isLive = false;
  #isWhole = true;
  #portions = 0;
  #isGoingBack = false;
  #room: () => void = () => undefined;
  readonly #begun = Promise.withResolvers<void>();

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
    // One update has a publication for each of its topics, and is judged by all of them.
    const judged = topics.length > 1 ? `${isPrivate} ${topics.join("\n")}` : "";
    if (judged !== "" && judged === this.#foreign) return;
    if (!this.#concerns(update)) {
      this.#foreign = judged;
      return;
    }
    if (this.#seen.includes(id)) return;
    if (topics.length > 1) this.#seen.push(id);
    if (this.#seen.length > idsRemembered) this.#seen.shift();
    this.#put(update);
  }

  /** Whether it was told of everything by now. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when a first portion of what was missed is here, if it is not over: it says whether there is a gap. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** See {@link Returner}: when nothing waits, or it is the first portion. */
  async room(): Promise<boolean> {
    this.#isGoingBack = true;
    if (++this.#portions > 1) this.#begun.resolve();
    while (!this.#isOver && this.#portions > 1 && this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
    return !this.#isOver;
  }

  /** What is heard now is no longer of the past. */
  arrived(): void {
    this.#isGoingBack = false;
    this.#begun.resolve();
  }

  gap(): void {
    this.#isWhole = false;
    // Before the answer has begun, its header tells.
    if (this.#isLive) this.end("event: windsock-gap\ndata: Something may be missing; come back\n\n");
  }

  /** Ends the connection, with last words if there are any. */
  end(words = ""): void {
    if (this.#isOver) return;
    if (words !== "") this.#waiting.push(words);
    this.#isOver = true;
    this.#begun.resolve();
    this.#room();
    this.#wake();
  }

  /** What goes out, until the end. */
  async *texts(): AsyncGenerator<Uint8Array> {
    this.#isLive = true;
    // So that the browser's connection counts as open at once.
    yield Buffer.from(":\n\n");
    while (true) {
      if (this.#waiting.length > 0) {
        const text = this.#portion();
        const cancel = this.#clock.schedule(stalledMs, () => this.#tooSlow());
        yield Buffer.from(text);
        cancel();
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

  #concerns({ isPrivate, topics }: Update): boolean {
    if (!topics.some((topic) => this.#matchers.some((matcher) => matcher.matches(topic)))) return false;
    return !isPrivate || topics.some((topic) => this.#granted.some((matcher) => matcher.matches(topic)));
  }

  /** As much of what waits as goes out at a time. */
  #portion(): string {
    let text = "";
    let count = 0;
    for (const one of this.#waiting) {
      if (text.length >= portionCharacters) break;
      text += typeof one === "string" ? one : eventText(one);
      if (this.#past > 0) this.#past--;
      else if (typeof one !== "string") this.#waitingBytes -= sizeOf(one);
      count++;
    }
    this.#waiting = this.#waiting.slice(count);
    this.#room();
    return text;
  }

  #put(update: Update): void {
    this.#waiting.push(update);
    // What is asked for of the past has to fit, whatever it is.
    if (this.#isLive && !this.#isGoingBack) {
      this.#waitingBytes += sizeOf(update);
      if (this.#waitingBytes > this.#settings.waitingBytes) this.#tooSlow();
    } else this.#past++;
    this.#wake();
  }

  #tooSlow(): void {
    this.#waiting = [];
    this.#past = 0;
    this.end("event: windsock-gap\ndata: You read too slowly; come back\n\n");
  }
}

function sizeOf({ data, id }: Update): number {
  return data.length + id.length;
}

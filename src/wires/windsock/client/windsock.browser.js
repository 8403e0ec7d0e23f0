/**
 * The client of Windsock for browsers and Bun: connects by the best way there is, comes back by itself with a fresh token,
 * and goes on from where it was, so that each message is heard once, or `gap` says that something is missing.
 * Declarations: client.d.ts beside this file's address.
 */
import { Heard } from "./heard.browser.js";
import { Link } from "./link.browser.js";
import { connected, WindsockError } from "./session.browser.js";
import { messageOf, Subscription } from "./subscription.browser.js";

/** @typedef {import("./subscription.browser.js").Message} Message */
export { WindsockError };

/** See client.d.ts. */
export class Windsock extends EventTarget {
  /** @type {Set<Subscription>} */
  #subscriptions = new Set();
  /** @type {Map<string, {enter: boolean, watch: boolean}>} */
  #places = new Map();
  /** @type {string | undefined} */
  #position;
  #heard = new Heard();
  #link;

  /** @param {string | URL} url @param {import("./link.browser.js").Options} [options] */
  constructor(url, options = {}) {
    super();
    this.base = String(url).replace(/\/*$/, "/");
    const needs = {
      position: () => this.#position,
      topics: () => [...new Map([...this.#subscriptions].map(({ topic }) => [JSON.stringify(topic), topic])).values()],
      places: () => this.#places,
      hear: (/** @type {import("./session.browser.js").Word} */ word) => this.#hear(word),
    };
    this.#link = new Link(this.base, options, needs, (details) => this.#tell("state", details));
  }

  get state() {
    return this.#link.state;
  }

  get connection() {
    return this.#link.connection;
  }

  get transport() {
    return this.#link.transport;
  }

  /** @param {string} kind @param {(event: any) => void} listener @returns {() => void} */
  on(kind, listener) {
    const heard = (/** @type {Event} */ event) => listener(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener(kind, heard);
    return () => this.removeEventListener(kind, heard);
  }

  /**
   * @param {import("./session.browser.js").Topic} topic @param {(message: Message) => void} hear
   * @param {{history?: number, gap?: () => void}} [options]
   */
  subscribe(topic, hear, { gap, history = 0 } = {}) {
    const own = new Subscription(topic, hear, gap, history > 0);
    this.#subscriptions.add(own);
    const ready = this.#begin(own, history);
    // Who wants to know waits for it; others hear of it by the event.
    ready.catch((error) => {
      this.#subscriptions.delete(own);
      this.#tell("error", error);
    });
    const leave = () => {
      this.#subscriptions.delete(own);
      this.#link.way?.changed().catch((error) => this.#tell("error", error));
    };
    return { ready, leave };
  }

  /** @param {string} address @param {unknown} value */
  async publish(address, value) {
    const content = typeof value === "string" ? value : JSON.stringify(value);
    return this.ask("publish", { address, content });
  }

  /** @param {import("./session.browser.js").Topic} topic @param {number} [limit] @returns {Promise<Message[]>} */
  async history(topic, limit = 100) {
    return (await this.ask("history", { topic, limit })).publications.map(messageOf);
  }

  /** @param {string} address @param {{enter?: boolean, watch?: boolean}} [wish] */
  async presence(address, wish = {}) {
    const place = { enter: false, watch: false, ...this.#places.get(address), ...wish };
    if (place.enter || place.watch) this.#places.set(address, place);
    else this.#places.delete(address);
    await connected(this);
    if (this.transport !== "websocket" && Object.keys(wish).length > 0) await this.#link.way?.changed();
    return (await this.ask("presence", { address, ...(this.transport === "websocket" ? wish : {}) })).clients;
  }

  /** @param {string} verb @param {object} input */
  async ask(verb, input) {
    await connected(this);
    if (!this.#link.way) throw new WindsockError("windsock/closed", "Cannot do that: there is no connection");
    return this.#link.way.ask(verb, input);
  }

  /** Ends it for good. */
  close() {
    this.#link.close(1000, "closed by this side");
  }

  /** @param {import("./session.browser.js").Word} word */
  #hear(word) {
    const { gap, ping, push } = word;
    // Not of a gap: what is kept comes only after it.
    const position = (push ?? ping)?.position;
    this.#position = position ?? this.#position;
    if (gap) {
      this.#heard.gapAt(gap.position);
      for (const each of this.#subscriptions) each.gap?.();
    }
    const isNew = position !== undefined && this.#heard.isNew(position);
    if (push && isNew) for (const each of this.#subscriptions) each.tell(messageOf(push));
    const [kind] = Object.keys(word);
    if (kind !== undefined && !push && !ping) this.#tell(kind, Object.values(word)[0]);
  }

  /** @param {Subscription} own @param {number} history */
  async #begin(own, history) {
    for (;;) {
      await connected(this);
      try {
        await this.#link.way?.changed();
        if (history > 0) own.begin((await this.ask("history", { topic: own.topic, limit: history })).publications);
        return;
      } catch (thrown) {
        // Cut off in between: the same again once it is back.
        if (!(thrown instanceof WindsockError) || thrown.code !== "windsock/closed" || this.state === "closed")
          throw thrown;
        // A socket that is closing says so only later: asking again at once would keep it from ever saying it.
        if (this.state === "connected")
          await new Promise((resolve) => this.addEventListener("state", resolve, { once: true }));
      }
    }
  }

  /** @param {string} kind @param {unknown} detail */
  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

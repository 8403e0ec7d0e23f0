/**
 * Keeps a connection: opens the best way there is, falls back to the next, comes back after 2, 4, … 300 s, counted anew only
 * when the server has let it in, each time with a fresh token, and stops where a code says that coming back is no use.
 */
import { eventsWay, pollWay } from "./http-ways.browser.js";
import { endOf, WindsockError } from "./session.browser.js";
import { socketWay } from "./socket-way.browser.js";

/**
 * @typedef {{token?: string | (() => string | Promise<string>), tokenUrl?: string, info?: unknown, ways?: string[],
 *   firstWaitMs?: number, mostWaitMs?: number}} Options
 * @typedef {Pick<import("./session.browser.js").Session, "position" | "topics" | "places" | "hear">} Needs
 */
/** @type {Record<string, import("./session.browser.js").OpenWay>} */
const waysByName = { websocket: socketWay, sse: eventsWay, poll: pollWay };

/** See the file's head. */
export class Link {
  state = "waiting";
  connection = "";
  /** @type {string | undefined} */
  transport;
  /** @type {import("./session.browser.js").Way | undefined} */
  way;
  #waitMs = 0;
  #choice = 0;
  #round = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #refresh;

  /** @param {string} base @param {Options} options @param {Needs} needs @param {(details: object) => void} told */
  constructor(base, options, needs, told) {
    this.base = base;
    this.options = options;
    this.needs = needs;
    this.told = told;
    this.ways = options.ways ?? Object.keys(waysByName);
    // At the next turn, so that listeners and topics can be added first.
    this.#timer = setTimeout(() => this.#connect(), 0);
    globalThis.addEventListener?.("online", this.#online);
  }

  /** Ends it for good. @param {number} code @param {string} reason */
  close(code, reason) {
    globalThis.removeEventListener?.("online", this.#online);
    this.#stop();
    this.#turn("closed", { code, reason });
  }

  async #connect() {
    if (this.state === "closed") return;
    this.#turn("connecting");
    const way = String(this.ways[this.#choice]);
    /** @type {string | undefined} */
    let token;
    try {
      token = await this.#token();
    } catch (thrown) {
      this.#later(endOf(thrown));
      return;
    }
    if (this.state !== "connecting") return;
    let isWelcome = false;
    this.way = waysByName[way]?.({
      ...this.needs,
      base: this.base,
      token,
      ...(typeof this.options.token === "string" ? {} : { fresh: () => this.#token() }),
      info: this.options.info,
      welcome: (details) => {
        isWelcome = true;
        this.#waitMs = 0;
        this.#round = 0;
        this.transport = way;
        this.connection = String(details["connection"] ?? "");
        this.#renewAfter(details["expiresInMs"]);
        this.#turn("connected", details);
      },
      ended: (end) => this.#ended(end, isWelcome),
    });
  }

  /** @returns {Promise<string | undefined>} */
  async #token() {
    const { token, tokenUrl } = this.options;
    if (tokenUrl === undefined) return typeof token === "function" ? token() : token;
    const response = await fetch(tokenUrl, { credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw new WindsockError("windsock/token-url", `${tokenUrl} answered ${response.status}`);
    return (await response.json()).token;
  }

  /** Asks for a fresh token in good time, unless there is hardly any. @param {unknown} leftMs */
  #renewAfter(leftMs) {
    if (typeof leftMs !== "number" || leftMs < 1500 || typeof this.options.token === "string") return;
    this.#refresh = setTimeout(() => this.#renew(), Math.min(leftMs * 0.75, 2 ** 31 - 1));
  }

  async #renew() {
    try {
      this.#renewAfter((await this.way?.ask("refresh", { token: await this.#token() }))?.expiresInMs);
    } catch {
      // Without it the connection ends, and begins again with a fresh token.
    }
  }

  /** @param {import("./session.browser.js").End} end @param {boolean} wasWelcome */
  #ended(end, wasWelcome) {
    this.#stop();
    if (end.code >= 3500 && end.code <= 3999) {
      this.close(end.code, end.reason);
      return;
    }
    // A way that does not even begin may be barred; the next one is tried at once, until all were.
    const isBarred = !wasWelcome && end.code === 0 && ++this.#round < this.ways.length;
    if (!wasWelcome && end.code === 0) this.#choice = (this.#choice + 1) % this.ways.length;
    if (isBarred) this.#connect();
    else this.#later(end);
  }

  /** Unless it was closed while a token was asked for. @param {import("./session.browser.js").End} end */
  #later(end) {
    if (this.state === "closed") return;
    this.#round = 0;
    const { firstWaitMs = 2000, mostWaitMs = 300_000 } = this.options;
    this.#waitMs = Math.min(this.#waitMs * 2 || firstWaitMs, mostWaitMs);
    this.#turn("waiting", { ...end, waitMs: this.#waitMs });
    this.#timer = setTimeout(() => this.#connect(), this.#waitMs);
  }

  #online = () => {
    if (this.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  #stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#refresh);
    this.way?.close();
    this.way = undefined;
  }

  /** @param {string} state @param {object} [details] */
  #turn(state, details = {}) {
    this.state = state;
    this.told({ state, ...details });
  }
}

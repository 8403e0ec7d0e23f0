/** How others reach hound: over a fetch, in the same program or across the network. Instants are epoch ms. */
import { isPage } from "../../kit/http/wrong-address.ts";
import type { Replay } from "./replay.ts";
import type { ShownHound } from "./shown.ts";
import type { HistoryEntry, Silence } from "./standing.ts";

/** The way to hound. */
export interface HoundWay {
  /** Where its routes begin, without a slash at the end. */
  baseUrl: string;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Hound does not do what it was asked; the message has its words. */
export class HoundRefusal extends Error {
  readonly status: number;

  constructor(status: number, words: string) {
    super(words);
    this.status = status;
  }
}

const exampleUrl = "http://127.0.0.1:4100/hound";

/** A client. Every method throws {@link HoundRefusal} for an answer that is none, and what fetch throws. */
export class HoundClient {
  readonly #way: HoundWay;

  constructor(way: HoundWay) {
    this.#way = way;
  }

  /** How all rules stand. */
  async standings(): Promise<ShownHound> {
    return (await this.#ask("GET", "/api/standings")) as ShownHound;
  }

  /** What happened, newest first; `of` is the id of a rule or a standing. */
  async history(options: { of?: string; limit: number }): Promise<HistoryEntry[]> {
    const words = new URLSearchParams({ limit: String(options.limit) });
    if (options.of !== undefined) words.set("of", options.of);
    return (await this.#ask("GET", `/api/history?${words}`)) as HistoryEntry[];
  }

  /** Stops the repeats of a failing rule; false when it does not fail. */
  async acknowledge(id: string): Promise<boolean> {
    return ((await this.#ask("POST", "/api/acknowledge", { id })) as { acknowledged: boolean }).acknowledged;
  }

  /** Silences that have not ended. */
  async silences(): Promise<Silence[]> {
    return (await this.#ask("GET", "/api/silences")) as Silence[];
  }

  /** Silences what a matcher covers, for a time such as `2h`. */
  async silence(wanted: { matcher: string; for: string; comment: string }): Promise<Silence> {
    return (await this.#ask("POST", "/api/silences", wanted)) as Silence;
  }

  /** Ends a silence. */
  async unsilence(id: string): Promise<void> {
    await this.#ask("DELETE", `/api/silences/${encodeURIComponent(id)}`);
  }

  /** Runs a rule over the past. */
  async test(wanted: { rule: string | Record<string, unknown>; past: string }): Promise<Replay> {
    return (await this.#ask("POST", "/api/test", wanted)) as Replay;
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#way.fetch(`${this.#way.baseUrl}${path}`, {
      method,
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.status === 204) return undefined;
    // Another address of a node, or of somebody else, has pages for people.
    if (isPage(answer)) {
      await answer.body?.cancel();
      const { baseUrl } = this.#way;
      const words = `${baseUrl} is a web page (${answer.status}): Hound is at an address such as ${exampleUrl}`;
      throw new HoundRefusal(answer.status, words);
    }
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    throw new HoundRefusal(answer.status, wordsOf(text) || `Hound answered ${answer.status}`);
  }
}

/** The sentence of a problem. */
function wordsOf(text: string): string {
  try {
    const problem: unknown = JSON.parse(text);
    const detail: unknown =
      typeof problem === "object" && problem !== null ? Reflect.get(problem, "detail") : undefined;
    return typeof detail === "string" ? detail : text.slice(0, 500);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return text.slice(0, 500);
    throw thrown;
  }
}

/** How other services reach the store: over a fetch, in the same program or across the network. */
import { encodeLines } from "../../lib/graphite/line.ts";
import type { Point } from "../../lib/graphite/path.ts";

/** One series of an answer: pairs of value and time, null where nothing is known. */
export interface ClientSeries {
  target: string;
  tags: Record<string, string>;
  datapoints: [number | null, number][];
}

/** An event, such as a deploy or an alert, that graphs show. */
export interface ClientEvent {
  id: number;
  what: string;
  tags: string[];
  /** Epoch seconds. */
  when: number;
  data: string;
}

/** The way to the store. */
export interface SeriesWay {
  /** Where its routes begin, without a slash at the end. */
  baseUrl: string;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** A store that does not do what it was asked; the message has its words. */
export class SeriesRefusal extends Error {
  readonly status: number;

  constructor(status: number, words: string) {
    super(`The store answered ${status}: ${words.slice(0, 500)}`);
    this.status = status;
  }
}

/** A client. Every method throws {@link SeriesRefusal} for an answer that is none, and what fetch throws. */
export class SeriesClient {
  readonly #way: SeriesWay;

  constructor(way: SeriesWay) {
    this.#way = way;
  }

  /** Resolves when the points survive a crash of the store, with how many were taken. */
  async write(points: Iterable<Point>, signal?: AbortSignal): Promise<{ accepted: number }> {
    return (await this.#ask("/write", encodeLines(points), "text/plain", signal)) as { accepted: number };
  }

  /** Targets from `from` until `until`, in epoch seconds or Graphite's words. */
  async render(
    targets: readonly string[],
    range: { from: number | string; until: number | string; maxDataPoints?: number },
    signal?: AbortSignal,
  ): Promise<ClientSeries[]> {
    const form = new URLSearchParams({ format: "json", from: String(range.from), until: String(range.until) });
    if (range.maxDataPoints !== undefined) form.set("maxDataPoints", String(range.maxDataPoints));
    for (const target of targets) form.append("target", target);
    return (await this.#ask("/render", form.toString(), "application/x-www-form-urlencoded", signal)) as ClientSeries[];
  }

  /** Nodes that a pattern matches. */
  async find(query: string, signal?: AbortSignal): Promise<{ text: string; id: string; leaf: 0 | 1 }[]> {
    const form = new URLSearchParams({ query });
    return (await this.#ask("/metrics/find", form.toString(), "application/x-www-form-urlencoded", signal)) as {
      text: string;
      id: string;
      leaf: 0 | 1;
    }[];
  }

  /** Keeps an event, by default of now; its number. It is synced when this resolves. */
  async postEvent(
    event: { what: string; tags?: readonly string[]; when?: number; data?: string },
    signal?: AbortSignal,
  ): Promise<{ id: number }> {
    return (await this.#ask("/events", JSON.stringify(event), "application/json", signal)) as { id: number };
  }

  /** Events of [from, until], newest first, with all of the tags, or with any of them (`union`). */
  async events(
    range: { from: number | string; until: number | string; tags?: readonly string[]; set?: "union" | "intersection" },
    signal?: AbortSignal,
  ): Promise<ClientEvent[]> {
    const asked = new URLSearchParams({ from: String(range.from), until: String(range.until) });
    if (range.tags && range.tags.length > 0) asked.set("tags", range.tags.join(" "));
    if (range.set !== undefined) asked.set("set", range.set);
    return (await this.#fetch(`/events/get_data?${asked}`, { method: "GET" }, signal)) as ClientEvent[];
  }

  #ask(path: string, body: string, type: string, signal: AbortSignal | undefined): Promise<unknown> {
    return this.#fetch(path, { method: "POST", headers: { "Content-Type": type }, body }, signal);
  }

  async #fetch(
    path: string,
    init: { method: string; headers?: Record<string, string>; body?: string },
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const answer = await this.#way.fetch(`${this.#way.baseUrl}${path}`, {
      ...init,
      headers: { ...init.headers, Accept: "application/json" },
      ...(signal ? { signal } : {}),
    });
    if (!answer.ok) throw new SeriesRefusal(answer.status, await answer.text());
    return answer.json();
  }
}

/** How other services reach the store: over a fetch, in the same program or across the network. */
import { isPage } from "../../kit/http/wrong-address.ts";
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

interface ClientRequest {
  method: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
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

  /** Takes the points of a whisper file into a series. */
  async importWhisper(path: string, bytes: Uint8Array, signal?: AbortSignal): Promise<{ points: number }> {
    const init = {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: new Uint8Array(bytes),
    };
    return (await this.#fetch(`/import?${new URLSearchParams({ path })}`, init, signal)) as { points: number };
  }

  /** A series as a whisper file. */
  async exportWhisper(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#answer(`/export?${new URLSearchParams({ path })}`, { method: "GET" }, signal);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Paths of the series that a pattern matches. */
  async matching(pattern: string, signal?: AbortSignal): Promise<{ matching: string[] }> {
    const form = new URLSearchParams({ pattern, dry: "1" });
    return (await this.#ask("/delete", form.toString(), "application/x-www-form-urlencoded", signal)) as {
      matching: string[];
    };
  }

  /** Deletes the series that a pattern matches. */
  async delete(pattern: string, signal?: AbortSignal): Promise<{ deleted: number }> {
    const form = new URLSearchParams({ pattern });
    return (await this.#ask("/delete", form.toString(), "application/x-www-form-urlencoded", signal)) as {
      deleted: number;
    };
  }

  /** Has the files of schemas and rules read again; how many series are kept in another way from then on. */
  async reschema(signal?: AbortSignal): Promise<{ changed: number }> {
    return (await this.#fetch("/reschema", { method: "POST" }, signal)) as { changed: number };
  }

  #ask(path: string, body: string, type: string, signal: AbortSignal | undefined): Promise<unknown> {
    return this.#fetch(path, { method: "POST", headers: { "Content-Type": type }, body }, signal);
  }

  async #fetch(path: string, init: ClientRequest, signal: AbortSignal | undefined): Promise<unknown> {
    return (await this.#answer(path, init, signal)).json();
  }

  async #answer(path: string, init: ClientRequest, signal: AbortSignal | undefined): Promise<Response> {
    const answer = await this.#way.fetch(`${this.#way.baseUrl}${path}`, {
      ...init,
      headers: { ...init.headers, Accept: "application/json" },
      ...(signal ? { signal } : {}),
    });
    if (isPage(answer)) {
      await answer.body?.cancel();
      throw new SeriesRefusal(answer.status, `a web page: series is at an address such as ${exampleUrl}`);
    }
    if (!answer.ok) throw new SeriesRefusal(answer.status, sentenceOf(await answer.text()));
    return answer;
  }
}

const exampleUrl = "http://127.0.0.1:4100/series";

/** The sentence of a refusal: of problem details what they say, of anything else all of it. */
function sentenceOf(text: string): string {
  const detail = /"detail":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return detail === undefined ? text : String(JSON.parse(detail));
}

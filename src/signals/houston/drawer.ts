/**
 * Pictures, from whoever draws them: the store of this program or the Graphite that figures are read from. What comes back
 * is handed on only as what it may be (a picture, JSON or CSV), and can do nothing in a browser but be looked at.
 * Whoever draws refuses the whole for one target that is wrong; a picture then shows the others and says what is missing,
 * as it is looked at in mails by people. JSON and CSV are read by programs, and stay refused.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { outbound } from "../../kit/outbound.ts";
import type { Reach } from "../../kit/reach.ts";
import { withoutTargets } from "./picture.ts";

/** What a drawing may be asked as. */
export const drawingFormats = ["png", "svg", "json", "csv"] as const;
/** One of {@link drawingFormats}. */
export type DrawingFormat = (typeof drawingFormats)[number];

const contentTypes: Record<DrawingFormat, string> = {
  png: "image/png",
  svg: "image/svg+xml",
  json: "application/json",
  csv: "text/csv; charset=utf-8",
};
const maxBytes = 16 * 1024 * 1024;

/** Where pictures come from. */
export interface DrawerParts {
  clock: Clock;
  timeoutMs: number;
  /** The way to the store; asked at each picture. */
  reach(): Reach | undefined;
  /** Where a Graphite begins; undefined for the store. */
  url: string | undefined;
  kind: "graphite" | "prometheus";
  headers: Readonly<Record<string, string>>;
  verifyTls: boolean;
  /** Why each of the targets that cannot be answered cannot; asked when a picture of several is refused. */
  failing(query: URLSearchParams, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

/** Whoever draws. */
export class Drawer {
  readonly #parts: DrawerParts;

  constructor(parts: DrawerParts) {
    this.#parts = parts;
  }

  /** Whether there are pictures: a Prometheus draws none. */
  get canDraw(): boolean {
    return this.#parts.url === undefined || this.#parts.kind === "graphite";
  }

  /** What a render query gives. Faults: `houston/no-picture` with the reason, those of going out. */
  async draw(query: URLSearchParams, format: DrawingFormat, signal: AbortSignal): Promise<Response> {
    if (!this.canDraw)
      throw new Fault(
        "missing",
        "houston/no-picture",
        "Cannot draw a picture: the source is a Prometheus, which draws none",
      );
    const asked = new URLSearchParams(query);
    asked.set("format", format);
    let answer = await this.#ask(asked, signal);
    if (isRefusal(answer) && (format === "png" || format === "svg") && query.getAll("target").length > 1) {
      const failed = await this.#parts.failing(query, signal);
      const rest = withoutTargets(asked, failed);
      if (rest) answer = await this.#ask(rest, signal);
    }
    const { body, status } = answer;
    if (status < 200 || status >= 300) {
      const words = new TextDecoder()
        .decode(body.subarray(0, 2000))
        .replace(/<[^>]*>/g, " ")
        .replace(/\s+/g, " ")
        .trim();
      throw new Fault(
        status >= 400 && status < 500 ? "invalid" : "unavailable",
        "houston/no-picture",
        `Cannot draw a picture: the source answered ${status}: ${wordsOf(words).slice(0, 400)}`,
      );
    }
    return new Response(body, {
      headers: {
        "Content-Type": contentTypes[format],
        "Cache-Control": "private, max-age=10",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      },
    });
  }

  async #ask(query: URLSearchParams, signal: AbortSignal): Promise<{ status: number; body: Uint8Array<ArrayBuffer> }> {
    const { clock, headers, reach, timeoutMs, url, verifyTls } = this.#parts;
    if (url !== undefined) {
      const base = /\/render\/?$/.test(url) ? url : `${url.replace(/\/+$/, "")}/render`;
      // In a body, as many targets make addresses longer than servers take.
      const answer = await outbound(base, {
        method: "POST",
        body: query.toString(),
        headers: { ...headers, "Content-Type": "application/x-www-form-urlencoded" },
        clock,
        maxBytes,
        signal,
        timeoutMs,
        verifyTls,
      });
      return { status: answer.status, body: new Uint8Array(answer.body) };
    }
    const store = reach();
    if (!store) throw new Fault("unavailable", "houston/no-source", "Cannot draw a picture: series does not run here");
    const answer = await store.fetch(`${store.baseUrl}/render`, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: query.toString(),
      signal,
    });
    return { status: answer.status, body: new Uint8Array(await answer.arrayBuffer()) };
  }
}

/** What may be about one of several targets: a wrong question, or one that a Graphite of Python stumbled over. */
function isRefusal({ status }: { status: number }): boolean {
  return status >= 400 && status <= 500 && ![401, 403, 404, 429].includes(status);
}

/** The words of a problem in JSON, or the text itself. */
function wordsOf(text: string): string {
  try {
    const problem: unknown = JSON.parse(text);
    const detail = typeof problem === "object" && problem !== null ? Reflect.get(problem, "detail") : undefined;
    return typeof detail === "string" ? detail : text;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return text;
    throw thrown;
  }
}

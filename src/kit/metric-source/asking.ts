/**
 * Requests to a source of measurements elsewhere: credentials, bounds of bytes and time, and what a refusal says in the
 * source's own words. Tells apart what concerns the source as a whole (cannot be reached, wants other credentials, is no
 * such thing) from what concerns one question ({@link Refused}).
 */
import type { Clock } from "../clock.ts";
import { Fault, type FaultKind } from "../fault.ts";
import { outbound, type OutboundOptions, type Resolve } from "../outbound.ts";

/** The source answered, but not what was asked: it may still answer other questions. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** How it is asked. */
export interface AskingOptions {
  user?: string;
  password?: string;
  token?: string;
  verifyTls?: boolean;
  timeoutMs: number;
  maxBytes: number;
}

const wordsMax = 400;
/** Gateways say these for whatever stands behind them. */
const gatewayStatuses = new Set([502, 503, 504]);

/** Time for one whole task, shared by its requests. */
export class Patience {
  readonly #clock: Clock;
  readonly #endsMs: number;
  readonly timeoutMs: number;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#endsMs = clock.monotonicMs() + timeoutMs;
    this.timeoutMs = timeoutMs;
  }

  /** What is left in ms, 0 when it is over. */
  leftMs(): number {
    return Math.max(0, this.#endsMs - this.#clock.monotonicMs());
  }
}

/** A source's address with what is needed to ask there. */
export class Asking {
  /** The address without credentials. */
  readonly name: string;
  readonly #base: URL;
  readonly #options: AskingOptions;
  readonly #clock: Clock;
  readonly #outbound: Pick<OutboundOptions, "resolve" | "fetch">;
  readonly #authorization: string | undefined;

  constructor(
    base: URL,
    options: AskingOptions,
    parts: { clock: Clock; resolve?: Resolve; fetch?: OutboundOptions["fetch"] },
  ) {
    this.#base = new URL(base);
    const user = options.user ?? plain(base.username);
    const password = options.password ?? plain(base.password);
    this.#base.username = this.#base.password = this.#base.hash = "";
    this.name = this.#base.href.replace(/\/+$/, "");
    this.#options = options;
    this.#clock = parts.clock;
    this.#outbound = {
      ...(parts.resolve ? { resolve: parts.resolve } : {}),
      ...(parts.fetch ? { fetch: parts.fetch } : {}),
    };
    const basic = user === "" ? undefined : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    this.#authorization = options.token === undefined || options.token === "" ? basic : `Bearer ${options.token}`;
  }

  /** The path of the address, without slashes at its end. */
  get path(): string {
    return this.#base.pathname.replace(/\/+$/, "");
  }

  /** Whether the address has a slash at its end. */
  get endsInSlash(): boolean {
    return this.#base.pathname.endsWith("/");
  }

  /** Begins the time of a task. */
  patience(): Patience {
    return new Patience(this.#clock, this.#options.timeoutMs);
  }

  /**
   * Posts a form to a path (with the parameters that the address itself has) and gives the body as text. Throws
   * {@link Refused}, or a Fault where it is of no use to ask anything else. `longestMs` bounds this request.
   */
  post(
    path: string,
    form: URLSearchParams,
    patience: Patience,
    signal: AbortSignal,
    longestMs = Infinity,
  ): Promise<string> {
    return this.#ask("POST", path, form, patience, signal, longestMs);
  }

  /** The same with the form in the address, for what takes no other. */
  get(path: string, form: URLSearchParams, patience: Patience, signal: AbortSignal): Promise<string> {
    return this.#ask("GET", path, form, patience, signal, Infinity);
  }

  async #ask(
    method: "GET" | "POST",
    path: string,
    form: URLSearchParams,
    patience: Patience,
    signal: AbortSignal,
    longestMs: number,
  ): Promise<string> {
    signal.throwIfAborted();
    const timeoutMs = Math.ceil(Math.min(patience.leftMs(), longestMs));
    if (timeoutMs <= 0) throw this.#refused("timeout", "timeout", `no answer within ${patience.timeoutMs} ms`);
    const url = new URL(this.#base);
    url.pathname = path;
    if (method === "GET") for (const [name, value] of form) url.searchParams.append(name, value);
    let answer;
    try {
      answer = await outbound(url.href, {
        ...this.#outbound,
        clock: this.#clock,
        timeoutMs,
        maxBytes: this.#options.maxBytes,
        // A form does not survive one: the address must be the right one.
        maxRedirects: 0,
        verifyTls: this.#options.verifyTls ?? true,
        method,
        headers: {
          Accept: "application/json",
          ...(method === "POST" ? { "Content-Type": "application/x-www-form-urlencoded" } : {}),
          ...(this.#authorization === undefined ? {} : { Authorization: this.#authorization }),
        },
        ...(method === "POST" ? { body: form.toString() } : {}),
        signal,
      });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown.code === "outbound/late")
        throw this.#refused("timeout", "timeout", `no answer within ${timeoutMs} ms`);
      throw this.whole(lower(thrown.message), thrown);
    }
    const { status, isCut } = answer;
    if (status >= 300 && status < 400) {
      const location = answer.headers.get("location") ?? "nowhere";
      throw this.whole(`it redirects to ${location.slice(0, 200)}; name that address instead`);
    }
    if (isCut)
      throw this.#refused("too-large", "too-large", `the answer is longer than ${this.#options.maxBytes} bytes`);
    const text = new TextDecoder().decode(answer.body);
    if (status >= 200 && status < 300) return text;
    const said = `it answered ${status}${quoted(text)}`;
    if (status === 401 || status === 403) throw this.whole(`${said}; check user, password or token`);
    if (status === 404 || status === 405) throw this.whole(`${said}; check the address`);
    // Prometheus says a query's own time-out as 503, in JSON.
    if (gatewayStatuses.has(status) && !text.startsWith("{")) throw this.whole(said);
    const kind: FaultKind = status === 429 ? "limited" : status < 500 ? "invalid" : "unavailable";
    throw this.#refused(kind, "refused", said);
  }

  /** A Fault for the source as a whole. */
  whole(reason: string, cause?: unknown): Fault {
    return new Fault("unavailable", "metric-source/unavailable", `Cannot ask ${this.name}: ${reason}`, { cause });
  }

  /** What is thrown for a question that was not answered. */
  #refused(kind: FaultKind, code: string, reason: string): Refused {
    return new Refused(new Fault(kind, `metric-source/${code}`, `${this.name} gives no answer: ${reason}`));
  }

  /** The same, for an answer that says by itself that it is none. */
  refused(reason: string, kind: FaultKind = "unavailable"): Refused {
    return this.#refused(kind, "refused", reason);
  }
}

/** Parses JSON as sources of measurements write it: also with NaN and Infinity in the place of numbers. */
export function parseNumbersJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const mended = text.replace(
      /([[,:]\s*)(NaN|(-?)Infinity)(?=\s*[,\]}])/g,
      (_all, before: string, word: string, sign: string) =>
        word === "NaN" ? `${before}null` : `${before}${sign}1e9999`,
    );
    if (mended === text) throw thrown;
    return JSON.parse(mended);
  }
}

/** What percent signs of a URL mean; those that mean nothing stand for themselves. */
function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (thrown) {
    if (!(thrown instanceof URIError)) throw thrown;
    return text;
  }
}

/** What an answer says, on one line and without markup, behind a colon; nothing where it says nothing. */
function quoted(text: string): string {
  const words = wordsOf(text);
  return words === "" ? "" : `: ${words}`;
}

function wordsOf(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) {
      for (const key of ["error", "detail", "message", "title"]) {
        const said: unknown = Reflect.get(parsed, key);
        if (typeof said === "string" && said !== "") return cut(said);
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  const plain = text
    .slice(0, 20_000)
    .replace(/<(style|script|title)\b[^>]*>[^<]*<\/\1>/gi, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/&(lt|gt|quot|amp|#x27|#39);/g, (_all, name: string) => entities[name] ?? " ");
  return cut(plain);
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', amp: "&", "#x27": "'", "#39": "'" };

function cut(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, wordsMax);
}

function lower(sentence: string): string {
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1);
}

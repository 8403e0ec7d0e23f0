/**
 * Requests to a service at one of several addresses, and their answers: an address that cannot answer is passed over for
 * the next, the last good one is asked first. What is no success is a Fault with the service's own code and sentence, or
 * `<service>/unreachable`, `<service>/refused`, `<service>/nonsense`. Answers are hostile until checked: size and shape
 * are bounded here. Redirections are not followed, for they would carry the token elsewhere.
 */
import { z } from "zod";

import type { Clock } from "../clock.ts";
import { Fault, type FaultKind, faultStatus, reasonOf } from "../fault.ts";
import { answerText } from "./answer-text.ts";
import { Watch } from "./watch.ts";
import { isPage, isPageElsewhere, wrongAddress } from "./wrong-address.ts";

/** How a service is reached. */
export interface RequesterOptions {
  /** Where the routes begin, such as `http://127.0.0.1:4100/hakmes`; tried in this order, the last good one first. */
  baseUrls: readonly string[];
  clock: Clock;
  /** An API token, where the node wants one. */
  token?: string;
  /** @default the runtime's own */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** A node that moves no byte for this long is given up. @default 30_000 */
  idleTimeoutMs?: number;
}

/** What a request carries beside its method and place. */
export interface RequestParts {
  headers?: Record<string, string>;
  body?: RequestInit["body"];
  /** Statuses beside 2xx that are no failure. */
  accepts?: readonly number[];
}

/** Answers that are read as a whole may have this size unless the caller says otherwise. */
const usualAnswerBytes = 16 * 1024 * 1024;

/** The client's end of a service. */
export class Requester {
  readonly #options: RequesterOptions;
  readonly #service: string;
  readonly #title: string;
  readonly #idleTimeoutMs: number;
  #baseUrls: readonly string[];

  /** `service` begins the codes of Faults, `title` is for sentences. Throws RangeError without an address. */
  constructor(service: string, title: string, options: RequesterOptions) {
    if (options.baseUrls.length === 0)
      throw new RangeError(`Cannot make a client of ${title}: wanted at least one address`);
    this.#service = service;
    this.#title = title;
    this.#options = options;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 30_000;
    this.#baseUrls = options.baseUrls.map((url) => url.replace(/\/+$/, ""));
  }

  /** The addresses, in the order in which they are tried now. */
  get baseUrls(): readonly string[] {
    return this.#baseUrls;
  }

  /** A Fault of the kind `unavailable` (or another) with a code of this service. */
  fault(what: string, message: string, options: { kind?: FaultKind; cause?: unknown } = {}): Fault {
    const { cause, kind = "unavailable" } = options;
    return new Fault(kind, `${this.#service}/${what}`, message, cause === undefined ? {} : { cause });
  }

  /**
   * Begins to watch a request; {@link ask} and {@link jsonOf} end it when they fail, otherwise the caller does. The other
   * side may be silent for `moreMs` longer than usual, where it has work to do before it answers.
   */
  watch(signal: AbortSignal | undefined, moreMs = 0): Watch {
    return new Watch(this.#options.clock, this.#idleTimeoutMs + moreMs, signal, `${this.#service}/unreachable`);
  }

  /**
   * Tries the addresses until one answers; only the first when it cannot be repeated. One that answers "missing" may only
   * have lost sight of the others.
   */
  async onAny<T>(canRepeat: boolean, attempt: (baseUrl: string) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const baseUrl of canRepeat ? [...this.#baseUrls] : this.#baseUrls.slice(0, 1)) {
      try {
        const result = await attempt(baseUrl);
        if (baseUrl !== this.#baseUrls[0])
          this.#baseUrls = [baseUrl, ...this.#baseUrls.filter((url) => url !== baseUrl)];
        return result;
      } catch (thrown) {
        if (!(thrown instanceof Fault) || !["unavailable", "timeout", "missing", "internal"].includes(thrown.kind))
          throw thrown;
        // What a node said weighs more than that another could not be asked.
        if (failure === undefined || (failure instanceof Fault && failure.code === `${this.#service}/unreachable`))
          failure = thrown;
      }
    }
    throw failure;
  }

  /** Sends a request to `url`, which begins with one of the addresses. The caller reads the body and ends the watch. */
  async ask(method: string, url: string, watch: Watch, parts: RequestParts = {}): Promise<Response> {
    const { accepts = [], body, headers } = parts;
    let response: Response;
    try {
      response = await (this.#options.fetch ?? fetch)(url, {
        method,
        redirect: "manual",
        signal: watch.signal,
        headers: {
          Accept: "application/problem+json, application/json;q=0.9, */*;q=0.5",
          ...(this.#options.token === undefined ? {} : { Authorization: `Bearer ${this.#options.token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      });
      watch.moved();
    } catch (thrown) {
      watch.end();
      watch.throwIfCallerLeft();
      if (watch.failure !== undefined) throw watch.failure;
      throw this.fault(
        "unreachable",
        `Cannot reach ${this.#title} at ${this.#placeOf(url)}: ${watch.isLate ? `it was silent for ${Math.round(watch.idleTimeoutMs / 1000)} s` : reasonOf(thrown)}`,
        { kind: watch.isLate ? "timeout" : "unavailable", cause: thrown },
      );
    }
    if ((response.status >= 200 && response.status < 300) || accepts.includes(response.status)) return response;
    try {
      throw await this.#refusal(response, url);
    } finally {
      watch.end();
    }
  }

  /** The body of an answer in the shape it should have. Throws `nonsense`. Ends the watch. */
  async jsonOf<T>(
    response: Response,
    shape: z.ZodType<T>,
    watch: Watch,
    maxBytes: number = usualAnswerBytes,
  ): Promise<T> {
    const odd = (reason: string, cause?: unknown) =>
      this.fault("nonsense", `The answer is not one of ${this.#title}: ${reason}`, { cause });
    try {
      if (isPage(response)) throw this.#wrongAddress(response, response.url);
      const parsed = shape.safeParse(JSON.parse(await boundedText(response, maxBytes, watch)));
      if (parsed.success) return parsed.data;
      throw odd(z.prettifyError(parsed.error).replace(/\s*\n\s*/g, " "));
    } catch (thrown) {
      if (thrown instanceof Fault) throw thrown;
      watch.throwIfCallerLeft();
      if (thrown instanceof TooLong) throw odd(`it is longer than ${maxBytes} bytes`);
      throw odd(reasonOf(thrown), thrown);
    } finally {
      watch.end();
    }
  }

  /** A question whose answer is JSON, at the first address that can answer. */
  json<T>(
    method: string,
    path: string,
    shape: z.ZodType<T>,
    options: RequestParts & { signal?: AbortSignal; canRepeat?: boolean; maxBytes?: number } = {},
  ): Promise<T> {
    return this.onAny(options.canRepeat ?? true, async (baseUrl) => {
      const watch = this.watch(options.signal);
      return this.jsonOf(await this.ask(method, `${baseUrl}${path}`, watch, options), shape, watch, options.maxBytes);
    });
  }

  /** The address that a URL stands below. */
  #placeOf(url: string): string {
    return this.#baseUrls.find((base) => url.startsWith(`${base}/`)) ?? URL.parse(url)?.origin ?? this.#title;
  }

  /** Another program is there, or the node without the service: no word of that is one about what was asked for. */
  #wrongAddress({ status }: Response, url: string): Fault {
    return this.fault("nonsense", wrongAddress(this.#service, this.#title, this.#placeOf(url), status));
  }

  async #refusal(response: Response, url: string): Promise<Fault> {
    const text = (await boundedText(response, 65_536).catch(() => "")).trim();
    const { status } = response;
    const kind: FaultKind = kinds.get(status) ?? (status >= 500 ? "unavailable" : "invalid");
    const waitSeconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    const options = { status, ...(waitSeconds >= 0 ? { retryAfterMs: waitSeconds * 1000 } : {}) };
    const problem = problemShape.safeParse(safeJson(text));
    const isStranger = problem.success ? isPageElsewhere(this.#service, problem.data.code) : isPage(response);
    // A page that tells of a failure may be that of a proxy in front of the service.
    if (isStranger && status < 500) return this.#wrongAddress(response, url);
    if (problem.success) return new Fault(kind, problem.data.code, problem.data.detail, options);
    const what = status === 404 ? "not-found" : status === 416 ? "range" : "refused";
    return new Fault(
      kind,
      `${this.#service}/${what}`,
      `${this.#title} at ${this.#placeOf(url)} answered ${status}${text === "" || isStranger ? "" : `: ${text.slice(0, 300)}`}`,
      options,
    );
  }
}

const problemShape = z.object({ detail: z.string(), code: z.string() });
/** Kinds by status; the first kind that has one. */
const kinds = new Map<number, FaultKind>(
  Object.entries(faultStatus)
    .toReversed()
    .map(([kind, status]) => [status, kind as FaultKind]),
);

class TooLong extends Error {}

function boundedText(response: Response, maxBytes: number, watch?: Watch): Promise<string> {
  return answerText(response, { maxBytes, tooLong: () => new TooLong(), moved: () => watch?.moved() });
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * One request of a client of Cask and its answer: given up when nothing moves or the caller leaves, refused when it is not
 * what Cask answers, and a Fault with the node's own code and sentence when it is no success. Answers are hostile until
 * checked: their size and shape are bounded here.
 */
import { z } from "zod";

import type { Clock } from "../../kit/clock.ts";
import { Fault, type FaultKind, faultStatus, reasonOf } from "../../kit/fault.ts";

/** Answers that are not blobs are read up to this size. */
const maxAnswerBytes = 16 * 1024 * 1024;

/** Ends a request that stands still, or that its caller has left. */
export class Watch {
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  readonly #idleTimeoutMs: number;
  readonly #caller: AbortSignal | undefined;
  readonly #left = () => this.#abort.abort(this.#caller?.reason);
  #cancel: () => void = () => undefined;
  #movedAtMs = 0;
  #isTheirs = true;
  /** Whether it was given up because nothing moved. */
  isLate = false;
  /** Why the bytes to be sent could not be had. */
  failure: unknown;

  constructor(clock: Clock, idleTimeoutMs: number, caller: AbortSignal | undefined) {
    this.#clock = clock;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#caller = caller;
    caller?.throwIfAborted();
    caller?.addEventListener("abort", this.#left, { once: true });
    this.moved();
    this.#look(idleTimeoutMs);
  }

  /** Aborts when the request is to be given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** A byte went either way. */
  moved(): void {
    this.#movedAtMs = this.#clock.monotonicMs();
  }

  /** Throws the caller's own reason when it was the caller who gave up. */
  throwIfCallerLeft(): void {
    this.#caller?.throwIfAborted();
  }

  /** The other side is waited for again, or not: what this program takes its time for is not held against it. */
  wait(isTheirs: boolean): void {
    this.#isTheirs = isTheirs;
    this.moved();
  }

  /** The request is over; may be called twice. */
  end(): void {
    this.#cancel();
    this.#caller?.removeEventListener("abort", this.#left);
  }

  #look(delayMs: number): void {
    this.#cancel = this.#clock.schedule(delayMs, () => {
      if (!this.#isTheirs) return this.#look(this.#idleTimeoutMs);
      const leftMs = this.#movedAtMs + this.#idleTimeoutMs - this.#clock.monotonicMs();
      if (leftMs > 0) return this.#look(leftMs);
      this.isLate = true;
      this.#abort.abort(new Fault("timeout", "cask/unreachable", "The node was silent for too long"));
    });
  }
}

/** The body of an answer in the shape it should have. Throws `cask/nonsense`. Ends the watch. */
export async function answerOf<T>(response: Response, shape: z.ZodType<T>, watch: Watch): Promise<T> {
  try {
    const parsed = shape.safeParse(JSON.parse(await boundedText(response, maxAnswerBytes)));
    if (parsed.success) return parsed.data;
    throw new Fault("unavailable", "cask/nonsense", `The answer is not one of Cask: ${z.prettifyError(parsed.error)}`);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    watch.throwIfCallerLeft();
    throw new Fault("unavailable", "cask/nonsense", `The answer is not one of Cask: ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  } finally {
    watch.end();
  }
}

async function boundedText(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Fault("unavailable", "cask/nonsense", "The answer is longer than it may be");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const problemShape = z.object({ detail: z.string(), code: z.string() });
/** Kinds by status; the first kind that has one. */
const kinds = new Map<number, FaultKind>(
  Object.entries(faultStatus)
    .toReversed()
    .map(([kind, status]) => [status, kind as FaultKind]),
);

/** An answer that is no success as the Fault it stands for. */
export async function faultOf(response: Response, baseUrl: string): Promise<Fault> {
  const text = (await boundedText(response, 65_536).catch(() => "")).trim();
  const { status } = response;
  const kind: FaultKind = kinds.get(status) ?? (status === 416 ? "invalid" : status >= 500 ? "unavailable" : "invalid");
  const waitSeconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const options = { status, ...(Number.isFinite(waitSeconds) ? { retryAfterMs: waitSeconds * 1000 } : {}) };
  const problem = problemShape.safeParse(safeJson(text));
  if (problem.success) return new Fault(kind, problem.data.code, problem.data.detail, options);
  const code = status === 404 ? "cask/not-found" : status === 416 ? "cask/range" : "cask/refused";
  return new Fault(
    kind,
    code,
    `Cask at ${baseUrl} answered ${status}${text === "" ? "" : `: ${text.slice(0, 300)}`}`,
    options,
  );
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

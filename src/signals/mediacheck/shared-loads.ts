/**
 * The answers of one run, each address asked for once for each way of asking: with the rules of CORS or without, whole or
 * only its beginning. Of what nobody reads further only the first bytes are kept; what is kept is added up, as a run has a
 * bound on it.
 */
import { needsCors } from "./content-kind.ts";
import type { Loader, LoadOutcome } from "./loader.ts";
import type { Reference, ResourceKind } from "./reference.ts";

/** What the loads of a run stand on. */
export interface SharedLoadParts {
  loader: Loader;
  signal: AbortSignal;
  maxBytes: number;
  /** Told when an address is asked for, and when its answer is there or will not come. */
  asking?: ((url: string) => void) | undefined;
  answered?: ((url: string) => void) | undefined;
}

const accepts: Partial<Record<ResourceKind, string>> = {
  page: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  frame: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  image: "image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8",
  style: "text/css,*/*;q=0.1",
};
const mediaBytes = 64 * 1024;
const beginningBytes = 512;
/** Kinds whose text names further resources, or whose hash may be wanted. */
const keptKinds = new Set<ResourceKind>(["page", "frame", "object", "style", "script", "module", "manifest", "fetch"]);

/** The loads of one run. */
export class SharedLoads {
  readonly #parts: SharedLoadParts;
  readonly #loads = new Map<string, Promise<LoadOutcome>>();
  /** Bytes of the bodies that are kept. */
  keptBytes = 0;

  constructor(parts: SharedLoadParts) {
    this.#parts = parts;
  }

  /**
   * The answer at `url` to a mention of it by `referrer`; `pageUrl` is whose page asks, where one does. Rejects only with
   * the signal's reason.
   */
  load(url: string, reference: Reference, referrer: string | undefined, pageUrl?: string): Promise<LoadOutcome> {
    const { kind } = reference;
    const { answered, asking, loader, maxBytes, signal } = this.#parts;
    const origin = pageUrl !== undefined && needsCors(reference) ? URL.parse(pageUrl)?.origin : undefined;
    const isKept = keptKinds.has(kind) || reference.integrity !== undefined;
    const keyOf = (way: string) => `${origin ?? ""} ${way} ${url}`;
    const key = keyOf(kind === "media" ? "media" : isKept ? "whole" : "beginning");
    // A whole body has its beginning.
    const known = this.#loads.get(key) ?? this.#loads.get(keyOf("whole"));
    if (known) return known;
    asking?.(url);
    const loading = loader
      .load(
        {
          url,
          referrer,
          origin,
          accept: accepts[kind] ?? "*/*",
          maxBytes: kind === "media" ? Math.min(maxBytes, mediaBytes) : maxBytes,
        },
        signal,
      )
      .then((outcome) => this.#trimmed(outcome, isKept));
    this.#loads.set(key, loading);
    // Who waits for it sees the failure, too.
    loading.finally(() => answered?.(url)).catch(() => undefined);
    return loading;
  }

  #trimmed(outcome: LoadOutcome, isKept: boolean): LoadOutcome {
    if (!outcome.answer) return outcome;
    const { body } = outcome.answer;
    if (!isKept) return { answer: { ...outcome.answer, body: body.slice(0, beginningBytes) } };
    this.keptBytes += body.length;
    return outcome;
  }
}

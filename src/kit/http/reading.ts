/**
 * Reading a long body that may break off: what is missing is asked for from the byte it had come to, as often as the
 * caller wants, and from whoever answers then. More bytes than were announced, or another number of them, is an error at
 * once. Nothing is held in memory beyond the chunk at hand.
 */
import { Fault, reasonOf } from "../fault.ts";
import type { Requester } from "./requester.ts";
import type { Watch } from "./watch.ts";

/** An answer whose body begins at the byte that was asked for. */
export interface OpenBody {
  /** Of the whole, not of this part. */
  readonly sizeBytes: number;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array>;
  readonly watch: Watch;
}

/** What is to be read. */
export interface ReadingOptions {
  requester: Requester;
  /** Below each address, such as `/file/sha1:…/`. */
  path: string;
  /** The half-open range; `end` may lie beyond the end. */
  start: number;
  end: number;
  signal: AbortSignal | undefined;
  /** Called after a body broke off and when it cannot be opened again; throws when the reader should not go on. */
  again(thrown: unknown, broughtBytes: number): Promise<void>;
  /** The Fault for bytes that cannot be right. */
  wrong(reason: string): Fault;
}

/** Asks for the bytes from `at` on. Faults: `nonsense`, and what the service answers. */
export function openBody(options: ReadingOptions, at: number): Promise<OpenBody> {
  const { end, path, requester, signal } = options;
  return requester.onAny(true, async (baseUrl) => {
    const watch = requester.watch(signal);
    const isWhole = at === 0 && end === Number.POSITIVE_INFINITY;
    const response = await requester.ask("GET", `${baseUrl}${path}`, watch, {
      headers: isWhole ? {} : { Range: `bytes=${at}-${end === Number.POSITIVE_INFINITY ? "" : end - 1}` },
    });
    // Streams may come without their length; asking for the head alone gives it.
    const sizeBytes = sizeIn(response) ?? (await sizeOf(options, baseUrl));
    const starts = response.status === 200 ? 0 : startIn(response);
    if (sizeBytes === undefined || starts !== at || response.body === null) {
      await response.body?.cancel();
      watch.end();
      throw requester.fault("nonsense", `The node answered ${response.status} with other bytes than asked`);
    }
    return { sizeBytes, headers: response.headers, body: response.body, watch };
  });
}

/** The bytes of the range in order, `first` being the answer to {@link openBody} at its start. */
export async function* readBody(options: ReadingOptions, first: OpenBody): AsyncGenerator<Uint8Array, void, void> {
  const last = Math.min(options.end, first.sizeBytes);
  let at = options.start;
  let current: OpenBody | undefined = first;
  while (true) {
    const before = at;
    let failure: unknown;
    try {
      current ??= await openBody(options, at);
      if (current.sizeBytes !== first.sizeBytes) throw options.wrong("two nodes disagree on their number");
      current.watch.wait(true);
      for await (const chunk of current.body) {
        options.signal?.throwIfAborted();
        if (at + chunk.byteLength > last) throw options.wrong("there are more of them than the node announced");
        at += chunk.byteLength;
        current.watch.wait(false);
        yield chunk;
        current.watch.wait(true);
      }
    } catch (thrown) {
      options.signal?.throwIfAborted();
      if (thrown instanceof Fault && thrown.code.endsWith("/wrong-bytes")) throw thrown;
      failure = thrown;
    } finally {
      current?.watch.end();
    }
    if (at === last) return;
    current = undefined;
    const cut = `The bytes ended at ${at} of ${last}${failure === undefined ? "" : `: ${reasonOf(failure)}`}`;
    await options.again(
      failure instanceof Fault ? failure : options.requester.fault("cut-short", cut, { cause: failure }),
      at - before,
    );
  }
}

async function sizeOf({ path, requester, signal }: ReadingOptions, baseUrl: string): Promise<number | undefined> {
  const watch = requester.watch(signal);
  const response = await requester.ask("HEAD", `${baseUrl}${path}`, watch);
  watch.end();
  return sizeIn(response);
}

/** The size of the whole, as far as an answer tells: to a question for all of it, for a part, or for the head alone. */
export function sizeIn(response: Response): number | undefined {
  const text =
    response.status === 206
      ? /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]
      : (response.headers.get("content-length") ?? undefined);
  const size = Number(text ?? Number.NaN);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Where the bytes of a partial answer begin; NaN when it does not tell. */
export function startIn(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
}

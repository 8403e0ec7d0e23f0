/**
 * Request bodies as they arrive, one chunk at a time: counted against a limit, watched for silence, and told apart from
 * a client that went away. Nothing is gathered; the sender is held back at the pace of whoever iterates.
 * Time that the reader takes is not held against the sender: only waiting for bytes counts as silence.
 */
import type { Clock } from "../clock.ts";
import { Fault } from "../fault.ts";

const defaultIdleMs = 30_000;

/** How much a body may bring and how long it may be silent. */
export interface BodyLimits {
  maxBytes: number;
  /** The longest wait for the next bytes. @default 30_000 */
  idleTimeoutMs?: number;
  clock: Clock;
  /** Ends the body when it aborts, also in the middle of a wait; its reason is thrown. */
  signal?: AbortSignal;
}

/** What of a Request is looked at. */
export interface BodySource {
  headers: Headers;
  body: ReadableStream<Uint8Array> | null;
}

/**
 * The body of a request. A Content-Length over the limit is refused before a byte is read.
 * Faults: those of {@link limitBody}.
 */
export function requestBody(request: BodySource, limits: BodyLimits): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > limits.maxBytes) throw tooLarge(limits.maxBytes, Number(length));
  return limitBody(request.body, limits);
}

/**
 * The chunks of a stream, none of them empty. The stream is cancelled when the iteration ends early, for whatever reason.
 * Faults: `http/body-too-large` (413), `http/body-slow` (408), `http/body-cut` (400: the client closed the connection).
 */
export async function* limitBody(
  stream: ReadableStream<Uint8Array> | null,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!stream) return;
  const { clock, maxBytes } = limits;
  const idleTimeoutMs = limits.idleTimeoutMs ?? defaultIdleMs;
  const reader = stream.getReader();
  let receivedBytes = 0;
  let whole = false;
  let slow = false;
  let waitingSinceMs: number | undefined;
  // One timer for the whole body that looks whether the wait at hand is too long, instead of one for every chunk.
  const watch = (delayMs: number): (() => void) =>
    clock.schedule(delayMs, () => {
      const waitedMs = waitingSinceMs === undefined ? 0 : clock.monotonicMs() - waitingSinceMs;
      if (waitedMs < idleTimeoutMs) {
        cancelWatch = watch(idleTimeoutMs - waitedMs);
        return;
      }
      slow = true;
      // Ends the pending read as if the stream were over.
      cancelQuietly(reader);
    });
  let cancelWatch = watch(idleTimeoutMs);
  const end = () => cancelQuietly(reader);
  limits.signal?.addEventListener("abort", end, { once: true });

  try {
    for (;;) {
      limits.signal?.throwIfAborted();
      waitingSinceMs = clock.monotonicMs();
      const next = await readNext(reader);
      waitingSinceMs = undefined;
      limits.signal?.throwIfAborted();
      if (slow) throw tooSlow(idleTimeoutMs, receivedBytes);
      if (next.done || !next.value) {
        whole = true;
        return;
      }
      receivedBytes += next.value.length;
      if (receivedBytes > maxBytes) throw tooLarge(maxBytes, undefined);
      if (next.value.length > 0) yield next.value as Uint8Array<ArrayBuffer>;
    }
  } finally {
    cancelWatch();
    limits.signal?.removeEventListener("abort", end);
    if (!whole) cancelQuietly(reader);
  }
}

/** The slowest sender of a small body that is waited for, beside the idle time. */
const slowestBytesPerSecond = 4096;

/**
 * A small body of announced length, whole: a stream would cost many times what its bytes do. As it cannot be seen how
 * far it is, the sender gets the idle time and a second for each 4 KiB for all of it.
 * Faults: `http/body-slow` (408), `http/body-cut` (400).
 */
export function wholeBody(
  request: { arrayBuffer(): Promise<ArrayBuffer> },
  lengthBytes: number,
  limits: Pick<BodyLimits, "idleTimeoutMs" | "clock">,
): Promise<Uint8Array<ArrayBuffer>> {
  const idleTimeoutMs = limits.idleTimeoutMs ?? defaultIdleMs;
  return new Promise((resolve, reject) => {
    const limitMs = idleTimeoutMs + (lengthBytes / slowestBytesPerSecond) * 1000;
    const cancelWatch = limits.clock.schedule(limitMs, () => reject(tooLate(limitMs, lengthBytes)));
    request.arrayBuffer().then(
      (buffer) => {
        cancelWatch();
        resolve(new Uint8Array(buffer));
      },
      (thrown: unknown) => {
        cancelWatch();
        reject(cutShort(thrown));
      },
    );
  });
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

async function readNext(reader: Reader) {
  try {
    return await reader.read();
  } catch (thrown) {
    throw cutShort(thrown);
  }
}

function cutShort(cause: unknown): Fault {
  return new Fault("invalid", "http/body-cut", "Cannot take the upload: the connection was closed before its end", {
    cause,
  });
}

/** Gives the stream up. It may have failed already, which is no news to whoever gives it up. */
function cancelQuietly(reader: Reader): void {
  reader.cancel().catch(() => undefined);
}

/** The body of a request as text, decoded as UTF-8. Faults: those of {@link limitBody}. */
export async function wholeText(request: BodySource, limits: BodyLimits): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of limitBody(request.body, limits)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

function tooLarge(maxBytes: number, lengthBytes: number | undefined): Fault {
  const size = lengthBytes === undefined ? "it" : `${lengthBytes} bytes`;
  return new Fault(
    "too-large",
    "http/body-too-large",
    `Cannot take the upload: ${size} exceeds the limit of ${maxBytes} bytes`,
    {
      details: { maxBytes },
    },
  );
}

function tooLate(limitMs: number, lengthBytes: number): Fault {
  return new Fault(
    "timeout",
    "http/body-slow",
    `Cannot take the upload: its ${lengthBytes} bytes did not come within ${Math.round(limitMs / 1000)} s`,
    { status: 408, details: { limitMs, lengthBytes } },
  );
}

function tooSlow(idleTimeoutMs: number, receivedBytes: number): Fault {
  return new Fault(
    "timeout",
    "http/body-slow",
    `Cannot take the upload: nothing came for ${idleTimeoutMs / 1000} s after ${receivedBytes} bytes`,
    { status: 408, details: { idleTimeoutMs, receivedBytes } },
  );
}

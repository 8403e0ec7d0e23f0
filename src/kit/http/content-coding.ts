/**
 * Undoes what `Content-Encoding` says of a body, piece by piece: no more is unpacked than is asked for, so that a small
 * answer which would become gigabytes takes no memory. Knows gzip, deflate (with and without its wrapper, as servers send
 * both), br and zstd; a body in any other coding is handed on as it is.
 */
import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";

type Bytes = AsyncIterable<Uint8Array>;

/** What is asked for where these are undone. */
export const acceptedCodings = "gzip, deflate, br, zstd";

const decoders: Readonly<Record<string, (first: Uint8Array) => Transform>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  deflate: ([one = 0, two = 0]) =>
    (one & 0x0f) === 8 && (one * 256 + two) % 31 === 0 ? createInflate() : createInflateRaw(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/** The bytes of `body` as they were before `coding`. Throws what the decoder says of a body that is not in that coding. */
export async function* decodedBody(body: Bytes, coding: string | null): AsyncGenerator<Uint8Array> {
  const word = coding?.trim().toLowerCase() ?? "";
  const decoderOf = Object.hasOwn(decoders, word) ? decoders[word] : undefined;
  if (!decoderOf) {
    yield* body;
    return;
  }
  const packed = body[Symbol.asyncIterator]();
  try {
    const { done, value: first } = await packed.next();
    // Answers to HEAD, and those without content, say a coding too.
    if (done === true) return;
    const decoder = decoderOf(first);
    const fed = pipeline(Readable.from(whole(first, packed)), decoder);
    // Told by the loop below, which sees it too.
    fed.catch(() => undefined);
    try {
      for await (const chunk of decoder as AsyncIterable<Uint8Array>) yield chunk;
    } finally {
      decoder.destroy();
    }
  } finally {
    await packed.return?.();
  }
}

async function* whole(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

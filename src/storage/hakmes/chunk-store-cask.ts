/**
 * Chunks in Cask. The client goes through its addresses by itself, and hashes every whole blob it gives.
 */
import { Fault } from "../../kit/fault.ts";
import type { Algorithm, CaskClient, Key } from "../cask/client.ts";
import type { ChunkStore } from "./chunk-store.ts";

/** A {@link ChunkStore} over a client of Cask. */
export class CaskChunkStore implements ChunkStore {
  readonly #client: CaskClient;

  constructor(client: CaskClient) {
    this.#client = client;
  }

  async put(algorithm: Algorithm, bytes: Uint8Array, signal?: AbortSignal): Promise<{ key: Key; isNew: boolean }> {
    // The key is left to Cask: within one program the bytes are hashed there only, elsewhere the client compares.
    const { key, existed } = await this.#client.put(bytes, { algorithm, ...given(signal) });
    return { key, isNew: existed !== true };
  }

  async get(key: Key, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    const reading = await this.#client.get(key, given(signal));
    if (reading.sizeBytes > maxBytes) {
      await reading.bytes.return(undefined);
      throw new Fault(
        "unavailable",
        "hakmes/chunk-size",
        `Cask has ${reading.sizeBytes} bytes as ${key}: wanted at most ${maxBytes}`,
      );
    }
    let whole: Uint8Array | undefined;
    let at = 0;
    for await (const piece of reading.bytes) {
      // Within one program a blob comes in one piece, which need not be copied.
      if (piece.byteLength === reading.sizeBytes) whole = piece;
      else (whole ??= new Uint8Array(reading.sizeBytes)).set(piece, at);
      at += piece.byteLength;
    }
    return whole ?? new Uint8Array(0);
  }

  async *stream(key: Key, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    yield* (await this.#client.get(key, given(signal))).bytes;
  }

  find(key: Key, signal?: AbortSignal): Promise<{ sizeBytes: number } | undefined> {
    return this.#client.find(key, given(signal));
  }
}

function given(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

import { describe, expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { CaskClient, type Key } from "../cask/client.ts";
import { CaskChunkStore } from "./chunk-store-cask.ts";
import { keyOfShort } from "./digest.ts";
import { noise } from "./hakmes-fixture.ts";

/** A store over a Cask that answers from a map. */
function over(blobs: Map<Key, Uint8Array<ArrayBuffer>>, pieceBytes = 70_000) {
  const client = new CaskClient({
    baseUrls: ["http://cask.test/cask"],
    clock: systemClock,
    async fetch(url, init) {
      const key = decodeURIComponent(url.split("/").at(-2) ?? "") as Key;
      if (init.method === "PUT") {
        const bytes = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
        const stored = keyOfShort("sha256", bytes);
        blobs.set(stored, bytes);
        return Response.json({ key: stored, success: true, size: bytes.length });
      }
      const blob = blobs.get(key);
      if (!blob) return new Response("not found\n", { status: 404 });
      const pieces = async function* () {
        for (let at = 0; at < blob.length; at += pieceBytes) yield blob.slice(at, at + pieceBytes);
      };
      const body =
        init.method === "HEAD"
          ? null
          : new ReadableStream<Uint8Array>({
              async start(controller) {
                for await (const piece of pieces()) controller.enqueue(piece);
                controller.close();
              },
            });
      return new Response(body, { headers: { "Content-Length": String(blob.length) } });
    },
  });
  return new CaskChunkStore(client);
}

describe("CaskChunkStore", () => {
  test("put, find, get and stream: give back the bytes, in however many pieces they come", async () => {
    for (const sizeBytes of [0, 1, 70_000, 70_001, 500_000]) {
      const store = over(new Map());
      const bytes = noise(sizeBytes, sizeBytes);
      const key = keyOfShort("sha256", bytes);
      expect(await store.find(key)).toBeUndefined();
      expect(await store.put("sha256", bytes)).toEqual({ key, isNew: true });
      expect(await store.find(key)).toEqual({ sizeBytes });
      expect(Buffer.from(await store.get(key, sizeBytes)).equals(bytes)).toBe(true);
      expect(Buffer.concat(await Array.fromAsync(store.stream(key))).equals(bytes)).toBe(true);
    }
  });

  test("get: refuses a blob that is longer than it may be, one that is missing, and other bytes", async () => {
    const bytes = noise(100_000, 1);
    const key = keyOfShort("sha256", bytes);
    const store = over(new Map([[key, bytes]]));
    expect(store.get(key, 99_999)).rejects.toMatchObject({ code: "hakmes/chunk-size", kind: "unavailable" });
    expect(store.get(keyOfShort("sha256", "none"), 10)).rejects.toMatchObject({ kind: "missing" });
    const wrong = over(new Map([[key, noise(100_000, 2)]]));
    expect(wrong.get(key, 100_000)).rejects.toMatchObject({ code: "cask/wrong-bytes" });
  });
});

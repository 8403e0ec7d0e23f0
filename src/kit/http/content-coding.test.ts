import { describe, expect, test } from "bun:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

import { systemClock } from "../clock.ts";
import { outbound } from "../outbound.ts";
import { decodedBody } from "./content-coding.ts";

const text = "the same words again and again, ".repeat(5000);

async function* pieces(bytes: Uint8Array, sizeBytes = 7): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += sizeBytes) yield bytes.subarray(from, from + sizeBytes);
}

async function decoded(bytes: Uint8Array, coding: string | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decodedBody(pieces(bytes), coding)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("decodedBody", () => {
  test("decodedBody: each coding is undone, with deflate in both of its forms", async () => {
    expect(await decoded(gzipSync(text), "gzip")).toBe(text);
    expect(await decoded(gzipSync(text), " X-GZip")).toBe(text);
    expect(await decoded(deflateSync(text), "deflate")).toBe(text);
    expect(await decoded(deflateRawSync(text), "deflate")).toBe(text);
    expect(await decoded(brotliCompressSync(text), "br")).toBe(text);
    expect(await decoded(zstdCompressSync(text), "zstd")).toBe(text);
  });

  test("decodedBody: without a coding, with one that nobody knows, and without any bytes it is as it was", async () => {
    for (const coding of [null, "", "identity", "gzip, gzip", "constructor"])
      expect(await decoded(Buffer.from(text), coding)).toBe(text);
    for (const coding of ["gzip", "deflate", "br", "zstd"]) expect(await decoded(new Uint8Array(), coding)).toBe("");
  });

  test("decodedBody: what is not in its coding, or ends too early, is an error", async () => {
    for (const coding of ["gzip", "deflate", "br", "zstd"])
      await expect(decoded(Buffer.from("\u0001\u0002 no such thing"), coding)).rejects.toThrow();
    await expect(decoded(gzipSync(text).subarray(0, 100), "gzip")).rejects.toThrow();
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield gzipSync(text).subarray(0, 20);
      throw new TypeError("the connection broke");
    };
    const read = async () => {
      for await (const chunk of decodedBody(broken(), "gzip")) expect(chunk).toBeDefined();
    };
    await expect(read()).rejects.toThrow("the connection broke");
  });

  test("decodedBody: no more is taken and unpacked than is asked for", async () => {
    const zeros = gzipSync(new Uint8Array(20_000_000));
    let taken = 0;
    let isOver = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          taken += zeros.length;
          yield zeros;
        }
      } finally {
        isOver = true;
      }
    };
    let bytes = 0;
    for await (const chunk of decodedBody(endless(), "gzip")) {
      expect(chunk.length).toBeLessThanOrEqual(65_536);
      bytes += chunk.length;
      if (bytes > 1_000_000) break;
    }
    // It reads ahead by what a stream holds, not by what there is.
    expect(taken).toBeLessThan(40 * zeros.length);
    expect(isOver).toBe(true);
  });
});

test("outbound: a packed answer is unpacked up to what is read, and one that cannot be is told in words", async () => {
  const asked: (string | null)[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(request.headers.get("accept-encoding"));
      const { pathname } = new URL(request.url);
      const body = pathname === "/bad" ? Buffer.from("no gzip") : gzipSync(text);
      return new Response(request.method === "HEAD" ? null : body, { headers: { "Content-Encoding": "gzip" } });
    },
  });
  try {
    const ask = (path: string, maxBytes: number, method = "GET") =>
      outbound(`http://127.0.0.1:${server.port}${path}`, { clock: systemClock, timeoutMs: 5000, maxBytes, method });
    const whole = await ask("/", 1_000_000);
    expect([whole.isCut, Buffer.from(whole.body).toString()]).toEqual([false, text]);
    const cut = await ask("/", 1000);
    expect([cut.isCut, Buffer.from(cut.body).toString()]).toEqual([true, text.slice(0, 1000)]);
    expect((await ask("/", 1000, "HEAD")).body.length).toBe(0);
    await expect(ask("/bad", 1000)).rejects.toThrow("The answer cannot be unpacked");
    expect(new Set(asked)).toEqual(new Set(["gzip, deflate, br, zstd"]));
  } finally {
    await server.stop(true);
  }
});

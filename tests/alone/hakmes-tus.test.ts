/**
 * Resumable uploads as the usual client makes them: tus-js-client against a real node, which is stopped, cut off and killed
 * on the way. Each time the file finally is the bytes.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";

import { type PreviousUpload, Upload, type UploadOptions, type UrlStorage } from "tus-js-client";

import { seededRandom } from "../../src/kit/random.ts";
import { startChild, until } from "../../src/kit/testing/child-node.ts";
import { onlyServices } from "../only-services.ts";

const environment = onlyServices("cask", "hakmes");

const mebibyte = 1024 * 1024;

function noise(seed: number, sizeBytes: number): Buffer {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random() * 2 ** 32;
  return Buffer.from(words.buffer, 0, sizeBytes);
}

const keyOf = (bytes: Uint8Array) => `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

/** An upload that runs; `done` gives the key that the server named. */
function uploading(url: string, source: Buffer | Readable, options: Partial<UploadOptions> = {}) {
  const outcome = Promise.withResolvers<string>();
  const upload = new Upload(source, {
    endpoint: `${url}/hakmes/tus/`,
    retryDelays: [0, 50, 100, 200, 500, 1000, 1000],
    metadata: { filename: "noise.bin", filetype: "application/x-noise" },
    onSuccess: ({ lastResponse }) => outcome.resolve(lastResponse.getHeader("Warren-Key") ?? "no key"),
    onError: (thrown) => outcome.reject(thrown),
    ...options,
  });
  return { upload, done: outcome.promise };
}

/** What a client keeps of its uploads between its runs. */
function remembered(): UrlStorage {
  const kept = new Map<string, PreviousUpload>();
  return {
    findAllUploads: async () => [...kept.values()],
    findUploadsByFingerprint: async () => [...kept.values()],
    removeUpload: async (key) => void kept.delete(key),
    async addUpload(fingerprint, upload) {
      kept.set(fingerprint, upload);
      return fingerprint;
    },
  };
}

/** Resolves once `bytes` have been sent. */
function sent(sizeBytes: number): { onProgress: (sentBytes: number) => void; reached: Promise<void> } {
  const reached = Promise.withResolvers<void>();
  return {
    onProgress: (sentBytes) => {
      if (sentBytes >= sizeBytes) reached.resolve();
    },
    reached: reached.promise,
  };
}

async function expectStored(url: string, bytes: Buffer): Promise<void> {
  const response = await fetch(`${url}/hakmes/file/${keyOf(bytes)}/`);
  expect(response.status).toBe(200);
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
}

const stateOf = (url: string | null) => fetch(url ?? "", { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } });

describe("tus-js-client", () => {
  test("a file goes in, in one request and in many", async () => {
    await using node = await startChild({ environment });
    const bytes = noise(1, 21 * mebibyte + 5);
    const whole = uploading(node.url, bytes);
    whole.upload.start();
    expect(await whole.done).toBe(keyOf(bytes));
    await expectStored(node.url, bytes);
    const other = noise(2, 21 * mebibyte + 7);
    const parts = uploading(node.url, other, { chunkSize: 2_000_003, uploadDataDuringCreation: true });
    parts.upload.start();
    expect(await parts.done).toBe(keyOf(other));
    await expectStored(node.url, other);
    const record = await fetch(`${node.url}/hakmes/info/${keyOf(other)}/`);
    expect(await record.json()).toMatchObject({
      size: other.length,
      extension: ".bin",
      mimetype: "application/x-noise",
    });
  });

  test("paused and resumed: goes on from where it stood", async () => {
    await using node = await startChild({ environment });
    const bytes = noise(3, 24 * mebibyte);
    const { onProgress, reached } = sent(9 * mebibyte);
    const offsets: number[] = [];
    const paused = uploading(node.url, bytes, {
      chunkSize: 3 * mebibyte,
      onProgress,
      onChunkComplete: (_, acceptedBytes) => offsets.push(acceptedBytes),
    });
    paused.upload.start();
    await reached;
    await paused.upload.abort();
    const head = await stateOf(paused.upload.url);
    const offset = Number(head.headers.get("upload-offset"));
    expect(offset).toBeGreaterThanOrEqual(6 * mebibyte);
    expect(offset).toBeLessThan(bytes.length);
    offsets.length = 0;
    paused.upload.start();
    expect(await paused.done).toBe(keyOf(bytes));
    expect(offsets[0]).toBeGreaterThan(offset);
    await expectStored(node.url, bytes);
  });

  test("given up: the upload is gone", async () => {
    await using node = await startChild({ environment });
    const { onProgress, reached } = sent(4 * mebibyte);
    const { upload } = uploading(node.url, noise(4, 20 * mebibyte), { chunkSize: mebibyte, onProgress });
    upload.start();
    await reached;
    await upload.abort(true);
    expect((await stateOf(upload.url)).status).toBe(410);
  });

  test("four at once: the parts become one file", async () => {
    await using node = await startChild({ environment });
    const bytes = noise(5, 23 * mebibyte + 11);
    const parallel = uploading(node.url, bytes, { parallelUploads: 4 });
    parallel.upload.start();
    expect(await parallel.done).toBe(keyOf(bytes));
    await expectStored(node.url, bytes);
  });

  test("a stream of unknown length", async () => {
    await using node = await startChild({ environment });
    const bytes = noise(6, 20 * mebibyte + 1);
    const pieces = Array.from({ length: 21 }, (_, at) => bytes.subarray(at * mebibyte, (at + 1) * mebibyte));
    const stream = uploading(node.url, Readable.from(pieces), { uploadLengthDeferred: true, chunkSize: 4_000_000 });
    stream.upload.start();
    expect(await stream.done).toBe(keyOf(bytes));
    await expectStored(node.url, bytes);
  });

  test("a node killed in the middle: a later run of the client goes on where the next run of the node stands", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    try {
      const bytes = noise(7, 32 * mebibyte);
      const urlStorage = remembered();
      const fingerprint = async () => "the file of this test";
      const { onProgress, reached } = sent(17 * mebibyte);
      let oldUrl: string;
      {
        await using node = await startChild({ environment, folder });
        oldUrl = node.url;
        const cut = uploading(node.url, bytes, {
          chunkSize: 5 * mebibyte,
          urlStorage,
          fingerprint,
          onProgress,
          retryDelays: null,
        });
        const outcome = cut.done.catch((thrown: unknown) => String(thrown));
        cut.upload.start();
        await reached;
        await node.end("SIGKILL");
        expect(await outcome).toContain("tus: failed to upload chunk");
      }
      await using node = await startChild({ environment, folder });
      let firstOffset = -1;
      const again = uploading(node.url, bytes, {
        urlStorage,
        fingerprint,
        onProgress: (sentBytes) => {
          if (firstOffset < 0) firstOffset = sentBytes;
        },
      });
      const [previous] = await again.upload.findPreviousUploads();
      if (!previous?.uploadUrl) throw new Error("the client remembers no upload");
      previous.uploadUrl = previous.uploadUrl.replace(oldUrl, node.url);
      again.upload.resumeFromPreviousUpload(previous);
      again.upload.start();
      expect(await again.done).toBe(keyOf(bytes));
      expect(firstOffset).toBeGreaterThanOrEqual(15 * mebibyte);
      await expectStored(node.url, bytes);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 180_000);
});

describe("a connection that hangs", () => {
  test("is cut off by the client's next request, and what it brought counts", async () => {
    await using node = await startChild({ environment });
    const created = await fetch(`${node.url}/hakmes/tus/`, {
      method: "POST",
      headers: { "Tus-Resumable": "1.0.0", "Upload-Length": "100000" },
    });
    const url = new URL(created.headers.get("location") ?? "", `${node.url}/hakmes/tus/`);
    const bytes = noise(8, 100_000);
    // As after a change of networks: the server never hears that this one is dead.
    const dead = connect(Number(url.port), url.hostname);
    try {
      dead.write(
        [
          `PATCH ${url.pathname} HTTP/1.1`,
          `Host: ${url.host}`,
          "Tus-Resumable: 1.0.0",
          "Upload-Offset: 0",
          "Content-Type: application/offset+octet-stream",
          "Content-Length: 100000",
          "",
          "",
        ].join("\r\n"),
      );
      dead.write(bytes.subarray(0, 60_000));
      const head = await until("the bytes of the dead connection count", async () => {
        const response = await stateOf(url.href);
        return response.headers.get("upload-offset") === "60000" && response;
      });
      expect(head.status).toBe(200);
      const last = await fetch(url, {
        method: "PATCH",
        headers: {
          "Tus-Resumable": "1.0.0",
          "Upload-Offset": "60000",
          "Content-Type": "application/offset+octet-stream",
        },
        body: bytes.subarray(60_000),
      });
      expect([last.status, last.headers.get("warren-key")]).toEqual([204, keyOf(bytes)]);
      expect(new URL(last.headers.get("content-location") ?? "", url).href).toBe(
        `${node.url}/hakmes/file/${keyOf(bytes)}/`,
      );
    } finally {
      dead.destroy();
    }
  });
});

/** From a request to the bytes of one blob: whole where they are at hand, in order otherwise. */
import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { openUpload } from "./upload.ts";

const limits = { maxBlobBytes: 64 * 1024 * 1024, uploadIdleMs: 60_000, clock: systemClock };

function request(sizeBytes: number): Request {
  const headers = { "Content-Length": String(sizeBytes), "Content-Type": "application/octet-stream" };
  return new Request("http://here/cask/", { method: "PUT", headers, body: new Uint8Array(sizeBytes).fill(7) });
}

test("openUpload: what comes from this program is taken whole up to 8 MiB, what comes over the network up to 256 KiB", async () => {
  const mebibyte = 1024 * 1024;
  for (const [sizeBytes, within, isWhole] of [
    [256 * 1024, undefined, true],
    [256 * 1024 + 1, undefined, false],
    [8 * mebibyte, true, true],
    [8 * mebibyte + 1, true, false],
  ] as const) {
    const { bytes, sizeBytes: told } = await openUpload(request(sizeBytes), limits, "sha256", { within });
    expect([sizeBytes, told, bytes instanceof Uint8Array]).toEqual([sizeBytes, sizeBytes, isWhole]);
    let received = 0;
    if (bytes instanceof Uint8Array) received = bytes.byteLength;
    else for await (const chunk of bytes) received += chunk.byteLength;
    expect(received).toBe(sizeBytes);
  }
});

test("openUpload: from this program, too, nothing larger than the limit is taken", async () => {
  const small = { ...limits, maxBlobBytes: 1000 };
  await expect(openUpload(request(1001), small, "sha256", { within: true })).rejects.toMatchObject({
    code: "cask/too-large",
  });
});

/**
 * Another node over HTTP. Blobs go by `/local/`, as between originals; digests, key lists and proofs by `/peer/`, which
 * originals do not have. Every request shows the secret the nodes share. Answers are hostile until checked: sizes and
 * shapes are bounded here, contents by whoever asked.
 */
import { z } from "zod";

import { Fault } from "../../kit/fault.ts";
import { answerText } from "../../kit/http/answer-text.ts";
import { streamOf } from "../../kit/http/stream.ts";
import { heldPageMax } from "./held-keys.ts";
import { type Algorithm, bucketCount, bucketOf, type Key, parseKey, type SizedKey } from "./key.ts";
import type { BlobBytes, BucketDigest, HeldPage, Peer, Proof } from "./peer.ts";
import type { CaskNode } from "./placement.ts";

/** The header in which nodes show each other the secret they share. */
export const secretHeader = "X-Cask-Cluster-Secret";
/** The last instant that a Date can hold, epoch ms. */
const latestDate = 8.64e15;
/** Lists of all that a node shares in a bucket are read up to this size. */
const maxListBytes = 64 * 1024 * 1024;
/** A page of what a node holds: 128 bytes for each key. */
const maxPageBytes = heldPageMax * 128;
/** Any other answer; 256 digests are the longest. */
const maxAnswerBytes = 64 * 1024;

const proofShape = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  owner: z.boolean(),
  fingerprint: z.string().max(64),
});
const digestsShape = z
  .array(z.object({ count: z.int().min(0), xor: z.string().regex(/^[0-9a-f]{16}$/) }))
  .length(bucketCount);
const heldShape = z.object({
  keys: z.array(z.tuple([z.string().max(80), z.int().min(0)])).max(heldPageMax),
  more: z.boolean(),
});
const keysShape = z.array(z.string().max(80)).max(10_000_000);

/** A Peer over HTTP. `secret` is asked for at each request. */
export function httpPeer(node: CaskNode, secret: () => string): Peer {
  const ask = async (method: string, path: string, signal: AbortSignal, init: RequestInit = {}): Promise<Response> => {
    try {
      return await fetch(`${node.url}${path}`, {
        ...init,
        method,
        signal,
        redirect: "manual",
        // Nodes send blobs as they are; to unpack what a liar has packed would only cost time and memory.
        decompress: false,
        headers: {
          "Accept-Encoding": "identity",
          ...(init.headers as Record<string, string> | undefined),
          [secretHeader]: secret(),
        },
      });
    } catch (thrown) {
      if (signal.aborted && signal.reason instanceof Fault) throw signal.reason;
      throw new Fault("unavailable", "cask/peer-unreachable", `Cannot reach node ${node.id}`, { cause: thrown });
    }
  };
  const json = async <T>(
    path: string,
    signal: AbortSignal,
    shape: z.ZodType<T>,
    maxBytes = maxAnswerBytes,
  ): Promise<T | undefined> => {
    const response = await ask("GET", path, signal);
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw await refusal(node, response);
    const text = await boundedText(response, maxBytes);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (thrown) {
      throw nonsense(node, path, thrown);
    }
    const parsed = shape.safeParse(value);
    if (!parsed.success) throw nonsense(node, path, parsed.error);
    return parsed.data;
  };

  return {
    node,
    async put(algorithm, bytes, { sizeBytes, signal }) {
      const response = node.speaksDigests
        ? await ask("PUT", `/local/?algorithm=${algorithm}`, signal, {
            body: bodyOf(bytes),
            headers: {
              "Content-Type": "application/octet-stream",
              ...(sizeBytes === undefined ? {} : { "Content-Length": String(sizeBytes) }),
            },
          })
        : await putMultipart(ask, algorithm, bytes, signal);
      if (response.status !== 200) throw await refusal(node, response);
      const key = parseKey(await boundedText(response, 200));
      if (!key) throw nonsense(node, "/local/", "the answer is not a key");
      return key;
    },
    async get(key, signal) {
      const response = await ask("GET", `/local/${key}/`, signal);
      if (response.status === 200) return (response.body ?? new Uint8Array(0)) as BlobBytes;
      const failed = await refusal(node, response);
      if (response.status === 404) return undefined;
      throw failed;
    },
    async has(key, signal) {
      const response = await ask("HEAD", `/local/${key}/`, signal);
      if (response.status === 404) return { held: false };
      if (response.status !== 200) throw await refusal(node, response);
      const verifiedAt = Number(response.headers.get("x-cask-verified-at") ?? Number.NaN);
      const sizeBytes = Number(response.headers.get("content-length") ?? Number.NaN);
      return {
        held: true,
        ...(verifiedAt >= 0 && verifiedAt <= latestDate ? { verifiedAt } : {}),
        ...(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 ? { sizeBytes } : {}),
      };
    },
    prove: (key, nonce, signal): Promise<Proof | undefined> =>
      json(`/peer/prove/${key}/?nonce=${nonce}`, signal, proofShape),
    async digests(nodeId, signal): Promise<BucketDigest[]> {
      const digests = await json(`/peer/digests/?node=${encodeURIComponent(nodeId)}`, signal, digestsShape);
      if (!digests) throw nonsense(node, "/peer/digests/", "there is no such page");
      return digests;
    },
    async keys(nodeId, bucket, signal): Promise<Key[]> {
      const listed = await json(
        `/peer/keys/?node=${encodeURIComponent(nodeId)}&bucket=${bucket}`,
        signal,
        keysShape,
        maxListBytes,
      );
      return (listed ?? []).map(parseKey).filter((key) => key !== undefined);
    },
    async held(bucket, after, signal): Promise<HeldPage> {
      const path = `/peer/held/?bucket=${bucket}${after === undefined ? "" : `&after=${after}`}`;
      const listed = await json(path, signal, heldShape, maxPageBytes);
      if (!listed) throw nonsense(node, "/peer/held/", "there is no such page");
      const keys = ascending(listed.keys, bucket, after);
      // More must follow something, or nobody would ever come to the end.
      if (!keys || (listed.more && keys.length === 0)) throw nonsense(node, "/peer/held/", "the keys are out of order");
      return { keys, more: listed.more };
    },
  };
}

/** The pairs as keys of this bucket in rising order behind `after`; undefined when they are anything else. */
function ascending(pairs: readonly [string, number][], bucket: number, after: Key | undefined): SizedKey[] | undefined {
  const keys: SizedKey[] = [];
  let last: string = after ?? "";
  for (const [text, sizeBytes] of pairs) {
    const key = parseKey(text);
    if (key === undefined || bucketOf(key) !== bucket || key <= last) return undefined;
    keys.push({ key, sizeBytes });
    last = key;
  }
  return keys;
}

function bodyOf(bytes: BlobBytes): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes as Uint8Array<ArrayBuffer>;
  return streamOf(bytes);
}

/** The form in which originals take a blob. They hash with SHA-1 whatever they are sent. */
function putMultipart(
  ask: (method: string, path: string, signal: AbortSignal, init: RequestInit) => Promise<Response>,
  algorithm: Algorithm,
  bytes: BlobBytes,
  signal: AbortSignal,
): Promise<Response> {
  if (algorithm !== "sha1") {
    throw new Fault("invalid", "cask/original-peer", "Cannot give the blob to an original Cask: wanted a sha1 key");
  }
  const boundary = `warren${crypto.randomUUID().replaceAll("-", "")}`;
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="file.dat"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const encoder = new TextEncoder();
  const framed = async function* () {
    yield encoder.encode(head);
    if (bytes instanceof Uint8Array) yield bytes;
    else yield* bytes;
    yield encoder.encode(`\r\n--${boundary}--\r\n`);
  };
  return ask("POST", "/local/", signal, {
    body: bodyOf(framed()),
    headers: { "Content-Type": `multipart/form-data; boundary=${boundary}` },
  });
}

function boundedText(response: Response, maxBytes: number): Promise<string> {
  const tooLong = () => new Fault("unavailable", "cask/peer-nonsense", "A node's answer is longer than it may be");
  return answerText(response, { maxBytes, tooLong });
}

/** Why a node did not do what it was asked, after reading the rest of its answer away. */
async function refusal(node: CaskNode, response: Response): Promise<Fault> {
  const text = await boundedText(response, 4096).catch(() => "");
  const kind = response.status === 409 ? "conflict" : "unavailable";
  const code = response.status === 403 ? "cask/peer-secret" : "cask/peer-refused";
  return new Fault(kind, code, `Node ${node.id} answered ${response.status}: ${text.trim().slice(0, 200)}`);
}

function nonsense(node: CaskNode, path: string, cause: unknown): Fault {
  return new Fault("unavailable", "cask/peer-nonsense", `Node ${node.id} answered nonsense at ${path}`, { cause });
}

/**
 * Cask seen from outside: what other services and the terminal verbs use. Speaks the public routes over a fetch function,
 * so the node may be this one, reached without a network, or any other. Every blob's bytes are hashed on their way out
 * and on their way in; bytes that are not those of their key are a Fault, never a result. A part of a blob (a range)
 * cannot be checked and is as good as the node it came from. Only what stays within one program is not hashed twice on
 * its way out, as the node that is asked does it with the same memory.
 *
 * Several addresses may be given: a request that an address cannot answer goes to the next, a read also in its middle,
 * from the byte it had come to. A write is sent again only when its bytes can be had again. Nothing is held in memory
 * beyond the chunk at hand; within one program that chunk is a whole blob, or part of one, of up to 8 MiB.
 */
import { Fault } from "../../kit/fault.ts";
import { sizeIn, startIn } from "../../kit/http/reading.ts";
import { Requester, type RequesterOptions } from "../../kit/http/requester.ts";
import type { ServiceContext } from "../../kit/service.ts";
import {
  type CaskStatus,
  keysShape,
  statusShape,
  storedShape,
  verifyShape,
  type VerifyVerdict,
  whereShape,
} from "./client-answers.ts";
import { type BucketListing, bucketListing } from "./client-listing.ts";
import { type BlobSource, SentDigest, uploadBody } from "./client-upload.ts";
import { digestShared } from "./digest.ts";
import { type Algorithm, algorithmOf, bucketCount, digestOf, type Key, parseKey } from "./key.ts";

export type { CaskStatus, VerifyVerdict } from "./client-answers.ts";
export type { BucketListing } from "./client-listing.ts";
export type { BlobSource } from "./client-upload.ts";
export {
  type Algorithm,
  algorithmOf,
  bucketCount,
  bucketOf,
  digestOf,
  type Key,
  parseKey,
  type SizedKey,
} from "./key.ts";

/** Within one program a blob, or the part of one that is asked for, comes in one piece up to this size. */
const wholeBytesMax = 8 * 1024 * 1024;

/** How a client reaches Cask. */
export interface CaskClientOptions extends RequesterOptions {
  /** Whether {@link fetch} leads to a node in this very program. @default false */
  within?: boolean;
}

/** What became of a write that was acknowledged. */
export interface StoredBlob {
  key: Key;
  sizeBytes: number;
  /** Copies that are on disk, and that there should be. */
  copies: number;
  wanted: number;
  /** Whether the node that was asked held it before; absent when it does not say. */
  existed?: boolean;
}

/** A blob that is being read. */
export interface BlobReading {
  key: Key;
  /** Of the whole blob. */
  sizeBytes: number;
  /** The bytes asked for, in order. Throws `cask/wrong-bytes` at the end when they are not those of the key. */
  bytes: AsyncGenerator<Uint8Array, void>;
}

/** What one node says about a key. */
export interface BlobPlace {
  node: string;
  url: string;
  self: boolean;
  owner: boolean;
  /** Absent when the node could not be asked. */
  held?: boolean | undefined;
  verifiedAt?: number | undefined;
  sizeBytes?: number | undefined;
}

/** The first key in `text`, which is one in every detail. Throws the Fault `cask/key`. */
export function requireKey(text: string): Key {
  const key = parseKey(text);
  if (key !== undefined) return key;
  throw new Fault(
    "invalid",
    "cask/key",
    `Cannot read the key ${JSON.stringify(text.slice(0, 100))}: wanted sha256: and 64, or sha1: and 40, lower-case hex digits`,
  );
}

/**
 * The Cask that another service stands on: the one at `baseUrls`, else the one of the same program. `option` names what
 * an operator would set, such as `cask in [hakmes]`. To be called while that service starts.
 * Throws the Fault `cask/nowhere` when there is neither.
 */
export function caskOf(
  context: Pick<ServiceContext<object>, "reach" | "clock">,
  options: { baseUrls: readonly string[]; token?: string | undefined; option: string },
): CaskClient {
  const { clock } = context;
  const { baseUrls, token, option } = options;
  if (baseUrls.length > 0) return new CaskClient({ baseUrls, clock, ...(token === undefined ? {} : { token }) });
  const reach = context.reach("cask");
  if (reach) {
    const { baseUrl } = reach;
    return new CaskClient({ baseUrls: [baseUrl], clock, within: true, fetch: (url, init) => reach.fetch(url, init) });
  }
  throw new Fault(
    "invalid",
    "cask/nowhere",
    `Cannot find a Cask to keep bytes in: none runs in this program; enable cask, or set ${option} to the address of one`,
  );
}

/** A client of Cask. Faults carry the node's own code and sentence; `cask/unreachable` when no address answered. */
export class CaskClient {
  readonly #requester: Requester;
  readonly #within: boolean;

  constructor(options: CaskClientOptions) {
    this.#requester = new Requester("cask", "Cask", options);
    this.#within = options.within === true;
  }

  /**
   * Stores bytes and resolves once the quorum has them on disk. With `key` the bytes must be those of that key, else
   * nothing is stored; otherwise `algorithm` names them (the node's usual one when absent).
   * Faults: `cask/no-quorum`, `cask/wrong-bytes`, and what the node answers.
   */
  async put(
    source: BlobSource,
    options: { algorithm?: Algorithm; key?: Key; sizeBytes?: number; signal?: AbortSignal } = {},
  ): Promise<StoredBlob> {
    const { key: expected } = options;
    const path =
      expected === undefined
        ? `/${options.algorithm === undefined ? "" : `?algorithm=${options.algorithm}`}`
        : `/file/${expected}/`;
    const canRepeat = source instanceof Uint8Array || source instanceof Blob || typeof source === "function";
    const sizeBytes =
      source instanceof Uint8Array ? source.byteLength : source instanceof Blob ? source.size : options.sizeBytes;
    return this.#requester.onAny(canRepeat, async (baseUrl) => {
      const watch = this.#requester.watch(options.signal);
      const wanted = expected === undefined ? options.algorithm : algorithmOf(expected);
      const sent = new SentDigest(wanted, this.#within);
      const response = await this.#requester.ask("PUT", `${baseUrl}${path}`, watch, {
        body: uploadBody(source, sent, watch),
        headers: {
          "Content-Type": "application/octet-stream",
          ...(sizeBytes === undefined ? {} : { "Content-Length": String(sizeBytes) }),
        },
      });
      const stored = await this.#requester.jsonOf(response, storedShape, watch);
      const key = parseKey(stored.key);
      // Without a word about the algorithm the node decides, so all it may choose were computed.
      if (key === undefined || (expected !== undefined && key !== expected) || !(await sent.is(key))) {
        throw new Fault(
          "unavailable",
          "cask/wrong-bytes",
          `The node stored other bytes than were sent, as "${stored.key}"`,
        );
      }
      if (!stored.success)
        throw new Fault("unavailable", "cask/no-quorum", "Too few nodes have the file to call it safe");
      return {
        key,
        sizeBytes: stored.size ?? sizeBytes ?? 0,
        copies: stored.copies ?? 1,
        wanted: stored.wanted ?? 1,
        ...(stored.existed === undefined ? {} : { existed: stored.existed }),
      };
    });
  }

  /**
   * Reads a blob, or the half-open range `[start, end)` of its bytes; `end` may lie beyond the blob. The bytes must be
   * read to their end or the generator be returned. Faults: `cask/not-found` (missing), `cask/wrong-bytes`,
   * `cask/range` (invalid: the blob ends before `start`).
   */
  async get(
    key: Key,
    options: { range?: { start: number; end?: number }; signal?: AbortSignal } = {},
  ): Promise<BlobReading> {
    const start = options.range?.start ?? 0;
    const end = options.range?.end ?? Number.POSITIVE_INFINITY;
    const open = (at: number) =>
      this.#requester.onAny(true, async (baseUrl) => {
        const watch = this.#requester.watch(options.signal);
        const isWhole = at === 0 && end === Number.POSITIVE_INFINITY;
        const response = await this.#requester.ask("GET", `${baseUrl}/file/${key}/`, watch, {
          headers: isWhole ? {} : { Range: `bytes=${at}-${end === Number.POSITIVE_INFINITY ? "" : end - 1}` },
        });
        // Streams may come without their length; asking for the head alone gives it.
        const sizeBytes = sizeIn(response) ?? (await this.find(key, options))?.sizeBytes;
        const starts = response.status === 200 ? 0 : startIn(response);
        const upTo = Math.min(end, sizeBytes ?? 0);
        const bytes = this.#within && upTo - at <= wholeBytesMax ? wholeOf(response) : response.body;
        if (sizeBytes === undefined || starts !== at || bytes === null) {
          await response.body?.cancel();
          watch.end();
          throw new Fault(
            "unavailable",
            "cask/nonsense",
            `The node answered ${response.status} with other bytes than asked`,
          );
        }
        return { sizeBytes, bytes, watch };
      });
    const first = await open(start);
    first.watch.wait(false);
    const last = Math.min(end, first.sizeBytes);
    const isWhole = start === 0 && last === first.sizeBytes;
    const algorithm = algorithmOf(key);
    const hash = isWhole ? new Bun.CryptoHasher(algorithm) : undefined;
    const read = async function* (): AsyncGenerator<Uint8Array, void> {
      let at = start;
      let current = first;
      let fruitless = 0;
      let isRight = !isWhole;
      while (true) {
        const before = at;
        current.watch.wait(true);
        try {
          for await (const chunk of current.bytes) {
            options.signal?.throwIfAborted();
            if (at + chunk.byteLength > last) throw wrongBytes(key, "there are more of them than the node announced");
            const isAll = hash !== undefined && at === 0 && chunk.byteLength === last;
            // All of it at once is checked before it is given, else while it comes.
            if (isAll && (await digestShared(algorithm, chunk)) !== digestOf(key)) throw wrongHash(key);
            if (isAll) isRight = true;
            else hash?.update(chunk);
            at += chunk.byteLength;
            current.watch.wait(false);
            yield chunk;
            current.watch.wait(true);
          }
        } catch (thrown) {
          if (thrown instanceof Fault && thrown.code === "cask/wrong-bytes") throw thrown;
          options.signal?.throwIfAborted();
        } finally {
          current.watch.end();
        }
        if (at === last) break;
        // Cut short: the rest is had from the next address, as long as each attempt brings something.
        fruitless = at > before ? 0 : fruitless + 1;
        if (fruitless > 2)
          throw new Fault("unavailable", "cask/cut-short", `The bytes of ${key} ended at ${at} of ${last}`);
        current = await open(at);
        if (current.sizeBytes !== first.sizeBytes) {
          current.watch.end();
          throw wrongBytes(key, "two nodes disagree on their number");
        }
      }
      if (!isRight && hash?.digest("hex") !== digestOf(key)) throw wrongHash(key);
    };
    return { key, sizeBytes: first.sizeBytes, bytes: read() };
  }

  /** The size of a blob, or undefined when no node that could be asked has it. */
  async find(key: Key, options: { signal?: AbortSignal } = {}): Promise<{ sizeBytes: number } | undefined> {
    try {
      return await this.#requester.onAny(true, async (baseUrl) => {
        const watch = this.#requester.watch(options.signal);
        const response = await this.#requester.ask("HEAD", `${baseUrl}/file/${key}/`, watch);
        watch.end();
        return { sizeBytes: Number(response.headers.get("content-length") ?? 0) };
      });
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
      throw thrown;
    }
  }

  /** Which nodes have a blob, owners first, and how many copies there should be. */
  async whereIs(key: Key, options: { signal?: AbortSignal } = {}): Promise<{ wanted: number; places: BlobPlace[] }> {
    const { wanted, places } = await this.#requester.json("GET", `/whereis/${key}/`, whereShape, options);
    return { wanted, places };
  }

  /**
   * The keys of one bucket (0 to {@link bucketCount} - 1, see {@link bucketOf}) that the nodes hold, and whether all of
   * them could be asked. Needs the scope `write`. Faults: `cask/nonsense`, and what the node answers.
   */
  keys(bucket: number, options: { signal?: AbortSignal } = {}): Promise<BucketListing> {
    return bucketListing(bucket, (path) => this.#requester.json("GET", path, keysShape, options));
  }

  /** The keys of all buckets, one bucket after another, from 0 on. A cluster of millions of blobs gives some thousands each. */
  async *walk(options: { signal?: AbortSignal } = {}): AsyncGenerator<BucketListing, void> {
    for (let bucket = 0; bucket < bucketCount; bucket++) yield await this.keys(bucket, options);
  }

  /** The state of the node, and of the cluster as it sees it. */
  status(options: { signal?: AbortSignal } = {}): Promise<CaskStatus> {
    return this.#requester.json("GET", "/status.json", statusShape, options);
  }

  /** Makes the node read its own copy of a blob now. Needs the scope `admin`. */
  async verify(key: Key, options: { signal?: AbortSignal } = {}): Promise<VerifyVerdict> {
    return (await this.#requester.json("POST", `/verify/${key}/`, verifyShape, options)).verdict;
  }

  /** Has the node at the first address pass all it holds on to the others, or stop doing so. Needs the scope `admin`. */
  drain(wanted: boolean, options: { signal?: AbortSignal } = {}): Promise<CaskStatus> {
    return this.#requester.json(wanted ? "POST" : "DELETE", "/drain/", statusShape, { ...options, canRepeat: false });
  }

  /** Has all nodes forget one that is gone for good: it no longer counts, and what only it held is lost. Needs the scope `admin`. */
  forget(nodeId: string, options: { signal?: AbortSignal } = {}): Promise<CaskStatus> {
    return this.#requester.json("POST", `/forget/${encodeURIComponent(nodeId)}/`, statusShape, {
      ...options,
      canRepeat: false,
    });
  }
}

/** Bytes that are at hand already, in one piece. */
async function* wholeOf(response: Response): AsyncGenerator<Uint8Array> {
  const bytes = await response.bytes();
  if (bytes.byteLength > 0) yield bytes;
}

function wrongHash(key: Key): Fault {
  return wrongBytes(key, "their hash is another");
}

function wrongBytes(key: Key, reason: string): Fault {
  return new Fault("unavailable", "cask/wrong-bytes", `The bytes that came are not those of ${key}: ${reason}`);
}

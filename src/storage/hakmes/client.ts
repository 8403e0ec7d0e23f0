/**
 * Hakmes seen from outside: what other services and the terminal verbs use. Speaks the public routes over a fetch function,
 * so the node may be this one, reached without a network, or any other. Bytes are hashed on their way out and on their way
 * in; those that are not their key's are a Fault, never a result. A part of a file cannot be checked, and is as good as
 * the node it came from.
 *
 * Several addresses may be given: a request that an address cannot answer goes to the next, a read also in its middle,
 * from the byte it had come to. Nothing is held in memory beyond the chunk at hand.
 */
import { Fault, reasonOf } from "../../kit/fault.ts";
import { Patience, patiently, type PatienceOptions } from "../../kit/http/patience.ts";
import { openBody, readBody, type ReadingOptions } from "../../kit/http/reading.ts";
import { Requester, type RequesterOptions } from "../../kit/http/requester.ts";
import { streamOf } from "../../kit/http/stream.ts";
import type { Watch } from "../../kit/http/watch.ts";
import { type Algorithm, algorithmOf, type Key } from "../cask/client.ts";
import {
  type FileRecord,
  ingestedShape,
  type IngestedRecords,
  type ListedFile,
  pageShape,
  recordShape,
  searchShape,
  type SearchState,
} from "./client-answers.ts";
import { FileHash } from "./client-hash.ts";
import { uploadByTus, type UploadOptions, type Uploaded, type UploadSource } from "./client-tus.ts";
import type { ListQuery } from "./hakmes.ts";

export type { FileRecord, IngestedRecords, ListedFile, SearchState } from "./client-answers.ts";
export type { Uploaded, UploadSource } from "./client-tus.ts";

/** How a client reaches Hakmes. */
export type HakmesClientOptions = RequesterOptions;

/** Bytes of a file: at hand, or made anew by each call. */
export type FileBytes = Uint8Array | Blob | (() => AsyncIterable<Uint8Array>);

/** What is said of a file beside its bytes. */
export interface UploadLabel {
  /** Its name without folders. @default none */
  name?: string;
  /** @default "application/octet-stream" */
  mimetype?: string;
}

/** A file that is being read. */
export interface FileReading {
  readonly key: Key;
  /** Of the whole file. */
  readonly sizeBytes: number;
  readonly mimetype: string | undefined;
  /** The name it was stored under, as the server says it: not safe to be used as a path. */
  readonly name: string | undefined;
  /** The bytes asked for, in order. Throws `hakmes/wrong-bytes` at the end when a whole file's are not those of its key. */
  readonly bytes: AsyncGenerator<Uint8Array, void, void>;
}

/** A page of files. */
export interface ListPage {
  readonly files: readonly ListedFile[];
  /** Asks for the page after this one; absent at the end. */
  readonly next: string | undefined;
  readonly total: number | undefined;
}

/** Records are read up to this size: a file of a tebibyte in chunks of one mebibyte. */
const recordBytes = 128 * 1024 * 1024;
/** How long a node may be busy with records without a word. */
const enterMs = 10 * 60_000;

/** A client of Hakmes. Faults carry the node's own code and sentence; `hakmes/unreachable` when no address answered. */
export class HakmesClient {
  readonly #requester: Requester;
  /** What the server named a file by last; it seldom changes its mind. */
  #algorithm: Algorithm | undefined;

  constructor(options: HakmesClientOptions) {
    this.#requester = new Requester("hakmes", "Hakmes", options);
  }

  /** The addresses, in the order in which they are tried now. */
  get baseUrls(): readonly string[] {
    return this.#requester.baseUrls;
  }

  /**
   * Stores a file by one request, sent again to the next address when one fails. Resolves once it is safe. Faults:
   * `hakmes/wrong-bytes` when the node names other bytes than were sent, and what the node answers.
   */
  async put(
    source: FileBytes,
    options: UploadLabel & { sizeBytes?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<FileRecord> {
    const { mimetype = "application/octet-stream", name = "", signal } = options;
    const sizeBytes =
      source instanceof Uint8Array ? source.byteLength : source instanceof Blob ? source.size : options.sizeBytes;
    return this.#requester.onAny(true, async (baseUrl) => {
      const watch = this.#requester.watch(signal);
      const hash = new FileHash();
      const boundary = crypto.randomUUID();
      const { head, tail } = formAround(boundary, name, mimetype);
      const response = await this.#requester.ask("POST", `${baseUrl}/`, watch, {
        headers: {
          "Content-Type": `multipart/form-data; boundary=${boundary}`,
          ...(sizeBytes === undefined
            ? {}
            : { "Content-Length": String(head.byteLength + sizeBytes + tail.byteLength) }),
        },
        body: streamOf(formBytes(head, source, tail, hash, watch)),
      });
      const stored = await this.#requester.jsonOf(response, recordShape, watch, recordBytes);
      if (hash.isOf(stored.key) !== true) {
        throw this.#requester.fault("wrong-bytes", `The node stored other bytes than were sent, as "${stored.key}"`);
      }
      this.#algorithm = algorithmOf(stored.key);
      return stored;
    });
  }

  /**
   * Stores a file by an upload that is gone on with after failures, until patience is at its end. Resolves once it is
   * safe. Faults: as {@link put}; `hakmes/upload-lost` when the server forgot an upload whose bytes cannot be read again.
   */
  async upload(source: UploadSource, options: Omit<UploadOptions, "has" | "algorithm">): Promise<Uploaded> {
    const stored = await uploadByTus(this.#requester, source, {
      ...options,
      algorithm: source.isRepeatable ? this.#algorithm : undefined,
      has: async (key) => (await this.find(key, { signal: options.signal })) !== undefined,
    });
    this.#algorithm = algorithmOf(stored.key);
    return stored;
  }

  /**
   * Reads a file, or the half-open range `[start, end)` of its bytes; `end` may lie beyond it. The bytes must be read to
   * their end or the generator be returned. With patience a body that breaks off is waited for, otherwise three attempts
   * in a row that bring nothing end it. Faults: `hakmes/not-found` (missing), `hakmes/wrong-bytes`, `hakmes/range`.
   */
  async get(
    key: Key,
    options: {
      range?: { start: number; end?: number };
      patience?: PatienceOptions;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<FileReading> {
    const { range, signal } = options;
    const patience = options.patience === undefined ? undefined : new Patience(options.patience);
    let fruitless = 0;
    const reading: ReadingOptions = {
      requester: this.#requester,
      path: `/file/${key}/`,
      start: range?.start ?? 0,
      end: range?.end ?? Number.POSITIVE_INFINITY,
      signal,
      async again(thrown, broughtBytes) {
        if (broughtBytes > 0) patience?.progressed();
        fruitless = broughtBytes > 0 ? 0 : fruitless + 1;
        if (patience !== undefined) await patience.after(thrown, signal);
        else if (fruitless > 2) throw thrown;
      },
      wrong: (reason) => this.#wrongBytes(key, reason),
    };
    const first = await patiently(patience, signal, () => openBody(reading, reading.start));
    first.watch.wait(false);
    const isWhole = reading.start === 0 && reading.end >= first.sizeBytes;
    return {
      key,
      sizeBytes: first.sizeBytes,
      mimetype: first.headers.get("content-type") ?? undefined,
      name: nameIn(first.headers.get("content-disposition")),
      bytes: isWhole ? this.#verified(key, readBody(reading, first)) : readBody(reading, first),
    };
  }

  /** The size of a file and its name, or undefined when no node that could be asked has it. */
  async find(
    key: Key,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<{ sizeBytes: number; name: string | undefined } | undefined> {
    return orMissing(() =>
      this.#requester.onAny(true, async (baseUrl) => {
        const watch = this.#requester.watch(options.signal);
        const response = await this.#requester.ask("HEAD", `${baseUrl}/file/${key}/`, watch);
        watch.end();
        const sizeBytes = Number(response.headers.get("content-length") ?? Number.NaN);
        if (!Number.isSafeInteger(sizeBytes)) throw this.#requester.fault("nonsense", "The node gave no size");
        return { sizeBytes, name: nameIn(response.headers.get("content-disposition")) };
      }),
    );
  }

  /** What Hakmes knows of a file, its chunks included; undefined when no node that could be asked has it. */
  info(key: Key, options: { signal?: AbortSignal } = {}): Promise<FileRecord | undefined> {
    return orMissing(async () => {
      const record = await this.#requester.json("GET", `/info/${key}/`, recordShape, {
        ...options,
        maxBytes: recordBytes,
      });
      if (record.key !== key)
        throw this.#requester.fault("nonsense", `The node answered with another file, ${record.key}`);
      return record;
    });
  }

  /** A page of the files that a node knows. */
  async list(query: ListQuery = {}, options: { signal?: AbortSignal } = {}): Promise<ListPage> {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) words.set(name, String(value));
    const page = await this.#requester.json(
      "GET",
      `/list.json${words.size === 0 ? "" : `?${words.toString()}`}`,
      pageShape,
      options,
    );
    return { files: page.files, next: page.next ?? undefined, total: page.total };
  }

  /** All files of a query, page by page. */
  async *walk(query: ListQuery = {}, options: { signal?: AbortSignal } = {}): AsyncGenerator<ListedFile, void, void> {
    let after = query.after;
    const seen = new Set<string>();
    while (true) {
      const page = await this.list({ ...query, ...(after === undefined ? {} : { after }) }, options);
      yield* page.files;
      after = page.next;
      if (after === undefined) return;
      if (seen.has(after)) throw this.#requester.fault("nonsense", "The list comes back to a page it had");
      seen.add(after);
    }
  }

  /** Has the node at the first address look through Cask for files. Needs the scope `admin`. */
  reindex(options: { signal?: AbortSignal } = {}): Promise<SearchState> {
    return this.#requester.json("POST", "/reindex/", searchShape, { ...options, canRepeat: false });
  }

  /** How that search stands. */
  searchState(options: { signal?: AbortSignal } = {}): Promise<SearchState> {
    return this.#requester.json("GET", "/reindex/", searchShape, { ...options, canRepeat: false });
  }

  /** All records that a node has, one a line, as they come. Needs the scope `read`. Throws when they break off. */
  async *records(options: { signal?: AbortSignal } = {}): AsyncGenerator<Uint8Array, void, void> {
    const { response, watch } = await this.#requester.onAny(true, async (baseUrl) => {
      const begun = this.#requester.watch(options.signal);
      return { response: await this.#requester.ask("GET", `${baseUrl}/export.jsonl`, begun), watch: begun };
    });
    try {
      for await (const chunk of response.body ?? []) {
        watch.wait(false);
        yield chunk;
        watch.wait(true);
      }
    } catch (thrown) {
      watch.throwIfCallerLeft();
      if (thrown instanceof Fault) throw thrown;
      throw this.#requester.fault("cut-short", `The records broke off: ${reasonOf(thrown)}`, { cause: thrown });
    } finally {
      watch.end();
    }
  }

  /** Enters records, one a line, those that are new. Needs the scope `write`. */
  async enter(lines: AsyncIterable<Uint8Array>, options: { signal?: AbortSignal } = {}): Promise<IngestedRecords> {
    // Nothing says that a node has understood a line before it has answered them all, which may take long.
    const watch = this.#requester.watch(options.signal, enterMs);
    const response = await this.#requester.ask("POST", `${this.baseUrls[0] ?? ""}/import.jsonl`, watch, {
      headers: { "Content-Type": "application/jsonl" },
      body: streamOf(told(lines, watch)),
    });
    return this.#requester.jsonOf(response, ingestedShape, watch);
  }

  async *#verified(key: Key, bytes: AsyncGenerator<Uint8Array, void, void>): AsyncGenerator<Uint8Array, void, void> {
    const hash = new FileHash(algorithmOf(key));
    for await (const chunk of bytes) {
      hash.take(hash.sizeBytes, chunk);
      yield chunk;
    }
    if (hash.isOf(key) !== true) throw this.#wrongBytes(key, "their hash is another");
  }

  #wrongBytes(key: Key, reason: string): Fault {
    return this.#requester.fault("wrong-bytes", `The bytes that came are not those of ${key}: ${reason}`);
  }
}

async function* told(lines: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array, void, void> {
  watch.wait(false);
  try {
    for await (const chunk of lines) {
      watch.wait(true);
      yield chunk;
      watch.wait(false);
    }
  } catch (thrown) {
    watch.failure = thrown;
    throw thrown;
  } finally {
    watch.wait(true);
  }
}

async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
    throw thrown;
  }
}

/** What stands before and after the bytes in a form with one file. Names are written as browsers write them. */
function formAround(boundary: string, name: string, mimetype: string): { head: Uint8Array; tail: Uint8Array } {
  const quoted = name.replace(/["\r\n]/g, (character) => encodeURIComponent(character));
  const type = mimetype.replace(/[^\x20-\x7e]/g, "");
  const encoder = new TextEncoder();
  return {
    head: encoder.encode(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quoted}"\r\nContent-Type: ${type}\r\n\r\n`,
    ),
    tail: encoder.encode(`\r\n--${boundary}--\r\n`),
  };
}

async function* formBytes(
  head: Uint8Array,
  source: FileBytes,
  tail: Uint8Array,
  hash: FileHash,
  watch: Watch,
): AsyncGenerator<Uint8Array, void, void> {
  yield head;
  const chunks = source instanceof Uint8Array ? once(source) : source instanceof Blob ? source.stream() : source();
  for await (const chunk of told(chunks, watch)) {
    hash.take(hash.sizeBytes, chunk);
    yield chunk;
  }
  yield tail;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

/** The file name of a `Content-Disposition` header (RFC 6266), if it has one. */
function nameIn(header: string | null): string | undefined {
  const extended = /;\s*filename\*=utf-8''([^;\s]+)/i.exec(header ?? "")?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      return undefined;
    }
  }
  const plain = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(header ?? "");
  return plain?.[1]?.replace(/\\(.)/g, "$1") ?? plain?.[2];
}

/**
 * Resumable uploads on a Hakmes in memory, for tests: a folder that survives "crashes", requests as a client sends them, and
 * bodies that break off or fall silent.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { silentLog } from "../../kit/log.ts";
import { seededRandom } from "../../kit/random.ts";
import type { Caller } from "../../kit/service.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { type Key, parseKey } from "../cask/client.ts";
import { MemoryCatalog } from "./catalog-memory.ts";
import { MemoryChunkStore } from "./chunk-store-memory.ts";
import type { Hakmes } from "./hakmes.ts";
import { createHakmes, type HakmesOnCask } from "./on-cask.ts";
import type { TusLimits } from "./tus-limits.ts";
import { TusUploads } from "./tus-uploads.ts";
import { tusRoutes } from "./tus.ts";

/** Where the routes are in tests. */
export const tusUrl = "http://node.test/hakmes/tus/";

/** A caller who may do everything. */
export const anyCaller: Caller = {
  address: "127.0.0.1",
  requestId: "a-request",
  name: "test",
  may: () => true,
  keepOpen: () => new AbortController().signal,
};

/** Bytes that depend on the seed alone. */
export function seededBytes(seed: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: sizeBytes }, () => random() * 256);
}

/** The key that Hakmes gives to bytes. */
export function keyOfBytes(bytes: Uint8Array): Key {
  const key = parseKey(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`);
  if (key === undefined) throw new Error("a digest is not a key");
  return key;
}

/** A body that brings pieces and then ends, breaks off, or stays silent until it is given up. */
export function bodyOf(bytes: Uint8Array, then: "end" | "cut" | "silence" = "end", pieceBytes = 1000) {
  let at = 0;
  let isGivenUp = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at < bytes.length) {
          controller.enqueue(bytes.slice(at, at + pieceBytes));
          at += pieceBytes;
          return undefined;
        }
        if (then === "end") controller.close();
        if (then === "cut") controller.error(new Error("the connection was lost"));
        return undefined;
      },
      cancel() {
        isGivenUp = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, isGivenUp: () => isGivenUp, isAllTaken: () => at >= bytes.length };
}

/** What a test may set. */
export interface TusFixtureOptions {
  readonly limits?: Partial<TusLimits>;
  /** Stands between the uploads and Hakmes. */
  readonly between?: (hakmes: HakmesOnCask) => Pick<Hakmes, "begin" | "join">;
}

/** A node's uploads over and over. */
export class TusFixture {
  readonly clock = new ManualClock();
  readonly chunks = new MemoryChunkStore();
  readonly catalog = new MemoryCatalog();
  readonly hakmes: HakmesOnCask;
  readonly folder = mkdtempSync(join(tmpdir(), "warren-tus-"));
  readonly #options: TusFixtureOptions;
  readonly #opened: TusUploads[] = [];
  #uploads: TusUploads | undefined;
  #handle: ReturnType<typeof tusRoutes> | undefined;

  private constructor(options: TusFixtureOptions) {
    this.#options = options;
    this.hakmes = createHakmes({
      chunks: this.chunks,
      catalog: this.catalog,
      clock: this.clock,
      seal: () => "",
      settings: { algorithm: "sha256", plan: { kind: "content", minBytes: 512, averageBytes: 1024, maxBytes: 4096 } },
    });
  }

  static async open(options: TusFixtureOptions = {}): Promise<TusFixture> {
    const fixture = new TusFixture(options);
    await fixture.restart();
    return fixture;
  }

  get uploads(): TusUploads {
    if (!this.#uploads) throw new Error("the fixture is not open");
    return this.#uploads;
  }

  /** Opens the uploads anew on the same folder, as after a kill; what the former run had in memory is lost. */
  async restart(): Promise<void> {
    this.#uploads = await TusUploads.open({
      hakmes: this.#options.between?.(this.hakmes) ?? this.hakmes,
      folder: this.folder,
      clock: this.clock,
      log: silentLog,
      limits: {
        maxBytes: 1_000_000,
        keepMs: 3_600_000,
        maxUnfinished: 20,
        silentMs: 100,
        // Time passes in leaps here while the disk takes its own, so patience must not run out by chance.
        patienceMs: 1_000_000_000,
        ...this.#options.limits,
      },
    });
    this.#opened.push(this.#uploads);
    this.#handle = tusRoutes({ uploads: this.#uploads, path: "/hakmes/tus", log: silentLog });
  }

  /** A request with the protocol's version, to a path below the routes or an address that a client got. */
  async send(
    method: string,
    to: string,
    headers: Record<string, string> = {},
    body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  ): Promise<Response> {
    if (!this.#handle) throw new Error("the fixture is not open");
    const request = new Request(new URL(to, tusUrl).href, {
      method,
      headers: {
        "Tus-Resumable": "1.0.0",
        ...(body instanceof Uint8Array ? { "Content-Length": String(body.length) } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    return this.#handle(request, anyCaller);
  }

  /** Makes an upload; its address. */
  async create(headers: Record<string, string>): Promise<string> {
    const response = await this.send("POST", "", headers);
    const location = response.headers.get("location");
    if (response.status !== 201 || location === null) throw new Error(`${response.status} ${await response.text()}`);
    return new URL(location, tusUrl).href;
  }

  /** Adds bytes to an upload. */
  patch(
    to: string,
    offset: number,
    body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.send(
      "PATCH",
      to,
      { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset), ...headers },
      body,
    );
  }

  /** The bytes of a file. */
  async read(key: string): Promise<Uint8Array> {
    const parsed = parseKey(key);
    const file = parsed && (await this.hakmes.find(parsed));
    if (!file) throw new Error(`there is no file "${key}"`);
    return Buffer.concat(await Array.fromAsync(await this.hakmes.read(file)));
  }

  /** Lets time pass until a promise settles that waits for disk as well as for time. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const note = () => {
      state.isSettled = true;
    };
    promise.then(note, note);
    while (!state.isSettled) {
      this.clock.advance(50);
      // One leap in a millisecond at most: while a slow disk is waited for, hours would pass here otherwise.
      await new Promise<void>((resolve) => setTimeout(resolve, 1));
    }
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const uploads of this.#opened) await uploads.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

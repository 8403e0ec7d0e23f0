/**
 * An upload that survives cut connections and restarted servers, by tus 1.0: it is created, its bytes are sent, and after
 * any failure the server is asked how far it came. Every byte is hashed once on its way out, also those that were sent in
 * an earlier run, and the key that the server names is compared with that. The answer to the last part carries the key in
 * `Warren-Key`; when it is lost, the file is looked up under its own key.
 *
 * An upload lives on the node that created it. When that one stays away and others are there, the upload begins again at
 * the next, if its bytes can be had again from the start.
 */
import { Fault } from "../../kit/fault.ts";
import { Patience, type PatienceOptions } from "../../kit/http/patience.ts";
import type { Requester } from "../../kit/http/requester.ts";
import { streamOf } from "../../kit/http/stream.ts";
import type { Watch } from "../../kit/http/watch.ts";
import { type Algorithm, algorithmOf, type Key, parseKey } from "../cask/client.ts";
import { FileHash } from "./client-hash.ts";

/** Where the bytes of an upload come from. */
export interface UploadSource {
  /** Undefined when it shows only at the end, as with standard input. */
  readonly sizeBytes: number | undefined;
  /**
   * The bytes from an offset on, to the end, or less when they cannot all be had again after a failure; nothing at the
   * end. Throws when the offset lies before what was last confirmed.
   */
  from(offset: number): AsyncIterable<Uint8Array>;
  /** Everything before this offset is safe with the server and will not be asked for again. */
  confirmed?(offset: number): void;
  /** Whether the bytes before the last confirmed offset can be had again. */
  readonly isRepeatable: boolean;
  /** For a source of unknown size: whether `offset` is its end. */
  endsAt?(offset: number): boolean;
}

/** How an upload is to go. */
export interface UploadOptions {
  name: string;
  mimetype: string;
  patience: PatienceOptions;
  signal?: AbortSignal | undefined;
  /** An upload of an earlier run, to be gone on with if the server still has it. */
  resume?: string | undefined;
  /** A hint which hash the server names files by, so that only that one is computed. */
  algorithm?: Algorithm | undefined;
  /** The upload has an address now, under which a later run can go on. */
  onCreated?: (url: string) => Promise<void> | void;
  /** Where sending stands; goes back after a failure. */
  onSent?: (offset: number) => void;
  /** Goes on from an offset above 0 that the server said it has. */
  onResumed?: (offset: number) => void;
  /** Whether the server has a file. */
  has(key: Key): Promise<boolean>;
}

/** What became of an upload. */
export interface Uploaded {
  readonly key: Key;
  readonly sizeBytes: number;
}

/** After so many failures in a row another address is tried. */
const failuresBeforeNext = 6;

/** The least that a server is expected to read back, in bytes a millisecond. */
const readBackBytesPerMs = 50_000;
/** So often an upload may be lost by the server. */
const uploadsLost = 5;

/** Stores a file. Faults: what the server answers, `hakmes/wrong-bytes`, and `unreachable` when patience is at its end. */
export function uploadByTus(requester: Requester, source: UploadSource, options: UploadOptions): Promise<Uploaded> {
  return new TusUpload(requester, source, options).run();
}

class TusUpload {
  readonly #requester: Requester;
  readonly #source: UploadSource;
  readonly #options: UploadOptions;
  readonly #hash: FileHash;
  readonly #patience: Patience;
  #url: string | undefined;
  /** How far the server came; undefined when it has to be asked. */
  #offset: number | undefined;
  /** The largest offset the server ever confirmed. */
  #confirmed = 0;
  #isWhole = false;
  /** The offset is what the server said when asked, not what followed from sending. */
  #wasAsked = false;
  /** Uploads that the server forgot. */
  #lost = 0;

  constructor(requester: Requester, source: UploadSource, options: UploadOptions) {
    this.#requester = requester;
    this.#source = source;
    this.#options = options;
    this.#hash = new FileHash(options.algorithm);
    this.#patience = new Patience(options.patience);
    this.#url = options.resume;
  }

  async run(): Promise<Uploaded> {
    while (true) {
      let key: Key | undefined;
      try {
        key = await this.#step();
      } catch (thrown) {
        key = await this.#afterFailure(thrown);
      }
      if (key !== undefined) {
        await this.#check(key);
        return { key, sizeBytes: this.#hash.sizeBytes };
      }
    }
  }

  /** One request; resolves to the key once the server named it. */
  async #step(): Promise<Key | undefined> {
    if (this.#url === undefined) return this.#create();
    if (this.#offset === undefined) return this.#ask(this.#url);
    return this.#send(this.#url, this.#offset);
  }

  async #create(): Promise<Key | undefined> {
    if (this.#confirmed > 0 && !this.#source.isRepeatable) {
      throw new Fault(
        "conflict",
        "hakmes/upload-lost",
        "The server no longer knows the upload, and what was read cannot be read again: start it once more",
      );
    }
    const { mimetype, name, signal } = this.#options;
    const { sizeBytes } = this.#source;
    const { key, url } = await this.#requester.onAny(true, async (baseUrl) => {
      const watch = this.#requester.watch(signal);
      const response = await this.#requester.ask("POST", `${baseUrl}/tus/`, watch, {
        headers: {
          ...tusVersion,
          ...(sizeBytes === undefined ? { "Upload-Defer-Length": "1" } : { "Upload-Length": String(sizeBytes) }),
          "Upload-Metadata": [
            ...(name === "" ? [] : [`filename ${base64(name)}`]),
            `filetype ${base64(mimetype)}`,
          ].join(","),
        },
        accepts: [404, 405],
      });
      await response.body?.cancel();
      watch.end();
      if (response.status >= 400) {
        const words = "The server knows no uploads that can be gone on with";
        throw this.#requester.fault("no-uploads", words, { kind: "invalid" });
      }
      const place = placeOf(response.headers.get("location"), baseUrl);
      if (place === undefined) throw this.#requester.fault("nonsense", "The server made an upload without an address");
      return { url: place, key: keyIn(response) };
    });
    this.#url = url;
    this.#offset = 0;
    await this.#options.onCreated?.(url);
    return key;
  }

  /** Asks how far the server came. */
  async #ask(url: string): Promise<Key | undefined> {
    const watch = this.#requester.watch(this.#options.signal);
    const response = await this.#requester.ask("HEAD", url, watch, { headers: tusVersion });
    watch.end();
    const { sizeBytes } = this.#source;
    const lengthText = response.headers.get("upload-length");
    if (sizeBytes !== undefined && lengthText !== null && Number(lengthText) !== sizeBytes) {
      // Of an earlier run, when the file was another.
      this.#forget();
      return undefined;
    }
    this.#wasAsked = true;
    const offset = this.#offsetIn(response);
    if (offset > this.#confirmed) this.#patience.progressed();
    if (offset > 0) this.#options.onResumed?.(offset);
    this.#moveTo(offset);
    return keyIn(response);
  }

  async #send(url: string, offset: number): Promise<Key | undefined> {
    const { onSent, signal } = this.#options;
    const source = this.#source;
    // Bytes that an earlier run sent have to be hashed, too, before what comes after them.
    if (this.#hash.sizeBytes < offset) await this.#hash.catchUp(source.from(this.#hash.sizeBytes), offset, signal);
    // A server that was started again reads what it has before it takes more.
    const watch = this.#requester.watch(signal, this.#wasAsked ? offset / readBackBytesPerMs : 0);
    const { sizeBytes } = source;
    const endKnown = sizeBytes ?? (source.endsAt?.(offset) === true ? offset : undefined);
    const response = await this.#requester.ask("PATCH", url, watch, {
      headers: {
        ...tusVersion,
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(offset),
        ...(sizeBytes === undefined && endKnown !== undefined ? { "Upload-Length": String(endKnown) } : {}),
        ...(endKnown === undefined ? {} : { "Content-Length": String(endKnown - offset) }),
      },
      body: endKnown === offset ? new Uint8Array(0) : streamOf(this.#outgoing(offset, watch)),
    });
    await response.body?.cancel();
    watch.end();
    this.#wasAsked = false;
    const now = this.#offsetIn(response);
    if (now > offset) this.#patience.progressed();
    this.#moveTo(now);
    onSent?.(now);
    const key = keyIn(response);
    if (key === undefined && (sizeBytes === undefined ? endKnown !== undefined : now === sizeBytes)) {
      this.#isWhole = true;
      throw this.#requester.fault("nonsense", "The server has all bytes and does not name their key");
    }
    return key;
  }

  async *#outgoing(offset: number, watch: Watch): AsyncGenerator<Uint8Array, void, void> {
    let at = offset;
    watch.wait(false);
    try {
      for await (const chunk of this.#source.from(offset)) {
        this.#hash.take(at, chunk);
        at += chunk.byteLength;
        watch.wait(true);
        yield chunk;
        watch.wait(false);
        this.#options.onSent?.(at);
      }
      const { sizeBytes } = this.#source;
      if (sizeBytes !== undefined && at !== sizeBytes) {
        throw new Fault(
          "conflict",
          "hakmes/changed",
          `The file changed while it was read: ${at} bytes, not ${sizeBytes}`,
        );
      }
    } catch (thrown) {
      watch.failure = thrown;
      throw thrown;
    } finally {
      watch.wait(true);
    }
  }

  /** Waits, and says how to go on; resolves to the key when the file turns out to be stored. */
  async #afterFailure(thrown: unknown): Promise<Key | undefined> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const fault = thrown instanceof Fault ? thrown : undefined;
    this.#offset = undefined;
    const isGone = this.#url !== undefined && (fault?.status === 404 || fault?.status === 410);
    if (isGone || this.#isWhole) {
      // Its last answer may have been lost: then it is gone because it is done.
      const found = await this.#stored().catch(() => undefined);
      if (found !== undefined) return found;
    }
    if (isGone) {
      this.#forget();
      // A server that forgets each upload at once would keep us here for ever.
      if (++this.#lost > uploadsLost) throw thrown;
      return undefined;
    }
    // The offset was another than we thought: ask, but not for ever.
    const isBehind = this.#url !== undefined && fault?.status === 409 && fault.code !== "hakmes/changed";
    await this.#patience.after(
      isBehind ? new Fault("unavailable", fault.code, fault.message, { cause: fault }) : thrown,
      signal,
    );
    const canMove = this.#requester.baseUrls.length > 1 && (this.#source.isRepeatable || this.#confirmed === 0);
    if (canMove && this.#patience.failures % failuresBeforeNext === 0) this.#forget();
    return undefined;
  }

  /** The key under which the server has all these bytes, as far as they can be known now. */
  async #stored(): Promise<Key | undefined> {
    const { has, signal } = this.#options;
    const { isRepeatable, sizeBytes } = this.#source;
    if (sizeBytes !== undefined && isRepeatable && this.#hash.sizeBytes < sizeBytes) {
      await this.#hash.catchUp(this.#source.from(this.#hash.sizeBytes), sizeBytes, signal);
    }
    const isAll =
      sizeBytes === undefined ? this.#source.endsAt?.(this.#hash.sizeBytes) : this.#hash.sizeBytes === sizeBytes;
    if (isAll !== true) return undefined;
    for (const key of this.#hash.keys()) if (await has(key)) return key;
    return undefined;
  }

  /** Compares what the server named with what was sent. */
  async #check(key: Key): Promise<void> {
    const { signal } = this.#options;
    const { sizeBytes } = this.#source;
    if (sizeBytes !== undefined && this.#hash.sizeBytes < sizeBytes) {
      await this.#hash.catchUp(this.#source.from(this.#hash.sizeBytes), sizeBytes, signal);
    }
    let isRight = this.#hash.isOf(key);
    if (isRight === undefined) {
      // The hint was wrong.
      const other = new FileHash(algorithmOf(key));
      await other.catchUp(this.#source.from(0), this.#hash.sizeBytes, signal);
      isRight = other.isOf(key);
    }
    if (isRight === true) return;
    throw this.#requester.fault(
      "wrong-bytes",
      `The node stored other bytes than were sent, as "${key}": the file may have changed meanwhile; try again`,
    );
  }

  #offsetIn(response: Response): number {
    const offset = Number(response.headers.get("upload-offset") ?? Number.NaN);
    const known = this.#source.sizeBytes ?? this.#hash.sizeBytes;
    if (Number.isSafeInteger(offset) && offset >= 0 && offset <= known) return offset;
    throw this.#requester.fault("nonsense", `The server says it has ${offset} bytes of at most ${known}`);
  }

  #moveTo(offset: number): void {
    this.#offset = offset;
    this.#confirmed = Math.max(this.#confirmed, offset);
    this.#source.confirmed?.(offset);
  }

  /** The next step creates another upload. */
  #forget(): void {
    this.#url = undefined;
    this.#offset = undefined;
    this.#isWhole = false;
  }
}

const tusVersion = { "Tus-Resumable": "1.0.0" };

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function keyIn(response: Response): Key | undefined {
  return parseKey(response.headers.get("warren-key") ?? "");
}

/**
 * Where an upload is: below the address we asked, whatever that address is called by the server (a proxy may stand
 * between), for our token goes nowhere else.
 */
function placeOf(location: string | null, baseUrl: string): string | undefined {
  if (location === null || !URL.canParse(location, `${baseUrl}/tus/`)) return undefined;
  const last = /([^/]+)\/?$/.exec(new URL(location, `${baseUrl}/tus/`).pathname)?.[1];
  return last === undefined ? undefined : `${baseUrl}/tus/${last}`;
}

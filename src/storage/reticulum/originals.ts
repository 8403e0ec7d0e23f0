/**
 * Originals as they lie in Cask: found by their hash, recognised by their content, read whole within a limit or streamed.
 * Nothing that is no image is ever given out, whatever else Cask holds under a hash that somebody knows.
 */
import { Fault } from "../../kit/fault.ts";
import type { CaskClient, Key } from "../cask/client.ts";
import type { Engine, ImageFacts, ImageFormat } from "./engine.ts";
import { Flights } from "./flight.ts";
import type { KnownImage, KnownImages } from "./known-images.ts";
import { LeastRecent } from "./least-recent.ts";

/** What originals stand on. */
export interface OriginalsParts {
  cask: Pick<CaskClient, "get" | "find" | "put" | "whereIs">;
  known: KnownImages;
  engine: Pick<Engine, "probe">;
  /** The format that the first bytes of a file show; undefined for what is not taken. */
  sniff(head: Uint8Array): ImageFormat | undefined;
  /** The largest original that is read whole. */
  maxBytes: number;
  /** For originals used a moment ago. */
  memoryBytes: number;
}

/** So much of a file is looked at to see what it is. */
const headBytes = 4096;
/** Of the memory, so much is for those that were read once: many that are asked for once push out no others. */
const onceShare = 1 / 8;
/** Originals at work take no more than so many of the largest size. */
const largestInUse = 4;

/** The originals. */
export class Originals {
  readonly #parts: OriginalsParts;
  /** Those that were uploaded, or asked for again. */
  readonly #memory: LeastRecent<Uint8Array>;
  /** Those that were read once. */
  readonly #once: LeastRecent<Uint8Array>;
  readonly #reading = new Flights<Uint8Array>();
  readonly #meeting = new Flights<KnownImage | undefined>();
  readonly #probing = new Flights<ImageFacts>();
  /** Originals that somebody works with: one copy each, however many that are. */
  readonly #inUse = new Map<Key, { users: number; bytes: Uint8Array | undefined }>();
  #inUseBytes = 0;
  /** Keys that were found to be no image; bounded, and forgotten with the program. */
  readonly #strangers = new LeastRecent<true>(1 << 20, 4096);

  constructor(parts: OriginalsParts) {
    this.#parts = parts;
    const onceBytes = parts.memoryBytes * onceShare;
    this.#memory = new LeastRecent(parts.memoryBytes - onceBytes, 4096, onceBytes);
    this.#once = new LeastRecent(onceBytes, 4096, onceBytes);
  }

  /**
   * The image of a key: what is known of it here, otherwise what its first bytes say. Undefined when Cask has no such
   * blob, or it is no image. Throws Cask's Fault while that is not certain.
   */
  async meet(key: Key, signal?: AbortSignal): Promise<KnownImage | undefined> {
    const known = this.#parts.known.find(key);
    if (known !== undefined) return known;
    if (this.#strangers.get(key)) return undefined;
    return this.#meeting.join(key, signal, (ownSignal) => this.#meet(key, ownSignal));
  }

  async #meet(key: Key, signal: AbortSignal): Promise<KnownImage | undefined> {
    let head: Uint8Array;
    let sizeBytes: number;
    try {
      const reading = await this.#parts.cask.get(key, { range: { start: 0, end: headBytes }, signal });
      ({ sizeBytes } = reading);
      head = await gather(reading.bytes, Math.min(sizeBytes, headBytes));
    } catch (thrown) {
      // An empty blob has no first byte to ask for.
      if (thrown instanceof Fault && (thrown.kind === "missing" || thrown.code === "cask/range")) return undefined;
      throw thrown;
    }
    const format = this.#parts.sniff(head);
    if (format === undefined) {
      this.#strangers.set(key, true, 64);
      return undefined;
    }
    this.#parts.known.learn({ key, format, sizeBytes });
    // A full disk keeps nothing, and the image is there all the same.
    return this.#parts.known.find(key) ?? { key, format, sizeBytes, name: "" };
  }

  /** All bytes of an original, hashed to its key. Faults: `reticulum/too-large` and those of Cask. */
  async bytes(image: KnownImage, signal?: AbortSignal): Promise<Uint8Array> {
    const held = this.#inUse.get(image.key)?.bytes ?? this.#memory.get(image.key) ?? this.#again(image.key);
    if (held !== undefined) return held;
    if (image.sizeBytes > this.#parts.maxBytes) {
      throw new Fault(
        "too-large",
        "reticulum/too-large",
        `Cannot read the image: it has ${image.sizeBytes} bytes, and at most ${this.#parts.maxBytes} are read`,
      );
    }
    return this.#reading.join(image.key, signal, async (ownSignal) => {
      const reading = await this.#parts.cask.get(image.key, { signal: ownSignal });
      const bytes = await gather(reading.bytes, Math.min(reading.sizeBytes, this.#parts.maxBytes));
      this.#once.set(image.key, bytes, bytes.byteLength);
      return bytes;
    });
  }

  /** One that was read before is now among those that are asked for again. */
  #again(key: Key): Uint8Array | undefined {
    const bytes = this.#once.get(key);
    if (bytes) this.remember(key, bytes);
    return bytes;
  }

  /**
   * Works with an original's bytes. All that are worked with at a time are bounded, counting each once. Faults: those of
   * {@link bytes}, and `reticulum/busy` before anything is read.
   */
  async use<T>(image: KnownImage, signal: AbortSignal, work: (bytes: Uint8Array) => Promise<T>): Promise<T> {
    let held = this.#inUse.get(image.key);
    if (held === undefined) {
      if (this.#inUseBytes + image.sizeBytes > this.#parts.maxBytes * largestInUse) {
        throw new Fault("unavailable", "reticulum/busy", "Cannot make the image now: too many are being read", {
          retryAfterMs: 2000,
        });
      }
      held = { users: 0, bytes: undefined };
      this.#inUse.set(image.key, held);
      this.#inUseBytes += image.sizeBytes;
    }
    held.users++;
    try {
      held.bytes ??= await this.bytes(image, signal);
      return await work(held.bytes);
    } finally {
      held.users--;
      if (held.users === 0) {
        this.#inUse.delete(image.key);
        this.#inUseBytes -= image.sizeBytes;
      }
    }
  }

  /** Keeps an original at hand that will be asked for again soon. */
  remember(key: Key, bytes: Uint8Array): void {
    this.#strangers.delete(key);
    this.#once.delete(key);
    this.#memory.set(key, bytes, bytes.byteLength);
  }

  /** What decoding an original finds, from what is known or by decoding it now. Faults: those of `bytes` and the engine. */
  async facts(image: KnownImage, signal?: AbortSignal): Promise<ImageFacts> {
    if (image.facts !== undefined) return image.facts;
    return this.#probing.join(image.key, signal, async (ownSignal) => {
      const facts = await this.use(image, ownSignal, (bytes) => this.#parts.engine.probe(bytes, { signal: ownSignal }));
      this.#parts.known.learn({ key: image.key, format: facts.format, sizeBytes: image.sizeBytes, facts });
      return facts;
    });
  }

  /** The bytes `[start, end)` of an original as they come; never those in memory, which a slow reader would keep there. */
  async stream(
    image: KnownImage,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<AsyncGenerator<Uint8Array, void>> {
    const whole = start === 0 && end === image.sizeBytes;
    const reading = await this.#parts.cask.get(image.key, {
      ...(whole ? {} : { range: { start, end } }),
      ...(signal === undefined ? {} : { signal }),
    });
    return reading.bytes;
  }
}

/** All chunks in one piece of memory; fewer than `maxBytes` are fine, more are not. */
async function gather(chunks: AsyncGenerator<Uint8Array, void>, maxBytes: number): Promise<Uint8Array> {
  let held: Uint8Array | undefined;
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    if (sizeBytes + chunk.byteLength > maxBytes)
      throw new Fault("too-large", "reticulum/too-large", `Cannot read the image: it has more than ${maxBytes} bytes`);
    // Within one program a blob comes in one piece of memory, which is as good.
    if (chunk.byteLength === maxBytes && chunk.buffer.byteLength === maxBytes) held = chunk;
    else (held ??= new Uint8Array(maxBytes)).set(chunk, sizeBytes);
    sizeBytes += chunk.byteLength;
  }
  return held?.subarray(0, sizeBytes) ?? new Uint8Array();
}

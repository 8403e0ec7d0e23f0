/** A node of Reticulum for tests, over a Cask and an engine in memory that do what a test tells them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Fault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { targetOf } from "../../lib/resize/geometry.ts";
import { type Algorithm, type BlobReading, digestOf, type Key, requireKey, type StoredBlob } from "../cask/client.ts";
import type { Engine, EngineState, ImageFacts, Rendered, RenderJob } from "./engine.ts";
import { KnownImages } from "./known-images.ts";
import type { Note } from "./notes.ts";
import { Notes } from "./notes-sqlite.ts";
import { Originals } from "./originals.ts";
import { Results } from "./results.ts";
import { type RenderSettings, Reticulum, type ReticulumEvent } from "./reticulum.ts";

/** A logger that says nothing. */
export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** Cask as far as Reticulum uses it. */
export class MemoryCask {
  readonly blobs = new Map<Key, Uint8Array>();
  reads = 0;
  /** Thrown by the next calls. */
  failure: Fault | undefined;

  async put(source: unknown, options: { algorithm?: Algorithm } = {}): Promise<StoredBlob> {
    if (this.failure) throw this.failure;
    if (!(source instanceof Uint8Array)) throw new TypeError("This Cask takes bytes only");
    const algorithm = options.algorithm ?? "sha256";
    const key = requireKey(`${algorithm}:${new Bun.CryptoHasher(algorithm).update(source).digest("hex")}`);
    this.blobs.set(key, source);
    return { key, sizeBytes: source.byteLength, copies: 1, wanted: 1 };
  }

  async get(
    key: Key,
    options: { range?: { start: number; end?: number }; signal?: AbortSignal } = {},
  ): Promise<BlobReading> {
    if (this.failure) throw this.failure;
    this.reads++;
    const bytes = this.blobs.get(key);
    if (bytes === undefined) throw new Fault("missing", "cask/not-found", "not found");
    const part = bytes.subarray(options.range?.start ?? 0, options.range?.end ?? bytes.byteLength);
    return {
      key,
      sizeBytes: bytes.byteLength,
      bytes: (async function* () {
        for (let at = 0; at < part.byteLength; at += 1000) yield part.subarray(at, at + 1000);
      })(),
    };
  }

  async find(key: Key): Promise<{ sizeBytes: number } | undefined> {
    const bytes = this.blobs.get(key);
    return bytes && { sizeBytes: bytes.byteLength };
  }

  async whereIs() {
    const place = { node: "n0", url: "http://n0", self: true, owner: true, held: true };
    return { wanted: 1, places: [place, { ...place, node: "n1", held: false }] };
  }
}

/** An image of this fixture's own format: `IMG <format> <width> <height> <rest>`. */
export function imageOf(width: number, height: number, format = "jpeg", rest = ""): Uint8Array {
  return new TextEncoder().encode(`IMG ${format} ${width} ${height} ${rest}`);
}

function factsOf(bytes: Uint8Array): ImageFacts {
  const [magic, format, width, height] = new TextDecoder().decode(bytes).split(" ");
  if (magic !== "IMG") throw new Fault("invalid", "reticulum/not-an-image", "It is no image");
  if (format === "broken") throw new Fault("invalid", "reticulum/damaged", "It is damaged");
  return {
    format: format as ImageFacts["format"],
    width: Number(width),
    height: Number(height),
    orientation: 1,
    pages: 1,
    hasAlpha: false,
    hasProfile: false,
    dominantColour: "#000000",
    thumbHash: "",
    blurHash: "",
  };
}

/** An engine whose results are a line of text. */
export class FakeEngine implements Engine {
  readonly jobs: (RenderJob & { idle: boolean })[] = [];
  aborted = 0;
  /** While set, jobs wait for it. */
  hold: Promise<void> | undefined;
  current: Partial<EngineState> = {};

  async probe(source: Uint8Array): Promise<ImageFacts> {
    return factsOf(source);
  }

  async render(job: RenderJob, options: { signal?: AbortSignal; idle?: boolean } = {}): Promise<Rendered> {
    this.jobs.push({ ...job, idle: options.idle ?? false });
    const facts = factsOf(job.source);
    if (this.hold) {
      const { promise, reject } = Promise.withResolvers<never>();
      options.signal?.addEventListener("abort", () => {
        this.aborted++;
        reject(new Fault("unavailable", "reticulum/abandoned", "Nobody waits for it"));
      });
      await Promise.race([this.hold, promise]);
    }
    const { height, width } = targetOf(job.spec, facts, {
      pixelRatio: job.pixelRatio ?? 1,
      noEnlarge: job.noEnlarge ?? false,
    });
    const format = job.format ?? facts.format;
    const text = `${format} ${width}x${height} ${JSON.stringify(job.gravity)} ${job.effort ?? "quick"}`;
    return { bytes: new TextEncoder().encode(text), format, width, height, pages: 1 };
  }

  state(): EngineState {
    const none = { processes: 0, busy: 0, waiting: 0, waitingMax: 10, restarts: 0, done: 0, failed: 0, refused: 0 };
    return { ...none, ...this.current };
  }

  async close(): Promise<void> {}
}

/** All parts of a node in memory. */
export interface TestNode extends Disposable {
  readonly node: Reticulum;
  readonly cask: MemoryCask;
  readonly engine: FakeEngine;
  readonly clock: ManualClock;
  readonly folder: string;
  readonly sent: Note[];
  readonly events: ReticulumEvent[];
  /** Hashes of images whose answers are to be forgotten. */
  readonly changed: string[];
}

/** Makes one. */
export function testNode(settings: Partial<RenderSettings> = {}, cacheBytes = 1_000_000): TestNode {
  const folder = mkdtempSync(join(tmpdir(), "warren-reticulum-"));
  const clock = new ManualClock();
  const cask = new MemoryCask();
  const engine = new FakeEngine();
  const known = new KnownImages(":memory:");
  const notes = new Notes(":memory:");
  const results = new Results({ path: ":memory:", folder: join(folder, "results"), maxBytes: cacheBytes, clock });
  const originals = new Originals({
    cask,
    known,
    engine,
    sniff: (head) => (new TextDecoder().decode(head.subarray(0, 3)) === "IMG" ? factsOf(head).format : undefined),
    maxBytes: 100_000,
    memoryBytes: 100_000,
  });
  const sent: Note[] = [];
  const events: ReticulumEvent[] = [];
  const changed: string[] = [];
  const node = new Reticulum({
    cask,
    engine,
    originals,
    known,
    results,
    notes,
    clock,
    log: silent,
    settings: {
      noEnlarge: false,
      attention: false,
      quality: undefined,
      maxSide: 8192,
      maxResultPixels: 40_000_000,
      encoder: "test",
      ...settings,
    },
    algorithm: "sha256",
    nodeName: (id) => `name of ${id}`,
    spread: (note) => void sent.push(note),
    changed: (hash) => void changed.push(hash),
    happened: (event) => void events.push(event),
  });
  return {
    node,
    cask,
    engine,
    clock,
    folder,
    sent,
    events,
    changed,
    [Symbol.dispose]() {
      results.close();
      known.close();
      notes.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An upload of these bytes. */
export function uploadOf(bytes: Uint8Array, more: { declaredType?: string; sizeHints?: string } = {}) {
  return { bytes, declaredType: "image/jpeg", filename: "a.jpg", keys: [], sizeHints: "", ...more };
}

/** The hash of an image as it stands in URLs. */
export const hashIn = (image: { key: Key }) => digestOf(image.key);

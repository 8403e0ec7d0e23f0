/**
 * Manifests as they lie in Cask: stored part by part from below, and read again as far as they are needed. What was read last
 * is kept decoded, so that the next range of a file costs its chunks only. What comes out fits together: a part to the one
 * above it, a root to its file.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Algorithm, Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { patientPausesMs, patiently } from "./chunk-store.ts";
import {
  checkPart,
  decodePart,
  decodeRoot,
  encodePart,
  type ManifestBranch,
  type ManifestEntry,
  type ManifestRoot,
  maxManifestBytes,
} from "./manifest.ts";
import { chunksWithin, plantTree, type PlacedChunk } from "./manifest-tree.ts";
import { fetchBlob, type ReadingParts } from "./reading.ts";
import type { StoredFile } from "./record.ts";

/** What manifests are stored and read with. */
export interface ManifestsParts {
  readonly reading: Pick<ReadingParts, "chunks" | "clock" | "retried">;
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Names new manifests. */
  readonly algorithm: Algorithm;
  /** Entries in a root or a part. */
  readonly entriesMax: number;
}

/** Parts and roots that are kept decoded, about 100 KiB each. */
const keptMax = 32;

/** Manifests over a store of blobs. */
export class ManifestsInCask {
  readonly #parts: ManifestsParts;
  readonly #keptParts = new Map<Key, ManifestBranch>();
  readonly #keptRoots = new Map<Key, ManifestRoot>();

  constructor(parts: ManifestsParts) {
    this.#parts = parts;
  }

  /** Stores the parts that lead to all chunks; gives what the root has to name. */
  plant(chunks: Iterable<ManifestEntry>, signal: AbortSignal | undefined): Promise<ManifestBranch> {
    return plantTree(chunks, this.#parts.entriesMax, (part) => this.put(encodePart(part), signal));
  }

  /** Stores a manifest's blob; durable when it resolves. */
  async put(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Key> {
    if (bytes.byteLength > maxManifestBytes) throw new Error("a manifest became longer than it may be");
    const { algorithm, clock, reading } = this.#parts;
    const { key } = await patiently(clock, patientPausesMs, signal, () => reading.chunks.put(algorithm, bytes, signal));
    return key;
  }

  /** The blob of a manifest, its bytes hashed to its key. */
  bytes(manifest: Key, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return fetchBlob(this.#parts.reading, manifest, maxManifestBytes, signal);
  }

  /** The root `manifest` of a file. Throws `hakmes/damaged-manifest` when it is none, or another file's. */
  async root(file: StoredFile, manifest: Key, signal: AbortSignal | undefined): Promise<ManifestRoot> {
    const root = this.#keptRoots.get(manifest) ?? (await this.#readRoot(file.key, manifest, signal));
    if (root.key !== file.key || root.sizeBytes !== file.sizeBytes) {
      throw new Fault(
        "unavailable",
        "hakmes/damaged-manifest",
        `Cannot read the file "${file.key}": its manifest is another's`,
      );
    }
    keep(this.#keptRoots, manifest, root);
    return root;
  }

  /** The chunks that touch the bytes `[start, end)` of a file. Only those parts are read that lead to them. */
  chunks(
    root: ManifestBranch,
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<PlacedChunk, void, void> {
    return chunksWithin(root, start, end, async (key, level, sizeBytes) => {
      const part = this.#keptParts.get(key) ?? decodePart(await this.bytes(key, signal));
      checkPart(part, level, sizeBytes);
      keep(this.#keptParts, key, part);
      return part;
    });
  }

  async #readRoot(key: Key, manifest: Key, signal: AbortSignal | undefined): Promise<ManifestRoot> {
    const { catalog } = this.#parts;
    const here = catalog.find(key)?.manifest === manifest ? catalog.root(key) : undefined;
    return decodeRoot(here ?? (await this.bytes(manifest, signal))).root;
  }
}

/** Keeps a value as the one used last, and drops the one used longest ago when there are too many. */
function keep<T>(kept: Map<Key, T>, key: Key, value: T): void {
  kept.delete(key);
  kept.set(key, value);
  const [oldest] = kept.keys();
  if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest);
}

/**
 * Hakmes over Cask: puts together what takes files (intake.ts), what gives them back (reading.ts), what a file is made of
 * (manifest.ts, manifest-tree.ts) and which files there are (catalog.ts). It decides in which order things become known: chunks
 * before the parts of the manifest, those before its root, the root before the catalog, the other nodes before the answer.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { createCutter, type CutPlan } from "../../lib/chunker/cut-plan.ts";
import { type Algorithm, algorithmOf, digestOf, type Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { type ChunkStore, mayPass } from "./chunk-store.ts";
import { Buffers } from "./buffers.ts";
import type { FilePage, Hakmes, HakmesEvents, ImportedFile, Intake, ListQuery, Suspended, Taken } from "./hakmes.ts";
import { decodeRecord, encodeRecord, fitCut, fitRecord, sizedChunks } from "./importing.ts";
import { FileIntake, type WholeFile } from "./intake.ts";
import { encodeName, encodeRoot, fileOfRoot, type ManifestRoot, maxEntries } from "./manifest.ts";
import type { PlacedChunk } from "./manifest-tree.ts";
import { ManifestsInCask } from "./manifests-in-cask.ts";
import { openReading, type ReadingParts } from "./reading.ts";
import type { Chunk, Cut, FileLabel, FileName, StoredFile } from "./record.ts";
import { Room } from "./room.ts";

/** Numbers of Hakmes. */
export interface HakmesSettings {
  /** Names new files, their chunks and their manifests. */
  readonly algorithm: Algorithm;
  readonly plan: CutPlan;
  /** Chunks of one file on their way at once, each way. @default 8 */
  readonly parallel?: number;
  /** Fetched ahead of what was given out, for each reader. @default 4 MiB */
  readonly readAheadBytes?: number;
  /**
   * What all uploads together may have on their way, and what all readers together may hold of chunks. Of chunks that are
   * being filled uploads may hold twice as much, or four of the longest. @default 32 MiB
   */
  readonly memoryBytes?: number;
  /** Entries in a root or a part of a manifest. @default 640 */
  readonly manifestEntries?: number;
  /** A chunk longer than this is not held in memory. @default 16 MiB */
  readonly wholeBytesMax?: number;
}

/** What Hakmes stands on. */
export interface HakmesParts {
  readonly chunks: ChunkStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly settings: HakmesSettings;
  /** The secret that seals manifests, empty where there is none: `cluster.secretFor("hakmes manifests")`. */
  readonly seal: () => string;
  /** Tells the other nodes of an entry before an upload is acknowledged. How long that may take is its own business; must not throw. */
  readonly tell?: (file: StoredFile, root: Uint8Array, names: readonly FileName[]) => Promise<void>;
  /** For a key the catalog does not have: asks the others, and enters what they know. */
  readonly askOthers?: (
    key: Key,
    signal?: AbortSignal,
  ) => Promise<{ readonly file?: StoredFile; readonly isCertain: boolean }>;
  /**
   * Proves a file ahead of others that wait for it; "waiting" when that takes long. Without it a file is proven by the reading
   * that needs it, however long it is.
   */
  readonly prove?: (key: Key) => Promise<"proven" | "refuted" | "waiting">;
  readonly happened?: HakmesEvents;
}

const mebibyte = 1024 * 1024;

/** Makes a Hakmes. */
export function createHakmes(parts: HakmesParts): HakmesOnCask {
  return new HakmesOnCask(parts);
}

/** Hakmes over a store of chunks and a catalog. Made by {@link createHakmes}. */
export class HakmesOnCask implements Hakmes {
  readonly cut: Cut;
  readonly #parts: HakmesParts;
  readonly #reading: ReadingParts;
  readonly #uploadRoom: Room;
  readonly #fillingRoom: Room;
  readonly #buffers: Buffers;
  readonly #parallel: number;
  readonly #manifests: ManifestsInCask;
  readonly #proving = new Map<string, Promise<StoredFile>>();
  readonly #happened: HakmesEvents;

  constructor(parts: HakmesParts) {
    const { settings } = parts;
    this.#parts = parts;
    this.#happened = parts.happened ?? (() => undefined);
    this.#parallel = settings.parallel ?? 8;
    const memoryBytes = settings.memoryBytes ?? 32 * mebibyte;
    this.#uploadRoom = new Room(memoryBytes, parts.clock);
    this.#buffers = new Buffers(createCutter(settings.plan).maxBytes);
    // Uploads that come one after another are never cut short, however long their chunks are.
    this.#fillingRoom = new Room(Math.max(2 * memoryBytes, 4 * this.#buffers.mostBytes), parts.clock);
    this.#reading = {
      chunks: parts.chunks,
      clock: parts.clock,
      parallel: this.#parallel,
      readAheadBytes: settings.readAheadBytes ?? 4 * mebibyte,
      room: new Room(memoryBytes, parts.clock),
      retried: () => this.#happened("chunk-retried", 0),
      ...(settings.wholeBytesMax === undefined ? {} : { wholeBytesMax: settings.wholeBytesMax }),
    };
    this.#manifests = new ManifestsInCask({
      reading: this.#reading,
      catalog: parts.catalog,
      clock: parts.clock,
      algorithm: settings.algorithm,
      entriesMax: settings.manifestEntries ?? maxEntries,
    });
    this.cut = cutOf(settings.plan);
  }

  async begin(options: { from?: Suspended; algorithm?: Algorithm; signal?: AbortSignal } = {}): Promise<Intake> {
    const { from, signal } = options;
    const intake = this.#intake(options.algorithm, signal);
    try {
      if (from) await this.#takeUp(intake, from, signal);
      return intake;
    } catch (thrown) {
      intake.abandon();
      throw thrown;
    }
  }

  async take(
    source: AsyncIterable<Uint8Array>,
    label: FileLabel,
    options: { expected?: Key; signal?: AbortSignal } = {},
  ): Promise<Taken> {
    const { expected } = options;
    const intake = this.#intake(expected === undefined ? undefined : algorithmOf(expected), options.signal);
    try {
      for await (const bytes of source) await intake.write(bytes);
      return await intake.finish(label, expected);
    } catch (thrown) {
      intake.abandon();
      this.#happened("upload-failed", intake.sizeBytes);
      throw thrown;
    }
  }

  async join(parts: readonly Suspended[], label: FileLabel, options: { signal?: AbortSignal } = {}): Promise<Taken> {
    const intake = this.#intake(undefined, options.signal);
    try {
      for (const part of parts) await this.#takeUp(intake, part, options.signal);
      return await intake.finish(label);
    } catch (thrown) {
      intake.abandon();
      throw thrown;
    }
  }

  async find(key: Key, options: { signal?: AbortSignal } = {}): Promise<StoredFile | undefined> {
    const file = this.#parts.catalog.find(key) ?? (await this.#findElsewhere(key, options));
    // What was merely found may lie about everything, its length and type included. An operator's record is theirs to answer for.
    return file === undefined || file.isProven || file.manifest === undefined ? file : this.#proven(file, options);
  }

  async #findElsewhere(key: Key, options: { signal?: AbortSignal }): Promise<StoredFile | undefined> {
    if (!this.#parts.askOthers) return undefined;
    const { file, isCertain } = await this.#parts.askOthers(key, options.signal);
    if (file || isCertain) return file;
    throw new Fault(
      "unavailable",
      "hakmes/not-sure",
      `Cannot say whether there is a file "${key}": not all who could know it can be asked`,
      { retryAfterMs: 5000 },
    );
  }

  async read(
    file: StoredFile,
    range: { start: number; end: number } = { start: 0, end: file.sizeBytes },
    options: { signal?: AbortSignal; isLent?: boolean } = {},
  ): Promise<AsyncGenerator<Uint8Array, void, void>> {
    const proven = file.isProven ? file : await this.#proven(file, options);
    // The range was made for the record as it was offered.
    if (proven.sizeBytes !== file.sizeBytes) throw notProven(file.key);
    return this.readUnproven(proven, range, options);
  }

  async #proven(file: StoredFile, options: { signal?: AbortSignal }): Promise<StoredFile> {
    if (!this.#parts.prove) return this.prove(file, options);
    const anchored = await this.anchor(file, options);
    if (anchored.isProven) return anchored;
    const verdict = await this.#parts.prove(file.key);
    const now = this.#parts.catalog.find(file.key);
    if (verdict === "proven" && now?.isProven) return now;
    if (verdict === "refuted" && now === undefined) throw refuted(file.key);
    throw notProven(file.key);
  }

  /** As {@link read}, of a file that may not be what its key says: the chunks are those of the manifest, and that is all. */
  async readUnproven(
    file: StoredFile,
    range: { start: number; end: number } = { start: 0, end: file.sizeBytes },
    options: { signal?: AbortSignal; isLent?: boolean } = {},
  ): Promise<AsyncGenerator<Uint8Array, void, void>> {
    const { signal } = options;
    const start = Math.max(0, range.start);
    const end = Math.min(file.sizeBytes, range.end);
    const root = await this.#root(file, signal);
    return openReading(this.#reading, this.#manifests.chunks(root, start, end, signal), start, end, options);
  }

  async *chunks(file: StoredFile, options: { signal?: AbortSignal } = {}): AsyncGenerator<Chunk, void, void> {
    const root = await this.#root(file, options.signal);
    for await (const { key, sizeBytes } of this.#manifests.chunks(root, 0, file.sizeBytes, options.signal)) {
      yield { key, sizeBytes };
    }
  }

  names(key: Key): readonly FileName[] {
    return this.#parts.catalog.names(key);
  }

  list(query: ListQuery = {}): FilePage {
    return this.#parts.catalog.list(query);
  }

  counts(): { files: number; names: number; bytes: number } {
    const { files, names, bytes } = this.#parts.catalog.counts();
    return { files, names, bytes };
  }

  async enter(offered: ImportedFile): Promise<"entered" | "existed"> {
    const { catalog, clock } = this.#parts;
    const known = catalog.find(offered.key);
    if (known && (known.isProven || known.manifest === undefined)) return "existed";
    const record = fitRecord(offered);
    // What was merely found may be a lie: the record's manifest goes to Cask beside it, to be tried in its turn. A record that
    // comes again has the same one.
    const createdAt = known?.createdAt ?? clock.now();
    let file: StoredFile;
    try {
      file = await this.#anchored(record, createdAt);
    } catch (thrown) {
      if (!mayPass(thrown)) throw thrown;
      // Cask cannot be asked now: the record waits for it.
      const { key, sizeBytes, extension, mimetype } = record;
      const chunkCount = record.chunkKeys.length;
      file = { key, sizeBytes, extension, mimetype, createdAt, chunkCount, isProven: false };
      if (!catalog.add(file, encodeRecord(record))) return "existed";
    }
    if (known && file.manifest === known.manifest) return "existed";
    await this.#tell(file, this.names(file.key));
    return "entered";
  }

  /**
   * Writes the manifest of an imported file that has none yet, learning the sizes of its chunks from Cask where the record did
   * not say them. Faults: as `enter`.
   */
  async anchor(file: StoredFile, options: { signal?: AbortSignal } = {}): Promise<StoredFile> {
    const { catalog } = this.#parts;
    const kept = catalog.find(file.key) ?? file;
    if (kept.manifest !== undefined) return kept;
    const bytes = catalog.root(file.key);
    if (bytes === undefined) throw unknownFile(file.key);
    const anchored = await this.#anchored(decodeRecord(bytes), file.createdAt, options.signal);
    this.#happened("anchored", file.sizeBytes);
    return anchored;
  }

  /**
   * Reads a file whole and hashes it, so that its manifest is believed from then on. Throws `hakmes/damaged-manifest` when the
   * chunks do not make up its key; it is out of the catalog then. Calls at the same time share one reading.
   */
  prove(file: StoredFile, options: { signal?: AbortSignal } = {}): Promise<StoredFile> {
    // Of two manifests for one key the proof of one says nothing about the other.
    const proofOf = `${file.key} ${file.manifest ?? ""}`;
    const running = this.#proving.get(proofOf);
    if (running) return running;
    const proof = this.#prove(file, options).finally(() => this.#proving.delete(proofOf));
    this.#proving.set(proofOf, proof);
    return proof;
  }

  async #prove(offered: StoredFile, options: { signal?: AbortSignal }): Promise<StoredFile> {
    const { catalog } = this.#parts;
    // What is offered need not be what the catalog has: of several manifests each is tried in its turn.
    const file = offered.manifest === undefined ? await this.anchor(offered, options) : offered;
    const known = catalog.find(file.key);
    if (known?.isProven) return known;
    const hash = new Bun.CryptoHasher(algorithmOf(file.key));
    let isRight = false;
    try {
      const reading = await this.readUnproven(file, undefined, { ...options, isLent: true });
      for await (const bytes of reading) hash.update(bytes);
      isRight = hash.digest("hex") === digestOf(file.key);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "hakmes/damaged-manifest") throw thrown;
    }
    if (!isRight) {
      // Meanwhile another may have come in its place.
      if (catalog.find(file.key)?.manifest === file.manifest) catalog.drop(file.key);
      this.#happened("refuted", file.sizeBytes);
      throw refuted(file.key);
    }
    this.#happened("proven", file.sizeBytes);
    if (this.#parts.seal() === "") {
      // While it was read another manifest may have come in its place, of which nothing is known.
      if (catalog.find(file.key)?.manifest === file.manifest) catalog.prove(file.key);
      else if (file.manifest !== undefined) {
        catalog.add({ ...file, isProven: true }, await this.#manifests.bytes(file.manifest, options.signal));
      }
      return catalog.find(file.key) ?? { ...file, isProven: true };
    }
    // Once it bears the seal nobody has to read it whole again.
    return this.#enterRoot(await this.#root(file, options.signal), true, options.signal);
  }

  #intake(algorithm: Algorithm | undefined, signal: AbortSignal | undefined): FileIntake {
    return new FileIntake({
      chunks: this.#parts.chunks,
      clock: this.#parts.clock,
      algorithm: algorithm ?? this.#parts.settings.algorithm,
      plan: this.#parts.settings.plan,
      parallel: this.#parallel,
      room: this.#uploadRoom,
      buffers: this.#buffers,
      fillingRoom: this.#fillingRoom,
      enter: (whole, label, inner) => this.#enterUpload(whole, label, inner),
      signal,
    });
  }

  /** Adds an unfinished file to an intake. */
  async #takeUp(intake: FileIntake, from: Suspended, signal: AbortSignal | undefined): Promise<void> {
    if (from.chunks.length > 0) {
      const end = from.chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      await intake.adopt(
        from.chunks,
        await openReading(this.#reading, placed(from.chunks), 0, end, { signal, isLent: true }),
      );
    }
    await intake.write(from.tail);
  }

  /** Makes a file of what an intake has stored. */
  async #enterUpload(whole: WholeFile, label: FileLabel, signal: AbortSignal): Promise<Taken> {
    const { catalog, clock } = this.#parts;
    const { key, sizeBytes, newChunks } = whole;
    const now = clock.now();
    const known = catalog.find(key);
    if (known?.isProven && known.manifest !== undefined) {
      await this.#enterName({ key, name: label.name, mimetype: label.mimetype, addedAt: now }, signal);
      this.#happened("existed", sizeBytes);
      return { file: known, existed: true, newChunks };
    }
    const branch = await this.#manifests.plant(whole.chunks.from(), signal);
    const root: ManifestRoot = {
      key,
      sizeBytes,
      chunkCount: whole.chunks.length,
      extension: label.extension,
      mimetype: label.mimetype,
      createdAt: now,
      name: label.name,
      ...(whole.isCutByPlan ? { cut: this.cut } : {}),
      ...branch,
    };
    const file = await this.#enterRoot(root, true, signal);
    await this.#tell(file, this.names(key));
    this.#happened("taken", sizeBytes);
    return { file, existed: false, newChunks };
  }

  /** Stores a root and enters it with its name. What it gives is the entry that holds then, which may be another's. */
  async #enterRoot(root: ManifestRoot, isProven: boolean, signal: AbortSignal | undefined): Promise<StoredFile> {
    const { catalog } = this.#parts;
    const bytes = encodeRoot(root, isProven ? this.#parts.seal() : "");
    const manifest = await this.#manifests.put(bytes, signal);
    const file = fileOfRoot(root, manifest, isProven);
    catalog.together(() => {
      catalog.add(file, bytes);
      if (root.name !== "") {
        catalog.addName({ key: root.key, name: root.name, mimetype: root.mimetype, addedAt: root.createdAt });
      }
    });
    return catalog.find(root.key) ?? file;
  }

  /** Adds a further name, in Cask, here and with the others. */
  async #enterName(name: FileName, signal: AbortSignal): Promise<void> {
    const { catalog } = this.#parts;
    if (name.name === "" || catalog.names(name.key).some((other) => other.name === name.name)) return;
    await this.#manifests.put(encodeName(name, this.#parts.seal()), signal);
    catalog.addName(name);
    const file = catalog.find(name.key);
    if (file) await this.#tell(file, [name]);
  }

  /** The file of a record, in Cask and in the catalog. */
  async #anchored(record: ImportedFile, createdAt: number, signal?: AbortSignal): Promise<StoredFile> {
    const entries = await sizedChunks(record, this.#parts.chunks, signal);
    const branch = await this.#manifests.plant(entries, signal);
    const cut = fitCut(record.cut);
    const [name = "", ...furtherNames] = record.names ?? [];
    const file = await this.#enterRoot(
      {
        key: record.key,
        sizeBytes: record.sizeBytes,
        chunkCount: record.chunkKeys.length,
        extension: record.extension,
        mimetype: record.mimetype,
        createdAt,
        name,
        ...(cut === undefined ? {} : { cut }),
        ...branch,
      },
      false,
      signal,
    );
    for (const further of furtherNames) {
      const named = { key: record.key, name: further, mimetype: record.mimetype, addedAt: createdAt };
      await this.#manifests.put(encodeName(named, this.#parts.seal()), signal);
      this.#parts.catalog.addName(named);
    }
    return file;
  }

  async #tell(file: StoredFile, names: readonly FileName[]): Promise<void> {
    const root = this.#parts.catalog.root(file.key);
    if (root && file.manifest !== undefined) await this.#parts.tell?.(file, root, names);
  }

  async #root(file: StoredFile, signal: AbortSignal | undefined): Promise<ManifestRoot> {
    const { manifest } = file.manifest === undefined ? await this.anchor(file, { ...(signal && { signal }) }) : file;
    if (manifest === undefined) throw unknownFile(file.key);
    return this.#manifests.root(file, manifest, signal);
  }
}

async function* placed(chunks: readonly Chunk[]): AsyncGenerator<PlacedChunk, void, void> {
  let start = 0;
  for (const { key, sizeBytes } of chunks) {
    yield { key, sizeBytes, start };
    start += sizeBytes;
  }
}

/** A plan as it stands in records. */
function cutOf(plan: CutPlan): Cut {
  const { rule } = createCutter(plan);
  if (plan.kind === "fixed") {
    return { rule, minBytes: plan.sizeBytes, averageBytes: plan.sizeBytes, maxBytes: plan.sizeBytes };
  }
  return { rule, minBytes: plan.minBytes, averageBytes: plan.averageBytes, maxBytes: plan.maxBytes };
}

function notProven(key: Key): Fault {
  return new Fault(
    "unavailable",
    "hakmes/not-proven",
    `Cannot read the file "${key}" yet: it was found in Cask and has to be read whole once before it is believed`,
    { retryAfterMs: 5000 },
  );
}

function refuted(key: Key): Fault {
  return new Fault(
    "unavailable",
    "hakmes/damaged-manifest",
    `Cannot read the file "${key}": what was found as its chunks is something else`,
    { retryAfterMs: 1000 },
  );
}

function unknownFile(key: Key): Fault {
  return new Fault("missing", "hakmes/not-found", `Cannot find the file "${key}"`);
}

/**
 * A node of Reticulum as a value: takes images, gives them at any size, and says what it knows of them. Routes and pages
 * stand on this. The bytes of originals are in Cask and never change; results are functions of the original, the wish and
 * the settings, and carry all three in their name.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { type PixelSize, targetOf } from "../../lib/resize/geometry.ts";
import { formatSizeSpec, parseSizeSpec, type SizeSpec } from "../../lib/resize/size-spec.ts";
import { type Algorithm, type CaskClient, digestOf, type Key } from "../cask/client.ts";
import {
  type Engine,
  type FocalPoint,
  type ImageFacts,
  type ImageFormat,
  imageFormats,
  type RenderJob,
  type SourceHeader,
} from "./engine.ts";
import { Flights } from "./flight.ts";
import { extensionOf, formatNamed, parseHints } from "./image-url.ts";
import type { KnownImage, KnownImages } from "./known-images.ts";
import { encodeNote, extensionNote, focusNote, type Note } from "./notes.ts";
import type { Notes } from "./notes-sqlite.ts";
import type { Originals } from "./originals.ts";
import type { KeptResult, Results } from "./results.ts";
import type { ImageUpload } from "./upload.ts";

/** Settings that results depend on. */
export interface RenderSettings {
  readonly noEnlarge: boolean;
  /** Squares look for what draws the eye, where nobody set a point. */
  readonly attention: boolean;
  readonly quality: number | undefined;
  readonly maxSide: number;
  readonly maxResultPixels: number;
  /** Which encoder, with which settings of its own: results of another one are not used. */
  readonly encoder: string;
}

/** What a node is made of. */
export interface ReticulumParts {
  cask: Pick<CaskClient, "put" | "whereIs">;
  engine: Engine;
  originals: Originals;
  known: KnownImages;
  results: Results;
  notes: Notes;
  clock: Clock;
  log: Logger;
  settings: RenderSettings;
  /** The hash of new images. */
  algorithm: Algorithm;
  /** The name for people of a node of Cask. */
  nodeName(id: string): string;
  /** Tells the other nodes of a note that is safe in Cask. */
  spread(note: Note): void;
  /** Told when an image's results or notes have changed, with its hash. */
  changed(hash: string): void;
  happened(event: ReticulumEvent): void;
}

/** What is counted. */
export const reticulumEvents = ["made", "make-failed", "refined", "hint-failed", "upload", "upload-refused"] as const;
/** One of {@link reticulumEvents}. */
export type ReticulumEvent = (typeof reticulumEvents)[number];

/** What somebody wants made of an image. */
export interface Wish {
  readonly spec: SizeSpec;
  readonly format: ImageFormat;
  readonly pixelRatio: number;
}

/** A result, ready to be sent. */
export interface Served {
  readonly result: KeptResult;
  /** A file where they are many. */
  readonly bytes: Uint8Array | Blob;
  readonly etag: string;
  readonly source: "kept" | "made";
}

/** What became of an upload. */
export interface TakenImage {
  readonly image: KnownImage;
  readonly facts: ImageFacts;
  /** Names of the nodes that have it on disk. */
  readonly nodes: readonly string[];
  /** Sizes that are being made ahead, in normal form. */
  readonly hints: readonly string[];
}

/** How long the places of a new image may take to be found out. */
const placesMs = 1000;
/** Refining that failed is not tried again before this many others failed. */
const unrefinableMax = 10_000;
/** How hard the encoder tries when there is time. */
const refinedEffort = 4;

/** A node. */
export class Reticulum {
  readonly #parts: ReticulumParts;
  readonly #making = new Flights<{ result: KeptResult; bytes: Uint8Array }>();
  readonly #unrefinable = new Set<string>();
  readonly #settingsText: string;

  constructor(parts: ReticulumParts) {
    this.#parts = parts;
    const { encoder, noEnlarge, quality } = parts.settings;
    this.#settingsText = `${encoder}${noEnlarge ? ",max" : ""}${quality === undefined ? "" : `,q${quality}`}`;
  }

  get known(): KnownImages {
    return this.#parts.known;
  }

  get notes(): Notes {
    return this.#parts.notes;
  }

  get originals(): Originals {
    return this.#parts.originals;
  }

  get results(): Results {
    return this.#parts.results;
  }

  get engine(): Engine {
    return this.#parts.engine;
  }

  /** Results under way, and how many askers found theirs under way. */
  get making(): { underWay: number; joined: number } {
    return { underWay: this.#making.size, joined: this.#making.joined };
  }

  /** Takes an image: decodes it once, stores it, and answers for it. Faults: the engine's, with their status, and Cask's. */
  async take(upload: ImageUpload, signal?: AbortSignal): Promise<TakenImage> {
    const { cask, clock, engine, known, originals } = this.#parts;
    let facts: ImageFacts;
    try {
      facts = await engine.probe(upload.bytes, signal === undefined ? {} : { signal });
    } catch (thrown) {
      this.#parts.happened("upload-refused");
      throw imageFault(thrown);
    }
    const stored = await cask.put(upload.bytes, {
      algorithm: upload.algorithm ?? this.#parts.algorithm,
      ...(signal === undefined ? {} : { signal }),
    });
    const image: KnownImage = {
      key: stored.key,
      format: facts.format,
      sizeBytes: upload.bytes.byteLength,
      facts,
      name: upload.filename.slice(0, 200),
      uploadedAt: clock.now(),
    };
    originals.remember(image.key, upload.bytes);
    known.learn(image);
    // Whoever declared another type builds links with its extension; those are to work.
    const declared = formatNamed(upload.declaredType.replace("image/", "").replace("jpeg", "jpg"));
    if (declared !== undefined && declared !== facts.format && upload.declaredType.startsWith("image/"))
      await this.#note(extensionNote(image.key, extensionOf[declared], clock.now()));
    this.#parts.happened("upload");
    const hints = parseHints(upload.sizeHints);
    if (hints.length > 0) void this.#prepare(image, hints);
    return { image, facts, nodes: await this.#nodesWith(image.key), hints: hints.map(formatSizeSpec) };
  }

  /** The name under which a wish's result is kept. */
  nameOf(image: KnownImage, wish: Wish): string {
    const gravity = wish.spec.kind === "square" ? this.#gravity(image.key) : "centre";
    const looks = typeof gravity === "string" ? gravity : `${gravity.x},${gravity.y}`;
    return [
      digestOf(image.key),
      formatSizeSpec(wish.spec),
      wish.pixelRatio,
      wish.format,
      looks,
      this.#settingsText,
    ].join("/");
  }

  /** The strong entity tags that the result of that name may have: as it is kept, or as it would be made and then refined. */
  etagsOf(name: string, format: ImageFormat): readonly string[] {
    const kept = this.#parts.results.find(name);
    if (kept !== undefined) return [etagOf(name, kept.isRefined)];
    return format === "avif" ? [etagOf(name, true), etagOf(name, false)] : [etagOf(name, true)];
  }

  /**
   * A result: as it is kept, or made now together with all who want the same. Faults: those of Cask and the engine, with the
   * statuses of `imageFault`; `reticulum/result-too-large` before anything is read.
   */
  async result(image: KnownImage, wish: Wish, signal?: AbortSignal): Promise<Served> {
    const name = this.nameOf(image, wish);
    const kept = this.#parts.results.find(name);
    if (kept !== undefined) {
      const bytes = await this.#parts.results.read(kept);
      if (bytes !== undefined) return { result: kept, bytes, etag: etagOf(name, kept.isRefined), source: "kept" };
    }
    if (image.facts !== undefined) this.#requireAllowed(wish, image.facts);
    try {
      const { result, bytes } = await this.#making.join(name, signal, (ownSignal) =>
        this.#make(image, wish, name, { signal: ownSignal }),
      );
      const etag = etagOf(name, result.isRefined);
      return { result, bytes: this.#parts.results.fileOf(result) ?? bytes, etag, source: "made" };
    } catch (thrown) {
      throw imageFault(thrown);
    }
  }

  /** Forgets the results of an image; how many there were. */
  purge(key: Key): number {
    const purged = this.#parts.results.purge(key);
    this.#parts.changed(digestOf(key));
    return purged;
  }

  /** Sets where square crops of an image look, or takes that back. Resolves when it is safe in Cask. */
  async setFocus(key: Key, point: FocalPoint | null): Promise<void> {
    await this.#note(focusNote(key, point, this.#parts.clock.now()));
  }

  /** Takes in notes from elsewhere; those that changed something. */
  learnNotes(notes: readonly Note[]): readonly Note[] {
    const changed = this.#parts.notes.add(notes);
    for (const note of changed) this.#parts.changed(digestOf(note.image));
    return changed;
  }

  /**
   * Makes one result better that was made in a hurry, if there is one and nobody waits for the engine. False when there is
   * nothing to do.
   */
  async refineOne(signal: AbortSignal): Promise<boolean> {
    const { engine, known, results } = this.#parts;
    const { busy, waiting } = engine.state();
    if (busy > 0 || waiting > 0) return false;
    const kept = results.unrefined("avif", 200).find(({ name }) => !this.#unrefinable.has(name));
    if (kept === undefined) return false;
    const image = known.find(kept.image);
    const wish = wishIn(kept.name);
    if (image === undefined || wish === undefined || this.nameOf(image, wish) !== kept.name) {
      this.#giveUp(kept.name);
      return true;
    }
    try {
      await this.#make(image, wish, kept.name, { signal, isRefined: true });
      this.#parts.happened("refined");
      this.#parts.changed(digestOf(image.key));
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof Fault)) throw thrown;
      this.#giveUp(kept.name);
      this.#parts.log.info("A result was not made better", { image: image.key, reason: thrown.message });
    }
    return true;
  }

  async #make(
    image: KnownImage,
    wish: Wish,
    name: string,
    options: { signal: AbortSignal; isRefined?: boolean },
  ): Promise<{ result: KeptResult; bytes: Uint8Array }> {
    const { engine, originals, results, settings } = this.#parts;
    const { signal, isRefined = false } = options;
    let rendered;
    try {
      rendered = await originals.use(image, signal, (source) => {
        const job: RenderJob = {
          source,
          ...(image.facts === undefined ? {} : { header: headerIn(image.facts) }),
          spec: wish.spec,
          format: wish.format,
          pixelRatio: wish.pixelRatio,
          noEnlarge: settings.noEnlarge,
          gravity: this.#gravity(image.key),
          ...(settings.quality === undefined ? {} : { quality: settings.quality }),
          ...(isRefined ? { effort: refinedEffort } : {}),
        };
        return engine.render(job, isRefined ? { signal, idle: true } : { signal });
      });
    } catch (thrown) {
      if (!signal.aborted) this.#parts.happened("make-failed");
      throw thrown;
    }
    this.#parts.happened("made");
    // Formats without two ways to encode are as good as they get.
    const isFinal = isRefined || rendered.format !== "avif";
    try {
      return { result: await results.keep(name, image.key, rendered, { isRefined: isFinal }), bytes: rendered.bytes };
    } catch (thrown) {
      this.#parts.log.warn("A result could not be kept", { reason: reasonOf(thrown) });
      const { bytes, format, width, height, pages } = rendered;
      const sizeBytes = bytes.byteLength;
      const result = {
        name,
        image: image.key,
        digest: "",
        sizeBytes,
        format,
        width,
        height,
        pages,
        isRefined: isFinal,
      };
      return { result, bytes };
    }
  }

  /** Refuses what the engine would refuse, before the original is read for it. */
  #requireAllowed(wish: Wish, facts: PixelSize): void {
    const { maxResultPixels, maxSide, noEnlarge } = this.#parts.settings;
    const { width, height } = targetOf(wish.spec, facts, { noEnlarge, pixelRatio: wish.pixelRatio });
    if (width <= maxSide && height <= maxSide && width * height <= maxResultPixels) return;
    throw new Fault(
      "invalid",
      "reticulum/result-too-large",
      `Cannot make the image ${width} by ${height} pixels: at most ${maxSide} to a side and ${maxResultPixels} in all are made`,
    );
  }

  #gravity(key: Key): "centre" | "attention" | FocalPoint {
    return this.#parts.notes.focus(key) ?? (this.#parts.settings.attention ? "attention" : "centre");
  }

  async #prepare(image: KnownImage, specs: readonly SizeSpec[]): Promise<void> {
    for (const spec of specs) {
      try {
        await this.result(image, { spec, format: image.format, pixelRatio: 1 });
      } catch (thrown) {
        this.#parts.happened("hint-failed");
        this.#parts.log.info("A size was not made ahead", { size: formatSizeSpec(spec), reason: reasonOf(thrown) });
      }
    }
  }

  async #note(note: Note): Promise<void> {
    await this.#parts.cask.put(encodeNote(note), { algorithm: "sha256" });
    this.learnNotes([note]);
    this.#parts.spread(note);
  }

  async #nodesWith(key: Key): Promise<string[]> {
    const enough = new AbortController();
    const cancel = this.#parts.clock.schedule(placesMs, () => enough.abort());
    try {
      const { places } = await this.#parts.cask.whereIs(key, { signal: enough.signal });
      return places.filter(({ held }) => held === true).map(({ node }) => this.#parts.nodeName(node));
    } catch (thrown) {
      // It is stored; only where is not known in time.
      this.#parts.log.info("Cannot tell yet where an image is", { image: key, reason: reasonOf(thrown) });
      return [];
    } finally {
      cancel();
    }
  }

  #giveUp(name: string): void {
    if (this.#unrefinable.size >= unrefinableMax) this.#unrefinable.clear();
    this.#unrefinable.add(name);
  }
}

/** What a decoder has to know again of what was found by decoding. */
function headerIn({ format, width, height, orientation, pages, hasAlpha, hasProfile }: ImageFacts): SourceHeader {
  return { format, width, height, orientation, pages, hasAlpha, hasProfile };
}

function etagOf(name: string, isRefined: boolean): string {
  const digest = new Bun.CryptoHasher("sha256")
    .update(name)
    .update(isRefined ? "\nrefined" : "")
    .digest("base64url");
  return `"${digest.slice(0, 22)}"`;
}

/** The wish in a result's name. */
function wishIn(name: string): Wish | undefined {
  const [, size = "", ratio = "", formatName] = name.split("/");
  const spec = parseSizeSpec(size);
  const format = imageFormats.find((known) => known === formatName);
  const pixelRatio = Number(ratio);
  return spec === undefined || format === undefined || !(pixelRatio > 0) ? undefined : { spec, format, pixelRatio };
}

const statuses: Readonly<Record<string, number>> = {
  "reticulum/not-an-image": 415,
  "reticulum/unsupported-format": 415,
  "reticulum/damaged": 422,
};

/** What the engine says of bytes, with the status that HTTP has for it; anything else as it is. */
export function imageFault(thrown: unknown): unknown {
  if (!(thrown instanceof Fault)) return thrown;
  const status = statuses[thrown.code];
  if (status === undefined || status === thrown.status) return thrown;
  return new Fault(thrown.kind, thrown.code, thrown.message, { status, details: thrown.details, cause: thrown });
}

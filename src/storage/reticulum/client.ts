/**
 * Reticulum seen from outside: what the terminal verbs and other services use. Speaks the public routes over a fetch
 * function, so the node may be this one, reached without a network, or any other. What a node says about an image that was
 * sent is held against the image's own hash.
 */
import { z } from "zod";

import { Requester, type RequesterOptions } from "../../kit/http/requester.ts";
import { type Algorithm, algorithmOf, digestOf, type Key, parseKey } from "../cask/client.ts";

/** How a client reaches Reticulum. */
export type ReticulumClientOptions = RequesterOptions;

/** An image to be stored. */
export interface ImageToPut {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Without folders. @default none */
  readonly name?: string;
  /** As declared; links with its extension work too where the content is of another type. @default none */
  readonly mediaType?: string;
  /** The hash that names it; absent for the node's usual one. */
  readonly algorithm?: Algorithm;
  /** Sizes to be made ahead. */
  readonly sizes?: readonly string[];
  /** Where the node wants one in place of a token. */
  readonly uploadKey?: string;
}

const storedShape = z.looseObject({
  hash: z.string(),
  key: z.string(),
  extension: z.string(),
  full_url: z.string(),
  format: z.string(),
  width: z.number(),
  height: z.number(),
  length: z.number(),
});
const infoShape = z.looseObject({
  hash: z.string(),
  key: z.string(),
  format: z.string(),
  extension: z.string(),
  bytes: z.number(),
  width: z.number(),
  height: z.number(),
  pages: z.number(),
  colour: z.string(),
  thumb_hash: z.string(),
  blur_hash: z.string(),
  focus: z.object({ x: z.number(), y: z.number() }).nullable(),
  name: z.string().optional(),
  uploaded_at: z.string().optional(),
  results: z.array(
    z.looseObject({
      size: z.string(),
      format: z.string(),
      width: z.number(),
      height: z.number(),
      bytes: z.number(),
    }),
  ),
  exif: z.looseObject({
    taken_at: z.string().optional(),
    tags: z.array(z.looseObject({ name: z.string(), text: z.string() })),
    location: z.object({ latitude: z.number(), longitude: z.number() }).partial().optional(),
  }),
});
const purgedShape = z.object({ hash: z.string(), purged: z.number() });
const signedShape = z.object({ url: z.string() });
const heldShape = z.looseObject({ local: z.boolean() });

/** What a node answered to an upload. */
export type StoredImage = z.infer<typeof storedShape>;
/** What a node knows of an image. */
export type ImageFactsAnswer = z.infer<typeof infoShape>;

/** A client of Reticulum. Faults carry the node's own code and sentence; `reticulum/unreachable` when no address answered. */
export class ReticulumClient {
  readonly #requester: Requester;

  constructor(options: ReticulumClientOptions) {
    this.#requester = new Requester("reticulum", "Reticulum", options);
  }

  /** The addresses, in the order in which they are tried now. */
  get baseUrls(): readonly string[] {
    return this.#requester.baseUrls;
  }

  /**
   * Stores an image and resolves once it is safe. Faults: `reticulum/wrong-bytes` when the node names other bytes than were
   * sent, and what the node answers: 415 for what is no image, 422 for a damaged one, 503 with a time to wait.
   */
  async put(image: ImageToPut, options: { signal?: AbortSignal } = {}): Promise<StoredImage> {
    const body = new FormData();
    if (image.uploadKey !== undefined) body.set("key", image.uploadKey);
    if (image.sizes !== undefined && image.sizes.length > 0) body.set("size_hints", image.sizes.join(","));
    body.set(
      "image",
      new Blob([image.bytes], { type: image.mediaType ?? "application/octet-stream" }),
      image.name ?? "",
    );
    const query = image.algorithm === undefined ? "" : `?algorithm=${image.algorithm}`;
    const stored = await this.#requester.json("POST", `/${query}`, storedShape, { ...options, body });
    const key = parseKey(stored.key);
    const isRight =
      key !== undefined && digestOf(key) === new Bun.CryptoHasher(algorithmOf(key)).update(image.bytes).digest("hex");
    if (!isRight || (image.algorithm !== undefined && algorithmOf(key) !== image.algorithm))
      throw this.#requester.fault("wrong-bytes", `The node stored other bytes than were sent, as "${stored.key}"`);
    return stored;
  }

  /** Whether the cluster has the image and serves it under that extension (without its dot). */
  async holds(key: Key, extension: string, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const path = `/retrieve_info/${digestOf(key)}/full/${encodeURIComponent(extension)}/`;
    return (await this.#requester.json("GET", path, heldShape, options)).local;
  }

  /** What is known of an image. Fault `reticulum/not-found` when there is none. */
  facts(key: Key, options: { signal?: AbortSignal } = {}): Promise<ImageFactsAnswer> {
    return this.#requester.json("GET", `/info/${digestOf(key)}/`, infoShape, options);
  }

  /** Has all nodes forget the results of an image; how many the one that was asked had. */
  async purge(key: Key, options: { signal?: AbortSignal } = {}): Promise<number> {
    return (await this.#requester.json("DELETE", `/image/${digestOf(key)}/`, purgedShape, options)).purged;
  }

  /**
   * The path of a URL, from the node's root on, with a signature of the node for ever or so many seconds. `path` begins at
   * `/image/`. Fault `reticulum/no-keys` when the node has none.
   */
  async sign(path: string, options: { expiresInSeconds?: number; signal?: AbortSignal } = {}): Promise<string> {
    const { expiresInSeconds, signal } = options;
    const body = JSON.stringify({ path, ...(expiresInSeconds === undefined ? {} : { expires_in: expiresInSeconds }) });
    const answer = await this.#requester.json("POST", "/sign/", signedShape, {
      body,
      headers: { "Content-Type": "application/json" },
      ...(signal === undefined ? {} : { signal }),
    });
    return answer.url;
  }
}

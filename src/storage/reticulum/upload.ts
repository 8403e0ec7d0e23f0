/**
 * From an upload request to the bytes of one image: a form whose part `image` is the file, with the fields `key` and
 * `size_hints` in it or in the query; or the raw body. An image is held whole while it is looked at, so the sum of all
 * that are is bounded; what comes beyond is refused for a while.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { requestBody } from "../../kit/http/body.ts";
import { type MultipartPart, readMultipart } from "../../kit/http/multipart.ts";
import type { Algorithm } from "../cask/client.ts";

/** Limits of uploads. */
export interface UploadLimits {
  maxUploadBytes: number;
  uploadIdleMs: number;
  clock: Clock;
}

/** What came. */
export interface ImageUpload {
  readonly bytes: Uint8Array;
  /** As declared; what counts is the content. */
  readonly declaredType: string;
  /** Of the file, without folders; empty when none was given. */
  readonly filename: string;
  /** Every text sent as `key`. */
  readonly keys: readonly string[];
  readonly sizeHints: string;
  /** The hash that shall name it; absent for the node's usual one. */
  readonly algorithm?: Algorithm;
}

/** Form framing and fields may take this much beyond the image. */
const framingBytes = 64 * 1024;
/** A field of text is no longer than this. */
const fieldBytes = 4096;

/** How many bytes all uploads together may hold. What has not come yet holds nothing, so that silence shuts nobody out. */
export class UploadRoom {
  readonly #maxBytes: number;
  #takenBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Runs `work`, which takes room as bytes come; all of it is given back at the end. Fault: `reticulum/uploads-full`. */
  async during<T>(work: (take: (sizeBytes: number) => void) => Promise<T>): Promise<T> {
    let ownBytes = 0;
    const take = (sizeBytes: number) => {
      if (this.#takenBytes + sizeBytes > this.#maxBytes)
        throw new Fault(
          "unavailable",
          "reticulum/uploads-full",
          "Cannot take the image: too many are coming in at once",
          { retryAfterMs: 2000 },
        );
      this.#takenBytes += sizeBytes;
      ownBytes += sizeBytes;
    };
    try {
      return await work(take);
    } finally {
      this.#takenBytes -= ownBytes;
    }
  }
}

/**
 * The image in a request. Faults: `reticulum/no-image` (400), `reticulum/too-large` (413), `reticulum/partial` (400), those of forms and bodies.
 */
export async function readUpload(
  request: Request,
  limits: UploadLimits,
  take: (sizeBytes: number) => void = () => undefined,
): Promise<ImageUpload> {
  if (request.headers.has("content-range"))
    throw new Fault("invalid", "reticulum/partial", "Cannot store a part of an image: wanted all of it");
  const announced = Number(request.headers.get("content-length") ?? Number.NaN);
  if (announced > limits.maxUploadBytes + framingBytes) throw tooLarge(limits);
  const query = new URL(request.url).searchParams;
  const keys = query.getAll("key");
  const hints = query.getAll("size_hints");
  const named = query.get("algorithm");
  if (named !== null && named !== "sha1" && named !== "sha256")
    throw new Fault(
      "invalid",
      "reticulum/algorithm",
      `Cannot name the image by "${named.slice(0, 40)}": wanted sha256 or sha1`,
    );
  const algorithm: { algorithm?: Algorithm } = named === null ? {} : { algorithm: named };
  const contentType = (request.headers.get("content-type") ?? "").toLowerCase();
  if (!contentType.startsWith("multipart/")) {
    if (contentType.startsWith("application/x-www-form-urlencoded")) throw noImage();
    const bytes = await whole(
      requestBody(request, {
        maxBytes: limits.maxUploadBytes,
        idleTimeoutMs: limits.uploadIdleMs,
        clock: limits.clock,
      }),
      limits,
      take,
      announced,
    );
    if (bytes.byteLength === 0) throw noImage();
    return { bytes, declaredType: contentType, filename: "", keys, sizeHints: hints.join(","), ...algorithm };
  }
  const parts = readMultipart(request, {
    maxBytes: limits.maxUploadBytes + framingBytes,
    idleTimeoutMs: limits.uploadIdleMs,
    clock: limits.clock,
  });
  let image: Pick<ImageUpload, "bytes" | "declaredType" | "filename"> | undefined;
  for await (const part of parts) {
    if (part.name === "image" && part.filename !== undefined) {
      if (image !== undefined)
        throw new Fault("invalid", "reticulum/several-images", 'Cannot take the form: it has several parts "image"');
      image = {
        bytes: await whole(part.body, limits, take, announced),
        declaredType: part.contentType,
        filename: part.filename,
      };
    } else if (part.name === "key") keys.push(await fieldText(part));
    else if (part.name === "size_hints") hints.push(await fieldText(part));
  }
  if (image === undefined) throw noImage();
  return { ...image, keys, sizeHints: hints.join(","), ...algorithm };
}

async function fieldText(part: MultipartPart): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of part.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > fieldBytes)
      throw new Fault("invalid", "reticulum/field", `Cannot take the form: the field "${part.name}" is too long`);
  }
  return text + decoder.decode();
}

/** All chunks in one piece of memory: one of the announced length is filled, so that nothing is there twice. */
async function whole(
  chunks: AsyncIterable<Uint8Array>,
  limits: UploadLimits,
  take: (sizeBytes: number) => void,
  announced: number,
): Promise<Uint8Array> {
  // Pages of it that are not written to take no memory.
  let held = new Uint8Array(Number.isNaN(announced) ? 64 * 1024 : Math.min(announced, limits.maxUploadBytes));
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    if (sizeBytes + chunk.byteLength > limits.maxUploadBytes) throw tooLarge(limits);
    take(chunk.byteLength);
    if (sizeBytes + chunk.byteLength > held.byteLength) {
      const larger = new Uint8Array(Math.min(limits.maxUploadBytes, 2 * (sizeBytes + chunk.byteLength)));
      larger.set(held.subarray(0, sizeBytes));
      held = larger;
    }
    held.set(chunk, sizeBytes);
    sizeBytes += chunk.byteLength;
  }
  return held.subarray(0, sizeBytes);
}

function noImage(): Fault {
  return new Fault(
    "invalid",
    "reticulum/no-image",
    'missing image file: wanted a form with a file part named "image", or the image itself as the body',
  );
}

function tooLarge(limits: UploadLimits): Fault {
  return new Fault(
    "too-large",
    "reticulum/too-large",
    `Cannot take the image: it is larger than ${limits.maxUploadBytes} bytes`,
    { details: { maxBytes: limits.maxUploadBytes } },
  );
}

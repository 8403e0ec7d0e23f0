/**
 * From an upload request to the bytes of one file and what is said of it: a form with one part named `file`, or the raw
 * body. Streams; a form with a second file, one that is cut short, and bytes that are not those of a promised digest fail
 * before anything is entered.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { limitBody, requestBody } from "../../kit/http/body.ts";
import { offeredDigest } from "../../kit/http/digest.ts";
import { onlyFile } from "../../kit/http/form-file.ts";
import { readMultipart } from "../../kit/http/multipart.ts";
import { letGo } from "../../kit/let-go.ts";
import { type Algorithm, type Key, parseKey } from "../cask/client.ts";
import { type FileLabel, labelOf } from "./record.ts";

/** Numbers of an upload. */
export interface UploadLimits {
  readonly maxUploadBytes: number;
  readonly uploadIdleMs: number;
  readonly clock: Clock;
}

/** What a request offers to be stored. */
export interface OfferedFile {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly label: FileLabel;
  /** The key the client says the bytes have. */
  readonly expected?: Key;
}

/** Form framing around a file may take this much beyond it. */
const framingBytes = 64 * 1024;

/**
 * The file in a request. `name` is what the path says of a raw body. Faults: `hakmes/partial`, `hakmes/no-file`,
 * `hakmes/several-files`, `hakmes/digest-form`, `hakmes/wrong-digest` (all 400), `hakmes/too-large` (413) and those of
 * reading forms and bodies.
 */
export async function openUpload(
  request: Request,
  limits: UploadLimits,
  usual: Algorithm,
  about: { name?: string; expected?: Key } = {},
): Promise<OfferedFile> {
  if (request.headers.has("content-range")) {
    // RFC 9110, section 14.5: a part must not be taken for the whole.
    throw new Fault(
      "invalid",
      "hakmes/partial",
      "Cannot store a part of a file: wanted all of it, without Content-Range",
    );
  }
  const { maxUploadBytes, uploadIdleMs: idleTimeoutMs, clock } = limits;
  const length = request.headers.get("content-length");
  const contentType = request.headers.get("content-type") ?? "";
  const type = contentType.toLowerCase();
  const promised = about.expected === undefined ? {} : { expected: about.expected };
  if (length !== null && Number(length) > maxUploadBytes + framingBytes) throw tooLarge(maxUploadBytes);
  // What is PUT is stored as it comes, as long as nobody says it is a form for a file.
  if (type.startsWith("multipart/form-data") || (request.method === "POST" && type.startsWith("multipart/"))) {
    const parts = readMultipart(request, { maxBytes: maxUploadBytes + framingBytes, idleTimeoutMs, clock });
    const part = await onlyFile(parts, "hakmes");
    return {
      bytes: limited(part.body, maxUploadBytes),
      label: labelOf({ name: part.filename, mimetype: part.contentType }),
      ...promised,
    };
  }
  if (request.method === "POST" && type.startsWith("application/x-www-form-urlencoded")) {
    // What curl -d and a form without enctype send: surely not meant as the bytes of a file.
    await limitBody(request.body, { maxBytes: 0, clock }).return(undefined);
    throw new Fault(
      "invalid",
      "hakmes/no-file",
      'Cannot store a file: wanted a multipart form with a part named "file"',
    );
  }
  if (length !== null && Number(length) > maxUploadBytes) throw tooLarge(maxUploadBytes);
  const body = requestBody(request, { maxBytes: maxUploadBytes + 1, idleTimeoutMs, clock });
  const bytes = limited(lentOut(body), maxUploadBytes);
  const name = new URL(request.url).searchParams.get("name") ?? about.name ?? "";
  const label = labelOf({ name, mimetype: contentType || typeByName(name) });
  const digest = digestOffered(request);
  if (digest === undefined) return { bytes, label, ...promised };
  if (about.expected === undefined && usual === "sha256") return { bytes, label, expected: digest };
  return { bytes: checked(bytes, digest), label, ...promised };
}

/** The refusal of a file over the limit. */
function tooLarge(maxBytes: number): Fault {
  return new Fault("too-large", "hakmes/too-large", `Cannot store the file: it is larger than ${maxBytes} bytes`, {
    details: { maxBytes },
  });
}

async function* limited(bytes: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const piece of bytes) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

/** Pieces that nobody looks at any more once the next is asked for. */
async function* lentOut(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    yield piece;
    letGo(piece);
  }
}

/** The key that a `Content-Digest` or `Repr-Digest` header (RFC 9530) promises for a raw body. */
function digestOffered(request: Request): Key | undefined {
  const offered = offeredDigest(request.headers);
  if (offered === undefined) return undefined;
  const key = offered.sha256 === undefined ? undefined : parseKey(`sha256:${offered.sha256}`);
  if (key !== undefined) return key;
  throw new Fault(
    "invalid",
    "hakmes/digest-form",
    `Cannot check the digest "${offered.header.slice(0, 200)}": wanted sha-256=:<base64>:`,
  );
}

/** The bytes, and at their end the certainty that they are those of a digest that does not name the file. */
async function* checked(bytes: AsyncIterable<Uint8Array>, digest: Key): AsyncGenerator<Uint8Array> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
  const key = `sha256:${hash.digest("hex")}`;
  if (key === digest) return;
  throw new Fault(
    "invalid",
    "hakmes/wrong-digest",
    `Cannot store the bytes as "${digest}": they are those of "${key}"`,
  );
}

/** A raw body often says nothing of its type; its name does. */
function typeByName(name: string): string {
  return name.includes(".") ? Bun.file(name).type : "";
}

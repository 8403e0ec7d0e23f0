/**
 * From an upload request to the bytes of one blob: a form with one part named `file`, or the raw body. Streams; a form
 * with a second file, or one that is cut short, fails before anything is committed.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { limitBody, requestBody, wholeBody } from "../../kit/http/body.ts";
import { offeredDigest } from "../../kit/http/digest.ts";
import { onlyFile } from "../../kit/http/form-file.ts";
import { readMultipart } from "../../kit/http/multipart.ts";
import { type Algorithm, algorithms, type Key, keyOf } from "./key.ts";
import type { BlobBytes } from "./peer.ts";

/** Numbers of an upload. */
export interface UploadLimits {
  maxBlobBytes: number;
  uploadIdleMs: number;
  clock: Clock;
}

/** What a request offers to be stored. */
export interface Upload {
  bytes: BlobBytes;
  /** Known only for raw bodies with a Content-Length. */
  sizeBytes?: number;
  /** The key the client says the bytes have. */
  expected?: Key;
  algorithm: Algorithm;
  /** The file's name at the client, for its eyes only. */
  filename?: string;
}

/** Raw bodies up to this size are taken whole; the second for those that are in memory already. */
const wholeBytesMax = 256 * 1024;
const wholeWithinMax = 8 * 1024 * 1024;

/** Form framing around a blob may take this much beyond it. */
const framingBytes = 64 * 1024;

/**
 * The upload in a request; `within` when it comes from this very program. Faults: `cask/partial` (400), `cask/no-file` (400), `cask/several-files` (400), `cask/too-large` (413) and those of
 * reading forms and bodies.
 */
export async function openUpload(
  request: Request,
  limits: UploadLimits,
  usual: Algorithm,
  { expected, within }: { expected?: Key | undefined; within?: boolean | undefined } = {},
): Promise<Upload> {
  if (request.headers.has("content-range")) {
    // RFC 9110, section 14.5: a part must not be taken for the whole.
    throw new Fault(
      "invalid",
      "cask/partial",
      "Cannot store a part of a file: wanted all of it, without Content-Range",
    );
  }
  const algorithm = expected === undefined ? algorithmOf(request.url, usual) : (expected.split(":", 1)[0] as Algorithm);
  const length = request.headers.get("content-length");
  const contentType = request.headers.get("content-type") ?? "";
  const isForm = contentType.toLowerCase().startsWith("multipart/");
  const offered = expected ?? (isForm ? undefined : digestOffered(request, algorithm));
  const promised = offered === undefined ? {} : { expected: offered };
  if (length !== null && Number(length) > limits.maxBlobBytes + framingBytes) throw fileTooLarge();
  if (isForm) {
    const parts = readMultipart(request, {
      maxBytes: limits.maxBlobBytes + framingBytes,
      idleTimeoutMs: limits.uploadIdleMs,
      clock: limits.clock,
    });
    const { body, filename } = await onlyFile(parts, "cask");
    return {
      bytes: body,
      algorithm,
      ...promised,
      ...(filename === undefined ? {} : { filename }),
    };
  }
  if (request.method === "POST" && contentType.startsWith("application/x-www-form-urlencoded")) {
    // What curl -d and a form without enctype send: surely not meant as the bytes of a file.
    await limitBody(request.body, { maxBytes: 0, clock: limits.clock }).return(undefined);
    throw new Fault("invalid", "cask/no-file", 'Cannot store a file: wanted a multipart form with a part named "file"');
  }
  if (length !== null && Number(length) > limits.maxBlobBytes) throw fileTooLarge();
  if (length !== null && request.body !== null && Number(length) <= (within ? wholeWithinMax : wholeBytesMax)) {
    const bytes = await wholeBody(request, Number(length), {
      idleTimeoutMs: limits.uploadIdleMs,
      clock: limits.clock,
    });
    return { bytes, sizeBytes: bytes.length, algorithm, ...promised };
  }
  return {
    bytes: requestBody(request, {
      maxBytes: limits.maxBlobBytes,
      idleTimeoutMs: limits.uploadIdleMs,
      clock: limits.clock,
    }),
    algorithm,
    ...promised,
    ...(length === null ? {} : { sizeBytes: Number(length) }),
  };
}

/** The refusal in the words of the original. */
export function fileTooLarge(): Fault {
  return new Fault("too-large", "cask/too-large", "file too large");
}

function algorithmOf(url: string, usual: Algorithm): Algorithm {
  const query = url.indexOf("?");
  if (query < 0) return usual;
  const asked = new URLSearchParams(url.slice(query)).get("algorithm");
  if (asked === null) return usual;
  const found = algorithms.find((algorithm) => algorithm === asked);
  if (!found) {
    throw new Fault("invalid", "cask/algorithm", `Cannot use algorithm "${asked}": wanted ${algorithms.join(" or ")}`);
  }
  return found;
}

/** The key that a `Content-Digest` or `Repr-Digest` header (RFC 9530) promises for a raw body. */
function digestOffered(request: Request, algorithm: Algorithm): Key | undefined {
  const offered = offeredDigest(request.headers);
  if (offered === undefined) return undefined;
  if (offered.sha256 !== undefined && algorithm === "sha256") return keyOf("sha256", offered.sha256);
  throw new Fault(
    "invalid",
    "cask/digest-form",
    `Cannot check the digest "${offered.header.slice(0, 200)}": wanted sha-256=:<base64>: for a sha256 blob`,
  );
}

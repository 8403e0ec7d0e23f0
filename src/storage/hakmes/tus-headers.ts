/**
 * The headers of tus 1.0.0 as values: lengths, offsets, checksums, what is to be concatenated, and which upload a path
 * names. Whatever is not well-formed is a Fault that says what was wanted; nothing here touches an upload.
 */
import { Fault } from "../../kit/fault.ts";

/** The only version of the protocol that is spoken. */
export const tusVersion = "1.0.0";

/** Extensions as `Tus-Extension` lists them. */
export const tusExtensions = [
  "creation",
  "creation-with-upload",
  "creation-defer-length",
  "expiration",
  "checksum",
  "termination",
  "concatenation",
] as const;

/** Hashes that a chunk may be checked with, by their names in the protocol, with the length of their digests in bytes. */
export const checksumBytes = { sha1: 20, sha256: 32, md5: 16 } as const;
/** One of {@link checksumBytes}. */
export type ChecksumAlgorithm = keyof typeof checksumBytes;

/** What the bytes of one request must hash to. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly digest: Uint8Array;
}

/** What `Upload-Concat` says; `text` is the header as it came, for it is given back. */
export type Concat =
  | { readonly kind: "partial"; readonly text: string }
  | { readonly kind: "final"; readonly text: string; readonly partIds: readonly string[] };

/** The name of an upload: 128 random bits in lower-case hex. */
export const uploadId = /^[0-9a-f]{32}$/;

/** The most parts of a concatenation. */
export const partsMax = 1000;

/** A number of bytes in a header; undefined when the header is absent. Fault: `hakmes/tus-header` (invalid). */
export function bytesIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw badHeader(name, text, "a number of bytes");
  return value;
}

/** Whether `Upload-Defer-Length: 1` is there. Fault: `hakmes/tus-header` (invalid) for another value. */
export function defersLength(headers: Headers): boolean {
  const text = headers.get("upload-defer-length");
  if (text !== null && text !== "1") throw badHeader("Upload-Defer-Length", text, "1");
  return text === "1";
}

/** The checksum in `Upload-Checksum`. Faults: `hakmes/tus-header`, `hakmes/tus-algorithm` (invalid both). */
export function checksumIn(headers: Headers): Checksum | undefined {
  const text = headers.get("upload-checksum");
  if (text === null) return undefined;
  const match = /^([\w-]{1,32}) ([A-Za-z0-9+/]{1,128}={0,2})$/.exec(text);
  if (!match?.[1] || !match[2])
    throw badHeader("Upload-Checksum", text, "an algorithm, a space and a digest in base64");
  const algorithm = match[1];
  if (!isChecksumAlgorithm(algorithm)) {
    throw new Fault(
      "invalid",
      "hakmes/tus-algorithm",
      `Cannot check with "${algorithm}": wanted one of ${Object.keys(checksumBytes).join(", ")}`,
    );
  }
  const digest = Buffer.from(match[2], "base64");
  if (digest.length !== checksumBytes[algorithm] || digest.toString("base64") !== match[2]) {
    throw badHeader(
      "Upload-Checksum",
      text,
      `the ${checksumBytes[algorithm]} bytes of a ${algorithm} digest in base64`,
    );
  }
  return { algorithm, digest };
}

/** What `Upload-Concat` asks for. Fault: `hakmes/tus-header` (invalid). */
export function parseConcat(text: string): Concat {
  if (text === "partial") return { kind: "partial", text };
  const list = /^final;(.*)$/.exec(text)?.[1]?.trim();
  if (list === undefined || list === "") {
    throw badHeader("Upload-Concat", text, '"partial", or "final;" and the URLs of the parts');
  }
  const urls = list.split(/ +/);
  if (urls.length > partsMax) throw badHeader("Upload-Concat", text, `at most ${partsMax} parts`);
  return {
    kind: "final",
    text,
    partIds: urls.map((url) => {
      // Proxies may show this path elsewhere, so only the end of a URL can be known.
      const id = url.split("/").at(-1) ?? "";
      if (!uploadId.test(id)) throw badHeader("Upload-Concat", url, "URLs of uploads that were created here");
      return id;
    }),
  };
}

/** Whether a body is announced as bytes of an upload. */
export function isUploadBody(headers: Headers): boolean {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  return type.trim().toLowerCase() === "application/offset+octet-stream";
}

/** Whether a request says that it has a body, or may have one. */
export function hasBody(request: Request): boolean {
  const { headers } = request;
  return headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 0;
}

function isChecksumAlgorithm(text: string): text is ChecksumAlgorithm {
  return Object.hasOwn(checksumBytes, text);
}

function badHeader(name: string, text: string, wanted: string): Fault {
  return new Fault("invalid", "hakmes/tus-header", `Cannot read ${name} "${text.slice(0, 100)}": wanted ${wanted}`);
}

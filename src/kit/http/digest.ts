/** What a client promises of the bytes it sends, in `Content-Digest` or `Repr-Digest` (RFC 9530). */

/** A promise as it was made. */
export interface OfferedDigest {
  /** The header as it came, for messages. */
  readonly header: string;
  /** The SHA-256 as 64 hex digits; undefined when the header holds none that can be read. */
  readonly sha256: string | undefined;
}

/** The digest that a request promises; undefined when it promises none. */
export function offeredDigest(headers: Headers): OfferedDigest | undefined {
  const header = headers.get("content-digest") ?? headers.get("repr-digest");
  if (header === null) return undefined;
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header)?.[1];
  return { header, sha256: base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("hex") };
}

/** Subresource integrity: whether bytes have one of the hashes that a page wants, the strongest kind counting. */

const strengths = ["sha512", "sha384", "sha256"] as const;

/** True and false; undefined where the text names no hash that browsers know, so that none is wanted. */
export function hasIntegrity(bytes: Uint8Array, wanted: string): boolean | undefined {
  const hashes = wanted
    .trim()
    .split(/\s+/)
    .slice(0, 100)
    .map((word) => /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/i.exec(word))
    .filter((found) => found !== null);
  const strongest = strengths.find((name) => hashes.some(([, kind]) => kind?.toLowerCase() === name));
  if (strongest === undefined) return undefined;
  const digest = new Bun.CryptoHasher(strongest).update(bytes).digest("base64");
  return hashes.some(
    ([, kind, hash = ""]) =>
      kind?.toLowerCase() === strongest &&
      hash.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "") === digest.replace(/=+$/, ""),
  );
}

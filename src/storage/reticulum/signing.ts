/**
 * Signed URLs: whoever holds a key may say which sizes are made, and until when. The signature is HMAC-SHA256 in
 * base64url over path and query as they stand in the URL, the parameter `s` taken out; the path begins below the service's
 * own, at `/image/`. `expires` is part of what is signed: seconds since 1970. The first key signs, all of them verify,
 * so that a key can be replaced without a moment at which links break.
 */
import { sameText } from "../../kit/auth/same-text.ts";

/** What a signature comes to. */
export type Verdict =
  | { readonly state: "none" }
  | { readonly state: "wrong" }
  | { readonly state: "expired" }
  | { readonly state: "good"; /** Epoch ms; absent for ever. */ readonly expiresAt?: number };

/** The text that is signed: the path, and the query without `s` where there is one. */
function signedText(path: string, query: string): string {
  const rest = query
    .split("&")
    .filter((part) => part !== "" && part !== "s" && !part.startsWith("s="))
    .join("&");
  return rest === "" ? path : `${path}?${rest}`;
}

function signatureOf(text: string, key: string): string {
  return new Bun.CryptoHasher("sha256", key).update(text).digest("base64url");
}

/**
 * `path`, with its query if it has one, signed: the same with `expires` (if given) and `s` added.
 *
 * @throws RangeError when there is no key.
 */
export function signPath(pathAndQuery: string, keys: readonly string[], expiresAt?: number): string {
  const [key] = keys;
  if (key === undefined) throw new RangeError("Cannot sign a URL: there is no key");
  const at = pathAndQuery.indexOf("?");
  const path = at < 0 ? pathAndQuery : pathAndQuery.slice(0, at);
  const given = new URLSearchParams(at < 0 ? "" : pathAndQuery.slice(at + 1));
  given.delete("s");
  if (expiresAt !== undefined) given.set("expires", String(Math.floor(expiresAt / 1000)));
  const text = signedText(path, given.toString());
  return `${text}${text.includes("?") ? "&" : "?"}s=${signatureOf(text, key)}`;
}

/** Whether the signature in `query` (without its question mark) is one of `keys` over `path`, and still good at `now`. */
export function checkSignature(path: string, query: string, keys: readonly string[], now: number): Verdict {
  const parameters = new URLSearchParams(query);
  const shown = parameters.getAll("s");
  if (shown.length === 0) return { state: "none" };
  const [signature = ""] = shown;
  if (shown.length > 1 || parameters.getAll("expires").length > 1) return { state: "wrong" };
  const text = signedText(path, query);
  // Every key is tried, so that time does not tell which one it was.
  const matches = keys.map((key) => sameText(signatureOf(text, key), signature));
  if (!matches.includes(true)) return { state: "wrong" };
  const expires = parameters.get("expires");
  if (expires === null) return { state: "good" };
  if (!/^\d{1,12}$/.test(expires)) return { state: "wrong" };
  const expiresAt = Number(expires) * 1000;
  return expiresAt <= now ? { state: "expired" } : { state: "good", expiresAt };
}

/**
 * The token by which a browser may listen and speak: seven fields joined by `:`, the last one an HMAC-SHA1 of the others
 * by the secret that Windsock and the application share. The rules of the original are kept, with its holes closed where
 * that breaks no issuer: the comparison takes constant time, a time far in the future is refused, and an address may
 * be compared where the operator wishes.
 *
 *   uni : sub_prefix : pub_prefix : unix_seconds : salt : ip_address : hmac
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

import { Fault } from "../../kit/fault.ts";

/** What a token says, apart from its proof. */
export interface TokenFields {
  /** Whom it was made for. */
  user: string;
  /** What its bearer hears: every address that begins so. Empty is everything. */
  subPrefix: string;
  /** Where what its bearer says goes. */
  pubPrefix: string;
  /** When it was made, epoch seconds. */
  atSeconds: number;
  salt: string;
  /** Whom it was given to, as the application saw it: an address, or the whole of `X-Forwarded-For`. */
  address: string;
}

/** How strictly tokens are judged. */
export interface TokenRules {
  /** Newest first: one to sign with, and those that are still good while others are told. */
  secrets: readonly string[];
  /** @default 60 */
  maxAgeSeconds?: number;
  /** How far the clock of an issuer may be ahead. @default 60 */
  maxAheadSeconds?: number;
}

/** Longer ones are refused before anything is computed. */
const maxTokenLength = 4096;

/** The token for some fields. Throws RangeError for a field with a colon other than an IPv6 address, which has its place. */
export function signToken(fields: TokenFields, secret: string): string {
  const seconds = String(Math.trunc(fields.atSeconds));
  const parts = [fields.user, fields.subPrefix, fields.pubPrefix, seconds, fields.salt, fields.address];
  for (const [index, part] of parts.entries()) {
    if (part.includes(":") && index !== 5) throw new RangeError("A field of a token holds no colon");
  }
  return [...parts, proofOf(parts, secret)].join(":");
}

/**
 * Judges a token. Faults, each with what to do: `windsock/token` (unauthorized: no token, or not one), `windsock/stale`,
 * `windsock/future` and `windsock/proof`. None repeats the token.
 */
export function readToken(text: string, rules: TokenRules, nowSeconds: number): TokenFields {
  if (text === "") throw refused("windsock/token", "no token: ask the application for one and pass it as ?token=");
  if (text.length > maxTokenLength) throw refused("windsock/token", "the token is too long");
  const parts = text.split(":");
  // The address, the last field but one, may be one of IPv6: whatever stands between the salt and the proof is of it.
  if (parts.length < 7) throw refused("windsock/token", `the token has ${parts.length} fields instead of 7`);
  const [user = "", subPrefix = "", pubPrefix = "", seconds = "", salt = ""] = parts;
  const address = parts.slice(5, -1).join(":");
  const proof = parts.at(-1) ?? "";
  if (parts.length > 7 && !areAddresses(address)) {
    throw refused("windsock/token", `the token has ${parts.length} fields instead of 7`);
  }
  if (!/^[+-]?\d{1,18}$/.test(seconds)) throw refused("windsock/token", "the token's fourth field is no time");
  const atSeconds = Number(seconds);
  const { maxAgeSeconds = 60, maxAheadSeconds = 60 } = rules;
  // As the original hashed it: the number, not the way it was written.
  const signed = [user, subPrefix, pubPrefix, String(atSeconds), salt, address];
  // The proof comes first: whoever cannot sign learns nothing of our clock.
  if (!rules.secrets.some((secret) => isSame(proof, proofOf(signed, secret)))) {
    throw refused("windsock/proof", "the token was not signed with this server's secret");
  }
  const ageSeconds = nowSeconds - atSeconds;
  if (ageSeconds > maxAgeSeconds) {
    throw refused("windsock/stale", `the token is ${Math.floor(ageSeconds)} s old; get a fresh one`);
  }
  if (-ageSeconds > maxAheadSeconds) {
    throw refused("windsock/future", "the token was made in the future: the issuer's clock is wrong");
  }
  return { user, subPrefix, pubPrefix, atSeconds, salt, address };
}

/**
 * Whether a text is addresses, with commas between. Nothing looser will do: an issuer that puts names with colons into
 * tokens would otherwise let its users choose the fields before the address, and so what they hear.
 */
function areAddresses(text: string): boolean {
  return text.split(",").every(
    (part) =>
      isIP(
        part
          .trim()
          .replace(/^\[(.*)\]$/, "$1")
          .replace(/%[\w.-]{1,32}$/, ""),
      ) > 0,
  );
}

function proofOf(fields: readonly string[], secret: string): string {
  return createHmac("sha1", secret).update(fields.join(":")).digest("hex");
}

function isSame(shown: string, wanted: string): boolean {
  const [left, right] = [Buffer.from(shown), Buffer.from(wanted)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function refused(code: string, reason: string): Fault {
  return new Fault("unauthorized", code, `Cannot let you in: ${reason}`);
}

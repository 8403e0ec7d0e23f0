/**
 * Signed claims as a JSON Web Token: HS256 by a key that both sides share, or by a public key (see public-key.ts) whose
 * private one is the application's alone. The algorithm is that of our key and never the token's wish, so `none` and keys
 * of another kind open nothing. Several keys may be good at a time, for rotation; a token that names its key is held
 * against that one only. Sources: RFC 7515, 7518, 7519, 8037, 8725.
 */
import { createHmac, type KeyObject, verify } from "node:crypto";

import { sameText } from "../../../kit/auth/same-text.ts";
import { Fault } from "../../../kit/fault.ts";

/** A key that tokens are signed with. */
export interface TokenKey {
  /** What `kid` in a token's header says; keys without one are tried for tokens that name none. */
  id?: string;
  secret: string;
}

/** A key by which tokens are known that others sign. */
export interface PublicTokenKey {
  /** As in {@link TokenKey}. */
  id?: string;
  algorithm: "RS256" | "ES256" | "EdDSA";
  publicKey: KeyObject;
}

/** By what tokens are known. */
export type VerifyingKey = TokenKey | PublicTokenKey;

/** Longer ones are refused before anything is computed. */
const maxTokenLength = 8192;

/** A token for some claims. */
export function signClaims(claims: Readonly<Record<string, unknown>>, key: TokenKey): string {
  const header = { alg: "HS256", typ: "JWT", ...(key.id === undefined ? {} : { kid: key.id }) };
  const signed = `${partOf(header)}.${partOf(claims)}`;
  return `${signed}.${proofOf(signed, key.secret)}`;
}

/** Whether a text has the form of such a token, and not of one with seven fields. */
export function looksSigned(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}

/**
 * The claims of a token whose proof is right; what they say is not looked at. Where `namesCount` is false, the names that
 * tokens give their keys are passed over. Faults (unauthorized): `windsock/token` (no such token), `windsock/algorithm`,
 * `windsock/key` (the key it names is not known) and `windsock/proof`.
 */
export function readClaims(text: string, keys: readonly VerifyingKey[], namesCount = true): Record<string, unknown> {
  if (text.length > maxTokenLength) throw refused("windsock/token", "the token is too long");
  const [head = "", body = "", proof = "", ...more] = text.split(".");
  const header = more.length === 0 ? objectOf(head) : undefined;
  if (!header) throw refused("windsock/token", "the token is no JSON Web Token");
  const algorithms = [...new Set(keys.map(algorithmOf))];
  const algorithm = (algorithms.length === 0 ? ["HS256"] : algorithms).find((known) => known === header["alg"]);
  if (algorithm === undefined) {
    throw refused("windsock/algorithm", `the token is not signed by ${algorithms.join(" or ") || "HS256"}`);
  }
  // A header that demands what is not understood must not be taken (RFC 7515, 4.1.11).
  if ("crit" in header) throw refused("windsock/token", "the token demands an extension that is not known");
  const kid = namesCount ? header["kid"] : undefined;
  const named = kid === undefined ? keys.filter(({ id }) => id === undefined) : keys.filter(({ id }) => id === kid);
  // A lone key with a name is meant by tokens that name none.
  const able = named.length === 0 && kid === undefined ? keys : named;
  if (able.length === 0) throw refused("windsock/key", "the token is signed with a key that is not known here");
  if (!able.some((key) => algorithmOf(key) === algorithm && isProof(proof, `${head}.${body}`, key))) {
    throw refused("windsock/proof", "the token was not signed with a key of this server");
  }
  const claims = objectOf(body);
  if (!claims) throw refused("windsock/token", "the token's claims are no JSON object");
  return claims;
}

function partOf(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function proofOf(signed: string, secret: string): string {
  return createHmac("sha256", secret).update(signed).digest("base64url");
}

function algorithmOf(key: VerifyingKey): string {
  return "secret" in key ? "HS256" : key.algorithm;
}

function isProof(proof: string, signed: string, key: VerifyingKey): boolean {
  if ("secret" in key) return sameText(proof, proofOf(signed, key.secret));
  const bytes = Buffer.from(proof, "base64url");
  // Other spellings of the same bytes would make one token many.
  if (bytes.toString("base64url") !== proof) return false;
  const { algorithm, publicKey } = key;
  const data = Buffer.from(signed);
  if (algorithm === "EdDSA") return verify(null, data, publicKey, bytes);
  return verify("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, bytes);
}

function objectOf(part: string): Record<string, unknown> | undefined {
  // Other spellings of the same bytes would make one token many.
  if (!/^[\w-]+$/.test(part)) return undefined;
  const bytes = Buffer.from(part, "base64url");
  if (bytes.toString("base64url") !== part) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(code: string, reason: string): Fault {
  return new Fault("unauthorized", code, `Cannot let you in: ${reason}`);
}

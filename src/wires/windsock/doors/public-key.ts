/**
 * Public keys as operators write them, PEM (`-----BEGIN PUBLIC KEY-----`), by which tokens are known that were signed with
 * the private one: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA. Which of them follows from the key. A text that is no
 * PEM is a secret that both sides share. Sources: RFC 7518 section 3, RFC 8037.
 */
import { createPublicKey, type KeyObject } from "node:crypto";

import type { PublicTokenKey, VerifyingKey } from "./jwt.ts";

/** Shorter ones are within reach of whoever has the machines (RFC 7518, 3.3). */
const fewestRsaBits = 2048;

/** The key that a text is. Throws SyntaxError with what is wrong with a PEM. */
export function verifyingKeyOf(text: string): VerifyingKey {
  // Files of environment variables have but one line.
  const pem = text.replaceAll("\\n", "\n").trim();
  if (!pem.startsWith("-----BEGIN ")) return { secret: text };
  if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new SyntaxError("it is a private key, which belongs to the application alone: wanted the public one");
  }
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(pem);
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    throw new SyntaxError("it is no public key in PEM", { cause: thrown });
  }
  return { algorithm: algorithmOf(publicKey), publicKey };
}

/** A key as `token_keys` has it: `id:key`, the id being what `kid` says, or a key alone. Throws as {@link verifyingKeyOf}. */
export function namedKeyOf(text: string): VerifyingKey {
  const [, id, key] = /^([\w-]{1,40}):(.+)$/s.exec(text) ?? [];
  if (id === undefined || key === undefined) return verifyingKeyOf(text);
  return { id, ...verifyingKeyOf(key) };
}

function algorithmOf({ asymmetricKeyDetails, asymmetricKeyType }: KeyObject): PublicTokenKey["algorithm"] {
  if (asymmetricKeyType === "ed25519") return "EdDSA";
  if (asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  if (asymmetricKeyType === "rsa") {
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits >= fewestRsaBits) return "RS256";
    throw new SyntaxError(`it is an RSA key of ${bits} bits: wanted at least ${fewestRsaBits}`);
  }
  const kind = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType ?? "unknown";
  throw new SyntaxError(`it is a key of the kind ${kind}: wanted RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA)`);
}

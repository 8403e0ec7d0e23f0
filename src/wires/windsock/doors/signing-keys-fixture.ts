/** Key pairs of applications that sign tokens with a key of their own, one of each kind that is known by its public half. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import type { PublicTokenKey } from "./jwt.ts";

type Algorithm = PublicTokenKey["algorithm"];

/** One pair. */
export interface SigningKey {
  readonly alg: Algorithm;
  readonly privateKey: KeyObject;
  /** The public half. */
  readonly pem: string;
  sign(data: Buffer): Buffer;
}

/** A fresh pair of each kind. */
export function signingKeys(): SigningKey[] {
  const pairs = [
    ["RS256", generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ["ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["EdDSA", generateKeyPairSync("ed25519")],
  ] as const;
  return pairs.map(([alg, { privateKey, publicKey }]) => ({
    alg,
    privateKey,
    pem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (data) => sign(alg === "EdDSA" ? null : "sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  }));
}

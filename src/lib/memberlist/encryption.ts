/**
 * AES-GCM around a payload: version byte, 12-byte nonce, ciphertext, 16-byte tag. Version 0 pads the plaintext to whole
 * blocks (PKCS #7), version 1 does not. The extra authenticated bytes are the label for packets, and for streams the frame
 * header followed by the label. Source: behaviour of hashicorp/memberlist 0.5.4.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Keyring } from "./keyring.ts";
import { ProtocolError } from "./protocol-error.ts";

/** 0 pads and is spoken by protocol version 1; 1 does not pad and is spoken since. */
export type EncryptionVersion = 0 | 1;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;

/** Bytes that sealing may add at most. */
export function sealOverheadBytes(version: EncryptionVersion): number {
  return 1 + NONCE_BYTES + TAG_BYTES + (version === 0 ? BLOCK_BYTES : 0);
}

/** Exact length of a sealed payload. */
export function sealedLength(version: EncryptionVersion, plainBytes: number): number {
  const padding = version === 0 ? BLOCK_BYTES - (plainBytes % BLOCK_BYTES) : 0;
  return 1 + NONCE_BYTES + plainBytes + padding + TAG_BYTES;
}

/** Encrypts with `key` under a fresh random nonce. */
export function seal(
  version: EncryptionVersion,
  key: Uint8Array,
  plain: Uint8Array,
  authenticated: Uint8Array,
): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(gcmName(key), key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(authenticated);
  const parts: Uint8Array[] = [Uint8Array.of(version), nonce, cipher.update(plain)];
  if (version === 0) {
    const padding = BLOCK_BYTES - (plain.length % BLOCK_BYTES);
    parts.push(cipher.update(new Uint8Array(padding).fill(padding)));
  }
  parts.push(cipher.final(), cipher.getAuthTag());
  return Buffer.concat(parts);
}

/** Decrypts with whichever key of the ring fits. Throws a ProtocolError. */
export function unseal(keyring: Keyring, sealed: Uint8Array, authenticated: Uint8Array): Uint8Array {
  const version = sealed[0];
  if (version !== 0 && version !== 1) throw new ProtocolError("Cannot decrypt: the encryption version is unknown");
  if (sealed.length < sealedLength(version, 0)) throw new ProtocolError("Cannot decrypt: the message is too short");
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const text = sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  for (const key of keyring.keys) {
    const plain = open(key, nonce, text, tag, authenticated);
    if (plain !== undefined) return version === 0 ? unpad(plain) : plain;
  }
  throw new ProtocolError("Cannot decrypt: no key of the keyring fits");
}

function open(
  key: Uint8Array,
  nonce: Uint8Array,
  text: Uint8Array,
  tag: Uint8Array,
  authenticated: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv(gcmName(key), key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticated);
  decipher.setAuthTag(tag);
  try {
    const start = decipher.update(text);
    const end = decipher.final();
    return end.length === 0 ? start : Buffer.concat([start, end]);
  } catch {
    // A tag that does not match is how a wrong key shows; the next key is tried.
    return undefined;
  }
}

function unpad(plain: Uint8Array): Uint8Array {
  const padding = plain[plain.length - 1] ?? 0;
  if (padding < 1 || padding > BLOCK_BYTES || padding > plain.length) {
    throw new ProtocolError("Cannot decrypt: the padding is wrong");
  }
  return plain.subarray(0, plain.length - padding);
}

function gcmName(key: Uint8Array): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" {
  if (key.length === 16) return "aes-128-gcm";
  return key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

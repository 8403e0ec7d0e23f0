/**
 * What all members of a cluster must agree on before a message can be read: the label, the keys and the migration switches.
 * `packet.ts` and `stream.ts` read it on every message, so a key change takes effect at once.
 */
import type { EncryptionVersion } from "./encryption.ts";
import { Keyring } from "./keyring.ts";
import { LABEL_BYTES_MAX } from "./limits.ts";

/** How this node frames its messages. */
export interface WireOptions {
  /** Name of the cluster, at most 255 bytes; traffic with another label is dropped. @default "" */
  readonly label?: string;
  /** Keys; empty or absent means no encryption. */
  readonly keyring?: Keyring;
  /** Refuse unencrypted traffic when there are keys. Switched on last when encryption is introduced. @default true */
  readonly verifyIncoming?: boolean;
  /** Encrypt what is sent when there are keys. @default true */
  readonly verifyOutgoing?: boolean;
  /** How encrypted messages are written; both versions are read. @default 1 */
  readonly encryptionVersion?: EncryptionVersion;
  /** Compress what gets shorter by it; compressed messages are always read. @default true */
  readonly compression?: boolean;
}

/** The settled options of one node; the keyring and both switches may change while it runs. */
export interface Wire {
  readonly label: string;
  readonly labelBytes: Uint8Array;
  readonly keyring: Keyring;
  verifyIncoming: boolean;
  verifyOutgoing: boolean;
  readonly encryptionVersion: EncryptionVersion;
  readonly compression: boolean;
}

/** Settles the options. Throws a RangeError for a label over 255 bytes. */
export function createWire(options: WireOptions = {}): Wire {
  const label = options.label ?? "";
  const labelBytes = new TextEncoder().encode(label);
  if (labelBytes.length > LABEL_BYTES_MAX) {
    throw new RangeError(`Cannot use label of ${labelBytes.length} bytes: at most ${LABEL_BYTES_MAX}`);
  }
  return {
    label,
    labelBytes,
    keyring: options.keyring ?? new Keyring(),
    verifyIncoming: options.verifyIncoming ?? true,
    verifyOutgoing: options.verifyOutgoing ?? true,
    encryptionVersion: options.encryptionVersion ?? 1,
    compression: options.compression ?? true,
  };
}

/** The key that outgoing messages are encrypted with, or undefined when they go in the clear. */
export function outgoingKey(wire: Wire): Uint8Array | undefined {
  return wire.verifyOutgoing ? wire.keyring.primary : undefined;
}

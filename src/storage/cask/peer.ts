/**
 * The port to another node of the cluster, as the rules see it. Over HTTP it is fulfilled by peer-http.ts, in
 * simulations by a network that loses, delays and lies. Whatever a peer says is a claim: bytes are hashed by whoever
 * receives them, and a copy is believed in only on a proof.
 */
import type { Algorithm, Key, SizedKey } from "./key.ts";
import type { CaskNode } from "./placement.ts";

/** The bytes of a blob, at once or in order. A stream can be read once. */
export type BlobBytes = Uint8Array | AsyncIterable<Uint8Array>;

/** Count and xor of the hashed keys of one bucket. */
export interface BucketDigest {
  count: number;
  /** 16 hex digits. */
  xor: string;
}

/** What a node answers to the challenge to prove that it holds a blob. */
export interface Proof {
  /** SHA-256 over nonce and bytes, hex. */
  digest: string;
  /** Whether it counts itself among the blob's owners. */
  owner: boolean;
  /** Its placement's fingerprint. */
  fingerprint: string;
}

/** A part of the list of what a node holds in one bucket. */
export interface HeldPage {
  /** Sorted by key. */
  keys: SizedKey[];
  /** Whether it holds keys behind the last of these. */
  more: boolean;
}

/** What one node can ask of another. Every call may throw a Fault and is bounded in time by its signal. */
export interface Peer {
  readonly node: CaskNode;
  /** Sends bytes to be kept; resolves to the key under which they are on the peer's disk. */
  put(algorithm: Algorithm, bytes: BlobBytes, options: { sizeBytes?: number; signal: AbortSignal }): Promise<Key>;
  /** The peer's copy, or undefined when it has none. Unverified. */
  get(key: Key, signal: AbortSignal): Promise<BlobBytes | undefined>;
  /** Whether the peer says that it has a copy, and since when it is verified (epoch ms, if it tells). */
  has(key: Key, signal: AbortSignal): Promise<{ held: boolean; verifiedAt?: number; sizeBytes?: number }>;
  /** Challenges the peer; undefined when it has no good copy. */
  prove(key: Key, nonce: string, signal: AbortSignal): Promise<Proof | undefined>;
  /** Digests, by bucket, of the keys the peer holds and of which it counts both itself and `nodeId` as owners. */
  digests(nodeId: string, signal: AbortSignal): Promise<BucketDigest[]>;
  /** Those keys of one bucket. */
  keys(nodeId: string, bucket: number, signal: AbortSignal): Promise<Key[]>;
  /** All that the peer holds in a bucket, whosever it is, from behind `after` on. Throws where the peer has no such list. */
  held(bucket: number, after: Key | undefined, signal: AbortSignal): Promise<HeldPage>;
}

/** How a node reaches others. */
export type PeerFor = (node: CaskNode) => Peer;

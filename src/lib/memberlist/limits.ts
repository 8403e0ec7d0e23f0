/**
 * Every bound of the protocol in one place. The wire has no limits of its own beyond 512 bytes of metadata and 20 MiB of
 * encrypted state, so these are ours: far above what 200 nodes produce, far below what would hurt the process.
 */

/** Largest node metadata, in bytes; hashicorp/memberlist aborts above it. */
export const META_BYTES_MAX = 512;
/** Longest member name, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 512;
/** Longest label, in bytes of UTF-8; its length travels in one byte. */
export const LABEL_BYTES_MAX = 255;
/** Largest datagram taken in. */
export const PACKET_BYTES_MAX = 65_535;
/** All payloads one datagram may expand to when decompressed, together. */
export const PACKET_EXPANDED_BYTES_MAX = 262_144;
/** Compound and compressed layers inside one datagram. */
export const PACKET_DEPTH_MAX = 4;
/** Messages in one datagram, over all compound layers. */
export const PACKET_MESSAGES_MAX = 1024;
/** Largest stream message on the wire; the original refuses more than this when encrypted. */
export const STREAM_BYTES_MAX = 20 * 1024 * 1024;
/** Largest stream message after decompression. */
export const STREAM_EXPANDED_BYTES_MAX = 32 * 1024 * 1024;
/** Member states in one push/pull. */
export const STATES_MAX = 10_000;
/** Members remembered, dead and departed ones included. */
export const MEMBERS_MAX = 10_000;
/** Largest user message on a stream, and largest user state in a push/pull. */
export const USER_BYTES_MAX = 16 * 1024 * 1024;
/** Largest user message sent as a single datagram. Above about 1,300 bytes IP has to fragment it. */
export const USER_PACKET_BYTES_MAX = 60_000;
/** Longest ack payload or error text accepted. */
export const PAYLOAD_BYTES_MAX = 8192;
/** Incoming streams served at the same time. */
export const STREAMS_MAX = 128;
/** Broadcasts waiting to be gossiped. */
export const BROADCASTS_MAX = 4096;
/** Indirect probes that this node runs for others at the same time. */
export const RELAYS_MAX = 512;
/** Nesting of unknown msgpack values that is skipped. */
export const MSGPACK_DEPTH_MAX = 8;
/** Fields in one message; none has more than eight today. */
export const MSGPACK_FIELDS_MAX = 64;

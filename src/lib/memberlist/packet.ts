/**
 * One datagram: label, encryption, checksum, compression and compound layers around messages. Pure functions over bytes.
 * Reading never throws anything but a ProtocolError, and one bad message in a compound does not cost the others.
 * Order from outside in: label header, encrypted payload, checksum, compressed message, compound message, messages.
 * Source: behaviour of hashicorp/memberlist 0.5.4.
 */
import { crc32 } from "node:zlib";
import { compressMessage, expandMessage } from "./compression.ts";
import { seal, sealOverheadBytes, unseal } from "./encryption.ts";
import { PACKET_BYTES_MAX, PACKET_DEPTH_MAX, PACKET_EXPANDED_BYTES_MAX, PACKET_MESSAGES_MAX } from "./limits.ts";
import { decodeMessage, type Message, MessageType } from "./messages.ts";
import { MsgpackReader } from "./msgpack.ts";
import { ProtocolError } from "./protocol-error.ts";
import { outgoingKey, type Wire } from "./wire.ts";

/** Bytes that a compound message needs before its parts. */
export const COMPOUND_HEADER_BYTES = 2;
/** Bytes that a compound message needs for each part besides the part itself. */
export const COMPOUND_PART_BYTES = 2;
/** Parts that fit into one compound message. */
export const COMPOUND_PARTS_MAX = 255;
const CHECKSUM_BYTES = 5;

/** What a datagram held. */
export interface Packet {
  readonly messages: Message[];
  /** Parts that could not be read. */
  readonly dropped: number;
}

/** Bytes of a datagram of `datagramBytes` that are left for messages after every layer has taken its share. */
export function packetRoomBytes(wire: Wire, datagramBytes: number): number {
  const label = wire.labelBytes.length === 0 ? 0 : 2 + wire.labelBytes.length;
  const encryption = outgoingKey(wire) === undefined ? 0 : sealOverheadBytes(wire.encryptionVersion);
  return datagramBytes - label - encryption - CHECKSUM_BYTES - COMPOUND_HEADER_BYTES;
}

/**
 * Builds a datagram from encoded messages, at least one and at most 255. `checksum` is for receivers that understand
 * protocol version 5.
 */
export function encodePacket(wire: Wire, parts: readonly Uint8Array[], checksum: boolean): Uint8Array {
  const [first] = parts;
  let payload = parts.length === 1 && first !== undefined ? first : joinCompound(parts);
  if (wire.compression) payload = compressMessage(payload);
  if (checksum) {
    const header = Buffer.allocUnsafe(CHECKSUM_BYTES);
    header[0] = MessageType.checksummed;
    header.writeUInt32BE(crc32(payload), 1);
    payload = Buffer.concat([header, payload]);
  }
  const key = outgoingKey(wire);
  if (key !== undefined) payload = seal(wire.encryptionVersion, key, payload, wire.labelBytes);
  return wire.labelBytes.length === 0 ? payload : Buffer.concat([labelHeader(wire.labelBytes), payload]);
}

/** Reads a datagram. Throws a ProtocolError if nothing of it can be accepted. */
export function decodePacket(wire: Wire, datagram: Uint8Array): Packet {
  if (datagram.length > PACKET_BYTES_MAX) throw new ProtocolError("Cannot read packet: it is too long");
  let payload = removeLabel(wire, datagram);
  if (wire.keyring.primary !== undefined) payload = decryptPacket(wire, payload);
  if (payload[0] === MessageType.checksummed && payload.length >= CHECKSUM_BYTES) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const rest = payload.subarray(CHECKSUM_BYTES);
    if (crc32(rest) !== view.getUint32(1)) throw new ProtocolError("Cannot read packet: the checksum is wrong");
    payload = rest;
  }
  const reading = { messages: [] as Message[], dropped: 0, expandedBytes: 0 };
  readInto(reading, payload, 0);
  return { messages: reading.messages, dropped: reading.dropped };
}

/** The bytes that announce a label. */
export function labelHeader(labelBytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(MessageType.label, labelBytes.length), labelBytes]);
}

function removeLabel(wire: Wire, bytes: Uint8Array): Uint8Array {
  let label = bytes.subarray(0, 0);
  let rest = bytes;
  if (bytes[0] === MessageType.label) {
    const length = bytes[1] ?? 0;
    if (length === 0 || bytes.length < 2 + length) throw new ProtocolError("Cannot read label: it is cut short");
    label = bytes.subarray(2, 2 + length);
    rest = bytes.subarray(2 + length);
  }
  if (Buffer.compare(label, wire.labelBytes) !== 0) throw new ProtocolError("Cannot accept packet: its label differs");
  return rest;
}

function decryptPacket(wire: Wire, payload: Uint8Array): Uint8Array {
  try {
    return unseal(wire.keyring, payload, wire.labelBytes);
  } catch (error) {
    // While encryption is being introduced, what cannot be decrypted is taken as plain.
    if (wire.verifyIncoming) throw error;
    return payload;
  }
}

interface Reading {
  messages: Message[];
  dropped: number;
  expandedBytes: number;
}

// Reads the parts of compound messages tolerantly and everything else strictly, so that a packet which is wholly unreadable
// is an error and one with a bad part is not.
function readInto(reading: Reading, payload: Uint8Array, depth: number): void {
  if (depth > PACKET_DEPTH_MAX) throw new ProtocolError("Cannot read packet: it is nested too deeply");
  if (payload[0] === MessageType.compressed) {
    const expanded = expandMessage(new MsgpackReader(payload, 1), PACKET_EXPANDED_BYTES_MAX - reading.expandedBytes);
    reading.expandedBytes += expanded.length;
    readInto(reading, expanded, depth + 1);
    return;
  }
  if (payload[0] !== MessageType.compound) {
    if (reading.messages.length >= PACKET_MESSAGES_MAX)
      throw new ProtocolError("Cannot read packet: too many messages");
    reading.messages.push(decodeMessage(payload));
    return;
  }
  const count = payload[1];
  if (count === undefined || payload.length < 2 + count * 2) {
    throw new ProtocolError("Cannot read compound message: it is cut short");
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let start = 2 + count * 2;
  for (let index = 0; index < count; index++) {
    const end = start + view.getUint16(2 + index * 2);
    if (end > payload.length) {
      reading.dropped += count - index;
      return;
    }
    try {
      readInto(reading, payload.subarray(start, end), depth + 1);
    } catch (error) {
      if (!(error instanceof ProtocolError) || reading.dropped >= PACKET_MESSAGES_MAX) throw error;
      reading.dropped++;
    }
    start = end;
  }
}

function joinCompound(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0 || parts.length > COMPOUND_PARTS_MAX) {
    throw new RangeError(`Cannot join ${parts.length} messages: must be from 1 to ${COMPOUND_PARTS_MAX}`);
  }
  const header = Buffer.allocUnsafe(COMPOUND_HEADER_BYTES + parts.length * COMPOUND_PART_BYTES);
  header[0] = MessageType.compound;
  header[1] = parts.length;
  parts.forEach((part, index) => header.writeUInt16BE(part.length, 2 + index * 2));
  return Buffer.concat([header, ...parts]);
}

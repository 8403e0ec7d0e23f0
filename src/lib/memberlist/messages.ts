/**
 * The messages that travel in packets and, some of them, on streams: one type byte and a msgpack map keyed by field name.
 * Encoding writes the fields in alphabetical order, byte for byte as hashicorp/memberlist does; decoding takes any order
 * and skips unknown fields. Hosts are canonical text here; a host the sender left out or garbled is the empty string.
 * Source: behaviour of hashicorp/memberlist 0.5.4, protocol versions 1 to 5.
 */
import { bytesToHost, hostToBytes } from "./address.ts";
import { META_BYTES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, USER_BYTES_MAX } from "./limits.ts";
import { MsgpackReader, MsgpackWriter } from "./msgpack.ts";
import { ProtocolError } from "./protocol-error.ts";

/** First byte of each message. */
export const MessageType = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compressed: 9,
  encrypted: 10,
  nack: 11,
  checksummed: 12,
  error: 13,
  label: 244,
} as const;

/** Protocol and delegate versions of a member: what it understands and what it speaks. */
export interface Versions {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCurrent: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCurrent: number;
}

/** Asks a member to answer with an ack; the source is where to. */
export interface Ping {
  readonly kind: "ping";
  readonly sequence: number;
  readonly node: string;
  readonly sourceHost: string;
  readonly sourcePort: number;
  readonly sourceNode: string;
}

/** Asks a third member to ping the target and pass the ack on; with `nack`, to say so if none came. */
export interface IndirectPing {
  readonly kind: "indirect-ping";
  readonly sequence: number;
  readonly targetHost: string;
  readonly targetPort: number;
  readonly node: string;
  readonly nack: boolean;
  readonly sourceHost: string;
  readonly sourcePort: number;
  readonly sourceNode: string;
}

/** Answers a ping. */
export interface Ack {
  readonly kind: "ack";
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Says that an indirect ping was tried without an answer, so at least the way back works. */
export interface Nack {
  readonly kind: "nack";
  readonly sequence: number;
}

/** Says that `from` got no answer from `node` in its life number `incarnation`. */
export interface Suspect {
  readonly kind: "suspect";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

/** Says that `node` is given up; it left by itself if `from` is its own name. */
export interface Dead {
  readonly kind: "dead";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

/** Says that `node` lives at an address with this metadata. `versions` is absent when the sender's are malformed. */
export interface Alive {
  readonly kind: "alive";
  readonly incarnation: number;
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly versions?: Versions;
}

/** Bytes for the application. */
export interface UserMessage {
  readonly kind: "user";
  readonly payload: Uint8Array;
}

/** Any single message of a packet. */
export type Message = Ping | IndirectPing | Ack | Nack | Suspect | Alive | Dead | UserMessage;

/** Why a stream was not served. */
export interface ErrorMessage {
  readonly kind: "error";
  readonly message: string;
}

/** Largest 32-bit unsigned number. */
export const U32_MAX = 0xffff_ffff;
/** Largest 16-bit unsigned number. */
export const U16_MAX = 0xffff;

/** Writes a message with its type byte. */
export function encodeMessage(message: Message | ErrorMessage): Uint8Array {
  const writer = new MsgpackWriter();
  switch (message.kind) {
    case "ping": {
      const source = hostToBytes(message.sourceHost);
      const fields = 2 + sourceFieldCount(source, message);
      writer.byte(MessageType.ping).map(fields).text("Node").text(message.node).text("SeqNo").uint(message.sequence);
      writeSource(writer, source, message);
      break;
    }
    case "indirect-ping": {
      const source = hostToBytes(message.sourceHost);
      writer.byte(MessageType.indirectPing).map(5 + sourceFieldCount(source, message));
      writer.text("Nack").bool(message.nack).text("Node").text(message.node);
      writer.text("Port").uint(message.targetPort).text("SeqNo").uint(message.sequence);
      writeSource(writer, source, message);
      writer.text("Target").raw(hostToBytes(message.targetHost));
      break;
    }
    case "ack":
      writer.byte(MessageType.ack).map(2).text("Payload");
      writeBytesOrNil(writer, message.payload).text("SeqNo").uint(message.sequence);
      break;
    case "nack":
      writer.byte(MessageType.nack).map(1).text("SeqNo").uint(message.sequence);
      break;
    case "suspect":
    case "dead":
      writer.byte(message.kind === "dead" ? MessageType.dead : MessageType.suspect).map(3);
      writer.text("From").text(message.from).text("Incarnation").uint(message.incarnation);
      writer.text("Node").text(message.node);
      break;
    case "alive":
      writer.byte(MessageType.alive).map(6).text("Addr").raw(hostToBytes(message.host));
      writer.text("Incarnation").uint(message.incarnation).text("Meta");
      writeBytesOrNil(writer, message.meta).text("Node").text(message.node);
      writer.text("Port").uint(message.port).text("Vsn");
      writeVersions(writer, message.versions);
      break;
    case "user":
      writer.byte(MessageType.user).append(message.payload);
      break;
    case "error":
      writer.byte(MessageType.error).map(1).text("Error").text(message.message);
      break;
  }
  return writer.finish();
}

/**
 * Reads one message that starts with its type byte; not compound, compressed or checksummed ones, which hold others.
 * Byte fields are copies. Throws a ProtocolError.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length === 0) throw new ProtocolError("Cannot read message: it is empty");
  if (bytes[0] === MessageType.user) return { kind: "user", payload: bytes.slice(1) };
  const reader = new MsgpackReader(bytes, 1);
  switch (bytes[0]) {
    case MessageType.ping:
      return readPing(reader);
    case MessageType.indirectPing:
      return readIndirectPing(reader);
    case MessageType.ack:
      return readAck(reader);
    case MessageType.nack:
      return readNack(reader);
    case MessageType.suspect:
      return { kind: "suspect", ...readAccusation(reader) };
    case MessageType.dead:
      return { kind: "dead", ...readAccusation(reader) };
    case MessageType.alive:
      return readAlive(reader);
    default:
      throw new ProtocolError(`Cannot read message: type ${bytes[0]} is not expected here`);
  }
}

/** Reads the map of a ping. */
export function readPing(reader: MsgpackReader): Ping {
  let sequence = 0;
  let node = "";
  const source = new SourceFields();
  reader.readMap((key) => {
    if (key === "SeqNo") sequence = reader.readUint(U32_MAX);
    else if (key === "Node") node = reader.readText(NAME_BYTES_MAX);
    else return source.read(key, reader);
    return true;
  });
  return { kind: "ping", sequence, node, ...source.fields() };
}

/** Reads the map of an ack. */
export function readAck(reader: MsgpackReader): Ack {
  let sequence = 0;
  let payload = new Uint8Array(0);
  reader.readMap((key) => {
    if (key === "SeqNo") sequence = reader.readUint(U32_MAX);
    else if (key === "Payload") payload = reader.readRaw(PAYLOAD_BYTES_MAX).slice();
    else return false;
    return true;
  });
  return { kind: "ack", sequence, payload };
}

/** Reads the map of an error answer. */
export function readError(reader: MsgpackReader): ErrorMessage {
  let message = "";
  reader.readMap((key) => {
    if (key !== "Error") return false;
    message = reader.readText(PAYLOAD_BYTES_MAX);
    return true;
  });
  return { kind: "error", message };
}

/** Reads the header of a user message on a stream: how many bytes follow. */
export function readUserHeader(reader: MsgpackReader): number {
  let sizeBytes = 0;
  reader.readMap((key) => {
    if (key !== "UserMsgLen") return false;
    sizeBytes = reader.readUint(USER_BYTES_MAX);
    return true;
  });
  return sizeBytes;
}

/** Reads six version numbers from their bytes; undefined if there are not six. */
export function versionsFromBytes(bytes: Uint8Array): Versions | undefined {
  if (bytes.length !== 6) return undefined;
  const [protocolMin = 0, protocolMax = 0, protocolCurrent = 0, delegateMin = 0, delegateMax = 0, delegateCurrent = 0] =
    bytes;
  return { protocolMin, protocolMax, protocolCurrent, delegateMin, delegateMax, delegateCurrent };
}

/** Writes six version numbers as a raw, or an empty raw without them. */
export function writeVersions(writer: MsgpackWriter, versions: Versions | undefined): void {
  if (versions === undefined) {
    writer.raw(new Uint8Array(0));
    return;
  }
  const { protocolMin, protocolMax, protocolCurrent, delegateMin, delegateMax, delegateCurrent } = versions;
  writer.raw(Uint8Array.of(protocolMin, protocolMax, protocolCurrent, delegateMin, delegateMax, delegateCurrent));
}

/** Writes bytes as a raw, and no bytes as nil, as Go writes an empty slice that was never set. */
export function writeBytesOrNil(writer: MsgpackWriter, bytes: Uint8Array): MsgpackWriter {
  return bytes.length === 0 ? writer.nil() : writer.raw(bytes);
}

function readIndirectPing(reader: MsgpackReader): IndirectPing {
  let sequence = 0;
  let targetHost = "";
  let targetPort = 0;
  let node = "";
  let nack = false;
  const source = new SourceFields();
  reader.readMap((key) => {
    if (key === "SeqNo") sequence = reader.readUint(U32_MAX);
    else if (key === "Target") targetHost = bytesToHost(reader.readRaw(16));
    else if (key === "Port") targetPort = reader.readUint(U16_MAX);
    else if (key === "Node") node = reader.readText(NAME_BYTES_MAX);
    else if (key === "Nack") nack = reader.readBool();
    else return source.read(key, reader);
    return true;
  });
  return { kind: "indirect-ping", sequence, targetHost, targetPort, node, nack, ...source.fields() };
}

function readNack(reader: MsgpackReader): Nack {
  let sequence = 0;
  reader.readMap((key) => {
    if (key !== "SeqNo") return false;
    sequence = reader.readUint(U32_MAX);
    return true;
  });
  return { kind: "nack", sequence };
}

function readAccusation(reader: MsgpackReader): { incarnation: number; node: string; from: string } {
  let incarnation = 0;
  let node = "";
  let from = "";
  reader.readMap((key) => {
    if (key === "Incarnation") incarnation = reader.readUint(U32_MAX);
    else if (key === "Node") node = reader.readText(NAME_BYTES_MAX);
    else if (key === "From") from = reader.readText(NAME_BYTES_MAX);
    else return false;
    return true;
  });
  return { incarnation, node, from };
}

function readAlive(reader: MsgpackReader): Alive {
  let incarnation = 0;
  let node = "";
  let host = "";
  let port = 0;
  let meta = new Uint8Array(0);
  let versions: Versions | undefined;
  reader.readMap((key) => {
    if (key === "Incarnation") incarnation = reader.readUint(U32_MAX);
    else if (key === "Node") node = reader.readText(NAME_BYTES_MAX);
    else if (key === "Addr") host = bytesToHost(reader.readRaw(16));
    else if (key === "Port") port = reader.readUint(U16_MAX);
    else if (key === "Meta") meta = reader.readRaw(META_BYTES_MAX).slice();
    else if (key === "Vsn") versions = versionsFromBytes(reader.readRaw(64));
    else return false;
    return true;
  });
  return { kind: "alive", incarnation, node, host, port, meta, ...(versions === undefined ? {} : { versions }) };
}

// The three fields by which a ping says where the answer should go. Each is left out when empty.
interface Source {
  readonly sourceHost: string;
  readonly sourcePort: number;
  readonly sourceNode: string;
}

class SourceFields {
  #host = "";
  #port = 0;
  #node = "";

  read(key: string, reader: MsgpackReader): boolean {
    if (key === "SourceAddr") this.#host = bytesToHost(reader.readRaw(16));
    else if (key === "SourcePort") this.#port = reader.readUint(U16_MAX);
    else if (key === "SourceNode") this.#node = reader.readText(NAME_BYTES_MAX);
    else return false;
    return true;
  }

  fields(): Source {
    return { sourceHost: this.#host, sourcePort: this.#port, sourceNode: this.#node };
  }
}

function sourceFieldCount(host: Uint8Array, source: Source): number {
  return (host.length > 0 ? 1 : 0) + (source.sourcePort > 0 ? 1 : 0) + (source.sourceNode === "" ? 0 : 1);
}

function writeSource(writer: MsgpackWriter, host: Uint8Array, source: Source): void {
  if (host.length > 0) writer.text("SourceAddr").raw(host);
  if (source.sourceNode !== "") writer.text("SourceNode").text(source.sourceNode);
  if (source.sourcePort > 0) writer.text("SourcePort").uint(source.sourcePort);
}

/**
 * One message on a stream: push/pull state, a reliable user message, a ping, an ack or an error. The dialling side writes a
 * label header before its message, the answer has none; both authenticate the label when encrypted. Plain messages carry no
 * length, so the decoder keeps its place in a push/pull and asks for more bytes instead of reading from the start again.
 * Source: behaviour of hashicorp/memberlist 0.5.4.
 */
import { bytesToHost, hostToBytes } from "./address.ts";
import { compressMessage, expandMessage } from "./compression.ts";
import { seal, sealedLength, unseal } from "./encryption.ts";
import {
  META_BYTES_MAX,
  NAME_BYTES_MAX,
  STATES_MAX,
  STREAM_BYTES_MAX,
  STREAM_EXPANDED_BYTES_MAX,
  USER_BYTES_MAX,
} from "./limits.ts";
import {
  type Ack,
  encodeMessage,
  type ErrorMessage,
  MessageType,
  type Ping,
  readAck,
  readError,
  readPing,
  readUserHeader,
  U16_MAX,
  U32_MAX,
  type UserMessage,
  type Versions,
  versionsFromBytes,
  writeBytesOrNil,
  writeVersions,
} from "./messages.ts";
import { MsgpackReader, MsgpackWriter } from "./msgpack.ts";
import { labelHeader } from "./packet.ts";
import { ProtocolError, TruncatedError } from "./protocol-error.ts";
import { outgoingKey, type Wire } from "./wire.ts";

/** How a member is, by its number on the wire: 0 alive, 1 suspect, 2 dead, 3 left. */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/** The states in the order of their numbers on the wire. */
export const MEMBER_STATES: readonly MemberState[] = ["alive", "suspect", "dead", "left"];

/** What one node knows about one member. `host` is empty and `versions` absent when they were malformed. */
export interface MemberReport {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly incarnation: number;
  readonly state: MemberState;
  readonly versions?: Versions;
}

/** The whole of what one node knows, and bytes of the application. */
export interface PushPull {
  readonly kind: "push-pull";
  /** Whether the sender is joining, as opposed to comparing notes. */
  readonly join: boolean;
  readonly reports: readonly MemberReport[];
  readonly userState: Uint8Array;
}

/** A message that may travel on a stream. */
export type StreamMessage = PushPull | UserMessage | Ping | Ack | ErrorMessage;

/** Builds the bytes of a message. The dialling side of a stream puts the label in front, the answering side does not. */
export function encodeStream(wire: Wire, message: StreamMessage, dialling: boolean): Uint8Array {
  let payload = encodePlain(message);
  if (wire.compression) payload = compressMessage(payload);
  const key = outgoingKey(wire);
  if (key !== undefined) {
    const header = Buffer.allocUnsafe(5);
    header[0] = MessageType.encrypted;
    header.writeUInt32BE(sealedLength(wire.encryptionVersion, payload.length), 1);
    const authenticated = Buffer.concat([header, wire.labelBytes]);
    payload = Buffer.concat([header, seal(wire.encryptionVersion, key, payload, authenticated)]);
  }
  if (!dialling || wire.labelBytes.length === 0) return payload;
  return Buffer.concat([labelHeader(wire.labelBytes), payload]);
}

/** Takes the bytes of a stream as they come and gives the one message they make. */
export class StreamDecoder {
  readonly #wire: Wire;
  readonly #buffer = new StreamBuffer();
  readonly #plain = new PlainDecoder();
  #labelPending: boolean;
  #neededBytes = 1;

  /** `accepted`: whether the other side dialled, so that a label header is due first. */
  constructor(wire: Wire, accepted: boolean) {
    this.#wire = wire;
    this.#labelPending = accepted;
  }

  /** Adds bytes. Returns the message once it is whole, undefined before. Throws a ProtocolError. */
  push(chunk: Uint8Array): StreamMessage | undefined {
    this.#buffer.append(chunk);
    if (this.#buffer.bytes.length < this.#neededBytes) return undefined;
    try {
      return this.#read();
    } catch (error) {
      if (!(error instanceof TruncatedError)) throw error;
      this.#neededBytes = error.neededBytes;
      if (this.#neededBytes > STREAM_BYTES_MAX) throw new ProtocolError("Cannot read stream: the message is too long");
      return undefined;
    }
  }

  #read(): StreamMessage {
    if (this.#labelPending) this.#readLabel();
    const bytes = this.#buffer.bytes;
    need(bytes, 1);
    if (bytes[0] === MessageType.encrypted) {
      if (this.#wire.keyring.primary === undefined) {
        throw new ProtocolError("Cannot read stream: it is encrypted and there are no keys");
      }
      need(bytes, 5);
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (length > STREAM_BYTES_MAX - 5) throw new ProtocolError("Cannot read stream: the message is too long");
      need(bytes, 5 + length);
      const authenticated = Buffer.concat([bytes.subarray(0, 5), this.#wire.labelBytes]);
      return whole(unseal(this.#wire.keyring, bytes.subarray(5, 5 + length), authenticated));
    }
    if (this.#wire.keyring.primary !== undefined && this.#wire.verifyIncoming) {
      throw new ProtocolError("Cannot read stream: it is not encrypted");
    }
    if (bytes[0] === MessageType.compressed) return expanded(bytes);
    return this.#plain.read(bytes);
  }

  #readLabel(): void {
    const bytes = this.#buffer.bytes;
    need(bytes, 1);
    let label = bytes.subarray(0, 0);
    let consumed = 0;
    if (bytes[0] === MessageType.label) {
      need(bytes, 2);
      const length = bytes[1] as number;
      if (length === 0) throw new ProtocolError("Cannot read label: it is empty");
      need(bytes, 2 + length);
      label = bytes.subarray(2, 2 + length);
      consumed = 2 + length;
    }
    if (Buffer.compare(label, this.#wire.labelBytes) !== 0) {
      throw new ProtocolError("Cannot accept stream: its label differs");
    }
    this.#buffer.drop(consumed);
    this.#labelPending = false;
  }
}

// Bytes that arrived and were not yet dropped, in one piece.
class StreamBuffer {
  #bytes = new Uint8Array(0);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  append(chunk: Uint8Array): void {
    const wanted = this.#length + chunk.length;
    if (wanted > STREAM_BYTES_MAX) throw new ProtocolError("Cannot read stream: the message is too long");
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = wanted;
  }

  drop(count: number): void {
    this.#bytes = this.#bytes.slice(count, this.#length);
    this.#length = this.#bytes.length;
  }
}

function need(bytes: Uint8Array, length: number): void {
  if (bytes.length < length) throw new TruncatedError("Cannot read stream: it ends too early", length);
}

// Decrypted and expanded messages are whole: if they end too early, nothing more will come.
function whole(bytes: Uint8Array): StreamMessage {
  try {
    if (bytes[0] === MessageType.compressed) return expanded(bytes);
    return new PlainDecoder().read(bytes);
  } catch (error) {
    if (error instanceof TruncatedError) throw new ProtocolError(error.message);
    throw error;
  }
}

function expanded(bytes: Uint8Array): StreamMessage {
  const message = expandMessage(new MsgpackReader(bytes, 1), STREAM_EXPANDED_BYTES_MAX);
  if (message[0] === MessageType.compressed) throw new ProtocolError("Cannot read stream: it is compressed twice");
  return whole(message);
}

interface PushPullHeader {
  readonly count: number;
  readonly userStateBytes: number;
  readonly join: boolean;
}

/** Reads an unwrapped message; after a TruncatedError it goes on where it was when called with a longer buffer. */
class PlainDecoder {
  #header: PushPullHeader | undefined;
  #reports: MemberReport[] = [];
  #offset = 1;

  read(bytes: Uint8Array): StreamMessage {
    need(bytes, 1);
    const reader = new MsgpackReader(bytes, this.#offset);
    switch (bytes[0]) {
      case MessageType.ping:
        return readPing(reader);
      case MessageType.ack:
        return readAck(reader);
      case MessageType.error:
        return readError(reader);
      case MessageType.user: {
        const length = readUserHeader(reader);
        need(bytes, reader.offset + length);
        return { kind: "user", payload: bytes.slice(reader.offset, reader.offset + length) };
      }
      case MessageType.pushPull:
        return this.#readPushPull(bytes, reader);
      default:
        throw new ProtocolError(`Cannot read stream: message type ${bytes[0]} is not expected here`);
    }
  }

  #readPushPull(bytes: Uint8Array, reader: MsgpackReader): PushPull {
    this.#header ??= readPushPullHeader(reader);
    this.#offset = reader.offset;
    while (this.#reports.length < this.#header.count) {
      this.#reports.push(readReport(reader));
      this.#offset = reader.offset;
    }
    const end = this.#offset + this.#header.userStateBytes;
    need(bytes, end);
    const userState = bytes.slice(this.#offset, end);
    return { kind: "push-pull", join: this.#header.join, reports: this.#reports, userState };
  }
}

function readPushPullHeader(reader: MsgpackReader): PushPullHeader {
  let count = 0;
  let userStateBytes = 0;
  let join = false;
  reader.readMap((key) => {
    if (key === "Nodes") count = reader.readUint(STATES_MAX);
    else if (key === "UserStateLen") userStateBytes = reader.readUint(USER_BYTES_MAX);
    else if (key === "Join") join = reader.readBool();
    else return false;
    return true;
  });
  return { count, userStateBytes, join };
}

function readReport(reader: MsgpackReader): MemberReport {
  let name = "";
  let host = "";
  let port = 0;
  let meta = new Uint8Array(0);
  let incarnation = 0;
  let state: MemberState = "alive";
  let versions: Versions | undefined;
  reader.readMap((key) => {
    if (key === "Name") name = reader.readText(NAME_BYTES_MAX);
    else if (key === "Addr") host = bytesToHost(reader.readRaw(16));
    else if (key === "Port") port = reader.readUint(U16_MAX);
    else if (key === "Meta") meta = reader.readRaw(META_BYTES_MAX).slice();
    else if (key === "Incarnation") incarnation = reader.readUint(U32_MAX);
    else if (key === "State") state = MEMBER_STATES[reader.readUint(3)] ?? "alive";
    else if (key === "Vsn") versions = versionsFromBytes(reader.readRaw(64));
    else return false;
    return true;
  });
  return { name, host, port, meta, incarnation, state, ...(versions === undefined ? {} : { versions }) };
}

function encodePlain(message: StreamMessage): Uint8Array {
  if (message.kind === "user") {
    const writer = new MsgpackWriter();
    writer.byte(MessageType.user).map(1).text("UserMsgLen").int(message.payload.length).append(message.payload);
    return writer.finish();
  }
  if (message.kind !== "push-pull") return encodeMessage(message);
  const writer = new MsgpackWriter();
  writer.byte(MessageType.pushPull).map(3).text("Join").bool(message.join);
  writer.text("Nodes").int(message.reports.length).text("UserStateLen").int(message.userState.length);
  for (const report of message.reports) writeReport(writer, report);
  return writer.append(message.userState).finish();
}

function writeReport(writer: MsgpackWriter, report: MemberReport): void {
  writer.map(7).text("Addr").raw(hostToBytes(report.host)).text("Incarnation").uint(report.incarnation).text("Meta");
  writeBytesOrNil(writer, report.meta).text("Name").text(report.name).text("Port").uint(report.port);
  writer.text("State").int(MEMBER_STATES.indexOf(report.state)).text("Vsn");
  writeVersions(writer, report.versions);
}

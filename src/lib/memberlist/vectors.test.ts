/**
 * Bytes captured from real hashicorp/memberlist nodes, with what an independent reader found in them (`testdata`, one file for
 * each; `tests/together/memberlist-go/node vectors` makes them). Reading gives exactly that, and writing gives the same bytes.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hostToBytes } from "./address.ts";
import { Keyring } from "./keyring.ts";
import { lzwCompress, lzwExpand } from "./lzw.ts";
import { encodeMessage, type Message, type Versions } from "./messages.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import { encodeStream, type MemberReport, MEMBER_STATES, StreamDecoder, type StreamMessage } from "./stream.ts";
import { createWire, type Wire } from "./wire.ts";

/** A message as the independent reader tells it: bytes and texts in hexadecimal, empty ones as "". */
interface Told {
  readonly type: number;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
  readonly states?: readonly Readonly<Record<string, string | number>>[];
  readonly payload?: string;
}

interface Vector {
  readonly channel: "packet" | "stream" | "stream-answer";
  readonly layers: readonly string[];
  readonly label?: string;
  readonly key?: string;
  readonly bytes: string;
  readonly messages: readonly Told[];
}

const folder = join(import.meta.dirname, "testdata");
const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "lzw.json");
const vectors = names.map((name) => [name, JSON.parse(readFileSync(join(folder, name), "utf8")) as Vector] as const);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const hexText = (text: string) => hex(new TextEncoder().encode(text));
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

function wireOf(vector: Vector, compression = false): Wire {
  const keyring = new Keyring(vector.key === undefined || vector.key === "" ? [] : [unhex(vector.key)]);
  const encryptionVersion = vector.layers.includes("encrypted0") ? 0 : 1;
  return createWire({ label: vector.label ?? "", keyring, compression, encryptionVersion });
}

function versionsHex(versions: Versions | undefined): string {
  return versions === undefined ? "" : hex(Uint8Array.from(Object.values(versions)));
}

function tellReport(report: MemberReport): Record<string, string | number> {
  return {
    Addr: hex(hostToBytes(report.host)),
    Incarnation: report.incarnation,
    Meta: hex(report.meta),
    Name: hexText(report.name),
    Port: report.port,
    State: MEMBER_STATES.indexOf(report.state),
    Vsn: versionsHex(report.versions),
  };
}

function tell(message: Message | StreamMessage, onStream: boolean): Told {
  const source =
    "sourceHost" in message
      ? {
          ...(message.sourceHost === "" ? {} : { SourceAddr: hex(hostToBytes(message.sourceHost)) }),
          ...(message.sourcePort === 0 ? {} : { SourcePort: message.sourcePort }),
          ...(message.sourceNode === "" ? {} : { SourceNode: hexText(message.sourceNode) }),
        }
      : {};
  switch (message.kind) {
    case "ping":
      return { type: 0, fields: { SeqNo: message.sequence, Node: hexText(message.node), ...source } };
    case "indirect-ping": {
      const { sequence, node, nack, targetHost, targetPort } = message;
      const target = { Target: hex(hostToBytes(targetHost)), Port: targetPort };
      return { type: 1, fields: { SeqNo: sequence, Node: hexText(node), Nack: nack, ...target, ...source } };
    }
    case "ack":
      return { type: 2, fields: { SeqNo: message.sequence, Payload: hex(message.payload) } };
    case "nack":
      return { type: 11, fields: { SeqNo: message.sequence } };
    case "suspect":
    case "dead": {
      const { incarnation, node, from } = message;
      const fields = { Incarnation: incarnation, Node: hexText(node), From: hexText(from) };
      return { type: message.kind === "dead" ? 5 : 3, fields };
    }
    case "alive": {
      const { incarnation, node, host, port, meta, versions } = message;
      const place = { Addr: hex(hostToBytes(host)), Port: port };
      const rest = { Meta: hex(meta), Vsn: versionsHex(versions) };
      return { type: 4, fields: { Incarnation: incarnation, Node: hexText(node), ...place, ...rest } };
    }
    case "user":
      return {
        type: 8,
        ...(onStream ? { fields: { UserMsgLen: message.payload.length } } : {}),
        payload: hex(message.payload),
      };
    case "error":
      return { type: 13, fields: { Error: hexText(message.message) } };
    case "push-pull": {
      const { reports, userState, join } = message;
      const fields = { Nodes: reports.length, UserStateLen: userState.length, Join: join };
      return { type: 6, fields, states: reports.map(tellReport), payload: hex(userState) };
    }
  }
}

function readStream(vector: Vector, chunkBytes: number): StreamMessage | undefined {
  const decoder = new StreamDecoder(wireOf(vector), vector.channel === "stream");
  const bytes = unhex(vector.bytes);
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const message = decoder.push(bytes.subarray(start, start + chunkBytes));
    if (message !== undefined) return message;
  }
  return undefined;
}

describe("vectors", () => {
  test("testdata: shows every message kind and every layer", () => {
    const types = new Set(vectors.flatMap(([, { messages }]) => messages.map(({ type }) => type)));
    expect([...types].sort((left, right) => left - right)).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 11, 13]);
    const layers = new Set(vectors.flatMap(([, vector]) => vector.layers));
    expect([...layers].sort()).toEqual(["checksum", "compound", "compressed", "encrypted0", "encrypted1", "label"]);
  });

  test.each(vectors.filter(([, { channel }]) => channel === "packet"))("decodePacket: reads %s", (_, vector) => {
    const packet = decodePacket(wireOf(vector), unhex(vector.bytes));
    expect(packet.dropped).toBe(0);
    expect(packet.messages.map((message) => tell(message, false))).toEqual([...vector.messages]);
  });

  test.each(vectors.filter(([, { channel }]) => channel !== "packet"))(
    "StreamDecoder: reads %s whole and by bytes",
    (_, vector) => {
      for (const chunkBytes of [1, 7, 1 << 20]) {
        const message = readStream(vector, chunkBytes);
        if (message === undefined) throw new Error("The stream ended without a message");
        const told = tell(message, true);
        const [wanted] = vector.messages;
        // An absent payload is an empty one.
        expect({ payload: "", ...told }).toEqual({ payload: "", ...wanted } as Told & { payload: string });
      }
    },
  );

  test.each(vectors)("encodePacket and encodeStream: write %s as the original does", (_, vector) => {
    const encrypted = vector.layers.some((layer) => layer.startsWith("encrypted"));
    const wire = wireOf(vector, vector.layers.includes("compressed"));
    let written: Uint8Array;
    if (vector.channel === "packet") {
      const { messages } = decodePacket(wireOf(vector), unhex(vector.bytes));
      written = encodePacket(wire, messages.map(encodeMessage), vector.layers.includes("checksum"));
    } else {
      const message = readStream(vector, 1 << 20);
      if (message === undefined) throw new Error("The stream ended without a message");
      written = encodeStream(wire, message, vector.channel === "stream");
    }
    // Encrypted bytes differ by their nonce, and on streams the original compresses even what gets longer by it.
    if (!encrypted && hex(written) === vector.bytes) return;
    expect(encrypted || (vector.layers.includes("compressed") && written.length < vector.bytes.length / 2)).toBe(true);
    if (encrypted && !vector.layers.includes("compressed")) expect(written.length).toBe(vector.bytes.length / 2);
    if (vector.channel === "packet") {
      expect(decodePacket(wire, written)).toEqual(decodePacket(wire, unhex(vector.bytes)));
    } else {
      const message = new StreamDecoder(wire, vector.channel === "stream").push(written);
      expect(message).toEqual(readStream(vector, 1 << 20));
    }
  });
});

describe("LZW", () => {
  const pairs = JSON.parse(readFileSync(join(folder, "lzw.json"), "utf8")) as {
    length: number;
    spread: number;
    packed: string;
  }[];

  test.each(pairs)(
    "lzwCompress and lzwExpand: agree with Go on $length bytes of $spread kinds",
    ({ length, spread, packed }) => {
      const input = new Uint8Array(length);
      let state = 1;
      for (let index = 0; index < length; index++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        input[index] = (state >>> 16) % spread;
      }
      expect(hex(lzwExpand(unhex(packed), length))).toBe(hex(input));
      expect(hex(lzwCompress(input))).toBe(packed);
    },
  );
});

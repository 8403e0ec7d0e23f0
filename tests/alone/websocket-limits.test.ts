/**
 * What Autobahn's suite does with long messages (group 9) and with compression (12 and 13), as our own frames, against a
 * node that echoes and compresses for those who can; and what is to be refused there.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

import { closing, frame, opcodes, RawWebSocket } from "../../src/kit/testing/raw-websocket.ts";
import { echoHandler, type SocketNode, startSocketNode } from "../../src/kit/testing/socket-node.ts";

const { binary, close, continuation, text } = opcodes;
const mebibyte = 1024 * 1024;
const extension = "Sec-WebSocket-Extensions";

let node: SocketNode;
beforeAll(async () => {
  node = await startSocketNode({
    sockets: { maxMessageBytes: 16 * mebibyte, maxWaitingBytes: 64 * mebibyte, idleSeconds: 120, deflate: true },
    handler: echoHandler,
  });
});
afterAll(() => node[Symbol.asyncDispose]());

const open = (offer?: string) =>
  RawWebSocket.open(`${node.url}/echo/`, offer === undefined ? {} : { [extension]: offer });

const answerTo = (peer: RawWebSocket) => /^sec-websocket-extensions: *(.*?)\r?$/im.exec(peer.head)?.[1];

/** As RFC 7692 wants it: without the last four bytes of a flush. */
const packed = (payload: Uint8Array) =>
  deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
const unpacked = (payload: Uint8Array) =>
  inflateRawSync(Buffer.concat([payload, Buffer.from("0000ffff", "hex")]), { finishFlush: constants.Z_SYNC_FLUSH });

/** Text that can be told from itself moved, and compresses somewhat. */
const prose = (sizeBytes: number) =>
  Buffer.from(Array.from({ length: sizeBytes / 8 }, (_, at) => (at * 7919).toString(36).padStart(8, "-")).join(""));

/** What a frame of the server takes. */
const framed = (sizeBytes: number) => sizeBytes + (sizeBytes < 126 ? 2 : sizeBytes < 65_536 ? 4 : 10);

/** Waits for the first message, at least so long, and gives it as it came. */
async function nextOf(peer: RawWebSocket, sizeBytes: number) {
  await peer.until("a message came", ({ bytes, isOver }) => isOver || bytes >= framed(sizeBytes));
  return peer.frames[0];
}

/** Sends frames; the code with which the server ended. */
async function endOf(frames: readonly Buffer[], offer?: string): Promise<number | undefined> {
  const peer = await open(offer);
  for (const one of frames) await peer.send(one);
  await peer.until("the server hung up", ({ isOver }) => isOver);
  const last = peer.frames.at(-1);
  expect(last?.opcode).toBe(close);
  return last?.payload.readUInt16BE();
}

describe("websockets, long messages", () => {
  for (const opcode of [text, binary]) {
    const kind = opcode === text ? "text" : "bytes";
    for (const kibibytes of [64, 256, 1024, 4096, 8192, 16_384]) {
      test(`9.${opcode} ${kind}: ${kibibytes} KiB`, async () => {
        const payload = prose(kibibytes * 1024);
        const peer = await open();
        await peer.send(frame(opcode, payload));
        const heard = await nextOf(peer, payload.length);
        expect([heard?.opcode, heard?.payload.equals(payload)]).toEqual([opcode, true]);
        peer.socket.destroy();
      });
    }
    for (const sizeBytes of [64, 256, 1024, 4096, 65_536, 4 * mebibyte]) {
      test(`9.${opcode + 2} ${kind}: 4 MiB in fragments of ${sizeBytes}`, async () => {
        const payload = prose(4 * mebibyte);
        const peer = await open();
        const pieces: Buffer[] = [];
        for (let at = 0; at < payload.length; at += sizeBytes) {
          const isLast = at + sizeBytes >= payload.length;
          pieces.push(frame(at === 0 ? opcode : continuation, payload.subarray(at, at + sizeBytes), { isLast }));
        }
        await peer.send(Buffer.concat(pieces));
        const heard = await nextOf(peer, payload.length);
        expect([heard?.opcode, heard?.payload.equals(payload)]).toEqual([opcode, true]);
        peer.socket.destroy();
      });
    }
    for (const pieceBytes of [64, 128, 256, 512, 1024, 2048]) {
      test(`9.${opcode + 4} ${kind}: 1 MiB in chops of ${pieceBytes}`, async () => {
        const payload = prose(mebibyte);
        const peer = await open();
        await peer.send(frame(opcode, payload), pieceBytes);
        const heard = await nextOf(peer, payload.length);
        expect([heard?.opcode, heard?.payload.equals(payload)]).toEqual([opcode, true]);
        peer.socket.destroy();
      });
    }
    for (const sizeBytes of [0, 16, 64, 256, 1024, 4096]) {
      test(`9.${opcode + 6} ${kind}: 300 times ${sizeBytes} bytes, one after the other`, async () => {
        const peer = await open();
        const payload = prose(sizeBytes);
        for (let count = 1; count <= 300; count++) {
          await peer.send(frame(opcode, payload));
          const wanted = count * framed(sizeBytes);
          await peer.until("the echo came", ({ bytes }) => bytes >= wanted);
          expect(peer.bytes).toBe(wanted);
        }
        expect(peer.frames.every((heard) => heard.payload.equals(payload))).toBe(true);
        peer.socket.destroy();
      });
    }
  }

  test("a message one byte longer than allowed ends the connection, whole or in fragments", async () => {
    const much = prose(16 * mebibyte);
    expect(await endOf([frame(text, Buffer.concat([much, Buffer.from("!")]))])).toBe(1009);
    expect(await endOf([frame(text, much, { isLast: false }), frame(continuation, "!")])).toBe(1009);
  });
});

describe("websockets, compression", () => {
  const none = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
  /** Windows other than the widest are not to be had; who insists goes without compression. */
  const offers: [offer: string, answer: string | undefined][] = [
    ["permessage-deflate", none],
    ["permessage-deflate; client_no_context_takeover", none],
    ["permessage-deflate; server_no_context_takeover", none],
    ["permessage-deflate; client_no_context_takeover; server_no_context_takeover", none],
    ["permessage-deflate; client_max_window_bits", none],
    ["permessage-deflate; client_max_window_bits=9", none],
    ["permessage-deflate; server_no_context_takeover; client_max_window_bits", none],
    ["permessage-deflate; server_max_window_bits=15", `${none}; server_max_window_bits=15`],
    ["permessage-deflate; server_max_window_bits=9", undefined],
    ["permessage-deflate; server_max_window_bits=9, permessage-deflate", none],
    ["permessage-deflate; server_max_window_bits=7", undefined],
    ["permessage-deflate; client_max_window_bits=16", undefined],
    ["permessage-deflate; server_no_context_takeover=1", undefined],
    ["permessage-deflate; server_no_context_takeover; server_no_context_takeover", undefined],
    ["permessage-deflate; nonsense", undefined],
    ["x-webkit-deflate-frame", undefined],
    ["nonsense", undefined],
  ];
  for (const [offer, answer] of offers) {
    test(`13 offered: ${offer}`, async () => {
      const peer = await open(offer);
      expect(peer.head).toStartWith("HTTP/1.1 101");
      expect(answerTo(peer)).toBe(answer);
      const payload = prose(1024);
      await peer.send(answer === undefined ? frame(text, payload) : frame(text, packed(payload), { reserved: 4 }));
      const heard = await nextOf(peer, 100);
      expect(heard?.reserved).toBe(answer === undefined ? 0 : 4);
      if (heard) expect(answer === undefined ? heard.payload : unpacked(heard.payload)).toEqual(payload);
      peer.socket.destroy();
    });
  }

  for (const sizeBytes of [16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072]) {
    test(`12 messages of ${sizeBytes} bytes, whole and in fragments, each packed by itself`, async () => {
      const peer = await open("permessage-deflate");
      const payload = prose(sizeBytes);
      const [small, half] = [packed(payload), packed(payload).length >> 1];
      const heard: Buffer[] = [];
      for (let count = 1; count <= 20; count++) {
        if (count % 2 === 0) await peer.send(frame(text, small, { reserved: 4 }));
        else {
          await peer.send(frame(text, small.subarray(0, half), { isLast: false, reserved: 4 }));
          await peer.send(frame(continuation, small.subarray(half)));
        }
        await peer.until("the echo came", ({ frames }) => frames.length === count);
        const last = peer.frames.at(-1);
        heard.push(last?.reserved === 4 ? unpacked(last.payload) : (last?.payload ?? Buffer.alloc(0)));
      }
      expect(heard.every((one) => one.equals(payload))).toBe(true);
      peer.socket.destroy();
    });
  }

  const wrong: Record<string, [frames: Buffer[], code: number]> = {
    "what is not packed": [[frame(text, Buffer.alloc(5, 0xff), { reserved: 4 })], 1007],
    "packed text that is no UTF-8": [[frame(text, packed(Buffer.from([0xff])), { reserved: 4 })], 1007],
    "other reserved bits": [[frame(text, "x", { reserved: 2 })], 1002],
    "a packed ping": [[frame(opcodes.ping, packed(Buffer.from("x")), { reserved: 4 })], 1002],
    "packed in the middle of a message": [
      [frame(text, "x", { isLast: false }), frame(continuation, packed(Buffer.from("y")), { reserved: 4 })],
      1002,
    ],
    "little that unpacks to more than is allowed": [
      [frame(binary, packed(Buffer.alloc(64 * mebibyte)), { reserved: 4 })],
      1009,
    ],
  };
  for (const [name, [frames, code]] of Object.entries(wrong)) {
    test(`refused: ${name}`, async () => {
      expect(await endOf(frames, "permessage-deflate")).toBe(code);
    });
  }

  test("refused: packed, where nobody spoke of it; and nobody has to pack", async () => {
    expect(await endOf([frame(text, packed(Buffer.from("x")), { reserved: 4 })])).toBe(1002);
    const peer = await open("permessage-deflate");
    await peer.send(frame(text, "plain"));
    await peer.send(frame(text, Buffer.from([0]), { reserved: 4 }));
    await peer.send(frame(close, closing(1000)));
    await peer.until("the server hung up", ({ isOver }) => isOver);
    const [plain, empty] = peer.frames;
    expect(unpacked(plain?.payload ?? Buffer.alloc(0)).toString()).toBe("plain");
    expect(empty?.payload).toHaveLength(0);
  });
});

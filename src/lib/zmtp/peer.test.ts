import { expect, test } from "bun:test";

import { curveKeys } from "./curve.ts";
import { frameOf } from "./frame.ts";
import type { SocketType } from "./greeting.ts";
import { settle, type SocketOptions } from "./options.ts";
import { Peer } from "./peer.ts";

/** A peer on a wire that takes so many bytes and then no more. */
function peerOf(options: Partial<SocketOptions> = {}, takesBytes = Number.POSITIVE_INFINITY, type: SocketType = "REP") {
  let nowMs = 0;
  let left = takesBytes;
  const ends: string[] = [];
  const clock = { monotonicMs: () => nowMs, schedule: () => () => {} };
  const wire = {
    write(bytes: Uint8Array) {
      const taken = Math.min(left, bytes.length);
      left -= taken;
      return taken;
    },
    end() {},
    terminate() {},
    pause() {},
    resume() {},
  };
  const peer = new Peer(type, "test", wire, settle({ clock, random: () => 0.5, ...options }), {
    ready() {},
    message() {},
    subscription() {},
    room() {},
    ended: (_peer, error) => void ends.push(error?.message ?? ""),
  });
  peer.start();
  return { peer, ends, pass: (ms: number) => (nowMs += ms) };
}

const latin = (text: string) => Buffer.from(text, "latin1");
const signature = "\xff\0\0\0\0\0\0\0\x01\x7f";
const greeting = (mechanism = "NULL") => `${signature}\x03\x01${mechanism.padEnd(20, "\0")}\0${"\0".repeat(31)}`;
const command = (body: string) => frameOf("v2", latin(body), false, true);
const ready = command("\x05READY\x0bSocket-Type\0\0\0\x03REQ");
/** The head of a frame that says it has 1 MiB. */
const longHead = (flags: number) => Buffer.from([flags | 2, 0, 0, 0, 0, 0, 0x10, 0, 0]);

test("receive: who pings without end and takes no answer is dropped before it fills the memory", () => {
  const { ends, peer } = peerOf({ highWaterMark: 100 }, 300);
  peer.receive(Buffer.concat([latin(greeting()), ready]));
  const pings = Buffer.concat(Array.from({ length: 50 }, () => command("\x04PING\0\0")));
  for (let round = 0; round < 100 && ends.length === 0; round++) {
    peer.receive(pings);
    peer.drained();
  }
  expect(ends).toEqual(["It asks for more than it takes"]);
});

test("receive: before the handshake is done no frame may be long, whatever messages may be", () => {
  const keys = curveKeys();
  const curve = { mechanism: "CURVE", role: "server", ...keys, check: () => true } as const;
  for (const [security, start, flags] of [
    [{ mechanism: "NULL" }, latin(greeting()), 4],
    [curve, latin(greeting("CURVE")), 4],
    // 2.0, whose identity comes first.
    [{ mechanism: "NULL" }, latin(`${signature}\x01\x03`), 0],
  ] as const) {
    const { ends, peer } = peerOf({ security, maxMessageBytes: 16 << 20 });
    peer.receive(start);
    expect(ends).toEqual([]);
    peer.receive(longHead(flags));
    expect(ends).toEqual([expect.stringContaining("is longer than")]);
  }
  const { ends, peer } = peerOf({ maxMessageBytes: 16 << 20 });
  peer.receive(Buffer.concat([latin(greeting()), ready, longHead(0)]));
  expect(ends).toEqual([]);
});

test("look: one whose bytes we do not take is not taken for silent", () => {
  const { ends, pass, peer } = peerOf({ heartbeatMs: 1000 });
  peer.receive(Buffer.concat([latin(greeting()), ready]));
  peer.hold(true);
  pass(60_000);
  peer.look(60_000);
  expect(ends).toEqual([]);
  peer.hold(false);
  peer.look(60_000);
  expect(ends).toEqual([]);
  pass(3001);
  peer.look(63_001);
  expect(ends).toEqual(["Nothing heard for 3001 ms"]);
});

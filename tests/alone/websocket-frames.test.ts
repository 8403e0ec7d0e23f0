/**
 * The conversations of Autobahn's test suite (fuzzing client, 1 to 7 and 10) as our own frames, by its numbers, against a
 * node that echoes. The server is the runtime's, as everywhere here; what it must do is RFC 6455's.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { closing, frame, opcodes, RawWebSocket } from "../../src/kit/testing/raw-websocket.ts";
import { echoHandler, type SocketNode, startSocketNode } from "../../src/kit/testing/socket-node.ts";

const { binary, close, continuation, ping, pong, text } = opcodes;
const hello = "Hello, world!";
const mebibyte = 1024 * 1024;

let node: SocketNode;
beforeAll(async () => {
  node = await startSocketNode({
    sockets: { maxMessageBytes: mebibyte, maxWaitingBytes: 16 * mebibyte, idleSeconds: 120, deflate: false },
    handler: echoHandler,
  });
});
afterAll(() => node[Symbol.asyncDispose]());

/** What comes back: frames without the last, which is the close, and its code; undefined for a close without one. */
interface Answer {
  frames: [opcode: number, payload: string][];
  code: number | undefined;
}

/** Sends frames, then a close; what came until the server hung up. Payloads in hex. */
async function converse(frames: readonly Buffer[], pieceBytes?: number): Promise<Answer> {
  const peer = await RawWebSocket.open(`${node.url}/echo/`);
  for (const one of frames) await peer.send(one, pieceBytes ?? one.length);
  if (!peer.isOver) await peer.send(frame(close, closing(1000)));
  await peer.until("the server hung up", ({ isOver }) => isOver);
  const heard = peer.frames;
  const last = heard.pop();
  expect([last?.opcode, last?.isLast, last?.reserved]).toEqual([close, true, 0]);
  expect(heard.every(({ isLast, reserved }) => isLast && reserved === 0)).toBe(true);
  return {
    frames: heard.map(({ opcode, payload }) => [opcode, payload.toString("hex")]),
    code: last && last.payload.length >= 2 ? last.payload.readUInt16BE() : undefined,
  };
}

/** The same, as it should be. */
const answered = (code: number | undefined, ...frames: [number, Uint8Array | string][]): Answer => ({
  code,
  frames: frames.map(([opcode, payload]) => [opcode, Buffer.from(payload).toString("hex")]),
});

/** A message in so many fragments, each of so many bytes. */
function fragments(opcode: number, payload: Uint8Array, sizeBytes: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += sizeBytes) {
    const isLast = at + sizeBytes >= payload.length;
    found.push(frame(at === 0 ? opcode : continuation, payload.subarray(at, at + sizeBytes), { isLast }));
  }
  return found;
}

const begin = (payload: string) => frame(text, payload, { isLast: false });
const more = (payload: string) => frame(continuation, payload, { isLast: false });
const end = (payload: string) => frame(continuation, payload);

type Case = [name: string, frames: Buffer[], wanted: Answer, pieceBytes?: number];

const tooShort = answered(1002);
const sizes = [0, 125, 126, 127, 128, 65_535, 65_536];
const pings = Array.from({ length: 10 }, (_, at) => `payload-${at}`);
const ten: [number, string][] = pings.map((payload) => [pong, payload]);
const halves = [begin("fragment1"), end("fragment2")];
const whole: [number, string] = [text, "fragment1fragment2"];
const between = [begin("fragment1"), frame(ping, "ping payload"), end("fragment2")];
const five = [
  begin("fragment1"),
  more("fragment2"),
  frame(ping, "pongme 1!"),
  more("fragment3"),
  more("fragment4"),
  frame(ping, "pongme 2!"),
  end("fragment5"),
];
const fiveAnswered = answered(
  1000,
  [pong, "pongme 1!"],
  [pong, "pongme 2!"],
  [text, "fragment1fragment2fragment3fragment4fragment5"],
);

/** A message, then the same with a fault in it, then a ping that nobody answers any more. */
const spoilt = (wrong: Buffer) => [frame(text, hello), wrong, frame(ping)];
const spoiltAnswered = answered(1002, [text, hello]);

const framing: Case[] = [
  ...sizes.flatMap((size, at): Case[] => {
    const [words, bytes] = ["*".repeat(size), Buffer.alloc(size, 0xfe)];
    return [
      [`1.1.${at + 1} text of ${size}`, [frame(text, words)], answered(1000, [text, words])],
      [`1.2.${at + 1} bytes, ${size}`, [frame(binary, bytes)], answered(1000, [binary, bytes])],
    ];
  }),
  ["1.1.8 text in chops", [frame(text, "*".repeat(65_536))], answered(1000, [text, "*".repeat(65_536)]), 997],
  [
    "1.2.8 bytes in chops",
    [frame(binary, Buffer.alloc(65_536, 0xfe))],
    answered(1000, [binary, Buffer.alloc(65_536, 0xfe)]),
    997,
  ],
];

const pinging: Case[] = [
  ["2.1 a ping without payload", [frame(ping)], answered(1000, [pong, ""])],
  ["2.2 with text", [frame(ping, hello)], answered(1000, [pong, hello])],
  ["2.3 with bytes", [frame(ping, Buffer.from("00ff", "hex"))], answered(1000, [pong, Buffer.from("00ff", "hex")])],
  ["2.4 of 125", [frame(ping, Buffer.alloc(125, 0xfe))], answered(1000, [pong, Buffer.alloc(125, 0xfe)])],
  ["2.5 of 126", [frame(ping, Buffer.alloc(126, 0xfe))], tooShort],
  ["2.6 of 125, by octets", [frame(ping, Buffer.alloc(125, 0xfe))], answered(1000, [pong, Buffer.alloc(125, 0xfe)]), 1],
  ["2.7 a pong nobody asked for", [frame(pong)], answered(1000)],
  ["2.8 the same with payload", [frame(pong, "unasked")], answered(1000)],
  ["2.9 and a ping", [frame(pong, "unasked"), frame(ping, "ping payload")], answered(1000, [pong, "ping payload"])],
  ["2.10 ten pings", pings.map((payload) => frame(ping, payload)), answered(1000, ...ten)],
  ["2.11 ten pings by octets", pings.map((payload) => frame(ping, payload)), answered(1000, ...ten), 1],
];

const reserved: Case[] = [
  ["3.1 reserved 1", [frame(text, hello, { reserved: 1 })], answered(1002)],
  ["3.2 reserved 2, after a message", spoilt(frame(text, hello, { reserved: 2 })), spoiltAnswered],
  ["3.3 reserved 3", spoilt(frame(text, hello, { reserved: 3 })), spoiltAnswered],
  ["3.4 reserved 4, by octets", spoilt(frame(text, hello, { reserved: 4 })), spoiltAnswered, 1],
  ["3.5 reserved 5, bytes", [frame(binary, "\0\xff", { reserved: 5 })], answered(1002)],
  ["3.6 reserved 6, ping", [frame(ping, hello, { reserved: 6 })], answered(1002)],
  ["3.7 reserved 7, close", [frame(close, closing(1000), { reserved: 7 })], answered(1002)],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode, at): Case => {
    const name = `4.${at < 5 ? 1 : 2}.${(at % 5) + 1} opcode ${opcode}`;
    const wrong = frame(opcode, at % 5 === 0 || at % 5 === 2 ? "" : "reserved opcode payload");
    return at % 5 < 2 ? [name, [wrong], answered(1002)] : [name, spoilt(wrong), spoiltAnswered];
  }),
];

const nothing = [frame(continuation, "non-continuation payload"), frame(text, hello)];
const nothingYet = [frame(continuation, "non-continuation payload", { isLast: false }), frame(text, hello)];

const fragmenting: Case[] = [
  ["5.1 a ping in two", [frame(ping, "fragment1", { isLast: false }), end("fragment2")], answered(1002)],
  ["5.2 a pong in two", [frame(pong, "fragment1", { isLast: false }), end("fragment2")], answered(1002)],
  ["5.3 text in two", [Buffer.concat(halves)], answered(1000, whole)],
  ["5.4 frame by frame", halves, answered(1000, whole)],
  ["5.5 by octets", halves, answered(1000, whole), 1],
  ["5.6 a ping between", [Buffer.concat(between)], answered(1000, [pong, "ping payload"], whole)],
  ["5.7 frame by frame", between, answered(1000, [pong, "ping payload"], whole)],
  ["5.8 by octets", between, answered(1000, [pong, "ping payload"], whole), 1],
  ["5.9 goes on with nothing", [Buffer.concat(nothing)], answered(1002)],
  ["5.10 frame by frame", nothing, answered(1002)],
  ["5.11 by octets", nothing, answered(1002), 1],
  ["5.12 goes on with nothing, and more to come", [Buffer.concat(nothingYet)], answered(1002)],
  ["5.13 frame by frame", nothingYet, answered(1002)],
  ["5.14 by octets", nothingYet, answered(1002), 1],
  ["5.15 a message, then nothing to go on with", [...halves, more("fragment3"), begin("4")], answered(1002, whole)],
  ["5.16 twice", [more("1"), begin("2"), end("3"), more("1"), begin("2"), end("3")], answered(1002)],
  ["5.17 twice, each the last", [end("1"), begin("2"), end("3"), end("1"), begin("2"), end("3")], answered(1002)],
  ["5.18 begins twice", [begin("fragment1"), frame(text, "fragment2")], answered(1002)],
  ["5.19 five fragments, pings between", five, fiveAnswered],
  ["5.20 by octets", five, fiveAnswered, 1],
];

const words = Buffer.from("Hello-µ@ßöäüàá-UTF-8!!");
const kosme = Buffer.from("cebae1bdb9cf83cebcceb5", "hex");
const broken = Buffer.from("cebae1bdb9cf83cebcceb5eda080656469746564", "hex");
const inHex = (list: string) => list.split(" ").map((hex) => Buffer.from(hex, "hex"));
const continuations = Array.from({ length: 64 }, (_, at) => (0x80 + at).toString(16)).join("");
const lonely = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `${(from + at).toString(16)}20`).join("");
const unfinished = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf";

/** Kuhn's sheet: sequences that are right, and those that are not. */
const sheet: [group: string, isRight: boolean, list: string][] = [
  ["6.5", true, "68656c6c6f24776f726c64 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64 f0a4ada2"],
  ["6.7 first of a length", true, "00 c280 e0a080 f0908080"],
  ["6.8 first of five and six", false, "f888808080 fc8480808080"],
  ["6.9 last of a length", true, "7f dfbf efbfbf f48fbfbf"],
  ["6.10 last, too far", false, "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"],
  ["6.11 at the edges", true, "ed9fbf ee8080 efbfbd f48fbfbf"],
  ["6.11.5 beyond the edge", false, "f4908080"],
  ["6.12 continuations", false, `80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf ${continuations}`],
  [
    "6.13 lonely beginnings",
    false,
    [0xc0, 0xe0, 0xf0, 0xf8, 0xfc, 0xfe]
      .slice(0, 5)
      .map((from, at) => lonely(from, [0xe0, 0xf0, 0xf8, 0xfc, 0xfe][at] ?? from))
      .join(" "),
  ],
  ["6.14 the last byte missing", false, unfinished],
  ["6.15 all of these in one", false, unfinished.replaceAll(" ", "")],
  ["6.16 impossible bytes", false, "fe ff fefeffff"],
  ["6.17 a slash, too long", false, "c0af e080af f08080af f8808080af fc80808080af"],
  ["6.18 the longest too long", false, "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"],
  ["6.19 NUL, too long", false, "c080 e08080 f0808080 f880808080 fc8080808080"],
  ["6.20 surrogates", false, "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf"],
  [
    "6.21 surrogates in pairs",
    false,
    "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf",
  ],
];
const plane = (at: number, low: number) => Buffer.from(String.fromCodePoint(at * 0x1_0000 + low)).toString("hex");
const nobody = Array.from({ length: 17 }, (_, at) => `${plane(at, 0xfffe)} ${plane(at, 0xffff)}`).join(" ");
sheet.push(["6.22 no characters", true, nobody]);
sheet.push([
  "6.23 specials",
  true,
  [0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff].map((low) => plane(0, 0xff00 + low)).join(" "),
]);

const unicode: Case[] = [
  ["6.1.1 no text", [frame(text)], answered(1000, [text, ""])],
  ["6.1.2 three times none", [begin(""), more(""), end("")], answered(1000, [text, ""])],
  [
    "6.1.3 some between none",
    [begin(""), more("middle frame payload"), end("")],
    answered(1000, [text, "middle frame payload"]),
  ],
  ["6.2.1 whole", [frame(text, words)], answered(1000, [text, words])],
  ["6.2.2 between characters", fragments(text, words, 12), answered(1000, [text, words])],
  ["6.2.3 fragments of an octet", fragments(text, words, 1), answered(1000, [text, words])],
  ["6.2.4 the same in Greek", fragments(text, kosme, 1), answered(1000, [text, kosme])],
  ["6.3.1 wrong in the middle", [frame(text, broken)], answered(1007)],
  ["6.3.2 in fragments of an octet", fragments(text, broken, 1), answered(1007)],
  [
    "6.4.1 wrong in the second of three",
    [
      frame(text, kosme, { isLast: false }),
      frame(continuation, Buffer.from("f4908080", "hex"), { isLast: false }),
      end("edited"),
    ],
    answered(1007),
  ],
  [
    "6.4.2 right up to an octet that cannot be",
    [
      frame(text, kosme, { isLast: false }),
      frame(continuation, Buffer.from("f490", "hex"), { isLast: false }),
      frame(continuation, Buffer.from("8080", "hex")),
    ],
    answered(1007),
  ],
  [
    "6.4.3 in chops",
    [frame(text, Buffer.concat([kosme, Buffer.from("f4908080", "hex"), Buffer.from("edited")]))],
    answered(1007),
    17,
  ],
  [
    "6.4.4 in other chops",
    [frame(text, Buffer.concat([kosme, Buffer.from("f4908080", "hex"), Buffer.from("edited")]))],
    answered(1007),
    19,
  ],
  ...Array.from({ length: 11 }, (_, at): Case => {
    const part = kosme.subarray(0, at + 1);
    const isRight = [2, 5, 7, 9, 11].includes(part.length);
    return [`6.6.${at + 1} cut off`, [frame(text, part)], isRight ? answered(1000, [text, part]) : answered(1007)];
  }),
  ...sheet.flatMap(([group, isRight, list]) =>
    inHex(list).map((bytes, at): Case => [
      `${group}, ${at + 1}`,
      [frame(text, bytes)],
      isRight ? answered(1000, [text, bytes]) : answered(1007),
    ]),
  ),
];

const long = "BAsd7&jh23".repeat(26_214);
const bye = (code: number) => frame(close, closing(code));
const ending: Case[] = [
  ["7.1.1 a message, then the end", [frame(text, hello), bye(1000)], answered(1000, [text, hello])],
  ["7.1.2 two ends", [bye(1000), bye(1000)], answered(1000)],
  ["7.1.3 a ping after the end", [bye(1000), frame(ping)], answered(1000)],
  ["7.1.4 text after the end", [bye(1000), frame(text, hello)], answered(1000)],
  ["7.1.5 a fragment after the end", [begin("fragment1"), bye(1000), end("fragment2")], answered(1000)],
  ["7.1.6 a long message, the end, a ping", [frame(text, long), bye(1000), frame(ping)], answered(1000, [text, long])],
  ["7.3.1 no code", [frame(close)], answered(undefined)],
  ["7.3.2 half a code", [frame(close, "a")], answered(1002)],
  ["7.3.3 a code", [bye(1000)], answered(1000)],
  ["7.3.4 a reason", [frame(close, closing(1000, hello))], answered(1000)],
  ["7.3.5 the longest reason", [frame(close, closing(1000, "*".repeat(123)))], answered(1000)],
  ["7.3.6 a longer one", [frame(close, closing(1000, "*".repeat(124)))], answered(1002)],
  ["7.5.1 a reason that is no UTF-8", [frame(close, closing(1000, broken))], answered(1007)],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map((code, at): Case => [
    `7.7.${at + 1} code ${code}`,
    [bye(code)],
    answered(code),
  ]),
  ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535].map((code, at): Case => [
    `7.${at < 9 ? "9" : "13"}.${at < 9 ? at + 1 : at - 8} code ${code}`,
    [bye(code)],
    answered(1002),
  ]),
  [
    "10.1.1 fragments of 1300",
    fragments(text, Buffer.alloc(65_536, "*"), 1300),
    answered(1000, [text, "*".repeat(65_536)]),
  ],
];

for (const [group, cases] of Object.entries({ framing, pinging, reserved, fragmenting, unicode, ending })) {
  describe(`websockets, ${group}`, () => {
    for (const [name, frames, wanted, pieceBytes] of cases) {
      test(name, async () => {
        expect(await converse(frames, pieceBytes)).toEqual(wanted);
      });
    }
  });
}

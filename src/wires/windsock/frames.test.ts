/** The frames of RFC 6455 as a client may, and may not, send them; after the groups of Autobahn's cases. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { until } from "../../kit/testing/child-node.ts";
import { frame, opcodes, RawWebSocket } from "../../kit/testing/raw-websocket.ts";
import { freshToken, listen, startWindsock, type WindsockNode } from "./node-fixture.ts";

const { binary, close, ping, pong, text } = opcodes;

/** A connection by hand. */
async function open(node: WindsockNode) {
  const state = await RawWebSocket.open(`${node.url}/socket/?token=${freshToken("client", "nowhere", "room")}`);
  return { socket: state.socket, state };
}

test("frames: what is right is taken, whole, however it is cut", async () => {
  await using node = await startWindsock({ max_message: "1MiB" });
  const ear = await listen(node.url, { token: freshToken("ear", "room") });
  const content = (one: string) => (JSON.parse(one) as { content: string }).content;
  let count = 0;
  const long = "é".repeat(40_000);
  const cases: [Buffer[], string][] = [
    [[frame(text, "hello")], "hello"],
    [[frame(text, "")], ""],
    [[frame(text, "x".repeat(125))], "x".repeat(125)],
    [[frame(text, "x".repeat(126))], "x".repeat(126)],
    [[frame(text, "x".repeat(65_535))], "x".repeat(65_535)],
    [[frame(text, "x".repeat(65_536))], "x".repeat(65_536)],
    [[frame(binary, new Uint8Array([0, 97]))], "\0a"],
    [[frame(text, "a", { isLast: false }), frame(0, "", { isLast: false }), frame(0, "b")], "ab"],
    // A character in two fragments, and a ping between them.
    [
      [
        frame(text, Buffer.from("é").subarray(0, 1), { isLast: false }),
        frame(ping, "x"),
        frame(0, Buffer.from("é").subarray(1)),
      ],
      "é",
    ],
    [[frame(pong, "nobody asked"), frame(text, "after a pong")], "after a pong"],
    [[frame(text, long)], long],
  ];
  const { socket } = await open(node);
  for (const [frames, wanted] of cases) {
    for (const one of frames) socket.write(one);
    count++;
    expect(content((await ear.until(count)).at(-1) ?? "")).toBe(wanted);
  }
  const bytes = frame(text, "byte by byte");
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  count++;
  expect(content((await ear.until(count)).at(-1) ?? "")).toBe("byte by byte");
  socket.write(Buffer.concat(Array.from({ length: 500 }, (_, at) => frame(text, String(at)))));
  expect((await ear.until(count + 500)).slice(count).map(content)).toEqual(
    Array.from({ length: 500 }, (_, at) => String(at)),
  );
  socket.destroy();
});

test("frames: a ping is answered with what it held, and a close with a close", async () => {
  await using node = await startWindsock();
  const { socket, state } = await open(node);
  socket.write(frame(ping, "are you there"));
  await until("a pong came", () => state.got.includes("are you there"));
  expect(state.got[0]).toBe(0x80 | pong);
  const before = state.got.length;
  socket.write(frame(close, Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from("bye")])));
  await until("it is over", () => state.isOver);
  expect(state.got.subarray(before, before + 4)).toEqual(Buffer.from([0x88, 5, 0x03, 0xe8]));
});

test("frames: what is wrong ends the connection, and nothing of it is published", async () => {
  await using node = await startWindsock({ max_message: "1KiB" });
  const ear = await listen(node.url, { token: freshToken("ear", "room") });
  const wrong: Record<string, Buffer[]> = {
    "not masked": [frame(text, "x", { isMasked: false })],
    "reserved bit": [frame(text, "x", { reserved: 4 })],
    "reserved bits": [frame(text, "x", { reserved: 3 })],
    "unknown opcode": [frame(3, "x")],
    "unknown control opcode": [frame(11, "x")],
    "long ping": [frame(ping, "x".repeat(126))],
    "fragmented ping": [frame(ping, "x", { isLast: false })],
    "continuation of nothing": [frame(0, "x")],
    "beginning within a message": [frame(text, "a", { isLast: false }), frame(text, "b")],
    "text that is no UTF-8": [frame(text, new Uint8Array([0xce, 0xba, 0xe1, 0xff]))],
    "text that ends in the middle": [frame(text, Buffer.from("é").subarray(0, 1))],
    "longer than allowed": [frame(text, "x".repeat(1025))],
    "said to be huge": [frame(text, "x", { length: 2 ** 40 })],
    "too long in all": [frame(text, "x".repeat(800), { isLast: false }), frame(0, "x".repeat(800))],
  };
  for (const [name, frames] of Object.entries(wrong)) {
    const { socket, state } = await open(node);
    for (const one of frames) socket.write(one);
    await until(`it is over: ${name}`, () => state.isOver);
  }
  const { socket } = await open(node);
  socket.write(frame(text, "still well"));
  expect(await ear.until(1)).toEqual(['{"address":"room","content":"still well"}']);
  socket.destroy();
});

test("frames: whatever comes, the others go on", async () => {
  await using node = await startWindsock({ max_message: "1KiB" });
  const ear = await listen(node.url, { token: freshToken("ear", "hall") });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const { socket, state } = await open(node);
      socket.end(bytes);
      await until("it is over", () => state.isOver);
    }),
    { numRuns: 60 },
  );
  const speaker = await listen(node.url, { token: freshToken("speaker", "hall") });
  speaker.socket.send("still well");
  expect(await ear.until(1)).toEqual(['{"address":"hall.speaker","content":"still well"}']);
});

test("frames: a client whose line is dead, so that not even a ping is answered, is gone after a while; others stay", async () => {
  await using node = await startWindsock({ idle: "8s" });
  const ear = await listen(node.url, { token: freshToken("ear", "room") });
  // It takes what comes and answers nothing, as if its program had stopped.
  const { socket, state } = await open(node);
  const figures = async () => (await (await fetch(`${node.url}/debug/vars`)).json()) as { NumClients: number };
  expect((await figures()).NumClients).toBe(2);
  await until("it is gone", async () => (await figures()).NumClients === 1);
  await until("its line is closed", () => state.isOver);
  // It was asked before it was given up.
  expect(state.got[0]).toBe(0x80 | ping);
  expect(ear.socket.readyState).toBe(WebSocket.OPEN);
  socket.destroy();
}, 120_000);

/** The machine's dial against servers that flood, and end in different ways. */
import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";

import { systemDial } from "./dial.ts";

async function dialled(serve: (socket: Socket) => void, begun = () => {}) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const sizes: number[] = [];
  let turns = 0;
  let turnsAtEnd = 0;
  let isOver = false;
  const beat = () => {
    turns++;
    if (!isOver) setImmediate(beat);
  };
  const reason = await new Promise<string>((resolve, reject) => {
    const events = {
      data(chunk: Uint8Array) {
        if (sizes.length === 0) {
          setImmediate(beat);
          begun();
        }
        sizes.push(chunk.length);
        turnsAtEnd = turns;
      },
      closed: resolve,
    };
    systemDial({ verify: true })({ host: "127.0.0.1", port, isSecure: false }, events).catch(reject);
  });
  isOver = true;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), largest: Math.max(...sizes), reason, turns: turnsAtEnd };
}

test("systemDial: a flood is taken in portions, between which others have their turns, and whole before the end", async () => {
  const flood = Buffer.alloc(2 << 20, "x");
  const { bytes, largest, reason, turns } = await dialled((socket) => socket.end(flood));
  expect({ bytes, reason }).toEqual({ bytes: flood.length, reason: "the server closed the connection" });
  expect(largest).toBeLessThanOrEqual(4096);
  expect(turns).toBeGreaterThan(flood.length / 4096 / 4);
});

test("systemDial: what came before a reset is told before it", async () => {
  let server: Socket | undefined;
  const { bytes, reason } = await dialled(
    (socket) => {
      server = socket;
      socket.write(Buffer.alloc(20_000, "x"));
    },
    () => server?.resetAndDestroy(),
  );
  // More than the one portion that was told when the reset came.
  expect(bytes).toBeGreaterThan(4096);
  expect(reason).not.toBe("");
});

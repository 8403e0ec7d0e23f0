import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";

import { until } from "../../kit/testing/child-node.ts";
import { listenLines } from "./listen-stream.ts";

test("listenLines: unfinished lines of very many senders fill a bounded memory, and whole ones come through", async () => {
  const taken: string[] = [];
  let tooLong = 0;
  const listener = await listenLines(
    { host: "127.0.0.1", port: 0 },
    { take: (packet) => void taken.push(packet.toString()), tooLong: () => void tooLong++ },
    1024 * 1024,
  );
  const open = () => {
    const socket = connect({ host: "127.0.0.1", port: listener.port ?? 0 });
    socket.on("error", () => undefined);
    sockets.push(socket);
    return socket;
  };
  const sockets: Socket[] = [];
  try {
    const half = "x".repeat(65_000);
    for (let at = 0; at < 40; at++) open().write(half);
    await until("some were given up", () => tooLong > 0);
    expect(taken).toEqual([]);
    open().write("a:1|c\n");
    await until("a whole line came", () => taken.length > 0);
    expect(taken).toEqual(["a:1|c\n"]);
    // One that was given up counts again from its next line on.
    for (const socket of sockets.slice(0, 40)) socket.write("\nb:1|c\n");
    await until("all go on", () => taken.filter((packet) => packet.includes("b:1|c")).length === 40);
  } finally {
    for (const socket of sockets) socket.destroy();
    await listener.close();
  }
}, 120_000);

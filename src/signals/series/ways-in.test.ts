import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";

import { silentLog } from "../../kit/log.ts";
import { parseAddress } from "../../kit/config/address.ts";
import { until } from "../../kit/testing/child-node.ts";
import { encodePickleFrame } from "../../lib/graphite/pickle.ts";
import { openWaysIn } from "./ways-in.ts";

test("openWaysIn: pickles that are never completed fill a bounded memory, and others come through", async () => {
  const paths: string[] = [];
  const ways = await openWaysIn(
    { line: [], lineUdp: [], pickle: [{ host: "127.0.0.1", port: 0 }] },
    {
      nowSeconds: () => 1,
      take: (points) => void paths.push(...points.map(({ path }) => path)),
      bad: () => undefined,
      holdBack: () => undefined,
    },
    silentLog,
  );
  const to = parseAddress(ways.list[0]?.address ?? "");
  const sockets: Socket[] = [];
  let cut = 0;
  try {
    const half = Buffer.alloc(1_000_000);
    half.writeUInt32BE(1_048_576);
    for (let at = 0; at < 80; at++) {
      const socket = connect(to);
      socket.on("error", () => undefined);
      socket.on("close", () => cut++);
      socket.resume();
      sockets.push(socket);
      socket.write(half);
    }
    await until("those beyond the bound are cut off", () => cut >= 80 - 67);
    expect(cut).toBeLessThan(40);
    const good = connect(to);
    good.end(encodePickleFrame([{ path: "a.b", value: 1, atSeconds: 1 }]));
    good.resume();
    await until("a whole one came through", () => paths.includes("a.b"));
  } finally {
    for (const socket of sockets) socket.destroy();
    await ways.close();
  }
}, 120_000);

/**
 * Ten thousand idle websockets and one that does not read, on a node as it runs: everybody else keeps receiving, and memory
 * stays bounded.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { systemClock } from "../../src/kit/clock.ts";
import { startChild, until } from "../../src/kit/testing/child-node.ts";
import { Pusher } from "../../src/lib/zmtp/pipeline.ts";
import { signToken } from "../../src/wires/windsock/token.ts";

const secret = "a secret for tests that is long enough";

interface Wire {
  isUp: boolean;
  /** Contents that came whole: their ends are counted, which nothing else holds. */
  ends: number;
}

/** A websocket by hand, which counts what comes, or reads nothing after its handshake. */
function connect(port: number, interest: string, isReading: boolean): Promise<Bun.Socket<Wire>> {
  const atSeconds = Math.floor(Date.now() / 1000);
  const fields = { user: "u", subPrefix: "room", pubPrefix: "room", atSeconds, salt: "1", address: "127.0.0.1" };
  const query = new URLSearchParams({ token: signToken(fields, secret), interest });
  return new Promise((resolve, reject) => {
    Bun.connect<Wire>({
      hostname: "127.0.0.1",
      port,
      data: { isUp: false, ends: 0 },
      socket: {
        open: (socket) =>
          void socket.write(
            `GET /socket/?${query.toString()} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
          ),
        data(socket, bytes) {
          if (!socket.data.isUp) {
            socket.data.isUp = true;
            if (!isReading) socket.pause();
            resolve(socket);
            return;
          }
          for (const byte of bytes) if (byte === 0x7d) socket.data.ends++;
        },
        close: () => reject(new Error("closed")),
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

test("windsock: ten thousand idle websockets, one that does not read, and all the others go on receiving", async () => {
  await using node = await startChild({
    words: [
      "windsock",
      ..."--pull-socket tcp://127.0.0.1:* --history-size 8MiB --token-age 10m".split(" "),
      // None of these answers pings, and one reads nothing, for as long as this takes.
      ..."--idle 16m --stalled 1h".split(" "),
    ],
    environment: { WARREN_WINDSOCK_SECRET: secret },
  });
  const port = Number(new URL(node.url).port);
  const many: Bun.Socket<Wire>[] = [];
  while (many.length < 10_000) {
    many.push(...(await Promise.all(Array.from({ length: 200 }, () => connect(port, "exact:room", true)))));
  }
  const stalled = await connect(port, "prefix:room", false);
  const ear = await connect(port, "prefix:room", true);
  const before = residentMiB(node.pid);

  let wake = () => {};
  const pusher = new Pusher({ clock: systemClock, random: Math.random, onRoom: () => wake() });
  pusher.connect(/^windsock pull +(\S+)$/m.exec(node.output())?.[1] ?? "");
  const publish = async (address: string, content: string) => {
    while (!pusher.send([Buffer.from(address), Buffer.from(content)])) {
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  // Forty MiB that only two hear, one of whom does not read.
  for (let at = 0; at < 10_000; at++) {
    await publish("room.loud", "x".repeat(4096));
    // No further ahead than what may wait for one: a node that gets no turn would take much at once, and cut the other.
    if (at % 100 === 0) await until("the one who reads keeps up", () => ear.data.ends >= at - 200);
  }
  for (let at = 0; at < 5; at++) await publish("room", `to all ${at}`);
  await until("all ten thousand have all five", () => many.every(({ data }) => data.ends === 5));
  await until("so has the other one, and all that was loud", () => ear.data.ends === 10_005);
  expect(stalled.data.ends).toBe(0);
  // What waits for one, the history, and what fan-out to ten thousand needs in passing.
  expect(residentMiB(node.pid) - before).toBeLessThan(150);
  const figures = await (await fetch(`${node.url}/debug/vars`)).json();
  expect(figures).toMatchObject({ NumClients: 10_002 });
  pusher.close();
  for (const socket of [...many, stalled, ear]) socket.terminate();
}, 180_000);

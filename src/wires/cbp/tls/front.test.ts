/** What a front does with clients that are slow, silent or too many, on a clock that the test moves. */
import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";

import { silentLog } from "../../../kit/log.ts";
import { until as untilThat } from "../../../kit/testing/child-node.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { blockBytes } from "../../../lib/proxy-protocol/block.ts";
import type { ClientSocket } from "../client-socket.ts";
import type { Connection } from "../connection.ts";
import { bareEdge } from "./edge-plan.ts";
import { Front } from "./front.ts";
import { parseSenders } from "./senders.ts";

const until = (look: () => boolean) => untilThat("it is so", look);
const open: { destroy(): unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

function fronted() {
  const clock = new ManualClock();
  const entered: ClientSocket<Connection>[] = [];
  const heard: string[] = [];
  const nothing = () => undefined;
  const front = new Front({
    edge: { ...bareEdge, headersFrom: parseSenders(["127.0.0.1"]) },
    clock,
    log: silentLog,
    handlers: {
      open: (socket) => void entered.push(socket),
      data: (_, chunk) => void heard.push(Buffer.from(chunk).toString()),
      drain: nothing,
      end: (socket) => socket.end(),
      close: nothing,
      error: nothing,
    },
  });
  const port = front.listen("127.0.0.1", 0);
  open.push({ destroy: () => front.stop() });
  const client = (): Socket => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", nothing);
    socket.resume();
    open.push(socket);
    return socket;
  };
  return { client, clock, entered, front, heard };
}

const header = blockBytes({
  addresses: {
    family: "ipv6",
    transport: "stream",
    source: { address: "2001:db8::1", port: 5 },
    target: { address: "2001:db8::2", port: 6 },
  },
});

describe("Front", () => {
  test("who says nothing, or half a header, is cut after ten seconds and was never a connection", async () => {
    const { client, clock, entered, front } = fronted();
    const silent = client();
    const slow = client();
    slow.write(header.subarray(0, 20));
    await until(() => clock.waiting === 2);
    clock.advance(9999);
    expect(front.refused.late).toBe(0);
    clock.advance(1);
    await until(() => silent.closed && slow.closed);
    expect([entered.length, front.refused.late, clock.waiting]).toEqual([0, 2, 0]);
  });

  test("a header byte by byte is a header, and who has entered is not cut any more", async () => {
    const { client, clock, entered, front, heard } = fronted();
    const socket = client();
    socket.setNoDelay(true);
    for (const byte of header) {
      socket.write(Uint8Array.of(byte));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await until(() => entered.length === 1);
    expect(entered[0]).toMatchObject({ remoteAddress: "2001:db8::1", remotePort: 5, localPort: 6 });
    clock.advance(60_000);
    socket.end("hello");
    await until(() => heard.join("") === "hello" && socket.closed);
    expect([front.refused.late, clock.waiting]).toEqual([0, 0]);
  });

  test("who ends before its header, or sends something else, is closed and counted", async () => {
    const { client, clock, entered, front } = fronted();
    client().end(header.subarray(0, 13));
    client().write("GET / HTTP/1.1\r\n\r\n");
    client().write(blockBytes({ addresses: undefined, tlvs: [{ type: 5, value: new Uint8Array(129) }] }));
    await until(() => front.refused.headers === 3 && clock.waiting === 0);
    expect(entered).toEqual([]);
  });

  test("a front that closes lets nobody else begin, and those who have begun go", async () => {
    const { client, clock, entered, front } = fronted();
    const begun = client();
    await until(() => clock.waiting === 1);
    const there = client();
    there.write(header);
    await until(() => entered.length === 1);
    front.close();
    await until(() => begun.closed);
    expect(there.closed).toBe(false);
    const late = client();
    await until(() => late.closed);
  });
});

test("parseSenders: nets, single addresses, and IPv4 that came over IPv6", () => {
  const senders = parseSenders(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
  const has = (address: string) => senders.has(address);
  expect(["10.255.0.1", "::ffff:10.0.0.1", "192.0.2.7", "2001:db8:1::1", "::1"].every(has)).toBe(true);
  expect(["11.0.0.1", "192.0.2.8", "2001:db9::1", "::2", "", "here", "::ffff:11.0.0.1"].some(has)).toBe(false);
  for (const text of ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/-1", "::/129", "10.0.0.0/0x8"]) {
    expect(() => parseSenders([text]), text).toThrow(SyntaxError);
  }
});

/**
 * Headers of the PROXY protocol between us and HAProxy, in both directions and both versions, with a checksum, a unique id
 * and a check of health; and from us to nginx. What HAProxy took from our header it tells us in its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { systemClock } from "../../../src/kit/clock.ts";
import { silentLog } from "../../../src/kit/log.ts";
import { systemRandom } from "../../../src/kit/random.ts";
import { until } from "../../../src/kit/testing/child-node.ts";
import { blockBytes } from "../../../src/lib/proxy-protocol/block.ts";
import type { IpAddresses, ProxyHeader } from "../../../src/lib/proxy-protocol/header.ts";
import { lineBytes } from "../../../src/lib/proxy-protocol/line.ts";
import { HeaderReader } from "../../../src/lib/proxy-protocol/reader.ts";
import { notesOf, tlvsOf } from "../../../src/lib/proxy-protocol/tlv.ts";
import { proxyDefaults } from "../../../src/wires/cbp/config.ts";
import { plansIn } from "../../../src/wires/cbp/plan.ts";
import { Proxy } from "../../../src/wires/cbp/proxy.ts";
import { haproxyPath, nginxPath, type RunningPeer, startHaproxy, startNginx } from "./peers.ts";

interface Arrival {
  header: ProxyHeader;
  /** What the client sent after it. */
  text: string;
}

/** A server that waits for headers and says which it got, with the line that follows, or at the end of the connection. */
function target() {
  const arrived: Arrival[] = [];
  const waiting: (() => void)[] = [];
  const arrive = (arrival: Arrival) => {
    arrived.push(arrival);
    for (const wake of waiting.splice(0)) wake();
  };
  const server = Bun.listen<{ reader: HeaderReader; header: ProxyHeader | undefined; text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { reader: new HeaderReader(), header: undefined, text: "" };
      },
      data(socket, chunk) {
        const { data } = socket;
        const found = data.header ? { header: data.header, rest: chunk } : data.reader.take(chunk);
        if (!found) return;
        data.header = found.header;
        data.text += Buffer.from(found.rest).toString();
        if (data.text.endsWith("\n")) socket.end();
      },
      close({ data }) {
        if (data.header) arrive({ header: data.header, text: data.text.trimEnd() });
      },
    },
  });
  return {
    port: server.port,
    stop: () => server.stop(true),
    /** The first arrival of which `isWanted` holds; it is taken out. */
    async next(isWanted: (arrival: Arrival) => boolean): Promise<Arrival> {
      for (;;) {
        const index = arrived.findIndex(isWanted);
        if (index >= 0) return arrived.splice(index, 1)[0] as Arrival;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** Sends bytes to a Unix socket and gives what comes back until its end. */
function say(path: string, ...pieces: Uint8Array[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    void Bun.connect({
      unix: path,
      socket: {
        open: (socket) => void socket.write(Buffer.concat(pieces)),
        data: (_, chunk) => void (answer += chunk.toString()),
        close: () => resolve(answer),
        connectError: (_, error) => reject(error),
      },
    });
  });
}

const v4: IpAddresses = {
  family: "ipv4",
  transport: "stream",
  source: { address: "192.0.2.77", port: 51_372 },
  target: { address: "198.51.100.7", port: 443 },
};
const v6: IpAddresses = {
  family: "ipv6",
  transport: "stream",
  source: { address: "2001:db8::77", port: 51_372 },
  target: { address: "2001:db8::7", port: 443 },
};

describe.skipIf(haproxyPath === null)("HAProxy", () => {
  let peer: RunningPeer;
  let server: ReturnType<typeof target>;
  beforeAll(async () => {
    server = target();
    const to = (name: string, options: string) => `listen ${name}
  bind unix@NAME accept-proxy
  unique-id-format %[src]-id
  server us 127.0.0.1:${server.port} ${options}
`;
    peer = await startHaproxy("checked", (at) =>
      [
        to("v1", "send-proxy"),
        to("v2", "send-proxy-v2"),
        to("full", "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
        to("checked", "send-proxy-v2 check-send-proxy check inter 50"),
      ]
        .map((section) => section.replace("NAME", at(/listen (\w+)/.exec(section)?.[1] ?? "")))
        .join(""),
    );
  });
  afterAll(async () => {
    server.stop();
    await peer[Symbol.asyncDispose]();
  });

  for (const [version, given, bytes] of [
    ["1, IPv4", v4, lineBytes(v4)],
    ["1, IPv6", v6, lineBytes(v6)],
    ["2, IPv4", v4, blockBytes({ addresses: v4 })],
    [
      "2, IPv6 with values and a checksum",
      v6,
      blockBytes({ addresses: v6, checksum: true, tlvs: tlvsOf({ alpn: "h2" }) }),
    ],
  ] as const) {
    test.each(["v1", "v2", "full"] as const)(
      `takes our version ${version} and sends it on, listener %s`,
      async (listener) => {
        const text = `to ${listener}, version ${version}`;
        void say(peer.at(listener), bytes, Buffer.from(`${text}\n`));
        const { header } = await server.next((arrival) => arrival.text === text);
        expect(header.version).toBe(listener === "v1" ? 1 : 2);
        expect(header.addresses).toEqual(given);
        if (listener === "full") {
          const { uniqueId } = notesOf(header.tlvs);
          expect(Buffer.from(uniqueId ?? []).toString()).toBe(`${given.source.address}-id`);
        }
      },
    );
  }

  test("sends UNKNOWN or LOCAL for whom it knows no address", async () => {
    for (const [listener, version] of [
      ["v1", 1],
      ["v2", 2],
    ] as const) {
      void say(peer.at(listener), lineBytes(undefined), Buffer.from(`unknown to ${listener}\n`));
      const { header } = await server.next(({ text }) => text === `unknown to ${listener}`);
      expect(header).toMatchObject({ version, command: version === 1 ? "proxy" : "local", addresses: undefined });
    }
  });

  test("speaks for itself in a check of health", async () => {
    const { header } = await server.next(({ header: { command } }) => command === "local");
    expect(header).toEqual({ version: 2, command: "local", addresses: undefined, tlvs: [] });
  });

  test("refuses our header when one bit of the checksum is wrong", async () => {
    const bytes = blockBytes({ addresses: v4, checksum: true });
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(await say(peer.at("v2"), bytes, Buffer.from("never"))).toBe("");
  });
});

describe.skipIf(haproxyPath === null)("cbp between HAProxy and a server", () => {
  test("believes HAProxy's header and hands the client on, and answers its checks", async () => {
    const server = target();
    const [plan] = plansIn(
      [
        {
          name: "between",
          listen: "127.0.0.1:0",
          upstreams: [`127.0.0.1:${server.port}`],
          accept_proxy: ["127.0.0.1"],
          send_proxy: "v2-crc32c",
        },
      ],
      proxyDefaults,
    );
    if (!plan) throw new Error("There is no plan");
    const proxy = new Proxy({
      plan,
      clock: systemClock,
      random: systemRandom,
      lookup: () => Promise.resolve([]),
      happened: () => undefined,
      changed: () => undefined,
      failed: (thrown) => {
        throw thrown;
      },
      log: silentLog,
    });
    await proxy.resolve();
    proxy.listen();
    await using peer = await startHaproxy(
      "v1",
      (at) => `listen v2
  bind unix@${at("v2")} accept-proxy
  unique-id-format %[src]-id
  server between 127.0.0.1:${proxy.port} send-proxy-v2 proxy-v2-options unique-id check-send-proxy check inter 50 fall 1
listen v1
  bind unix@${at("v1")} accept-proxy
  server between 127.0.0.1:${proxy.port} send-proxy
`,
    );
    for (const [name, given] of [
      ["v1", v4],
      ["v2", v6],
    ] as const) {
      let arrival: Arrival | undefined;
      void server.next(({ text }) => text === `through ${name}`).then((found) => (arrival = found));
      // A check that was late takes the server away until two were in time.
      const { header } = await until("it is through", async () => {
        await say(peer.at(name), blockBytes({ addresses: given }), Buffer.from(`through ${name}\n`));
        return arrival;
      });
      expect(header.addresses).toEqual(given);
      const { uniqueId } = notesOf(header.tlvs);
      expect(uniqueId && Buffer.from(uniqueId).toString()).toBe(
        name === "v2" ? `${given.source.address}-id` : undefined,
      );
    }
    await proxy.stop(0);
    server.stop();
  });
});

describe.skipIf(nginxPath === null)("nginx", () => {
  test("takes both our versions", async () => {
    await using peer = await startNginx(
      "socket",
      (at) => `server {
    listen unix:${at("socket")} proxy_protocol;
    return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
  }`,
    );
    const request = Buffer.from("GET / HTTP/1.0\r\n\r\n");
    for (const [given, bytes] of [
      [v4, lineBytes(v4)],
      [v6, lineBytes(v6)],
      [v4, blockBytes({ addresses: v4, checksum: true })],
      [v6, blockBytes({ addresses: v6, tlvs: tlvsOf({ authority: "attic.example" }) })],
    ] as const) {
      const answer = await say(peer.at("socket"), bytes, request);
      expect(answer.split("\r\n\r\n")[1]).toBe(
        `${given.source.address} ${given.source.port} ${given.target.address} ${given.target.port}`,
      );
    }
  });
});

import { afterAll, describe, expect, test } from "bun:test";

import fc from "fast-check";

import { systemClock } from "./clock.ts";
import { Fault } from "./fault.ts";
import { addressesOf, outbound, type OutboundOptions } from "./outbound.ts";
import { isPublicAddress } from "./public-address.ts";
import { freePort } from "./testing/free-port.ts";

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/to") return new Response(null, { status: 302, headers: { Location: search.slice(1) } });
    if (pathname === "/loop") return new Response(null, { status: 302, headers: { Location: "/loop" } });
    if (pathname === "/long") return new Response("x".repeat(100_000));
    if (pathname === "/silent") return new Promise<Response>(() => undefined);
    return Response.json({
      host: request.headers.get("host"),
      method: request.method,
      secret: request.headers.get("authorization"),
    });
  },
});
afterAll(() => server.stop(true));

const options: OutboundOptions = { clock: systemClock, timeoutMs: 5000, maxBytes: 10_000 };
const here = `http://127.0.0.1:${server.port}`;
const jsonOf = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
  return "none";
}

describe("isPublicAddress", () => {
  test("isPublicAddress: this machine, private networks and forms that carry them are not public", () => {
    const closed = [
      "127.0.0.1",
      "127.255.0.9",
      "0.0.0.0",
      "10.1.2.3",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "100.127.255.255",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::1",
      "::",
      "fe80::1%eth0",
      "fc00::1",
      "fd12::1",
      "ff02::1",
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::ffff:0:10.0.0.1",
      "::127.0.0.1",
      "64:ff9b::10.0.0.1",
      "64:ff9b:1::8.8.8.8",
      "2002:7f00:1::",
      "2002:c0a8:101::1",
      "2001:0:4136:e378:8000:63bf:3fff:fdd2",
      "2001:db8::1",
      "3fff::1",
      "[::1]",
      "not an address",
      "",
    ];
    expect(closed.filter(isPublicAddress)).toEqual([]);
    const open = [
      "8.8.8.8",
      "1.1.1.1",
      "172.15.0.1",
      "172.32.0.1",
      "100.63.255.255",
      "100.128.0.0",
      "2606:4700::1111",
      "::ffff:8.8.8.8",
      "64:ff9b::808:808",
      "2002:808:808::1",
      "[2a00:1450::1]",
    ];
    expect(open.filter((address) => !isPublicAddress(address))).toEqual([]);
  });

  test("isPublicAddress: an IPv4 address is judged alike in every form of IPv6 that carries it", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const forms = [`::ffff:${address}`, `::ffff:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`, `::ffff:0:${hex}`];
        return forms.every((form) => isPublicAddress(form) === isPublicAddress(address));
      }),
    );
  });
});

describe("outbound", () => {
  test("outbound: the name goes into Host, the connection to the address that was found", async () => {
    const answer = await outbound(`http://app.example:${server.port}/x`, {
      ...options,
      resolve: async () => ["127.0.0.1"],
    });
    expect(jsonOf(answer.body)).toMatchObject({ host: `app.example:${server.port}` });
    expect(answer).toMatchObject({ status: 200, address: "127.0.0.1", redirects: 0, isCut: false });
  });

  test("outbound: with the guard nothing internal is connected to, in any spelling or by any name", async () => {
    const guarded = { ...options, guard: true };
    for (const url of [
      here,
      "http://2130706433/",
      "http://0x7f.1/",
      "http://[::ffff:127.0.0.1]/",
      "http://[64:ff9b::7f00:1]/",
    ]) {
      expect(await faultOf(outbound(url, guarded))).toBe("outbound/refused");
    }
    const named = { ...guarded, resolve: async () => ["10.0.0.7", "::1"] };
    expect(await faultOf(outbound("http://innocent.example/", named))).toBe("outbound/refused");
  });

  test("outbound: a name that points elsewhere at the second look is asked but once, and connected to where it pointed", async () => {
    const sent: string[] = [];
    let looks = 0;
    const answer = await outbound("http://rebinding.example/", {
      ...options,
      guard: true,
      resolve: async () => (looks++ === 0 ? ["93.184.216.34"] : ["127.0.0.1"]),
      fetch: async (url) => {
        sent.push(url);
        return new Response("there");
      },
    });
    expect(sent).toEqual(["http://93.184.216.34/"]);
    expect(answer.address).toBe("93.184.216.34");
    expect(looks).toBe(1);
  });

  test("outbound: the guard looks again at each redirect", async () => {
    const first = async (url: string) =>
      url.startsWith("http://93.184.216.34") ? Response.redirect("http://sly.example/", 302) : new Response("secret");
    const asked = outbound("http://good.example/", {
      ...options,
      guard: true,
      resolve: async (host) => (host === "good.example" ? ["93.184.216.34"] : ["127.0.0.1"]),
      fetch: first,
    });
    expect(await faultOf(asked)).toBe("outbound/refused");
  });

  test("outbound: redirects are followed to a bound, and leave secrets behind at another origin", async () => {
    const other = `http://localhost:${server.port}/there`;
    const headers = { Authorization: "Bearer of-news" };
    const answer = await outbound(`${here}/to?${other}`, { ...options, headers });
    expect(answer).toMatchObject({ url: other, redirects: 1 });
    expect(jsonOf(answer.body)).toMatchObject({ secret: null });
    expect(await faultOf(outbound(`${here}/loop`, options))).toBe("outbound/redirects");
    expect((await outbound(`${here}/loop`, { ...options, maxRedirects: 0 })).status).toBe(302);
    expect(await faultOf(outbound(`${here}/to?file:///etc/passwd`, options))).toBe("outbound/url");
  });

  test("outbound: a long body is cut, a silent server is left, and both are told", async () => {
    const long = await outbound(`${here}/long`, options);
    expect([long.body.length, long.isCut]).toEqual([10_000, true]);
    expect(await faultOf(outbound(`${here}/silent`, { ...options, timeoutMs: 50 }))).toBe("outbound/late");
    const never = { ...options, timeoutMs: 50, resolve: () => new Promise<string[]>(() => undefined) };
    expect(await faultOf(outbound("http://slow-names.example/", never))).toBe("outbound/late");
  });

  test("outbound: what refuses the connection is told in words, after every address was tried", async () => {
    await expect(outbound(`http://127.0.0.1:${freePort()}/`, options)).rejects.toThrow("Connection refused");
    const second = await outbound(`http://two.example:${server.port}/`, {
      ...options,
      resolve: async () => ["127.0.0.2", "127.0.0.1"],
      fetch: (url, init) =>
        url.includes("127.0.0.2")
          ? Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }))
          : fetch(url, init),
    });
    expect(second.address).toBe("127.0.0.1");
  });

  test("addressesOf: of several addresses only the public ones are left", async () => {
    const resolve = async () => ["10.0.0.1", "93.184.216.34"];
    expect(await addressesOf("mixed.example", { guard: true, resolve })).toEqual(["93.184.216.34"]);
  });
});

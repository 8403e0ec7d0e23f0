import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { compress } from "snappyjs";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { until } from "../../../kit/testing/child-node.ts";
import { startFakeCarbon } from "../../../kit/testing/fake-carbon.ts";
import type { Point } from "../../../lib/graphite/path.ts";
import { decodeRemoteWrite } from "../remote-write.ts";
import { snappyBlock, uncompressed } from "../snappy.ts";
import { type ForwardOptions, openForwards } from "./forwards.ts";
import { encodeWriteRequest } from "./write-request.ts";

const cleaning: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0)) await clean();
});

const nothing: ForwardOptions = {
  forward: [],
  forwardProtocol: "line",
  remoteWrite: [],
  remoteWriteNames: "as-is",
  remoteWriteUser: undefined,
  remoteWritePassword: undefined,
  remoteWriteToken: undefined,
  spoolBytes: 1 << 20,
  line: [],
  pickle: [],
};

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-forward-"));
  cleaning.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function opened(options: Partial<ForwardOptions>, dataFolder = folder()) {
  return openForwards({ ...nothing, ...options }, { clock: systemClock, dataFolder, log: silentLog });
}

/** A receiver of remote write that answers as told and keeps what it took. */
function receiver(answer: () => Response) {
  const points: Point[] = [];
  const headers: Headers[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      headers.push(request.headers);
      const body = new Uint8Array(await request.arrayBuffer());
      const response = answer();
      if (response.ok) points.push(...decodeRemoteWrite(body).points);
      return response;
    },
  });
  cleaning.push(() => server.stop(true));
  return { points, headers, url: `http://127.0.0.1:${server.port}/api/v1/write` };
}

const sent: Point[] = [
  { path: "a.b", value: 1.5, atSeconds: 1_700_000_010 },
  { path: "a.b", value: 1, atSeconds: 1_700_000_000 },
  { path: "c;dc=north;x=y", value: -2, atSeconds: 1_700_000_000 },
];
const taken = [sent[1], sent[0], sent[2]];

describe("openForwards", () => {
  test("points arrive at a Graphite and at a receiver of remote write", async () => {
    await using carbon = await startFakeCarbon("pickle");
    const { points, headers, url } = receiver(() => new Response(null, { status: 204 }));
    const forwards = opened({
      forward: [{ host: "127.0.0.1", port: carbon.port }],
      forwardProtocol: "pickle",
      remoteWrite: [url],
      remoteWriteUser: "ann",
      remoteWritePassword: "p",
    });
    forwards.send(sent);
    await until("both have them", () => carbon.points.length === 3 && points.length === 3);
    expect(carbon.points).toEqual(sent);
    expect(points).toEqual(taken as Point[]);
    expect(Object.fromEntries(headers[0] ?? [])).toMatchObject({
      "content-encoding": "snappy",
      "content-type": "application/x-protobuf",
      "x-prometheus-remote-write-version": "0.1.0",
      authorization: `Basic ${btoa("ann:p")}`,
    });
    await forwards.close();
  });

  test("what is no point anywhere is not handed on", async () => {
    await using carbon = await startFakeCarbon();
    const { points, url } = receiver(() => new Response(null, { status: 204 }));
    const forwards = opened({ forward: [{ host: "127.0.0.1", port: carbon.port }], remoteWrite: [url] });
    const wrong = [-1, -5, NaN, 1e12].map((atSeconds) => ({ path: "wrong", value: 1, atSeconds }));
    forwards.send([...wrong, { path: "wrong", value: NaN, atSeconds: 5 }, ...sent]);
    await until("both have the others", () => carbon.points.length === 3 && points.length === 3);
    expect([...carbon.points, ...points].filter(({ path }) => path === "wrong")).toEqual([]);
    await forwards.close();
  });

  test("remote write: 5xx and 429 are tried again, other refusals are counted with their words and left", async () => {
    const answers: Response[] = [
      new Response("busy", { status: 503 }),
      new Response("slow down", { status: 429 }),
      new Response(null, { status: 204 }),
    ];
    const { points, url } = receiver(() => answers.shift() ?? new Response("out of bounds\n", { status: 400 }));
    const forwards = opened({ remoteWrite: [url], remoteWriteToken: "t" });
    forwards.send(sent);
    await until("it is told of", () => forwards.states()[0]?.failure === "it answered 503: busy");
    await until("they are there in the end", () => points.length === 3);
    await until("it is up", () => forwards.states()[0]?.isUp === true);
    forwards.send(sent.slice(0, 2));
    await until("the refusal is counted", () => forwards.states()[0]?.refusals.points === 2);
    expect(forwards.states()[0]?.refusals.words).toBe("it answered 400: out of bounds");
    expect(forwards.states()[0]).toMatchObject({ isUp: true, waitingBytes: 0 });
    await forwards.close();
  }, 120_000);

  test("remote write: one sample that is not wanted does not cost the others", async () => {
    const taken: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { points } = decodeRemoteWrite(new Uint8Array(await request.arrayBuffer()));
        if (points.some(({ path }) => path === "n17")) return new Response("duplicate sample", { status: 400 });
        taken.push(...points.map(({ path }) => path));
        return new Response(null, { status: 204 });
      },
    });
    cleaning.push(() => server.stop(true));
    const forwards = opened({ remoteWrite: [`http://127.0.0.1:${server.port}/`] });
    forwards.send(Array.from({ length: 500 }, (_, at) => ({ path: `n${at}`, value: 1, atSeconds: 1_700_000_000 })));
    await until("all others are there", () => taken.length === 499);
    await until("it is counted", () => forwards.states()[0]?.refusals.points === 1);
    await forwards.close();
  });

  test("remote write: what is wrong with the way and not with the points costs none of them", async () => {
    const answers = [
      new Response("no such token", { status: 401 }),
      new Response(null, { status: 308, headers: { Location: "/elsewhere" } }),
    ];
    const { points, url } = receiver(() => answers.shift() ?? new Response(null, { status: 204 }));
    const forwards = opened({ remoteWrite: [url] });
    forwards.send(sent);
    await until("it is told of", () => forwards.states()[0]?.failure === "it answered 401: no such token");
    await until("it is told where it went", () => forwards.states()[0]?.failure === "it redirects to /elsewhere");
    await until("they are there in the end", () => points.length === 3);
    expect(forwards.states()[0]?.refusals.points).toBe(0);
    await forwards.close();
  }, 120_000);

  test("remote write: what is too large at once goes in parts", async () => {
    let largest = 0;
    const taken: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { points } = decodeRemoteWrite(new Uint8Array(await request.arrayBuffer()));
        largest = Math.max(largest, points.length);
        if (points.length > 100) return new Response("too large", { status: 413 });
        taken.push(...points.map(({ path }) => path));
        return new Response(null, { status: 200 });
      },
    });
    cleaning.push(() => server.stop(true));
    const forwards = opened({ remoteWrite: [`http://127.0.0.1:${server.port}/`] });
    forwards.send(Array.from({ length: 500 }, (_, at) => ({ path: `n${at}`, value: 1, atSeconds: 1_700_000_000 })));
    await until("all are there", () => new Set(taken).size === 500);
    expect(largest).toBe(500);
    expect(forwards.states()[0]?.refusals.points).toBe(0);
    await forwards.close();
  });

  test("a receiver that never answers does not hold up the end, and misses nothing", async () => {
    const dataFolder = folder();
    let asked = 0;
    const silent = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch() {
        asked++;
        return new Promise<Response>(() => undefined);
      },
    });
    cleaning.push(() => silent.stop(true));
    const url = `http://127.0.0.1:${silent.port}/`;
    const first = opened({ remoteWrite: [url] }, dataFolder);
    first.send(sent);
    await until("it is asked", () => asked === 1);
    const before = performance.now();
    await first.close();
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(first.states()[0]?.spooledBytes).toBeGreaterThan(0);
    expect(first.states()[0]?.failure).toStartWith("it had not answered when this ended");
  }, 120_000);

  test("what a receiver misses waits on disk over a restart", async () => {
    const dataFolder = folder();
    let isBack = false;
    const { points, url } = receiver(() => new Response(null, { status: isBack ? 204 : 500 }));
    const first = opened({ remoteWrite: [url] }, dataFolder);
    first.send(sent);
    await until("it is seen to be away", () => first.states()[0]?.isUp === false);
    await first.close();
    isBack = true;
    const second = opened({ remoteWrite: [url] }, dataFolder);
    await until("they are caught up with", () => points.length === 3);
    await second.close();
  });

  test("series itself is no target", () => {
    const own = { host: "127.0.0.1", port: 2003 };
    const any = { host: "0.0.0.0", port: 2003 };
    expect(() => opened({ forward: [own], line: [own] })).toThrow("it is this series itself");
    for (const host of ["localhost", "127.0.0.2", "::1"])
      for (const line of [own, any])
        expect(() => opened({ forward: [{ host, port: 2003 }], line: [line] })).toThrow("it is this series itself");
    expect(() => opened({ forward: [{ host: hostname(), port: 2003 }], line: [any] })).toThrow("this series itself");
  });

  test("a spool that cannot be opened is told of with its target", () => {
    const dataFolder = folder();
    writeFileSync(join(dataFolder, "forward"), "");
    expect(() => opened({ forward: [{ host: "127.0.0.1", port: 9 }] }, dataFolder)).toThrow(
      "Cannot open what waits for 127.0.0.1:9: ENOTDIR",
    );
  });

  test("targets that differ only in what is not shown have names of their own", async () => {
    const { url } = receiver(() => new Response(null, { status: 204 }));
    const forwards = opened({ remoteWrite: [`${url}?token=a`, `${url}?token=b`] });
    expect(forwards.states().map(({ name }) => name)).toEqual([url, `${url} (2)`]);
    await forwards.close();
  });
});

describe("encodeWriteRequest", () => {
  test("names and labels are what Prometheus takes, unless they are to stay", () => {
    const points = [{ path: "1web.cpu-0;rack.no=a.1", value: 1, atSeconds: 5 }];
    const named = (names: "underscores" | "as-is") =>
      decodeRemoteWrite(compress(encodeWriteRequest(points, names))).points[0]?.path;
    expect(named("underscores")).toBe("_1web_cpu_0;rack_no=a.1");
    expect(named("as-is")).toBe("1web.cpu-0;rack_no=a.1");
  });

  test("what goes in comes out", () => {
    const point = fc.record({
      path: fc.stringMatching(/^[a-z]{1,3}(\.[a-z]{1,3}){0,2}(;[a-c]=[a-z]{1,3})?$/),
      value: fc.double({ noNaN: true }),
      atSeconds: fc.integer({ min: 0, max: 2 ** 32 }),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 30 }), (points) => {
        const wanted = new Map(points.map((each) => [`${each.path} ${each.atSeconds}`, each.value]));
        const { points: found } = decodeRemoteWrite(snappyBlock(encodeWriteRequest(points, "as-is")));
        expect(new Map(found.map((each) => [`${each.path} ${each.atSeconds}`, each.value]))).toEqual(wanted);
      }),
    );
  });
});

test("snappyBlock: what is made is read again, and what repeats is smaller", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("abcd", "x", "hello world ", "\0\0\0\0\0\0\0"), { maxLength: 400 }),
      (parts) => {
        const bytes = Buffer.from(parts.join(""));
        expect(Buffer.from(uncompressed(snappyBlock(bytes))).equals(bytes)).toBe(true);
      },
    ),
  );
  const much = Buffer.from("warren.series.points ".repeat(10_000));
  const block = snappyBlock(much);
  expect(block.length).toBeLessThan(much.length / 15);
  expect(Buffer.from(uncompressed(block)).equals(much)).toBe(true);
  const random = crypto.getRandomValues(new Uint8Array(50_000));
  expect(Buffer.from(uncompressed(snappyBlock(random))).equals(Buffer.from(random))).toBe(true);
});

/**
 * Remote write into a real node as its senders do it: which message it is says Content-Type, and 2.0 is told how much of
 * a request was kept. Prometheus itself is tests/together's.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePort } from "../../src/kit/testing/free-port.ts";
import { snappyBlock } from "../../src/signals/series/snappy.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-remote-write-"));
let node: ChildNode;

beforeAll(async () => {
  const config = "[series]\nhost_metrics = false\nown_metrics = false\n";
  node = await startChild({ folder, words: ["series"], config, listen: "127.0.0.1:0" });
});
afterAll(async () => {
  await node.end();
  rmSync(folder, { recursive: true, force: true });
});

const second = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const nowMs = () => Math.floor(Date.now() / 1000) * 1000;

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}
const part = (number: number, bytes: readonly number[]) => [number * 8 + 2, ...varint(bytes.length), ...bytes];
const sample = (value: number, atMs: number) =>
  part(2, [9, ...new Uint8Array(new Float64Array([value]).buffer), 16, ...varint(atMs)]);

/** A request of 2.0 with one series of each name, and whatever else it has. */
function request(series: Readonly<Record<string, readonly number[]>>): number[] {
  const names = Object.keys(series);
  const symbols = ["", "__name__", "job", "shop", ...names].map((each) => part(4, [...Buffer.from(each)]));
  return [
    ...symbols.flat(),
    ...names.flatMap((name, at) => part(5, [...part(1, [1, 4 + at, 2, 3]), ...(series[name] ?? [])])),
  ];
}

async function post(message: readonly number[], headers: Record<string, string> = {}) {
  const answer = await fetch(`${node.url}/api/v1/write`, {
    method: "POST",
    headers: {
      "Content-Encoding": "snappy",
      "Content-Type": second,
      "X-Prometheus-Remote-Write-Version": "2.0.0",
      ...headers,
    },
    body: snappyBlock(Uint8Array.from(message)),
  });
  const written = (what: string) => answer.headers.get(`x-prometheus-remote-write-${what}-written`);
  return {
    status: answer.status,
    text: await answer.text(),
    samples: written("samples"),
    histograms: written("histograms"),
    exemplars: written("exemplars"),
  };
}

const names = async () => (await (await fetch(`${node.url}/metrics/index.json`)).json()) as string[];

test("2.0 is kept, durable when it is answered, and told how much was written", async () => {
  const message = request({ orders: [...sample(7, nowMs()), ...sample(NaN, nowMs())], mails: sample(1, nowMs()) });
  expect(await post(message)).toEqual({ status: 204, text: "", samples: "3", histograms: "0", exemplars: "0" });
  await node.end("SIGKILL");
  node = await startChild({ folder, words: ["series"], listen: "127.0.0.1:0" });
  expect(await names()).toEqual(expect.arrayContaining(["mails;job=shop", "orders;job=shop"]));
});

test("2.0: what is not taken is said, and the rest is kept", async () => {
  const message = request({
    good: sample(1, nowMs()),
    ahead: sample(1, nowMs() + 10 * 86_400_000),
    sizes: part(3, [8, 1]),
  });
  const { status, text, samples } = await post(message);
  expect({ status, samples }).toEqual({ status: 400, samples: "1" });
  expect(text).toBe("Some of it was not taken: 1 future; 1 native histograms, which are not kept\n");
  expect(await names()).toContain("good;job=shop");
  const metrics = await (await fetch(`${new URL("/metrics", node.url)}`)).text();
  expect(metrics).toContain("warren_series_histograms_left_total 1");
});

test("a message or a compression that is not known is refused with what is", async () => {
  const { status, text } = await post([], {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v3.Request",
  });
  expect(status).toBe(415);
  expect(text).toContain("wanted prometheus.WriteRequest or io.prometheus.write.v2.Request");
  expect((await post([], { "Content-Encoding": "zstd" })).status).toBe(415);
  expect((await post([], { "Content-Type": "application/x-protobuf; proto=prometheus.WriteRequest" })).status).toBe(
    204,
  );
  expect((await post([5], {})).status).toBe(400);
});

test("a node that hands on to itself is told so, and its points do not go round", async () => {
  const home = mkdtempSync(join(folder, "loop-"));
  const port = freePort();
  const settings = `[series]\nremote_write = ["http://127.0.0.1:${port}/api/v1/write"]\nhost_metrics = false\nown_metrics = false\n`;
  await using looping = await startChild({
    folder: home,
    words: ["series"],
    config: settings,
    listen: `127.0.0.1:${port}`,
  });
  await fetch(`${looping.url}/write`, { method: "POST", body: `a.b 1 ${nowMs() / 1000}\n` });
  const status = async () =>
    (await (await fetch(`${looping.url}/status.json`)).json()) as {
      figures: { pointsAccepted: number };
      forwards: { failure: string }[];
    };
  await until("it is told", async () => (await status()).forwards[0]?.failure.includes("leads back to this series"));
  expect((await status()).figures.pointsAccepted).toBe(1);
});

/**
 * Clients that stall, and clients that leave: neither costs memory or processor time that others need. Measured from
 * outside, at a real node with real connections.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { onlyServices } from "../only-services.ts";

const mib = 2 ** 20;
const clients = 200;

const sha256 = (bytes: Uint8Array) => `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
const random = (length: number) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};

let node: ChildNode;
let url = "";
const file = random(24 * mib);
const key = sha256(file);
let restBytes = 0;

const residentBytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1]) * 1024;
/** Time of the processor, in hundredths of a second. */
const processorTicks = () => {
  const fields = readFileSync(`/proc/${node.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
};

/** Of a second in which nobody asks anything of the node: more on a slower machine. */
let idleTicks = 0;

/** Waits until the node has done next to nothing for a second. */
async function quiet(): Promise<void> {
  let sinceMs = performance.now();
  let ticks = processorTicks();
  await until(
    "the node does nothing",
    () => {
      const now = processorTicks();
      if (now - ticks > 10 + 2 * idleTicks) {
        sinceMs = performance.now();
        ticks = now;
      }
      return performance.now() - sinceMs > 1000;
    },
    120_000,
  );
}

async function put(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const answer = await fetch(`${url}/`, { method: "PUT", body: bytes });
  if (answer.status !== 200) throw new Error(`the upload was answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { key: string }).key;
}

/** Uploads and downloads as usual, and sees that all of it came. */
async function transfersWork(): Promise<void> {
  const other = random(9 * mib);
  expect(await put(other)).toBe(sha256(other));
  for (const [wanted, length] of [
    [key, file.length],
    [sha256(other), other.length],
  ] as const) {
    const bytes = await (await fetch(`${url}/file/${wanted}/`)).bytes();
    expect([bytes.length, sha256(bytes)]).toEqual([length, wanted]);
  }
}

function opened(head: string): Socket {
  const { hostname, host, port, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => undefined);
  socket.write(head.replace("/", `${pathname}/`).replace("\r\n", `\r\nHost: ${host}\r\n`));
  return socket;
}

beforeAll(async () => {
  node = await startChild({ environment: onlyServices("cask", "hakmes") });
  url = `${node.url}/hakmes`;
  const begun = processorTicks();
  await Bun.sleep(1000);
  idleTicks = processorTicks() - begun;
  expect(await put(file)).toBe(key);
  await quiet();
  restBytes = residentBytes();
}, 180_000);

afterAll(async () => {
  const { folder } = node;
  await node.end();
  rmSync(folder, { recursive: true, force: true });
});

test("downloads that stall: hold little, keep nobody waiting, and give everything back when they leave", async () => {
  let begun = 0;
  const sockets = Array.from({ length: clients }, () => {
    const socket = opened(`GET /file/${key}/ HTTP/1.1\r\n\r\n`);
    // It takes the beginning of the answer and nothing more.
    socket.once("readable", () => begun++);
    return socket;
  });
  await until("every answer has begun", () => begun === clients);
  await quiet();
  expect((residentBytes() - restBytes) / mib).toBeLessThan(192);
  await transfersWork();
  for (const socket of sockets) socket.destroy();
  await quiet();
  await until("memory is given back", () => residentBytes() - restBytes < 96 * mib);
}, 180_000);

test("uploads that stall: hold little, keep nobody waiting, and give everything back when they leave", async () => {
  let answered = 0;
  const sockets = Array.from({ length: clients }, (_, at) => {
    const socket = opened(`PUT /stalled-${at} HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n`);
    const bytes = file.slice(at * 1000, at * 1000 + 1.4 * mib);
    bytes[0] = at;
    socket.write(bytes);
    socket.on("data", () => answered++);
    return socket;
  });
  await until("all is on its way", () => sockets.every(({ writableLength }) => writableLength === 0));
  await quiet();
  await until("little is held", () => residentBytes() - restBytes < 256 * mib);
  // All of them are still being taken.
  expect(answered).toBe(0);
  await transfersWork();
  for (const socket of sockets) socket.destroy();
  await quiet();
  await until("memory is given back", () => residentBytes() - restBytes < 96 * mib);
}, 180_000);

test("clients that leave in the middle of a download: nothing goes on for them", async () => {
  const address = `${url}/file/${key}/`;
  const ways = [[], ["-r", "1000-20000000"], ["-r", "5-9000000,9500000-19000000"], ["-I"]];
  const children = Array.from({ length: 20 }, (_, at) =>
    Bun.spawn(["curl", "-sN", "--limit-rate", "500k", ...(ways[at % ways.length] ?? []), address], { stdout: "pipe" }),
  );
  await Promise.all(
    children.map(async (child) => {
      await child.stdout.getReader().read();
      child.kill("SIGKILL");
      await child.exited;
    }),
  );
  await quiet();
  await until("memory is given back", () => residentBytes() - restBytes < 96 * mib);
  await transfersWork();
}, 180_000);

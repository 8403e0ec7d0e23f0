/**
 * What a node makes of members of its gossip that have the right secret and bad intentions, or a bad memory: no file is
 * read and no page asked because they say so, nothing they tell runs in a browser or moves a terminal, and no number of
 * them stops it.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { Keyring } from "../../src/lib/memberlist/keyring.ts";
import { createMemberlist } from "../../src/lib/memberlist/memberlist.ts";
import { encodeStream } from "../../src/lib/memberlist/stream.ts";
import { createWire } from "../../src/lib/memberlist/wire.ts";

// Several programs are started here, on machines that may be busy.
setDefaultTimeout(300_000);

const secret = "sesame";
const gossipKey = () => new Uint8Array(hkdfSync("sha256", secret, "warren cluster", "gossip", 32));
const environment = {
  WARREN_NODE_CLUSTER_SECRET: secret,
  WARREN_CASK_EXCHANGE_EVERY: "200ms",
  WARREN_CASK_QUORUM: "1",
  WARREN_CASK_ASK: "500ms",
  WARREN_CASK_PEER_TIMEOUT: "1s",
};

interface Told {
  id: string;
  name: string;
  url?: string;
}

const nodesOf = async (node: ChildNode) =>
  ((await (await fetch(`${node.url}/cask/status.json`)).json()) as { nodes: Told[] }).nodes;

let node: ChildNode;
const members: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  node = await startChild({ environment });
});
afterAll(async () => {
  for (const member of members) await member.stop();
  await node[Symbol.asyncDispose]();
});

async function enter(name: string, meta: string, into: ChildNode = node): Promise<{ stop(): Promise<void> }> {
  const member = createMemberlist({
    name,
    label: "warren",
    keyring: new Keyring([gossipKey()]),
    listen: { host: "127.0.0.1", port: 0 },
    meta: new TextEncoder().encode(meta),
  });
  members.push(member);
  await member.start();
  expect(await member.join([into.gossip])).toBe(1);
  return member;
}

const telling = (name: string, url: string, tells: object = {}) =>
  JSON.stringify({ n: name, u: url, s: { cask: { u: url, t: { v: 1, w: 1, ...tells } } } });

test("URLs of members lead to web servers only, at a path and nowhere else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
  writeFileSync(join(folder, "private"), "private words");
  const asked: string[] = [];
  const bystander = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(request.url);
      return new Response("inner page: open sesame", { status: 403 });
    },
  });
  const at = `127.0.0.1:${bystander.port ?? 0}`;
  const bad = [
    `file://${folder}/private?`,
    `file://${folder}/private#`,
    `http://${at}/latest?x=`,
    `http://${at}/latest#`,
    `http://user:word@${at}`,
    `http://${at}/a/../b`,
    "javascript:alert(1)//",
    "data:text/plain,x",
    "unix:///var/run/docker.sock",
    "http://[bad",
    "//elsewhere",
    "",
  ];
  for (const [number, url] of bad.entries()) await enter(`bad-url-${number}`, telling(`bad ${number}`, url));
  await enter("good-node-1", telling("good", `http://${at}/base`));
  await until("the good one is known", async () => (await nodesOf(node)).some(({ name }) => name === "good"));
  await until("it was asked", () => asked.length > 0);
  await fetch(`${node.url}/cask/whereis/sha256:${"0".repeat(64)}/`);
  const stored = await fetch(`${node.url}/cask/`, { method: "PUT", body: "x" });
  expect(stored.status).toBe(200);
  expect((await nodesOf(node)).map(({ id }) => id).filter((id) => id.startsWith("bad-"))).toEqual([]);
  expect(asked.filter((url) => !url.startsWith(`http://${at}/base/`))).toEqual([]);
  expect(node.output()).not.toContain("private");
  await bystander.stop(true);
  rmSync(folder, { recursive: true });
});

test("names and ids of members are text: on pages, in answers, in the log", async () => {
  await enter("<script>alert(1)</script>\n", telling("plain", "http://127.0.0.1:9"));
  await enter("../../../../etc/passwd", telling("plain", "http://127.0.0.1:9"));
  await enter("n".repeat(500), telling("plain", "http://127.0.0.1:9"));
  const name = "\u001b[31m<img src=x onerror=alert(1)>\nok  node: all is well\u202e";
  await enter("odd-name-1", telling(name, "http://127.0.0.1:9", { f: 1e308, t: -5, b: "many" }));
  const shown = await until("it is known", async () => (await nodesOf(node)).find(({ id }) => id === "odd-name-1"));
  expect(shown.name).toBe("\ufffd[31m<img src=x onerror=alert(1)>\ufffdok  node: all is well\ufffd");
  expect((await nodesOf(node)).filter(({ name: told }) => told === "plain")).toEqual([]);
  for (const path of ["/", "/cask/", "/cask/log/", `/cask/lookup/?key=sha256:${"1".repeat(64)}`]) {
    const page = await (await fetch(`${node.url}${path}`, { headers: { Accept: "text/html" } })).text();
    expect(page).toContain("<!doctype html>");
    for (const bad of ["<img src=x", "<script>alert", 'href="javascript', "\u001b", "\u202e"]) {
      expect(page).not.toContain(bad);
    }
  }
  expect(
    (await (await fetch(`${node.url}/readyz`)).text()).split("\n").filter((line) => line.startsWith("ok  node")),
  ).toEqual([]);
  for (const bad of ["\\u001b", "\u001b"]) expect(node.output()).not.toContain(bad);
});

test("what a member answers is bounded: packed bytes, endless ones, dates and sizes beyond sense", async () => {
  const zeros = Bun.gzipSync(new Uint8Array(400 << 20));
  let packed = 0;
  const answers: Record<string, () => Response> = {
    packed() {
      packed++;
      return new Response(zeros, { headers: { "Content-Encoding": "gzip" } });
    },
    endless: () =>
      new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) })),
    elsewhere: () => new Response(null, { status: 302, headers: { Location: "/packed/" } }),
    boasting: () =>
      new Response(null, { headers: { "Content-Length": "99999999999999999", "X-Cask-Verified-At": "1e308" } }),
  };
  let answer = () => new Response();
  const liar = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
  await using one = await startChild({
    environment: { ...environment, WARREN_CASK_EXCHANGE_EVERY: "1h", WARREN_CASK_MAX_BLOB: "64MiB" },
  });
  const member = await enter("liar-node-1", telling("liar", `http://127.0.0.1:${liar.port ?? 0}`), one);
  await until("it is known", async () => (await nodesOf(one)).length === 2);
  const memory = async () =>
    Number(/VmHWM:\s+(\d+)/.exec(await Bun.file(`/proc/${one.pid}/status`).text())?.[1]) / 1024;
  const before = await memory();
  for (const [name, give] of Object.entries(answers)) {
    answer = give;
    const key = `sha256:${"a".repeat(64)}`;
    const keys = Array.from({ length: 16 }, (_, number) => `sha256:${number.toString(16).repeat(64)}`);
    const reads = await Promise.all(keys.map(async (each) => (await fetch(`${one.url}/cask/file/${each}/`)).status));
    expect([name, new Set(reads)]).toEqual([name, new Set([503])]);
    const page = await fetch(`${one.url}/cask/lookup/?key=${key}`, { headers: { Accept: "text/html" } });
    expect([name, [200, 404].includes(page.status)]).toEqual([name, true]);
    expect((await fetch(`${one.url}/cask/whereis/${key}/`)).status).toBe(200);
    expect((await fetch(`${one.url}/cask/`, { method: "PUT", body: name })).status).toBe(200);
  }
  expect(packed).toBeGreaterThan(0);
  expect((await memory()) - before).toBeLessThan(500);
  // What was given up is removed when its last bytes were written.
  await until("nothing is left of it", async () => {
    const left = await Array.fromAsync(new Bun.Glob("*").scan({ cwd: join(one.data, "cask/blobs/incoming") }));
    return left.length === 0;
  });
  expect(one.output()).not.toContain("warren/internal");
  await member.stop();
  await liar.stop(true);
});

test("ten thousand made-up nodes are no more than can be borne", async () => {
  const wire = createWire({ label: "warren", keyring: new Keyring([gossipKey()]) });
  const reports = Array.from({ length: 9000 }, (_, number) => ({
    name: `made-up-${number}`,
    host: "127.0.0.1",
    port: 1,
    meta: new TextEncoder().encode(telling(`made up ${number}`, "http://127.0.0.1:9")),
    incarnation: 1,
    state: "alive" as const,
    versions: {
      protocolMin: 1,
      protocolMax: 5,
      protocolCurrent: 2,
      delegateMin: 0,
      delegateMax: 0,
      delegateCurrent: 0,
    },
  }));
  const [host = "", port = ""] = node.gossip.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => undefined);
  socket.end(encodeStream(wire, { kind: "push-pull", join: false, reports, userState: new Uint8Array(0) }, true));
  await until("it says that there are too many", () => node.output().includes("further ones are ignored"));
  expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
  expect((await nodesOf(node)).length).toBeLessThanOrEqual(1000);
  expect(await node.end()).toBe(0);
});

test("a memory of other nodes that cannot be read keeps a node from starting; of damaged entries the whole ones count", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
  mkdirSync(join(folder, "data"));
  const whole = {
    id: "friend-node-1",
    name: "friend",
    gossip: "127.0.0.1:1",
    meta: { n: "friend", u: "http://127.0.0.1:1", s: { cask: {} } },
  };
  for (const text of ["", "\0\0\0\0", "{}"]) {
    writeFileSync(join(folder, "data/members.json"), text);
    // It would take itself for a majority.
    const refused = await startChild({ folder, environment }).catch((thrown: unknown) => String(thrown));
    expect([text, refused]).toEqual([text, expect.stringContaining("members.json: it is damaged")]);
  }
  for (const [text, ids] of [
    ['[{"id":"no-address-1","name":"x","gossip":"nonsense"}]', []],
    [
      JSON.stringify([
        7,
        null,
        { ...whole, id: "../x", gossip: "127.0.0.1:1" },
        whole,
        { ...whole, id: "other", meta: { u: "file:///" } },
      ]),
      ["friend-node-1"],
    ],
  ] as const) {
    writeFileSync(join(folder, "data/members.json"), text);
    await using again = await startChild({ folder, environment });
    const known = (await nodesOf(again)).map(({ id }) => id).filter((id) => id.endsWith("-1"));
    expect([text, known]).toEqual([text, [...ids]]);
    expect(await again.end()).toBe(0);
  }
  rmSync(folder, { recursive: true });
});

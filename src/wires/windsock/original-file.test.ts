import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

import { Command } from "commander";

import { formatAddress, parseAddress } from "../../kit/config/address.ts";
import { addConfigFlags } from "../../kit/config/flags.ts";
import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { serviceSection } from "../../kit/config/service-section.ts";
import { windsockSection } from "./config.ts";
import { originalFlags, readOriginalFile } from "./original-file.ts";

function withFile(text: string, use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    const path = join(folder, "windsock.json");
    writeFileSync(path, text);
    use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sample = JSON.stringify({
  SECRET: "do not tell",
  reqsocket: "tcp://localhost:5555",
  SubSocket: "tcp://localhost:5556",
  WebSocketPort: ":5050",
  SubKey: "app",
  Certificate: "cert.pem",
  Key: "key.pem",
  Other: 5,
});

test("originalFlags: a file's keys, in any case, become options; its secret stays in it", () => {
  withFile(sample, (path) => {
    const words = [
      "--role",
      "windsock",
      "--set",
      "windsock.req_socket=tcp://localhost:5555",
      "--set",
      "windsock.sub_socket=tcp://localhost:5556",
      "--set",
      "windsock.sub_key=app",
      "--listen",
      "[::]:5050",
      "--tls-certificate",
      "cert.pem",
      "--tls-key",
      "key.pem",
      "--set-default",
      "windsock.max_message=32MiB",
      "--original-config",
      path,
    ];
    for (const given of [["-config", path], [`-config=${path}`], ["--config", path], [`--config=${path}`]]) {
      expect(originalFlags([...given, "--data", "x"], () => "[::]")).toEqual([...words, "--data", "x"]);
    }
    expect(readOriginalFile(path).secret).toBe("do not tell");
  });
});

test("originalFlags: the broker's file; without one, its usual sockets; own words stay as they are", () => {
  withFile('{"RepSocket":"tcp://*:1","PubSocket":"tcp://*:2","Secret":"x"}', (path) => {
    expect(originalFlags(["broker", "-config", path, "--data", "d", "--listen", "127.0.0.1:0"])).toEqual([
      "--role",
      "broker",
      "--set",
      "windsock.rep_socket=tcp://*:1",
      "--set",
      "windsock.pub_socket=tcp://*:2",
      "--set-default",
      "windsock.max_message=32MiB",
      "--original-config",
      path,
      "--set-default",
      "node.data=./data-broker",
      "--set-default",
      "node.listen=127.0.0.1:4102",
      "--data",
      "d",
      "--listen",
      "127.0.0.1:0",
    ]);
  });
  expect(originalFlags(["broker"]).slice(0, 8)).toEqual([
    "--role",
    "broker",
    "--set-default",
    "windsock.rep_socket=tcp://*:5555",
    "--set-default",
    "windsock.pub_socket=tcp://*:5556",
    "--set-default",
    "windsock.max_message=32MiB",
  ]);
  expect(originalFlags(["--config", "warren.toml", "--role", "both"])).toEqual([
    "--config",
    "warren.toml",
    "--role",
    "both",
  ]);
});

test("originalFlags: half of a certificate is none, and what cannot be read is left to the start to tell", () => {
  withFile('{"Certificate":"cert.pem","WebSocketPort":"10.0.0.1:99"}', (path) => {
    const words = originalFlags(["-config", path]);
    expect(words).not.toContain("--tls-certificate");
    expect(words).toContain("10.0.0.1:99");
  });
  for (const text of ["", "[]", "nonsense", '{"Secret":5}']) {
    withFile(text, (path) => {
      expect(originalFlags(["-config", path])).toEqual(["--original-config", path]);
      expect(() => readOriginalFile(path)).toThrow(`Cannot use "${path}"`);
    });
  }
});

test("originalFlags: what the broker usually has counts only where no flag, variable or file says another", async () => {
  const own = serviceSection(windsockSection, true);
  const started = async (words: string[], environment = {}, text = "") => {
    const command = new Command("windsock");
    const read = addConfigFlags(command, [own, nodeSection]);
    command.parse(originalFlags(["broker", ...words]), { from: "user" });
    const file = { path: "warren.toml", text };
    const loaded = await loadConfig({ sections: [nodeSection, own], file, environment, flags: read().flags });
    expect(loaded.problems).toEqual([]);
    const { listen, maxMessageBytes, pubSocket, repSocket } = loaded.get(own);
    const node = loaded.get(nodeSection);
    return [...repSocket, ...pubSocket, maxMessageBytes, node.data, (listen ?? node.listen).port];
  };
  const usual = ["tcp://*:5555", "tcp://*:5556", 32 << 20, "./data-broker", 4102];
  const [pub = "", ...rest] = usual.slice(1);
  expect(await started([])).toEqual(usual);
  const inFile =
    '[windsock]\nrep_socket = ["tcp://127.0.0.1:1"]\nmax_message = "2MiB"\n[node]\ndata = "/d"\nlisten = "[::1]:9"\n';
  expect(await started([], {}, inFile)).toEqual(["tcp://127.0.0.1:1", pub, 2 << 20, "/d", 9]);
  const environment = { WARREN_WINDSOCK_REP_SOCKET: "tcp://127.0.0.2:1", WARREN_NODE_DATA: "/e" };
  expect(await started([], environment, inFile)).toEqual(["tcp://127.0.0.2:1", pub, 2 << 20, "/e", 9]);
  for (const words of [
    ["--rep-socket", "tcp://127.0.0.3:1"],
    ["--rep-socket=tcp://127.0.0.3:1"],
    ["--set", "windsock.rep_socket=tcp://127.0.0.3:1"],
  ])
    expect((await started(words, environment, inFile))[0]).toBe("tcp://127.0.0.3:1");
  expect(await started(["--rep-socket", "tcp://127.0.0.3:1"])).toEqual(["tcp://127.0.0.3:1", pub, ...rest]);
  expect((await started(["--listen", "127.0.0.1:7", "--data", "/f"])).slice(3)).toEqual(["/f", 7]);
});

test("originalFlags: an address without a host is heard by every family that the machine has", async () => {
  const words: string[] = [];
  withFile('{"WebSocketPort":":0"}', (path) => words.push(...originalFlags(["-config", path])));
  const { host } = parseAddress(words[words.indexOf("--listen") + 1] ?? "");
  using server = Bun.serve({ hostname: host, port: 0, fetch: () => new Response("here") });
  const here = new Set(Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []));
  for (const own of ["127.0.0.1", "::1"].filter((address) => here.has(address))) {
    const answer = await fetch(`http://${formatAddress({ host: own, port: server.port ?? 0 })}/`);
    expect([own, await answer.text()]).toEqual([own, "here"]);
  }
});

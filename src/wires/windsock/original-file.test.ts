import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
      "0.0.0.0:5050",
      "--tls-certificate",
      "cert.pem",
      "--tls-key",
      "key.pem",
      "--set",
      "windsock.max_message=32MiB",
      "--original-config",
      path,
    ];
    for (const given of [["-config", path], [`-config=${path}`], ["--config", path], [`--config=${path}`]]) {
      expect(originalFlags([...given, "--data", "x"])).toEqual([...words, "--data", "x"]);
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
      "--set",
      "windsock.max_message=32MiB",
      "--original-config",
      path,
      "--data",
      "d",
      "--listen",
      "127.0.0.1:0",
    ]);
  });
  expect(originalFlags(["broker"]).slice(0, 8)).toEqual([
    "--role",
    "broker",
    "--rep-socket",
    "tcp://*:5555",
    "--pub-socket",
    "tcp://*:5556",
    "--set",
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

test("originalFlags: a socket of the broker that is said takes the place of the usual one", () => {
  const bound = (words: string[]) =>
    originalFlags(["broker", ...words]).filter((word) => word.startsWith("tcp://*:555"));
  expect(bound([])).toEqual(["tcp://*:5555", "tcp://*:5556"]);
  expect(bound(["--rep-socket", "tcp://127.0.0.1:1"])).toEqual(["tcp://*:5556"]);
  expect(bound(["--pub-socket=tcp://127.0.0.1:1"])).toEqual(["tcp://*:5555"]);
  expect(bound(["--set", "windsock.rep_socket=tcp://127.0.0.1:1"])).toEqual(["tcp://*:5556"]);
});

/**
 * In place of its predecessors, by their files, Windsock and its broker take messages as long as those did; what somebody
 * says on the command line counts more.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePorts } from "../../src/kit/testing/free-port.ts";
import { signToken } from "../../src/wires/windsock/token.ts";

const secret = "a secret for tests that is long enough";
const mebibyte = 1024 * 1024;

/** A websocket, what it hears, and the code of its end. */
async function connect(node: ChildNode) {
  const atSeconds = Math.floor(Date.now() / 1000);
  const fields = { user: "u", subPrefix: "a", pubPrefix: "a", atSeconds, salt: "1", address: "127.0.0.1" };
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/socket/?token=${signToken(fields, secret)}`);
  const heard: string[] = [];
  socket.addEventListener("message", ({ data }) =>
    heard.push((JSON.parse(String(data)) as { content: string }).content),
  );
  const ended = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  return { socket, heard, ended };
}

test("windsock: standing in, broker and windsock carry what their predecessors did, and own words count more", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  const [rep, pub] = freePorts(2);
  const [brokerFile, file] = [join(folder, "broker.json"), join(folder, "windsock.json")];
  writeFileSync(
    brokerFile,
    JSON.stringify({ RepSocket: `tcp://127.0.0.1:${rep}`, PubSocket: `tcp://127.0.0.1:${pub}` }),
  );
  const own = { Secret: secret, ReqSocket: `tcp://127.0.0.1:${rep}`, SubSocket: `tcp://127.0.0.1:${pub}` };
  writeFileSync(file, JSON.stringify({ ...own, WebSocketPort: "127.0.0.1:0", SubKey: "" }));
  try {
    await using _broker = await startChild({
      words: ["windsock", "broker", "-config", brokerFile],
      environment: { BROKER_EXPVAR_PORT: "0" },
    });
    await using node = await startChild({ words: ["windsock", "-config", file], listen: "" });
    const ear = await connect(node);
    await until("the way stands", () => {
      ear.socket.send("?");
      return ear.heard.length > 0;
    });
    const long = "0123456789abcdef".repeat((20 * mebibyte) / 16);
    ear.socket.send(long);
    await until("the long one came", () => ear.heard.includes(long));
    expect(await (await fetch(`${node.url}/debug/vars`)).json()).toMatchObject({ NumClients: 1 });

    await using strict = await startChild({
      words: ["windsock", "-config", file, "--set", "windsock.max_message=2MiB"],
      listen: "",
    });
    const short = await connect(strict);
    short.socket.send("x".repeat(3 * mebibyte));
    // The runtime cuts the line before the message is whole.
    expect([1006, 1009]).toContain(await short.ended);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);

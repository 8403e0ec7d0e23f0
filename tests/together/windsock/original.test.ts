/**
 * Windsock and its broker as two programs in place of their predecessors: their configuration files and flags, back ends
 * over libzmq as they are, and websockets, through a restart of the broker.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { freePorts } from "../../../src/kit/testing/free-port.ts";
import { signToken } from "../../../src/wires/windsock/token.ts";
import { hasLibzmq } from "../zmtp/libzmq.ts";

const secret = "6f1d916c-7761-4874-8d5b-8f8f93d20bf2";
const python = "/usr/bin/python3";
const program = resolve(import.meta.dir, "callers.py");

/** The callers, which do one thing after the other. */
function callers() {
  const child = Bun.spawn([python, program], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    async do(...words: (string | number)[]): Promise<unknown> {
      child.stdin.write(`${words.join(" ")}\n`);
      await child.stdin.flush();
      while (!rest.includes("\n")) {
        const { done, value } = await lines.read();
        if (done) throw new Error("the callers are gone");
        rest += value;
      }
      const at = rest.indexOf("\n");
      const line = rest.slice(0, at);
      rest = rest.slice(at + 1);
      return JSON.parse(line);
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

/** A browser as far as Windsock sees one. */
async function browser(node: ChildNode, user: string) {
  const atSeconds = Math.floor(Date.now() / 1000);
  const fields = { user, subPrefix: "gobot", pubPrefix: `gobot.browser.${user}`, atSeconds, salt: "1" };
  const token = signToken({ ...fields, address: "127.0.0.1" }, secret);
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/socket/?token=${token}`, {
    headers: { Origin: "http://app.example" },
  });
  const heard: unknown[] = [];
  socket.addEventListener("message", ({ data }) => heard.push(JSON.parse(String(data))));
  await new Promise<void>((done, failed) => {
    socket.addEventListener("open", () => done());
    socket.addEventListener("error", () => failed(new Error("refused")));
  });
  return { socket, heard };
}

test.skipIf(!hasLibzmq)(
  "windsock and broker in place of their predecessors, with the callers they have",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
    const [rep, pub] = freePorts(2);
    const brokerFile = join(folder, "broker.json");
    const windsockFile = join(folder, "windsock.json");
    writeFileSync(
      brokerFile,
      JSON.stringify({ repsocket: `tcp://*:${rep}`, PUBSOCKET: `tcp://*:${pub}`, Unknown: { a: 1 } }),
    );
    writeFileSync(
      windsockFile,
      JSON.stringify({
        Secret: secret,
        ReqSocket: `tcp://localhost:${rep}`,
        SubSocket: `tcp://localhost:${pub}`,
        WebSocketPort: "127.0.0.1:0",
        SubKey: "",
      }),
    );
    const startBroker = () =>
      startChild({
        words: ["windsock", "broker", "-config", brokerFile],
        environment: { BROKER_EXPVAR_PORT: "0", LOG_LEVEL: "WARN" },
      });
    let broker = await startBroker();
    try {
      await using windsock = await startChild({
        words: ["windsock", `-config=${windsockFile}`],
        listen: "",
        environment: { WINDSOCK_LOG_LEVEL: "DEBUG" },
      });
      await using apps = callers();
      const [asking, telling] = [`tcp://127.0.0.1:${rep}`, `tcp://127.0.0.1:${pub}`];
      await apps.do("listen", telling);
      const anna = await browser(windsock, "anna");
      const appsHeard = async (count: number, waitMs: number) => (await apps.do("heard", count, waitMs)) as string[][];
      let said = 0;
      await until("all ways stand", async () => {
        said++;
        anna.socket.send(`? ${said}`);
        return (await appsHeard(1, 100)).length > 0 && anna.heard.length > 0;
      });
      // What was said before a way stood is not heard on it, but of what comes after its first nothing is missing.
      const last = { address: "gobot.browser.anna", content: `? ${said}` };
      await until("nothing is on its way", () => anna.heard.some((one) => Bun.deepEquals(one, last)));
      await until("nor to the apps", async () =>
        (await appsHeard(said, 100)).some(([, content]) => content === last.content),
      );
      const [heardByAnna, heardByApps] = [anna.heard.length, (await appsHeard(0, 0)).length];
      anna.heard.length = 0;
      expect(await apps.do("ask", asking, '{"address":"gobot.0","content":"smoke"}')).toBe("published");
      expect(await apps.do("leave", asking, '{"address":"gobot.1","content":"left"}')).toBe("left");
      expect(await apps.do("ask", asking, "not json")).toStartWith("refused: ");
      anna.socket.send("from the browser");
      await until("she hears them", () => anna.heard.length === 3);
      expect(anna.heard).toContainEqual({ address: "gobot.0", content: "smoke" });
      expect(anna.heard).toContainEqual({ address: "gobot.1", content: "left" });
      expect(anna.heard).toContainEqual({ address: "gobot.browser.anna", content: "from the browser" });
      const told = await appsHeard(heardByApps + 3, 60_000);
      expect(told).toHaveLength(heardByApps + 3);
      expect(told.every((frames) => frames.length === 2)).toBe(true);
      expect(told.slice(-3)).toContainEqual(["gobot.browser.anna", "from the browser"]);

      const vars = /^windsock vars +(\S+)$/m.exec(broker.output())?.[1]?.replace("0.0.0.0", "127.0.0.1");
      const figures = (await (await fetch(`http://${vars}/debug/vars`)).json()) as Record<string, unknown>;
      expect(figures["NumMessages"]).toBe(said + 3);
      expect(figures["Uptime"]).toBeGreaterThan(1_000_000);
      const own = (await (await fetch(`${windsock.url}/debug/vars`)).json()) as Record<string, unknown>;
      expect(own).toMatchObject({ NumZMQMessages: heardByAnna + 3, NumClients: 1, TotalClients: 1 });
      expect(JSON.stringify(own["cmdline"])).not.toContain("config");

      // The broker goes in mid-stream and comes back: the browser stays, and both ways work again by themselves.
      anna.socket.send("on its way");
      await broker.end("SIGKILL");
      anna.socket.send("into the dark");
      await broker[Symbol.asyncDispose]();
      broker = await startBroker();
      anna.heard.length = 0;
      await until("the browser's words arrive again", async () => {
        anna.socket.send("again");
        await new Promise((done) => setTimeout(done, 50));
        return anna.heard.some((one) => (one as { content: string }).content === "again");
      });
      expect(await apps.do("ask", asking, '{"address":"gobot.2","content":"back"}')).toBe("published");
      await until("so do the back end's", () =>
        anna.heard.some((one) => (one as { content: string }).content === "back"),
      );
      expect(anna.socket.readyState).toBe(WebSocket.OPEN);
      expect(windsock.output()).not.toContain(secret);
      let code = 0;
      anna.socket.addEventListener("close", (event) => (code = event.code));
      expect(await windsock.end()).toBe(0);
      await until("she is told to come back", () => code === 1012);
    } finally {
      await broker[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  180_000,
);

test("windsock: a file that cannot be read, and bad JSON, keep it from starting, by name and without its words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    const path = join(folder, "windsock.json");
    const start = () =>
      startChild({ words: ["windsock", "-config", path] }).then(
        async (node) => {
          await node[Symbol.asyncDispose]();
          return "started";
        },
        (thrown: Error) => thrown.message,
      );
    expect(await start()).toContain(`ended with 1:\nCannot use "${path}"`);
    writeFileSync(path, '{"Secret":"do not tell" ');
    const message = await start();
    expect(message).toContain("it is no JSON");
    expect(message).not.toContain("do not tell");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);

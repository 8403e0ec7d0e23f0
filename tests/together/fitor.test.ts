/**
 * The whole program between a real ngircd and Windsock's broker, with a listener over libzmq as it came with the predecessor,
 * and with the rights of tokens: what people and programs see of Fitor.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";

import { runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePorts } from "../../src/kit/testing/free-port.ts";
import { ngircd, OtherClient, startIrcServer } from "../../src/wires/fitor/peers-fixture.ts";
import { makeToken, tokenCounts } from "../tokens.ts";

setDefaultTimeout(180_000);

const python = "/usr/bin/python3";
const hasZmq = existsSync("/usr/lib/python3/dist-packages/zmq/__init__.py");

/** What the predecessor's listener does: everything below gobot, status with stars. */
const listener = `
import json, sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
socket.setsockopt(zmq.SUBSCRIBE, b"gobot")
print("listening", flush=True)
while True:
    address, content = socket.recv_multipart()
    said = json.loads(content)
    if said["message_type"] == "status":
        print("*** " + said["content"], flush=True)
    else:
        print(said["nick"] + ": " + said["content"], flush=True)
`;
/** A back end that publishes and does not wait for the answer. */
const speaker = `
import json, sys, zmq
socket = zmq.Context().socket(zmq.REQ)
socket.connect(sys.argv[1])
socket.send(json.dumps({"address": "gobot.browser.bob", "content": json.dumps({"message_type": "message", "nick": "bob", "content": sys.argv[2]})}).encode())
socket.recv()
`;

describe.skipIf(ngircd === null || !hasZmq)("fitor", () => {
  test("stands between ngircd and windsock's broker; libzmq hears and speaks; people read, write and search by command", async () => {
    await using server = await startIrcServer();
    const [rep = "", pub = ""] = freePorts(2).map((port) => `tcp://127.0.0.1:${port}`);
    await using node = await startChild({
      config: `[windsock]
rep_socket = ["${rep}"]
pub_socket = ["${pub}"]
[fitor]
server = "127.0.0.1"
port = ${server.port}
req_socket = "${rep}"
sub_socket = "${pub}"
bus = "zeromq"
flood_line = "10ms"
`,
    });
    const base = `${node.url}/fitor`;
    const status = async () =>
      (await fetch(`${base}/status.json`)).json() as Promise<{
        networks: { channels: { isIn: boolean }[] }[];
        bus: { isUp: boolean };
      }>;
    await until("the bridge stands", async () => {
      const { bus, networks } = await status();
      return bus.isUp && networks[0]?.channels[0]?.isIn === true;
    });
    const heard: string[] = [];
    const child = Bun.spawn([python, "-c", listener, pub], { stdout: "pipe", stderr: "inherit" });
    const reading = (async () => {
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of child.stdout) {
        rest += decoder.decode(chunk, { stream: true });
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        heard.push(...lines);
      }
    })();
    try {
      using anna = await OtherClient.join(server.port, "anna", "#ccnmtl");
      let asked = 0;
      await until("the listener hears", () => {
        if (heard.some((line) => line.startsWith("anna: ready"))) return true;
        anna.send(`PRIVMSG #ccnmtl :ready ${asked++}`);
        return Bun.sleep(300).then(() => false);
      });
      await Bun.spawn([python, "-c", speaker, rep, "hello\r\nQUIT :from libzmq"]).exited;
      await anna.sees(/PRIVMSG #ccnmtl :bob: hello$/);
      await anna.sees(/PRIVMSG #ccnmtl :bob: QUIT :from libzmq$/);
      const environment = { WARREN_SERVER: base };
      const said = await runProgram(["fitor", "say", "--nick", "carl", "tea", "is", "ready"], { environment });
      expect([said.exitCode, said.stderr]).toEqual([0, "said in irc/#ccnmtl\n"]);
      await anna.sees(/PRIVMSG #ccnmtl :carl: tea is ready$/);
      await until("the listener heard it", () => heard.includes("carl: tea is ready"));
      const log = await runProgram(["fitor", "log", "--search", "tea"], { environment });
      expect(log.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d irc\/#ccnmtl <carl> tea is ready\n$/);
      const wrong = await runProgram(["fitor", "say", "--room", "irc/#nowhere", "x"], { environment });
      expect([wrong.exitCode, wrong.stderr]).toEqual([
        1,
        'Cannot find the room "irc/#nowhere": wanted network/#channel\n',
      ]);
      await server.end();
      await until("the listener is told", () => heard.includes("*** disconnected"));
      const ready = await fetch(`${node.url}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([
        200,
        expect.stringMatching(/degraded {2}irc: Not connected to irc/),
      ]);
      const metrics = await (await fetch(`${node.url}/metrics`)).text();
      expect(metrics).toContain('warren_fitor_up{network="irc"} 0');
      expect(metrics).toContain('warren_fitor_lines_total{origin="web"} 1');
      expect(metrics).toContain('warren_fitor_lines_total{origin="bus"} 1');
    } finally {
      child.kill();
      await reading;
    }
  });

  test("beside windsock in one program it needs no broker, and misses nothing", async () => {
    await using server = await startIrcServer();
    await using node = await startChild({
      config: `[fitor]\nserver = "127.0.0.1"\nport = ${server.port}\nflood_line = "0s"\nflood_bytes = 0\n`,
    });
    type Status = { networks: { channels: { isIn: boolean }[] }[]; bus: { isUp: boolean; name: string; lost: number } };
    const status = async () => (await fetch(`${node.url}/fitor/status.json`)).json() as Promise<Status>;
    await until("the bridge stands", async () => {
      const { bus, networks } = await status();
      return bus.isUp && networks[0]?.channels[0]?.isIn === true;
    });
    expect((await status()).bus.name).toBe("windsock of this program");
    using anna = await OtherClient.join(server.port, "anna", "#ccnmtl");
    const told = Array.from({ length: 12 }, (_, index) => `number ${index}`);
    for (const text of told) {
      const content = JSON.stringify({ message_type: "message", nick: "bob", content: text });
      const answer = await fetch(`${node.url}/windsock/publish`, {
        method: "POST",
        body: JSON.stringify({ address: "gobot.browser.bob", content }),
      });
      expect(answer.status).toBe(200);
    }
    await anna.sees(/bob: number 11$/);
    const heard = anna.lines.flatMap((line) => /PRIVMSG #ccnmtl :bob: (.*)$/.exec(line)?.[1] ?? []);
    expect(heard).toEqual(told);
    anna.send("PRIVMSG #ccnmtl :hello windsock");
    const published = await until("it is published", async () => {
      const answer = await fetch(`${node.url}/windsock/history?topic=gobot.fitor.anna`);
      const { publications } = (await answer.json()) as { publications: { content: string }[] };
      return publications.length > 0 && publications;
    });
    expect(published.map(({ content }) => JSON.parse(content))).toEqual([
      { message_type: "message", nick: "anna", content: "hello windsock" },
    ]);
    expect((await status()).bus.lost).toBe(0);
    expect(await node.end()).toBe(0);
  });

  test("who speaks is whom the token names; readers read, and only administrators connect", async () => {
    await using server = await startIrcServer();
    await using node = await startChild({
      config: `[fitor]\nserver = "127.0.0.1"\nport = ${server.port}\nbus = "none"\n`,
    });
    const boss = await makeToken(node, "boss", "*:admin");
    const reader = await makeToken(node, "ria", "fitor:read");
    const writer = await makeToken(node, "wim", "fitor:write");
    const say = `${node.url}/fitor/room/irc/%23ccnmtl/say`;
    const post = (token: string | undefined, url: string, accept = "application/json") =>
      fetch(url, {
        method: "POST",
        redirect: "manual",
        body: new URLSearchParams({ text: "hello", nick: "somebody" }),
        headers: { Accept: accept, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
      });
    await tokenCounts(`${node.url}/fitor/status.json`, writer);
    expect((await post(undefined, say)).status).toBe(401);
    expect((await post(reader, say)).status).toBe(403);
    const answer = await post(writer, say);
    expect([answer.status, await answer.json()]).toEqual([
      201,
      {
        outcome: expect.stringMatching(/^(?:sent|held)$/),
        line: expect.objectContaining({ nick: "wim", text: "hello", origin: "web" }),
      },
    ]);
    const byForm = await post(writer, say, "text/html");
    expect([byForm.status, byForm.headers.get("location")]).toEqual([303, "/fitor/room/irc/%23ccnmtl/"]);
    expect((await post(writer, `${node.url}/fitor/network/irc/connect`)).status).toBe(403);
    const page = await (
      await fetch(`${node.url}/fitor/room/irc/%23ccnmtl/`, { headers: { Authorization: `Bearer ${reader}` } })
    ).text();
    expect(page).toContain("You may read here.");
    expect(page).not.toContain("data-speak-text");

    // A token of windsock for whoever may read: for hearing of news, and for nothing else there.
    const read = (path: string, token?: string) =>
      fetch(`${node.url}/fitor${path}`, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } });
    const asked = "/changes.json?room=irc/%23ccnmtl&after=0";
    expect([(await read("/token")).status, (await read(asked)).status]).toEqual([401, 401]);
    expect((await read(asked, reader)).status).toBe(200);
    const { token } = (await (await read("/token", reader)).json()) as { token: string };
    const address = /data-chat-address="([^"]+)"/.exec(page)?.[1] ?? "";
    expect(address).toMatch(/^fitor:page\.[\w-]+$/);
    const shown = { headers: { "X-Windsock-Token": token } };
    const windsock = async (path: string, init: RequestInit = {}) =>
      (await fetch(`${node.url}/windsock${path}`, { ...shown, ...init })).status;
    expect(await windsock(`/poll?wait=0&address=${address}`)).toBe(200);
    for (const topic of ["prefix=", "prefix=fitor", "topic=%23", "address=gobot", `prefix=${address}`]) {
      expect([topic, await windsock(`/poll?wait=0&${topic}`)]).toEqual([topic, 403]);
    }
    const body = JSON.stringify({ address, content: "{}" });
    expect(await windsock("/publish", { method: "POST", body })).toBe(403);
    expect(await windsock("/api/connections", { method: "POST", body: "{}" })).toBe(401);
    // The way by which fitor gets it is for nobody else.
    const own = JSON.stringify({ user: "", address, seconds: 1 });
    for (const Authorization of [`Bearer ${reader}`, `Bearer ${boss}`, ""]) {
      const headers = Authorization === "" ? new Headers() : new Headers({ Authorization });
      const answer = await fetch(`${node.url}/windsock/within/token`, { method: "POST", body: own, headers });
      expect([401, 403, 404]).toContain(answer.status);
      if (Authorization.includes(boss)) expect(answer.status).toBe(404);
    }

    // Who may not read any more hears nothing more either.
    const events = `${node.url}/fitor/events?room=irc/%23ccnmtl`;
    const stream = await fetch(events, { headers: { Authorization: `Bearer ${reader}` } });
    expect(stream.status).toBe(200);
    const heard = stream.text();
    await runProgram(["token", "revoke", "ria", "--data", node.data], { folder: node.folder });
    expect(await heard).toContain("event: people");
    expect((await post(writer, say)).status).toBe(201);
    expect((await fetch(events, { headers: { Authorization: `Bearer ${reader}` } })).status).toBe(401);
    expect([(await read("/token", reader)).status, (await read(asked, reader)).status]).toEqual([401, 401]);
  });

  test("without a network it does nothing, and says how to begin", async () => {
    await using node = await startChild({ words: ["fitor"] });
    expect(await (await fetch(`${node.url}/status.json`)).json()).toMatchObject({ networks: [], bus: null });
    expect(await (await fetch(`${node.url}/`)).text()).toContain("No IRC network is configured");
    expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${node.url}/room/irc/%23x/`)).status).toBe(404);
    expect((await fetch(`${node.url}/log.json?room=irc/%23x`)).status).toBe(404);
  });
});

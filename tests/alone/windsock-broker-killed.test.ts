/**
 * Windsock with a broker elsewhere, each killed in mid-stream while a back end publishes: whoever listens hears each
 * message at most once and in order, and where one is missing a gap was told; nobody's connection ends with the broker.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../src/kit/clock.ts";
import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePorts } from "../../src/kit/testing/free-port.ts";
import { Requester } from "../../src/lib/zmtp/request.ts";
import { signToken } from "../../src/wires/windsock/token.ts";

const secret = "a secret for tests that is long enough";
const idleCount = Number(process.env.WARREN_TEST_IDLE_SOCKETS ?? 300);

interface Word {
  content?: string;
  position?: string;
  gap?: { position: string };
  resumed?: { isComplete: boolean; position: string };
}

/** A websocket that keeps what it hears. */
async function connect(url: string, query: Record<string, string> = {}) {
  const atSeconds = Math.floor(Date.now() / 1000);
  const fields = { user: "u", subPrefix: "a", pubPrefix: "a", atSeconds, salt: "1", address: "127.0.0.1" };
  const words = new URLSearchParams({ token: signToken(fields, secret), ...query });
  const socket = new WebSocket(`${url.replace("http", "ws")}/socket/?${words.toString()}`);
  const heard: Word[] = [];
  socket.addEventListener("message", ({ data }) => heard.push(JSON.parse(String(data)) as Word));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  return { socket, heard };
}

/** Everyone who was answered is known; what was not may be published or not. */
function backEnd(endpoint: string) {
  const requester = new Requester({ clock: systemClock, random: Math.random, reconnectMaxMs: 200 });
  requester.connect(endpoint);
  const answered = new Set<number>();
  const over = new AbortController();
  let sent = 0;
  const speak = async () => {
    while (!over.signal.aborted) {
      const content = sent++;
      const frame = Buffer.from(JSON.stringify({ address: "a", content: String(content) }));
      const reply = await requester.request([frame], 1000).catch(() => undefined);
      if (reply?.[0]?.toString() === "published") answered.add(content);
    }
  };
  const speaking = speak();
  return {
    answered,
    get sent() {
      return sent;
    },
    async stop() {
      over.abort();
      await speaking;
      requester.close();
    },
  };
}

/** Each number at most once and upwards; whoever was answered is there, or a gap stands where it would be. */
function judge(words: readonly Word[], answered: ReadonlySet<number>): void {
  let last = -1;
  let isGap = true;
  const lost: number[] = [];
  for (const { content, gap, resumed } of words) {
    if (gap || resumed?.isComplete === false) isGap = true;
    if (content === undefined || !/^\d+$/.test(content)) continue;
    const number = Number(content);
    expect(number).toBeGreaterThan(last);
    const between = Array.from({ length: number - last - 1 }, (_, at) => last + 1 + at);
    if (!isGap) lost.push(...between.filter((at) => answered.has(at)));
    last = number;
    isGap = false;
  }
  expect(lost).toHaveLength(0);
}

const brokerWords = ["windsock", "--role", "broker", "--vars", "127.0.0.1:0"];

test("windsock: a broker that is killed in mid-stream and comes back costs nobody a connection, and is a gap", async () => {
  const [rep = 0, pub = 0] = freePorts(2);
  const [asking, telling] = [`tcp://127.0.0.1:${rep}`, `tcp://127.0.0.1:${pub}`];
  const startBroker = () => startChild({ words: [...brokerWords, "--rep-socket", asking, "--pub-socket", telling] });
  let broker = await startBroker();
  await using node = await startChild({
    words: ["windsock", "--role", "windsock", "--req-socket", asking, "--sub-socket", telling],
    environment: { WARREN_WINDSOCK_SECRET: secret },
  });
  const speaker = backEnd(asking);
  try {
    const idle: Awaited<ReturnType<typeof connect>>[] = [];
    while (idle.length < idleCount)
      idle.push(
        ...(await Promise.all(Array.from({ length: 50 }, () => connect(node.url, { interest: "exact:a.idle" })))),
      );
    const ear = await connect(node.url, { positions: "1" });
    for (let round = 0; round < 3; round++) {
      const before = ear.heard.length;
      await until("some were heard", () => ear.heard.length > before + 50);
      await broker.end("SIGKILL");
      await broker[Symbol.asyncDispose]();
      const gaps = ear.heard.filter(({ gap }) => gap).length;
      broker = await startBroker();
      await until("the gap is told", () => ear.heard.filter(({ gap }) => gap).length > gaps);
    }
    const newest = speaker.sent;
    await until("the last ones are heard", () => ear.heard.some(({ content }) => Number(content) > newest));
    judge(ear.heard, speaker.answered);
    expect([...idle, ear].every(({ socket }) => socket.readyState === WebSocket.OPEN)).toBe(true);
  } finally {
    await speaker.stop();
    await broker[Symbol.asyncDispose]();
  }
}, 180_000);

for (const store of ["memory", "disk"] as const) {
  test(`windsock: killed while its broker goes on, with the history in ${store}: whoever comes back is told of a gap`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
    const [rep = 0, pub = 0] = freePorts(2);
    const [asking, telling] = [`tcp://127.0.0.1:${rep}`, `tcp://127.0.0.1:${pub}`];
    const words = ["windsock", "--role", "windsock", "--req-socket", asking, "--sub-socket", telling];
    const start = (): Promise<ChildNode> =>
      startChild({
        folder,
        words: [...words, "--history-store", store],
        environment: { WARREN_WINDSOCK_SECRET: secret },
      });
    await using _broker = await startChild({
      words: [...brokerWords, "--rep-socket", asking, "--pub-socket", telling],
    });
    const speaker = backEnd(asking);
    try {
      let since: string | undefined;
      for (let round = 0; round < 3; round++) {
        await using node = await start();
        const before = speaker.sent;
        const ear = await connect(node.url, { positions: "1", ...(since === undefined ? {} : { since }) });
        const isFresh = ({ content }: Word) => Number(content) > before + 50;
        await until("some were heard", () => ear.heard.some(isFresh));
        await node.end("SIGKILL");
        since = ear.heard.findLast(({ content }) => content !== undefined)?.position;
        // What is kept comes first, also what was heard before, with a hole in it that the gap before it tells of.
        const at = ear.heard.findIndex(({ resumed }) => resumed);
        if (round > 0)
          expect([ear.heard[at]?.resumed?.isComplete, ear.heard.some(({ gap }) => gap)]).toEqual([false, true]);
        judge(ear.heard.slice(at + 1), speaker.answered);
        const answered = speaker.answered.size;
        await until("the back end went on", () => speaker.answered.size > answered + 20);
      }
    } finally {
      await speaker.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 180_000);
}

/**
 * Windsock: one message to a thousand and to five thousand websockets, beside nchan on nginx with the same load; memory of
 * idle connections; messages by ZeroMQ, and the round trip of one, beside libzmq.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { type ChildNode, startChild, until } from "../src/kit/testing/child-node.ts";
import { freePorts } from "../src/kit/testing/free-port.ts";
import { signToken } from "../src/wires/windsock/token.ts";
import { medianOf, onCore, pause, pin, ratioOf, residentBytes, spreadText } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchTable, Effort } from "./report.ts";

const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/** Debian's own; another one on the path may not have its packages. */
const python = "/usr/bin/python3";
const load = resolve(import.meta.dir, "windsock-load.ts");
const peer = resolve(import.meta.dir, "windsock-peer.py");
const secret = "a secret for benches that is long enough";
const limit = String(200_000);

/** Runs all of it. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const clients = effort === "smoke" ? [20] : effort === "quick" ? [1000] : [1000, 5000];
  const rounds = effort === "smoke" ? 3 : effort === "quick" ? 30 : 60;
  const turns = effort === "full" ? 5 : 1;
  return [
    await fanOut(clients, rounds, effort === "full" ? 11 : turns),
    await idleMemory(effort === "smoke" ? 50 : effort === "quick" ? 3000 : 10_000),
    await ingest(effort === "smoke" ? 2000 : effort === "quick" ? 200_000 : 1_000_000, turns),
    await roundTrip(effort === "smoke" ? 50 : effort === "quick" ? 3000 : 20_000, turns),
  ];
}

/** A token that stays good; each is for a user of its own, as browsers have. */
function pathOf(user: string, door = "socket"): string {
  const atSeconds = Math.floor(Date.now() / 1000);
  const fields = { user, subPrefix: "bench", pubPrefix: "bench", atSeconds, salt: "1", address: "127.0.0.1" };
  return `/${door}/?token=${signToken(fields, secret)}`;
}

async function startWindsock(more: readonly string[] = []): Promise<ChildNode> {
  const words = ["windsock", "--token-age", "1h", "--history-count", "1000", ...more];
  const node = await startChild({ words, environment: { WARREN_WINDSOCK_SECRET: secret } });
  pin(node.pid, 0);
  return node;
}

function addressIn(node: ChildNode, purpose: string): string {
  return (new RegExp(`^windsock ${purpose} +(\\S+)$`, "m").exec(node.output())?.[1] ?? "").replace(
    "0.0.0.0",
    "127.0.0.1",
  );
}

/** Runs the load on the other core; the JSON of its last line. */
async function runLoad(words: readonly (string | number)[]): Promise<Record<string, number>> {
  const command = ["sh", "-c", `ulimit -n ${limit} 2>/dev/null; exec "$@"`, "sh"];
  const child = Bun.spawn([...onCore(1), ...command, process.execPath, load, ...words.map(String)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("Cannot measure: the load failed");
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Record<string, number>;
}

/** A load that goes on until it is ended; its first line. */
async function startLoad(words: readonly (string | number)[]) {
  const command = ["sh", "-c", `ulimit -n ${limit} 2>/dev/null; exec "$@"`, "sh"];
  const child = Bun.spawn([...onCore(1), ...command, process.execPath, load, ...words.map(String)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    async first(): Promise<Record<string, number>> {
      let text = "";
      while (!text.includes("\n")) {
        const { done, value } = await reader.read();
        if (done) throw new Error("Cannot measure: the load failed");
        text += value;
      }
      return JSON.parse(text.split("\n")[0] ?? "") as Record<string, number>;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

const content = "x".repeat(60);
/** What windsock makes of it is what nchan is given, so that frames are equal. */
const envelope = JSON.stringify({ address: "bench", content });
const frameBytes = envelope.length + 2;

type Side = "windsock" | "nchan";

async function fanOut(counts: readonly number[], rounds: number, turns: number): Promise<BenchTable> {
  const hasNchan = existsSync(nchanModule) && Bun.which("nginx") !== null;
  const sides: readonly Side[] = hasNchan ? ["windsock", "nchan"] : ["windsock"];
  const rows: BenchTable["rows"] = [];
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  try {
    for (const count of counts) {
      for (const burst of [1, 20]) {
        // A round of a burst has so many messages that a few do.
        const inTurn = burst === 1 ? rounds : Math.ceil(rounds / 5);
        await using stack = new AsyncDisposableStack();
        const node = stack.use(await startWindsock());
        const nginx = hasNchan ? stack.use(await startNchan(join(folder, `${count}-${burst}`), folder)) : undefined;
        const path = pathOf("bench");
        const runSide = (side: Side, of: number) =>
          side === "nchan" && nginx
            ? runLoad(["fanout", nginx.url.slice(7), "/sub", "/pub", count, frameBytes, of, burst, envelope])
            : runLoad(["fanout", node.url.slice(7), path, path, count, frameBytes, of, burst, content]);
        const results: Record<Side, Record<string, number>[]> = { windsock: [], nchan: [] };
        for (const side of sides) await runSide(side, inTurn);
        for (let turn = 0; turn < turns; turn++) {
          // Each time another one is first.
          for (const side of turn % 2 === 0 ? sides : sides.toReversed())
            results[side].push(await runSide(side, inTurn));
        }
        const figure = (side: Side, name: string) => results[side].map((result) => result[name] ?? Number.NaN);
        const rate = (side: Side) => medianOf(figure(side, "perSecond"));
        const ratio = (name: string) => ratioOf(figure("windsock", name), figure("nchan", name)).toFixed(2);
        rows.push({
          clients: count,
          "messages at once": burst,
          "deliveries/s": Math.round(rate("windsock")),
          spread: spreadText(figure("windsock", "perSecond")),
          "p99 ms": medianOf(figure("windsock", "p99Ms")).toFixed(1),
          "nchan deliveries/s": hasNchan ? Math.round(rate("nchan")) : "not installed",
          "nchan p99 ms": hasNchan ? medianOf(figure("nchan", "p99Ms")).toFixed(1) : "",
          "deliveries, windsock / nchan": hasNchan ? ratio("perSecond") : "",
          "p99, windsock / nchan": hasNchan ? ratio("p99Ms") : "",
        });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    title: `A message of ${envelope.length} bytes to many websockets`,
    rows,
    notes: [
      `Medians of ${turns} turns of ${rounds} rounds each, a fifth as many of bursts, after one that does not count; ratios are those of the turns' own. A round ends when the last client has all. The server on one core, the load on the other.`,
      "Published by a websocket in both; nchan keeps messages in memory, one worker.",
    ],
  };
}

/** nginx with nchan, on the same core as windsock. */
function startNchan(folder: string, files: string) {
  return startNginx(folder, files, false, {
    modules: [nchanModule],
    workers: 1,
    connections: 20_000,
    locations: [
      "location = /sub { nchan_subscriber websocket; nchan_channel_id bench; nchan_subscriber_first_message newest; }",
      "location = /pub { nchan_publisher websocket; nchan_channel_id bench; }",
    ],
  });
}

/** What a connection says before it is idle, by door: one line each, answered one by one. */
const helloOf = {
  socket: "",
  connect: '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"topics":["bench"]}}',
};

async function idleMemory(count: number): Promise<BenchTable> {
  const rows: BenchTable["rows"] = [];
  for (const door of ["socket", "connect"] as const) {
    await using node = await startWindsock();
    const words = ["idle", node.url.slice(7), pathOf("bench", door)];
    {
      // What the first connections cost is not theirs: code that is compiled, buffers that stay.
      await using warm = await startLoad([...words, 100, helloOf[door]]);
      await warm.first();
    }
    await pause(1000);
    const before = residentBytes(node.pid);
    await using held = await startLoad([...words, count, helloOf[door]]);
    const { open } = await held.first();
    // What connecting left behind is collected some seconds after it has become quiet.
    await pause(count < 1000 ? 1000 : 15_000);
    const after = residentBytes(node.pid);
    const each = (after - before) / (open ?? count);
    rows.push({
      door: `/${door}/`,
      connections: open ?? 0,
      "before MiB": (before / 2 ** 20).toFixed(1),
      "with them MiB": (after / 2 ** 20).toFixed(1),
      "KiB each": (each / 1024).toFixed(2),
      // With few connections what the runtime takes ahead weighs more.
      goal: count < 10_000 ? "at most 4, with 10,000" : each <= 4096 ? "at most 4: met" : "at most 4: missed",
    });
  }
  return {
    title: "Idle websockets",
    rows,
    notes: [
      "Resident memory after 15 s of quiet; what the kernel keeps for sockets is not in it. At /connect/ each has said connect and subscribed to a topic.",
    ],
  };
}

async function ingest(count: number, turns: number): Promise<BenchTable> {
  const rows: BenchTable["rows"] = [];
  for (const way of ["push", "tell"] as const) {
    const rates: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const endpoint = `ipc://${join(tmpdir(), `warren-bench-${crypto.randomUUID()}`)}`;
      await using node = await startWindsock(
        way === "push" ? ["--pull-socket", "tcp://127.0.0.1:*"] : ["--collect-from", endpoint],
      );
      const words = way === "push" ? [addressIn(node, "pull"), count, 100] : [endpoint, count, 100];
      await using sender = await startLoad([way, ...words]);
      const { startedAt = 0 } = await sender.first();
      const taken = async () => {
        const answer = await fetch(`${node.url}/debug/vars`);
        return ((await answer.json()) as { NumZMQMessages: number }).NumZMQMessages;
      };
      await until("all were taken", async () => (await taken()) >= count, 60_000);
      rates.push((count * 1000) / (performance.timeOrigin + performance.now() - startedAt));
      rmSync(endpoint.slice(6), { force: true });
    }
    rows.push({
      way: way === "push" ? "PUSH to PULL, TCP" : "PUB to SUB, Unix socket",
      "messages/s": Math.round(medianOf(rates)),
      spread: spreadText(rates),
      goal: medianOf(rates) >= 300_000 ? "300,000: met" : "300,000: missed",
    });
  }
  return {
    title: `${count} messages of 100 bytes by ZeroMQ into the order and the history`,
    rows,
    notes: ["From the first that is sent until all have their place, as asked every 20 ms."],
  };
}

async function roundTrip(count: number, turns: number): Promise<BenchTable> {
  const hasLibzmq = existsSync("/usr/lib/python3/dist-packages/zmq");
  if (!hasLibzmq) return { title: "REQ and REP", rows: [], notes: ["python3-zmq is not installed."] };
  const ask = async (endpoint: string) => {
    const child = Bun.spawn([...onCore(1), python, peer, "ask", endpoint, String(count)], { stdout: "pipe" });
    const text = await new Response(child.stdout).text();
    await child.exited;
    return JSON.parse(text) as { p50: number; p99: number };
  };
  const [ours, theirs]: [{ p50: number; p99: number }[], { p50: number; p99: number }[]] = [[], []];
  for (let turn = 0; turn < turns; turn++) {
    {
      await using node = await startWindsock([
        "--rep-socket",
        "tcp://127.0.0.1:*",
        "--pub-socket",
        "tcp://127.0.0.1:*",
      ]);
      ours.push(await ask(addressIn(node, "rep")));
    }
    const [rep, pub] = freePorts(2).map((port) => `tcp://127.0.0.1:${port}`);
    const child = Bun.spawn([...onCore(0), python, peer, "broker", rep ?? "", pub ?? ""], { stdout: "pipe" });
    await child.stdout.getReader().read();
    theirs.push(await ask(rep ?? ""));
    child.kill();
    await child.exited;
  }
  const [own, other] = [medianOf(ours.map(({ p50 }) => p50)), medianOf(theirs.map(({ p50 }) => p50))];
  return {
    title: "REQ and REP: a publication and its answer, one after the other",
    rows: [
      {
        "p50 µs": own.toFixed(1),
        "p99 µs": medianOf(ours.map(({ p99 }) => p99)).toFixed(1),
        "broker on libzmq p50 µs": other.toFixed(1),
        "its p99 µs": medianOf(theirs.map(({ p99 }) => p99)).toFixed(1),
        times: (own / other).toFixed(2),
        goal: own <= 3 * other ? "at most 3: met" : "at most 3: missed",
      },
    ],
    notes: ["The same client on libzmq asks both; the peer is a broker of ten lines of Python on libzmq."],
  };
}

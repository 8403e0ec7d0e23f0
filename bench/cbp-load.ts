/**
 * The load for the bench of cbp, a process of its own that is both ends: the upstream behind the proxies, and their client.
 * Prints the upstream's port, then answers each line of its input (`bulk port bytes`, `echo port rounds`,
 * `connect port count width`, `hold port count`, `drop`) with a line of JSON. The upstream sends back what comes, but for a
 * first byte `D`, behind which stands how many bytes it shall send.
 */
import { createInterface } from "node:readline";

interface Upstream {
  left: number;
  isSending: boolean;
}

const block = new Uint8Array(1024 * 1024);

function push(socket: Bun.Socket<Upstream>): void {
  const state = socket.data;
  while (state.left > 0) {
    const part = state.left < block.length ? block.subarray(0, state.left) : block;
    const taken = Math.max(0, socket.write(part));
    state.left -= taken;
    if (taken < part.length) return;
  }
}

const upstream = Bun.listen<Upstream>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { left: 0, isSending: false };
    },
    data(socket, chunk) {
      if (chunk[0] !== 68) {
        socket.write(chunk);
        return;
      }
      socket.data.left = Number(chunk.subarray(1).toString());
      push(socket);
    },
    drain: push,
  },
});
console.log(upstream.port);

/** Bytes from the upstream through a connection. */
function bulk(port: number, bytes: number): Promise<object> {
  return new Promise((resolve, reject) => {
    let got = 0;
    let startedMs = 0;
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open(socket) {
          startedMs = performance.now();
          socket.write(`D${bytes}`);
        },
        data(socket, chunk) {
          got += chunk.length;
          if (got < bytes) return;
          resolve({ seconds: (performance.now() - startedMs) / 1000 });
          socket.end();
        },
        close: () => reject(new Error(`Closed after ${got} bytes`)),
      },
    });
  });
}

/** Round trips of 16 bytes, one after another. */
function echo(port: number, rounds: number): Promise<object> {
  const ping = new Uint8Array(16);
  const took = new Float64Array(rounds);
  return new Promise((resolve, reject) => {
    let round = 0;
    let sentMs = 0;
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open(socket) {
          sentMs = performance.now();
          socket.write(ping);
        },
        data(socket) {
          const nowMs = performance.now();
          took[round++] = nowMs - sentMs;
          if (round < rounds) {
            sentMs = performance.now();
            socket.write(ping);
            return;
          }
          took.sort();
          resolve({ p50Us: (took[rounds >> 1] ?? 0) * 1000, p99Us: (took[Math.floor(rounds * 0.99)] ?? 0) * 1000 });
          socket.end();
        },
        close: () => reject(new Error(`Closed after ${round} rounds`)),
      },
    });
  });
}

/** Connections, so many at a time: each sends a byte, gets it back and closes. */
function connections(port: number, count: number, width: number): Promise<object> {
  const one = new Uint8Array(1);
  return new Promise((resolve, reject) => {
    let begun = 0;
    let done = 0;
    const startedMs = performance.now();
    const next = () => {
      if (begun++ >= count) return;
      void Bun.connect({ hostname: "127.0.0.1", port, socket });
    };
    const socket: Bun.SocketHandler = {
      open: (opened) => void opened.write(one),
      data(opened) {
        done++;
        opened.end();
        if (done === count) resolve({ seconds: (performance.now() - startedMs) / 1000 });
        else next();
      },
      connectError: (_socket, failure) => reject(failure),
    };
    for (let at = 0; at < width; at++) next();
  });
}

const held: Bun.Socket[] = [];

/** Connections that have carried a byte and stay. */
async function hold(port: number, count: number): Promise<object> {
  let answered = 0;
  let isDone = () => {};
  const all = new Promise<void>((resolve) => {
    isDone = resolve;
  });
  for (let at = 0; at < count; at++) {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (opened) => void opened.write("x"),
        data() {
          if (++answered === count) isDone();
        },
      },
    });
    held.push(socket);
  }
  await all;
  return { held: held.length };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [verb = "", ...words] = line.split(" ");
  const [port = 0, amount = 0, width = 1] = words.map(Number);
  let answer: object = {};
  if (verb === "bulk") answer = await bulk(port, amount);
  else if (verb === "echo") answer = await echo(port, amount);
  else if (verb === "connect") answer = await connections(port, amount, width);
  else if (verb === "hold") answer = await hold(port, amount);
  else for (const socket of held.splice(0)) socket.terminate();
  console.log(JSON.stringify(answer));
}
process.exit(0);

/**
 * The other side of the bench of Windsock, as a process of its own: websockets by the thousand, of which it only counts
 * bytes, and publishers. Does one thing by its words and prints what came of it as one line of JSON.
 *
 *   fanout <address> <subscribe path> <publish path> <clients> <frame bytes> <rounds> <burst> <content>
 *   idle <address> <path> <clients> <said>    prints a line when all stand, have said that and were answered once for
 *                                             each of its lines, and holds them until its input ends
 *   push <endpoint> <count> <bytes>           messages of two frames by PUSH
 *   tell <bind endpoint> <count> <bytes>      the same by PUB, to whoever subscribes
 */
import { systemClock } from "../src/kit/clock.ts";
import { Pusher } from "../src/lib/zmtp/pipeline.ts";
import { Publisher } from "../src/lib/zmtp/publish.ts";

interface Wire {
  head: string | undefined;
  bytes: number;
}

const zmq = { clock: systemClock, random: Math.random };
const [mode = "", ...words] = process.argv.slice(2);
const result =
  mode === "fanout" ? await fanout() : mode === "idle" ? await idle() : mode === "push" ? await push() : await tell();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);

/** Opens a websocket by hand; `told` gets how many bytes came after the handshake. */
function open(address: string, path: string, told: (wire: Wire, count: number) => void): Promise<Bun.Socket<Wire>> {
  const [hostname = "", port = ""] = address.split(":");
  return new Promise((resolve, reject) => {
    Bun.connect<Wire>({
      hostname,
      port: Number(port),
      data: { head: "", bytes: 0 },
      socket: {
        open: (socket) =>
          void socket.write(
            `GET ${path} HTTP/1.1\r\nHost: ${address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
          ),
        data(socket, bytes) {
          const wire = socket.data;
          if (wire.head === undefined) {
            told(wire, bytes.length);
            return;
          }
          wire.head += bytes.toString("latin1");
          const end = wire.head.indexOf("\r\n\r\n");
          if (end < 0) return;
          if (!wire.head.startsWith("HTTP/1.1 101")) {
            reject(new Error(wire.head.slice(0, 300)));
            return;
          }
          const rest = wire.head.length - end - 4;
          wire.head = undefined;
          resolve(socket);
          if (rest > 0) told(wire, rest);
        },
        close: () => reject(new Error("closed")),
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}

/** A text frame, masked with zeroes, as long as its length fits into seven bits. */
function masked(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

/** Opens many, some at a time. */
async function openMany(
  address: string,
  path: string,
  count: number,
  told: (wire: Wire, count: number) => void,
): Promise<Bun.Socket<Wire>[]> {
  const sockets: Bun.Socket<Wire>[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(100, count - sockets.length) }, () => open(address, path, told));
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

async function fanout() {
  const [address = "", subscribePath = "", publishPath = "", clients, frameBytes, rounds, burst, content = ""] = words;
  const [count, frame, bursts] = [Number(clients), Number(frameBytes), Number(burst)];
  const latencies: number[] = [];
  let startedMs = 0;
  let missing = 0;
  let done = () => {};
  await openMany(address, subscribePath, count, (wire, bytes) => {
    const before = Math.floor(wire.bytes / frame);
    wire.bytes += bytes;
    const came = Math.floor(wire.bytes / frame) - before;
    const tookMs = performance.now() - startedMs;
    for (let each = 0; each < came; each++) latencies.push(tookMs);
    missing -= came;
    if (missing === 0) done();
  });
  const publisher = await open(address, publishPath, () => undefined);
  const payload = Buffer.from(content);
  const message = Buffer.concat(Array.from({ length: bursts }, () => masked(payload)));
  const times: number[] = [];
  for (let round = 0; round < Number(rounds) + 3; round++) {
    missing = count * bursts;
    // What warms up does not count.
    if (round === 3) latencies.length = 0;
    const all = new Promise<void>((resolve) => (done = resolve));
    startedMs = performance.now();
    publisher.write(message);
    publisher.flush();
    const late = setTimeout(() => {
      process.stderr.write(`${missing} of ${count * bursts} deliveries never came\n`);
      process.exit(1);
    }, 20_000);
    await all;
    clearTimeout(late);
    if (round >= 3) times.push(performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  latencies.sort((left, right) => left - right);
  times.sort((left, right) => left - right);
  const median = times[times.length >> 1] ?? Number.NaN;
  return {
    perSecond: (count * bursts * 1000) / median,
    medianMs: median,
    p50Ms: latencies[latencies.length >> 1],
    p99Ms: latencies[Math.floor(latencies.length * 0.99)],
  };
}

async function idle() {
  const [address = "", path = "", clients, said = ""] = words;
  const sockets: Bun.Socket<Wire>[] = [];
  const answers = { missing: 0 };
  while (sockets.length < Number(clients)) {
    const count = Math.min(100, Number(clients) - sockets.length);
    const batch = await openMany(address, path, count, () => void answers.missing--);
    sockets.push(...batch);
    for (const line of said === "" ? [] : said.split("\n")) {
      // One answer each, which is too short to come in pieces.
      answers.missing = batch.length;
      for (const socket of batch) socket.write(masked(Buffer.from(line)));
      while (answers.missing > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  process.stdout.write(`${JSON.stringify({ open: sockets.length })}\n`);
  for await (const chunk of Bun.stdin.stream()) if (chunk.length === 0) break;
  return { open: sockets.length };
}

async function push() {
  const [endpoint = "", count, bytes] = words;
  let wake = () => {};
  const pusher = new Pusher({ ...zmq, onRoom: () => wake() });
  const ready = new Promise<void>((resolve) => (wake = resolve));
  pusher.connect(endpoint);
  await ready;
  const frames = [Buffer.from("bench"), Buffer.alloc(Number(bytes), "x")];
  const startedMs = performance.now();
  for (let at = 0; at < Number(count); at++) {
    while (!pusher.send(frames)) await new Promise<void>((resolve) => (wake = resolve));
  }
  return await atEnd(startedMs);
}

async function tell() {
  const [endpoint = "", count, bytes] = words;
  let isThere = () => {};
  const publisher = new Publisher({
    ...zmq,
    highWaterMark: 1_000_000,
    maxWaitingBytes: 1 << 30,
    onSubscription: () => isThere(),
  });
  const subscribed = new Promise<void>((resolve) => (isThere = resolve));
  publisher.bind(endpoint);
  await subscribed;
  const frames = [Buffer.from("bench"), Buffer.alloc(Number(bytes), "x")];
  const startedMs = performance.now();
  for (let at = 0; at < Number(count); at++) {
    publisher.send(frames);
    // A turn for the socket, without which all would wait here.
    if (at % 2000 === 1999) await new Promise((resolve) => setImmediate(resolve));
  }
  return await atEnd(startedMs);
}

/** Tells when it began, and holds the socket until whoever started this has counted. */
async function atEnd(startedMs: number) {
  const startedAt = performance.timeOrigin + startedMs;
  process.stdout.write(`${JSON.stringify({ startedAt })}\n`);
  for await (const chunk of Bun.stdin.stream()) if (chunk.length === 0) break;
  return { startedAt };
}

/**
 * The load for the bench of statsd, a process of its own: datagrams over loopback at a steady rate, in batches, each with
 * so many counters over so many names. Time in which it was not run is not made up for by a burst: the rate that was
 * reached is then lower, and told. Prints how many it sent and how long that took.
 * Words: port, datagrams a second, seconds, metrics in a datagram, names, and types that take turns (`c` unless told).
 */
const [port = 0, rate = 0, seconds = 0, packed = 1, names = 1] = process.argv.slice(2, 7).map(Number);
const types = (process.argv[7] ?? "c").split(",");

let name = 0;
const payload = (): string => {
  let text = "";
  for (let metric = 0; metric < packed; metric++) {
    text += `${metric === 0 ? "" : "\n"}bench.some.counter${name}:1|${types[name % types.length]}`;
    name = (name + 1) % names;
  }
  return text;
};
// A round of payloads is made before the time is taken.
const payloads = Array.from({ length: Math.min(20_000, Math.ceil(names / packed) || 1) }, payload);
const socket = await Bun.udpSocket({ connect: { port, hostname: "127.0.0.1" } });
const total = Math.round(rate * seconds);
const startedMs = performance.now();
/** The most that is sent in one go, in milliseconds of the rate; two datagrams at least, or a slow rate would stand still. */
const burstMs = Math.max(4, 2000 / rate);
let beganMs = startedMs;
let sent = 0;
let at = 0;
while (sent < total) {
  const nowMs = performance.now();
  const behindMs = nowMs - beganMs - (sent / rate) * 1000;
  if (behindMs > burstMs) beganMs += behindMs - burstMs;
  const due = Math.min(total, Math.floor(((nowMs - beganMs) / 1000) * rate));
  while (sent < due) {
    const batch: string[] = [];
    for (let left = Math.min(64, due - sent); left > 0; left--) {
      batch.push(payloads[at] as string);
      at = (at + 1) % payloads.length;
    }
    const taken = socket.sendMany(batch);
    sent += taken;
    if (taken < batch.length) {
      at = (at - (batch.length - taken) + payloads.length * 64) % payloads.length;
      await Bun.sleep(0);
    }
  }
  if (sent < total) await Bun.sleep(0);
}
const tookMs = performance.now() - startedMs;
socket.close();
console.log(JSON.stringify({ sent, tookMs }));

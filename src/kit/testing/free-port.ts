/**
 * Ports for programs that cannot take any free one by themselves, and for those who leave theirs and come back. Free a moment
 * ago is all that can be had; but they lie outside the range from which the kernel gives ports to whoever asks for any and to
 * every connection that is made, so that nobody takes them meanwhile who did not look for one in the same way.
 */
import { readFileSync } from "node:fs";

/** Below these are ports of well-known programs. */
const lowestPort = 10_000;
const highestPort = 65_535;

/** So many different ports of 127.0.0.1. */
export function freePorts(count: number): number[] {
  const listeners: Bun.TCPSocketListener[] = [];
  // All are held at once, or the same might be found twice.
  for (let tries = 0; listeners.length < count; tries++) {
    const port = tries < 1000 ? reservedPort() : 0;
    try {
      listeners.push(Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }));
    } catch (thrown) {
      // Somebody listens there.
      if (port === 0 || !(thrown instanceof Error)) throw thrown;
    }
  }
  return listeners.map((listener) => {
    const { port } = listener;
    listener.stop(true);
    return port;
  });
}

/** One port of 127.0.0.1. */
export function freePort(): number {
  const [port] = freePorts(1);
  if (port === undefined) throw new Error("No port is free");
  return port;
}

/** Any port that the kernel does not give by itself, or 0 where it may give all of them. */
function reservedPort(): number {
  const [first, last] = givenPorts();
  const below = Math.max(0, first - lowestPort);
  const above = Math.max(0, highestPort - last);
  if (below + above < 1000) return 0;
  const at = Math.floor(Math.random() * (below + above));
  return at < below ? lowestPort + at : last + 1 + at - below;
}

/** The first and the last port that the kernel gives. */
function givenPorts(): readonly [number, number] {
  try {
    const [first, last] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
      .trim()
      .split(/\s+/)
      .map(Number);
    if (first !== undefined && last !== undefined) return [first, last];
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
  }
  // What is usual elsewhere.
  return [32_768, highestPort];
}

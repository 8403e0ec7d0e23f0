/** Ports for programs that cannot take any free one by themselves: free a moment ago, which is all that can be had. */

/** So many different ports of 127.0.0.1. */
export function freePorts(count: number): number[] {
  // All are held at once, or the kernel might give one twice.
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }),
  );
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

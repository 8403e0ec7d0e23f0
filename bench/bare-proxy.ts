/**
 * The least that a TCP proxy on Bun can be, as the measure for what a breaker, limits and counts cost: no refusals, no
 * time-outs, nothing counted; only both directions with back-pressure and their ends. Word: the upstream's port. Prints its
 * own.
 */
const [upstreamPort = 0] = process.argv.slice(2).map(Number);

interface End {
  other: Bun.Socket<End> | undefined;
  waiting: Uint8Array | undefined;
  isEnded: boolean;
}

/** Writes to a socket what came from the other; what it does not take waits, and the other is not read meanwhile. */
function pass(to: Bun.Socket<End>, chunk: Uint8Array): void {
  const taken = Math.max(0, to.write(chunk));
  if (taken === chunk.length) return;
  to.data.waiting = chunk.subarray(taken);
  to.data.other?.pause();
}

const socket: Bun.SocketHandler<End> = {
  data({ data }, chunk) {
    if (data.other) pass(data.other, chunk);
    else data.waiting = data.waiting ? Buffer.concat([data.waiting, chunk]) : chunk;
  },
  drain(self) {
    const { waiting } = self.data;
    if (!waiting) return;
    self.data.waiting = undefined;
    pass(self, waiting);
    if (self.data.waiting) return;
    self.data.other?.resume();
    if (self.data.other?.data.isEnded) self.shutdown();
  },
  end({ data }) {
    data.isEnded = true;
    if (data.other && !data.other.data.waiting) data.other.shutdown();
  },
  close({ data }) {
    data.other?.end();
    data.other = undefined;
  },
};

const listener = Bun.listen<End>({
  hostname: "127.0.0.1",
  port: 0,
  allowHalfOpen: true,
  socket: {
    ...socket,
    open(client) {
      client.data = { other: undefined, waiting: undefined, isEnded: false };
      void Bun.connect<End>({
        hostname: "127.0.0.1",
        port: upstreamPort,
        allowHalfOpen: true,
        data: { other: client, waiting: undefined, isEnded: false },
        socket: {
          ...socket,
          open(server) {
            const early = client.data.waiting;
            client.data.waiting = undefined;
            client.data.other = server;
            if (early) pass(server, early);
            if (client.data.isEnded) server.shutdown();
          },
          connectError: () => client.terminate(),
        },
      });
    },
  },
});
console.log(listener.port);

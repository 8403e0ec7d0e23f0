import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

import { portOwner } from "./port-owner.ts";
import { freePort } from "./testing/free-port.ts";

test.if(process.platform === "linux")(
  "portOwner: names the process that holds a port, and nobody for a free one",
  async () => {
    const server = createServer();
    const port = freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    expect(portOwner("tcp", port)).toBe(`this very process (pid ${process.pid})`);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(portOwner("tcp", port)).toBeUndefined();

    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    expect(portOwner("udp", socket.address().port)).toBe(`this very process (pid ${process.pid})`);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  },
);

import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

import { portOwner } from "./port-owner.ts";

test.if(process.platform === "linux")(
  "portOwner: names the process that holds a port, and nobody for a free one",
  async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect(portOwner("tcp", port)).toBe(`this very process (pid ${process.pid})`);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(portOwner("tcp", port)).toBeUndefined();

    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    expect(portOwner("udp", socket.address().port)).toBe(`this very process (pid ${process.pid})`);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  },
);

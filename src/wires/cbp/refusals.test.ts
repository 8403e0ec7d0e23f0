import { expect, test } from "bun:test";

import type { ClientSocket } from "./client-socket.ts";
import { Refusals } from "./refusals.ts";

test("http-503: a whole answer, which blames the upstream for nothing that may be a limit of ours", () => {
  let said = "";
  const socket: ClientSocket<undefined> = {
    data: undefined,
    remoteAddress: "127.0.0.1",
    remotePort: 1,
    localAddress: "127.0.0.1",
    localPort: 2,
    setKeepAlive: () => true,
    write: (bytes: Uint8Array) => {
      said += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    end: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    shutdown: () => undefined,
    terminate: () => undefined,
  };
  const refusals = new Refusals<undefined>("http-503");
  refusals.refuse(socket, false, 0);
  const [head = "", body = ""] = said.split("\r\n\r\n");
  expect(body).toBe("Service Unavailable: there is no room, or the upstream is not answering\n");
  expect(Number(/^Content-Length: (\d+)$/m.exec(head)?.[1])).toBe(body.length);
  expect(refusals.isWaiting).toBe(true);
});

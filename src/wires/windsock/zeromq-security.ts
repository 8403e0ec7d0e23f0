/** How the ZeroMQ sockets of the broker and of its clients prove themselves, from the options. */
import { timingSafeEqual } from "node:crypto";

import { publicKeyOf } from "../../lib/zmtp/curve.ts";
import type { Security } from "../../lib/zmtp/mechanism.ts";
import { decodeZ85 } from "../../lib/zmtp/z85.ts";
import type { WindsockOptions } from "./config.ts";

/** What of the options says it. */
export type SecurityOptions = Pick<
  WindsockOptions,
  "security" | "plainUsers" | "curveSecretKey" | "curveServerKey" | "curveClients"
>;

/** For sockets that others connect to, or that connect to others. The options were checked. */
export function securityOf(options: SecurityOptions, role: "server" | "client"): Security {
  if (options.security === "plain") {
    const pairs = options.plainUsers.map((pair) => Buffer.from(pair));
    if (role === "server") {
      return {
        mechanism: "PLAIN",
        role,
        check: (user, password) => {
          const shown = Buffer.from(`${user}:${password}`);
          return pairs.some((pair) => pair.length === shown.length && timingSafeEqual(pair, shown));
        },
      };
    }
    const first = options.plainUsers[0] ?? ":";
    const at = first.indexOf(":");
    return { mechanism: "PLAIN", role, user: first.slice(0, at), password: first.slice(at + 1) };
  }
  if (options.security === "curve" && options.curveSecretKey !== undefined) {
    const secretKey = decodeZ85(options.curveSecretKey);
    const publicKey = publicKeyOf(secretKey);
    if (role === "client") {
      const serverKey = decodeZ85(options.curveServerKey ?? "");
      return { mechanism: "CURVE", role, serverKey, publicKey, secretKey };
    }
    const clients = options.curveClients.map(decodeZ85);
    const check = (key: Uint8Array) => clients.length === 0 || clients.some((client) => client.equals(key));
    return { mechanism: "CURVE", role, publicKey, secretKey, check };
  }
  return { mechanism: "NULL" };
}

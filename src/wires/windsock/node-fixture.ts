/**
 * For tests: a node with Windsock alone, in a temporary folder, with whatever options; and websockets that keep what they
 * hear.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { serviceSection } from "../../kit/config/service-section.ts";
import { type LogEntry, silentLog } from "../../kit/log.ts";
import { type Node, startNode } from "../../kit/node.ts";
import { systemRandom } from "../../kit/random.ts";
import type { Service, ServiceEntry } from "../../kit/service.ts";
import { windsock } from "./service.ts";
import { signToken } from "./token.ts";

/** The secret of nodes made here. */
export const fixtureSecret = "a secret for tests that is long enough";

/** A node that runs. */
export interface WindsockNode extends AsyncDisposable {
  readonly node: Node;
  /** Without a slash at its end. */
  readonly url: string;
  readonly folder: string;
  /** Of a ZeroMQ socket. */
  endpoint(purpose: "rep" | "pub" | "pull" | "vars"): string;
  stop(): Promise<void>;
}

/** Starts a node. Options are those of `[windsock]`, as text by their keys in the file. */
export async function startWindsock(
  options: Readonly<Record<string, string>> = {},
  given: { folder?: string; port?: number; alone?: boolean } = {},
): Promise<WindsockNode> {
  const folder = given.folder ?? mkdtempSync(join(tmpdir(), "warren-windsock-"));
  const entry: ServiceEntry = {
    name: "windsock",
    group: "wires",
    summary: "windsock",
    byDefault: true,
    load: () => Promise.resolve(windsock),
  };
  const section = serviceSection(windsock.config, true);
  const flags = [
    ...Object.entries({ data: join(folder, "data"), listen: `127.0.0.1:${given.port ?? 0}`, stop_timeout: "5s" }).map(
      ([key, text]) => ({ section: "node", key, text, shown: key }),
    ),
    ...Object.entries(options).map(([key, text]) => ({
      section: "windsock",
      key,
      text,
      shown: key,
    })),
  ];
  const environment = { WARREN_WINDSOCK_SECRET: fixtureSecret };
  const config = await loadConfig({ sections: [nodeSection, section], flags, environment });
  if (config.problems.length > 0) throw new Error(JSON.stringify(config.problems));
  const service: Service<object> = windsock;
  const own = config.options.get("windsock");
  if (!own) throw new Error("no options");
  const node = await startNode({
    options: config.get(nodeSection),
    services: [{ entry, service, options: { enabled: true, listen: undefined, ...own } }],
    catalogue: [entry],
    alone: given.alone ?? true,
    version: "1.2.3",
    clock: systemClock,
    random: systemRandom,
    log: { ...silentLog, recent: (): LogEntry[] => [] },
  });
  const stop = async () => {
    await node.stop();
    if (given.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  return {
    node,
    url: node.url,
    folder,
    endpoint(purpose) {
      const found = node.addresses().find((address) => address.purpose === `windsock ${purpose}`);
      if (!found) throw new Error(`no ${purpose}`);
      return found.address.replace("0.0.0.0", "127.0.0.1");
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A fresh token. */
export function freshToken(user: string, subPrefix: string, pubPrefix = `${subPrefix}.${user}`): string {
  const atSeconds = Math.floor(systemClock.now() / 1000);
  return signToken({ user, subPrefix, pubPrefix, atSeconds, salt: "7", address: "127.0.0.1" }, fixtureSecret);
}

/** A websocket that keeps what it hears. */
export interface Ear {
  readonly socket: WebSocket;
  readonly heard: string[];
  /** Code and reason of its end. */
  readonly ended: Promise<{ code: number; reason: string }>;
  /** Waits until so many messages came, and gives them all. */
  until(count: number): Promise<string[]>;
}

/** Connects, and resolves once it stands. Rejects when it is refused. */
export async function listen(
  url: string,
  query: Readonly<Record<string, string>>,
  headers: Record<string, string> = {},
): Promise<Ear> {
  const words = new URLSearchParams(query).toString();
  const socket = new WebSocket(`${url.replace("http", "ws")}/socket/?${words}`, { headers });
  const heard: string[] = [];
  let look = () => {};
  socket.addEventListener("message", ({ data }) => {
    heard.push(String(data));
    look();
  });
  const ended = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })),
  );
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  return {
    socket,
    heard,
    ended,
    until: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (heard.length >= count) resolve(heard);
        };
        look();
      }),
  };
}

/**
 * A real server (NATS, Redis) on a free port and in a folder of its own, which tests kill and start again.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "../../../kit/testing/free-port.ts";

/** A server that a test may stop and start. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  start(): Promise<void>;
  /** Ends it without a word. */
  kill(): Promise<void>;
  /** Has it do nothing, with all connections open, until {@link thaw}. */
  freeze(): void;
  thaw(): void;
}

/** Where Debian puts a server, or undefined when it is not there. */
export function serverAt(paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path));
}

/** Starts a program with the words that `wordsOf` gives for a port and a folder; resolves when it takes connections. */
export async function startServer(
  program: string,
  wordsOf: (port: number, folder: string) => string[],
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "warren-server-"));
  const port = freePort();
  let child: Bun.Subprocess | undefined;
  const kill = async () => {
    child?.kill("SIGKILL");
    await child?.exited;
    child = undefined;
  };
  const start = async () => {
    child = Bun.spawn([program, ...wordsOf(port, folder)], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const endMs = performance.now() + 60_000;
    while (!(await takesConnections(port))) {
      if (performance.now() > endMs || child.exitCode !== null) throw new Error(`${program} did not start`);
      await new Promise<void>((resolve) => setTimeout(resolve, 20));
    }
  };
  await start();
  return {
    port,
    folder,
    start,
    kill,
    freeze: () => child?.kill("SIGSTOP"),
    thaw: () => child?.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket();
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.on("error", () => end(false));
    socket.connect(port, "127.0.0.1", () => end(true));
  });
}

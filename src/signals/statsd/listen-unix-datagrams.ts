/**
 * Datagrams from a unix socket. The runtime has no such sockets, so a process of its own holds it (`datagrams/program.ts`)
 * and hands over what comes. A process that dies is started again, with a growing pause; it ends when its input does, so
 * it does not outlive this one. Not on other systems than Linux.
 */
import { resolve } from "node:path";

import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { innerCommand } from "../../kit/self.ts";
import { FrameReader, frameKinds } from "./datagrams/frames.ts";
import type { StreamTaker } from "./listen-stream.ts";

/** A socket that takes datagrams. */
export interface UnixDatagramListener {
  /** Why nothing comes in for now, a sentence without a period; undefined while all is well. */
  trouble(): string | undefined;
  /** The process that holds the socket now; undefined while there is none. */
  pid(): number | undefined;
  close(): Promise<void>;
}

/** How one is opened. */
export interface UnixDatagramOptions {
  path: string;
  /** Permission bits, or undefined for what the umask gives. */
  mode: number | undefined;
  /** What is kept while this process is busy; then senders are held back. */
  bufferBytes: number;
  clock: Clock;
  log: Logger;
  /** The command that holds the socket. @default this very program */
  command?: (path: string, bufferBytes: number, mode: string) => string[];
}

const pauseMs = { first: 100, last: 30_000 };
/** One that ran so long had no trouble of its own. */
const steadyMs = 60_000;
const startMs = 20_000;
const sender = "unix";

const usual = (path: string, bufferBytes: number, mode: string) =>
  innerCommand("statsd-datagrams", path, String(bufferBytes), mode);

/** Opens one. Fault `statsd/unix-datagram`: it cannot be opened, or not here. `taker` must not keep the bytes. */
export async function listenUnixDatagrams(
  options: UnixDatagramOptions,
  taker: StreamTaker,
): Promise<UnixDatagramListener> {
  const { clock, log } = options;
  if (process.platform !== "linux") throw refused("unix datagram sockets are taken on Linux only");
  const path = resolve(options.path);
  const stopping = new AbortController();
  let trouble: string | undefined;
  let running = await begin({ ...options, path }, taker);
  const ended = (async () => {
    let waitMs = pauseMs.first;
    while (!stopping.signal.aborted) {
      const startedMs = clock.monotonicMs();
      trouble = undefined;
      const reason = await running.ended;
      if (stopping.signal.aborted) return;
      if (clock.monotonicMs() - startedMs > steadyMs) waitMs = pauseMs.first;
      trouble = `Datagrams cannot be taken at ${path} for now: ${reason}`;
      log.error("The process at a unix datagram socket ended, and is started again", { path, reason, waitMs });
      for (;;) {
        await sleep(clock, waitMs, stopping.signal);
        if (stopping.signal.aborted) return;
        waitMs = Math.min(waitMs * 2, pauseMs.last);
        try {
          running = await begin({ ...options, path }, taker);
          break;
        } catch (thrown) {
          trouble = `Datagrams cannot be taken at ${path} for now: ${reasonOf(thrown)}`;
        }
      }
    }
  })();
  return {
    trouble: () => trouble,
    pid: () => (trouble === undefined ? running.pid : undefined),
    async close() {
      stopping.abort();
      await running.close();
      await ended;
      // A start may have been on its way.
      await running.close();
    },
  };
}

interface Running {
  pid: number;
  /** Fulfils with why it ended, when all that it said was taken. */
  ended: Promise<string>;
  close(): Promise<void>;
}

/** Starts a process, and waits until its socket is open. */
async function begin(options: UnixDatagramOptions, taker: StreamTaker): Promise<Running> {
  const { path, mode, bufferBytes, clock, command = usual } = options;
  const child = Bun.spawn(command(path, bufferBytes, mode?.toString(8) ?? ""), {
    cwd: "/",
    stdio: ["pipe", "pipe", "ignore"],
    argv0: "warren",
    // Nothing of this program's environment, which may hold secrets.
    env: { BUN_ENABLE_CRASH_REPORTING: "0", DO_NOT_TRACK: "1", UV_THREADPOOL_SIZE: "1" },
  });
  const opened = Promise.withResolvers<void>();
  const take = (kind: number, body: Buffer) => {
    if (kind === frameKinds.packet) taker.take(body, sender);
    else if (kind === frameKinds.tooLong) taker.tooLong(sender);
    else if (kind === frameKinds.ready) opened.resolve();
    else opened.reject(refused(body.toString("utf8")));
  };
  const ended = (async () => {
    let reason = "";
    try {
      const reader = new FrameReader();
      for await (const piece of child.stdout) reader.push(piece, take);
    } catch (thrown) {
      reason = reasonOf(thrown);
      child.kill("SIGKILL");
    }
    await child.exited;
    reason ||= `its process ended with ${child.signalCode ?? `code ${child.exitCode}`}`;
    opened.reject(refused(reason));
    return reason;
  })();
  const close = async () => {
    void child.stdin.end();
    const waiting = new AbortController();
    await Promise.race([ended, sleep(clock, startMs, waiting.signal)]);
    waiting.abort();
    child.kill("SIGKILL");
    await ended;
  };
  const waiting = new AbortController();
  try {
    const late = sleep(clock, startMs, waiting.signal).then(() => {
      if (!waiting.signal.aborted) throw refused(`its process did not begin within ${startMs / 1000} s`);
    });
    await Promise.race([opened.promise, late]);
  } catch (thrown) {
    child.kill("SIGKILL");
    await ended;
    throw thrown;
  } finally {
    waiting.abort();
  }
  return { pid: child.pid, ended, close };
}

function refused(reason: string): Fault {
  return new Fault("unavailable", "statsd/unix-datagram", reason);
}

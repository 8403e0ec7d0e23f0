/** libzmq as a peer in tests: Debian's python3-zmq, told what to do line by line. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import { until } from "../../../src/kit/testing/child-node.ts";

/** Debian's own Python sees Debian's packages; another one first on the path may not. */
const python = "/usr/bin/python3";
/** Where the package puts itself. */
const packageFolder = "/usr/lib/python3/dist-packages/zmq";

/** Whether libzmq can be had here. */
export const hasLibzmq = existsSync(python) && existsSync(packageFolder);

/** A process with sockets of libzmq. */
export class Libzmq {
  readonly #process;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#process = Bun.spawn([python, join(import.meta.dir, "peer.py")], { stdin: "pipe", stdout: "pipe" });
    // The runtime's stream and node's differ only in their declarations.
    const readable = Readable.from(this.#process.stdout);
    this.#lines = createInterface({ input: readable })[Symbol.asyncIterator]();
  }

  /** Does one thing and gives what came of it. Throws what went wrong. */
  async tell(words: string): Promise<unknown> {
    this.#process.stdin.write(`${words}\n`);
    await this.#process.stdin.flush();
    const line = await this.#lines.next();
    const answer: unknown = JSON.parse(String(line.value));
    if (typeof answer === "object" && answer !== null && "error" in answer) {
      throw new Error(`libzmq, told to ${words.slice(0, 100)}: ${String(answer.error)}`);
    }
    return answer;
  }

  /** Binds, and gives the endpoint. */
  async bind(name: string, endpoint: string): Promise<string> {
    return String(await this.tell(`bind ${name} ${endpoint}`));
  }

  /** Binds where another one was, which may still hold the address for a moment after it was told to close. */
  async bindAgain(name: string, endpoint: string): Promise<void> {
    await until(`${endpoint} is bound again`, () =>
      this.bind(name, endpoint).catch((thrown: Error) => {
        if (!thrown.message.includes("Address already in use")) throw thrown;
        return undefined;
      }),
    );
  }

  /** Sends a message of texts. */
  async send(name: string, ...frames: readonly string[]): Promise<void> {
    await this.tell(`send ${name} =${frames.map((frame) => Buffer.from(frame, "latin1").toString("hex")).join(",")}`);
  }

  /** The next message as texts, or undefined when none comes in time. */
  async receive(name: string, waitMs = 60_000): Promise<string[] | undefined> {
    const answer = await this.tell(`receive ${name} ${waitMs}`);
    if (!Array.isArray(answer)) return undefined;
    return answer.map((frame) => Buffer.from(String(frame), "hex").toString("latin1"));
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    await this.#process.stdin.end();
    this.#process.kill();
    await this.#process.exited;
  }
}

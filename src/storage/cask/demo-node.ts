/**
 * A real node as a process of its own, for the demonstration: started on free ports of this machine, killed without
 * warning, started again with the same data and addresses. Nothing of the caller's environment reaches it.
 */
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { CaskClient, type CaskStatus } from "./client.ts";

/** What the nodes of a demonstration share. */
export interface DemoCluster {
  /** The program and its first words, up to where the verb stands. */
  program: readonly string[];
  folder: string;
  /** Beside name, addresses and data. */
  environment: Record<string, string>;
}

/** Copies per blob, and settings that let hours pass in seconds. */
export const demoEnvironment = {
  WARREN_CASK_COPIES: "2",
  WARREN_CASK_KEEP_FREE: "16MiB",
  WARREN_CASK_REBUILD_AFTER: "3s",
  WARREN_CASK_STABLE: "2s",
  WARREN_CASK_GRACE: "2s",
  WARREN_CASK_EXCHANGE_EVERY: "1s",
  WARREN_CASK_PEER_TIMEOUT: "3s",
  WARREN_CASK_ASK: "1s",
  // Three nodes on one machine want the same ports for what the demonstration is not about.
  WARREN_STATSD_ENABLED: "false",
  WARREN_NODE_LOG_LEVEL: "warn",
  WARREN_NODE_STOP_TIMEOUT: "3s",
};

/** A node of the demonstration. */
export class DemoNode {
  readonly name: string;
  readonly #cluster: DemoCluster;
  #child: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
  #listen = "127.0.0.1:0";
  /** Its gossip address, once it has been started. */
  gossip = "127.0.0.1:0";
  /** What it printed last, for when it fails. */
  #printed = "";

  constructor(name: string, cluster: DemoCluster) {
    this.name = name;
    this.#cluster = cluster;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where its Cask is. */
  get url(): string {
    return `http://${this.#listen}/cask`;
  }

  /** Starts it and resolves when it serves. Throws the Fault `cask/demo-node` with what it printed when it does not. */
  async start(neighbor: string | undefined): Promise<void> {
    const { environment, folder, program } = this.#cluster;
    const child = Bun.spawn(
      [
        ...program,
        "up",
        `--name=${this.name}`,
        `--data=${join(folder, this.name)}`,
        `--listen=${this.#listen}`,
        `--gossip=${this.gossip}`,
        ...(neighbor === undefined ? [] : [`--join=${neighbor}`]),
      ],
      { cwd: folder, env: { HOME: folder, ...environment }, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    this.#child = child;
    this.#printed = "";
    const ready = Promise.withResolvers<void>();
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) {
        this.#printed = (this.#printed + decoder.decode(chunk, { stream: true })).slice(-20_000);
        if (/^ready$/m.test(this.#printed)) ready.resolve();
      }
    };
    void Promise.allSettled([read(child.stdout), read(child.stderr)]).then(() => ready.resolve());
    await ready.promise;
    const listen = /^warren\s+http:\/\/(\S+?)\/?\s/m.exec(this.#printed)?.[1];
    const gossip = /^gossip\s+(\S+)/m.exec(this.#printed)?.[1];
    if (listen === undefined || gossip === undefined) {
      throw new Fault("unavailable", "cask/demo-node", `Node ${this.name} did not start:\n${this.#printed.trim()}`);
    }
    this.#listen = listen;
    this.gossip = gossip;
  }

  /** Its own view of the cluster, or undefined when it does not answer in time. */
  async status(): Promise<CaskStatus | undefined> {
    if (!this.running) return undefined;
    try {
      return await new CaskClient({ baseUrls: [this.url], clock: systemClock, idleTimeoutMs: 2000 }).status();
    } catch (thrown) {
      if (thrown instanceof Fault) return undefined;
      throw thrown;
    }
  }

  /** Ends it without warning, and resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
  }
}

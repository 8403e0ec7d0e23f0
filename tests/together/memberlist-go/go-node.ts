/**
 * A real hashicorp/memberlist node as a child process: built once from `node/`, driven by lines on its standard input, heard
 * through JSON lines on its standard output.
 */
/** One line that the node wrote. */
export interface GoEvent {
  readonly event: string;
  readonly name?: string;
  readonly address?: string;
  readonly meta?: string;
  readonly text?: string;
  readonly size?: number;
  readonly join?: boolean;
  readonly verb?: string;
  readonly error?: string;
  readonly names?: readonly string[];
}

/** Settings of a node; the fields of the program's own. */
export interface GoSettings {
  readonly name: string;
  readonly profile?: "local" | "lan";
  readonly key?: string;
  readonly label?: string;
  readonly meta?: string;
  readonly state?: string;
}

/** A running node. */
export class GoNode {
  readonly events: GoEvent[] = [];
  readonly complaints: string[] = [];
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #heard: () => void = () => undefined;
  address = "";

  private constructor(path: string, settings: GoSettings) {
    this.#child = Bun.spawn([path, "run", JSON.stringify(settings)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, NODE_LOG: "1" },
    });
    void this.#read(this.#child.stdout, (line) => {
      this.events.push(JSON.parse(line) as GoEvent);
      this.#heard();
    });
    void this.#read(this.#child.stderr, (line) => {
      // Failing to reach a dead peer is part of the tests; not understanding a living one is not.
      if (/decod|decompress|decrypt|checksum|label|not supported|invalid|incompatible|Unexpected/i.test(line)) {
        this.complaints.push(line);
      }
    });
  }

  /** Starts a node and waits until it listens. */
  static async start(path: string, settings: GoSettings): Promise<GoNode> {
    const node = new GoNode(path, settings);
    node.address = (await node.event("ready")).address ?? "";
    return node;
  }

  /** Waits for an event, past or future, that fits. */
  async event(name: string, fits: (event: GoEvent) => boolean = () => true, timeoutMs = 40_000): Promise<GoEvent> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.events.find((event) => event.event === name && fits(event));
      if (found !== undefined) return found;
      const restMs = deadline - performance.now();
      if (restMs <= 0) throw new Error(`The Go node never told of ${name}; it told ${JSON.stringify(this.events)}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#heard = resolve;
      const timer = setTimeout(resolve, restMs);
      await promise;
      clearTimeout(timer);
    }
  }

  /** Runs a command and waits for its end. Rejects with what the node says. */
  async command(line: string): Promise<void> {
    const verb = line.split(" ", 1)[0];
    const before = this.events.length;
    this.#child.stdin.write(`${line}\n`);
    await this.#child.stdin.flush();
    const done = await this.event("done", (event) => event.verb === verb && this.events.indexOf(event) >= before);
    if (done.error !== "") throw new Error(`The Go node failed to ${line}: ${done.error}`);
  }

  /** Names of the members it sees alive. */
  async members(): Promise<string[]> {
    const before = this.events.length;
    await this.command("members");
    return [...((await this.event("members", (event) => this.events.indexOf(event) >= before)).names ?? [])].sort();
  }

  /** Ends the process without a farewell. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #read(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    }
  }
}

/**
 * A real node as a child process in a temporary folder, for tests that look at the program from outside. It listens on
 * free ports and is gone, with its folder, when the test leaves its block; on failure the output is in the error.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** How to start it. */
export interface ChildOptions {
  /** The verb and its flags; `--data` and `--listen` are added for `up`. @default ["up"] */
  words?: readonly string[];
  environment?: Record<string, string>;
  /** Kept by the caller instead of a folder of its own. */
  folder?: string;
  /** @default 127.0.0.1:0 */
  listen?: string;
  /** Text for warren.toml in the folder the node runs in. */
  config?: string;
}

/** A node that runs. */
export interface ChildNode extends AsyncDisposable {
  readonly folder: string;
  readonly data: string;
  /** Of the shared address, without a trailing slash. */
  readonly url: string;
  readonly gossip: string;
  readonly pid: number;
  /** All it printed so far. */
  output(): string;
  /** Ends it as given and waits until it is gone; its exit code. */
  end(signal?: "SIGTERM" | "SIGKILL" | "SIGINT"): Promise<number>;
}

const root = resolve(import.meta.dir, "../../..");

/** Services with ports of their own take free ones, as several nodes run at a time. */
const freePorts = {
  WARREN_SERIES_LINE: "127.0.0.1:0",
  WARREN_SERIES_PICKLE: "127.0.0.1:0",
  WARREN_STATSD_UDP: "127.0.0.1:0",
  WARREN_STATSD_TCP: "127.0.0.1:0",
  WARREN_STATSD_ADMIN: "127.0.0.1:0",
};

/**
 * Where every program started here keeps what the runtime has translated of the source. By itself each would keep it in
 * its own home, which is new and empty, and so translate everything again: that takes longer than all else of a start.
 */
export const sharedTranslation = {
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: join(root, "node_modules/.cache/transpiled"),
};

/** Runs the program with words until it ends by itself. */
export async function runProgram(
  words: readonly string[],
  options: { environment?: Record<string, string>; folder?: string; input?: Uint8Array } = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([process.execPath, join(root, "src/main.ts"), ...words], {
    cwd: options.folder ?? tmpdir(),
    env: { PATH: process.env.PATH ?? "", HOME: tmpdir(), ...sharedTranslation, ...options.environment },
    stdin: options.input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

/** Starts a node and waits until it says that it is ready. Throws with its output when it ends before that. */
export async function startChild(options: ChildOptions = {}): Promise<ChildNode> {
  const own = options.folder === undefined;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "warren-test-"));
  const data = join(folder, "data");
  const words = options.words ?? ["up"];
  if (options.config !== undefined) await Bun.write(join(folder, "warren.toml"), options.config);
  const child = Bun.spawn(
    [
      process.execPath,
      join(root, "src/main.ts"),
      ...words,
      "--data",
      data,
      ...(options.listen === "" ? [] : ["--listen", options.listen ?? "127.0.0.1:0"]),
    ],
    {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", HOME: folder, ...sharedTranslation, ...freePorts, ...options.environment },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  let output = "";
  let isReady = () => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  // By whole lines, or a piece of one stream would stand within a line of the other.
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      rest += decoder.decode(chunk, { stream: true });
      const end = rest.lastIndexOf("\n") + 1;
      output += rest.slice(0, end);
      rest = rest.slice(end);
      if (end > 0 && /^ready$/m.test(output)) isReady();
    }
    output += rest;
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const first = await Promise.race([ready.then(() => "ready"), child.exited.then((code) => `ended with ${code}`)]);
  const clean = () => {
    if (own) rmSync(folder, { recursive: true, force: true });
  };
  if (first !== "ready") {
    await collected;
    clean();
    throw new Error(`The node ${first}:\n${output}`);
  }
  const url = /^\S+\s+(https?:\/\/\S+?)\/?\s/m.exec(output)?.[1] ?? "";
  return {
    folder,
    data,
    url,
    gossip: /^gossip\s+(\S+)/m.exec(output)?.[1] ?? "",
    pid: child.pid,
    output: () => output,
    async end(signal = "SIGTERM") {
      if (child.exitCode === null) child.kill(signal);
      const code = await child.exited;
      await collected;
      return code;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill("SIGKILL");
      await child.exited;
      await collected;
      clean();
    },
  };
}

/** Waits until `look` gives something, asking every 20 ms; throws with `what` after `limitMs`. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  while (true) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a real carbon-cache (Debian's package) with files of a minute for a day in a folder. */
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";

import { until } from "../../../src/kit/testing/child-node.ts";
import { freePorts } from "../../../src/kit/testing/free-port.ts";

/** Where Debian's package puts it. */
export const carbonPath = "/usr/bin/carbon-cache";

/** A running carbon-cache. */
export class Carbon implements AsyncDisposable {
  readonly linePort: number;
  readonly picklePort: number;
  readonly whisperFolder: string;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;

  private constructor(
    child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    ports: readonly [number, number],
    whisper: string,
  ) {
    this.#process = child;
    [this.linePort, this.picklePort] = ports;
    this.whisperFolder = whisper;
  }

  /** The id of its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Starts it and waits until it listens. */
  static async start(folder: string, retentions = "60s:1d"): Promise<Carbon> {
    const [line = 0, pickle = 0, query = 0] = freePorts(3);
    const ports = [line, pickle] as const;
    const whisper = join(folder, "whisper");
    for (const name of ["whisper", "log", "run"]) await mkdir(join(folder, name), { recursive: true });
    const settings = {
      STORAGE_DIR: folder,
      CONF_DIR: folder,
      LOG_DIR: join(folder, "log"),
      PID_DIR: join(folder, "run"),
      LOCAL_DATA_DIR: whisper,
      USER: "",
      MAX_CACHE_SIZE: "inf",
      MAX_UPDATES_PER_SECOND: "inf",
      MAX_CREATES_PER_MINUTE: "inf",
      LINE_RECEIVER_INTERFACE: "127.0.0.1",
      LINE_RECEIVER_PORT: line,
      PICKLE_RECEIVER_INTERFACE: "127.0.0.1",
      PICKLE_RECEIVER_PORT: pickle,
      CACHE_QUERY_INTERFACE: "127.0.0.1",
      CACHE_QUERY_PORT: query,
      CARBON_METRIC_INTERVAL: 0,
      ENABLE_TAGS: "False",
      LOG_UPDATES: "False",
      LOG_CREATES: "False",
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    await Bun.write(join(folder, "carbon.conf"), `[cache]\n${lines.join("")}`);
    await Bun.write(join(folder, "storage-schemas.conf"), `[all]\npattern = .*\nretentions = ${retentions}\n`);
    const words = [
      `--config=${join(folder, "carbon.conf")}`,
      `--pidfile=${join(folder, "run", "carbon.pid")}`,
      "--nodaemon",
      "start",
    ];
    const child = Bun.spawn([carbonPath, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    for (const port of ports) await until(`carbon listens on ${port}`, () => listens(port));
    return new Carbon(child, ports, whisper);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

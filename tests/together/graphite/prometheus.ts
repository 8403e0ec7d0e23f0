/** Starts a real Prometheus (Debian's package) on a free port, scraping itself, with whatever else a test configures. */
import { join } from "node:path";

import { until } from "../../../src/kit/testing/child-node.ts";
import { freePort } from "../../../src/kit/testing/free-port.ts";
import type { Point } from "../../../src/lib/graphite/path.ts";
import { encodeWriteRequest } from "../../../src/signals/series/forward/write-request.ts";
import { snappyBlock } from "../../../src/signals/series/snappy.ts";

/** Where it is, or null. */
export const prometheusPath = Bun.which("prometheus", { PATH: `${process.env.PATH ?? ""}:/usr/bin:/usr/local/bin` });

/** A running Prometheus. */
export class Prometheus {
  readonly baseUrl: string;
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;

  private constructor(baseUrl: string, child: Bun.Subprocess<"ignore", "ignore", "pipe">) {
    this.baseUrl = baseUrl;
    this.#process = child;
  }

  /**
   * Starts it with its data in `folder` and waits until it is ready. `configuration` is added to its file as YAML at the
   * top level. On a given port it listens there, so that it can come back at the same address.
   */
  static async start(
    folder: string,
    { configuration = "", port, words = [] }: { configuration?: string; port?: number; words?: readonly string[] } = {},
  ): Promise<Prometheus> {
    const own = port ?? freePort();
    const address = `127.0.0.1:${own}`;
    const file = join(folder, "prometheus.yml");
    await Bun.write(
      file,
      `global: {scrape_interval: 1s}\nscrape_configs:\n- {job_name: own, static_configs: [{targets: ["${address}"]}]}\n${configuration}`,
    );
    const child = Bun.spawn(
      [
        prometheusPath ?? "prometheus",
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "tsdb")}`,
        `--web.listen-address=${address}`,
        "--log.level=error",
        ...words,
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    await until(
      "Prometheus is ready",
      async () => {
        const answer = await fetch(`http://${address}/-/ready`).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.ok === true;
      },
      120_000,
    );
    return new Prometheus(`http://${address}`, child);
  }

  /** Its port. */
  get port(): number {
    return Number(new URL(this.baseUrl).port);
  }

  /** Gives it points, which it has when this resolves; it must have been started with `--web.enable-remote-write-receiver`. */
  async push(points: readonly Point[]): Promise<void> {
    const answer = await fetch(`${this.baseUrl}/api/v1/write`, {
      method: "POST",
      headers: { "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf" },
      body: new Uint8Array(snappyBlock(encodeWriteRequest(points, "underscores"))),
    });
    if (!answer.ok) throw new Error(`Prometheus answered ${answer.status}: ${await answer.text()}`);
  }

  /** What it says to an instant query: value by label set. */
  async query(query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
    const answer = await fetch(`${this.baseUrl}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query }),
    });
    const body = (await answer.json()) as {
      data?: { result?: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return body.data?.result ?? [];
  }

  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

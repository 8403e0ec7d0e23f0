/**
 * Starts a real graphite-web (Debian's package) with the points of points.ts, and asks it.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { events, nowSeconds, points } from "./points.ts";

/** Where Debian's package puts the program. */
export const graphiteWebFile = "/usr/lib/python3/dist-packages/graphite/render/functions.py";

/** Whether it can be started here. */
export const isThere = existsSync(graphiteWebFile) && existsSync("/usr/lib/python3/dist-packages/whisper.py");

/** A running graphite-web. */
export class Oracle implements AsyncDisposable {
  readonly baseUrl: string;
  readonly #process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #folder: string;

  private constructor(port: number, child: Bun.Subprocess<"pipe", "pipe", "pipe">, folder: string) {
    this.baseUrl = `http://127.0.0.1:${port}`;
    this.#process = child;
    this.#folder = folder;
  }

  /** Makes the files and waits until it answers. @throws Error with its own words when it ends before. */
  static async start(): Promise<Oracle> {
    const folder = await mkdtemp(join(tmpdir(), "warren-graphite-"));
    const series = points.map(({ path, startSeconds, stepSeconds, values }) => ({
      path,
      start: startSeconds,
      step: stepSeconds,
      retention: values.length,
      values: Array.from(values, (value) => (value === value ? value : null)),
    }));
    const spec = { now: nowSeconds, series, events: events.map(({ atSeconds, tags }) => ({ when: atSeconds, tags })) };
    await Bun.write(join(folder, "series.json"), JSON.stringify(spec));
    const child = Bun.spawn(["/usr/bin/python3", join(import.meta.dir, "graphite-web.py"), folder], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    let said = "";
    for await (const chunk of child.stdout) {
      said += new TextDecoder().decode(chunk);
      if (said.includes("\n")) break;
    }
    const port = Number(said.trim());
    if (!(port > 0)) throw new Error(`graphite-web did not start: ${await new Response(child.stderr).text()}`);
    return new Oracle(port, child, folder);
  }

  /** Asks `/render`; parameters with several values are repeated. */
  async render(parameters: Readonly<Record<string, string | readonly string[]>>): Promise<Response> {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries({ now: String(nowSeconds), noCache: "1", ...parameters })) {
      for (const one of typeof value === "string" ? [value] : value) form.append(name, one);
    }
    return fetch(`${this.baseUrl}/render/`, { method: "POST", body: form });
  }

  /** Its functions with their groups and parameters, as `/functions` would give them. */
  functions(): Promise<Record<string, { group: string; params: Record<string, unknown>[] }>> {
    return Bun.file(join(this.#folder, "functions.json")).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.end();
    await this.#process.exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

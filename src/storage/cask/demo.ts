/**
 * `warren demo`: what Cask promises, shown on this machine in under a minute. Three nodes as processes of their own take
 * some hundred real files; one is killed in the middle of that; every file is read back from those that remain, copies are
 * made again, the node returns, and in the end every file has exactly its copies. Success means that each byte came back.
 *
 * Each step waits for a state that it can see, for a stated time at most. Processes and files are gone at the end, however
 * it comes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Clock, systemClock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf, formatSize, formatSpan } from "../../kit/pages/quantity.ts";
import { createScreen, type Screen } from "../../kit/terminal/screen.ts";
import { CaskClient } from "./client.ts";
import { type DemoFile, demoFiles } from "./demo-files.ts";
import { demoEnvironment, DemoNode } from "./demo-node.ts";
import { demoPicture, type DemoStep } from "./demo-picture.ts";

/** How to show it. */
export interface DemoOptions {
  /** @default 300 */
  files?: number;
  /** The program with its first words; @default the one that runs */
  program?: readonly string[];
  screen?: Screen;
  clock?: Clock;
  /** Ends it early. SIGINT and SIGTERM do so as well. */
  signal?: AbortSignal;
}

const copies = 2;
const atOnce = 6;
const drawEveryMs = 200;
/** A write may have to wait for a node's death to be noticed. */
const writeLimitMs = 90_000;
/** What takes twenty seconds on a machine that is busy otherwise is not to fail there. */
const stepLimitMs = 120_000;

/** Shows how a cluster heals. Resolves to the exit code: 0 only when every file came back byte for byte. */
export async function demo(options: DemoOptions = {}): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "warren-demo-"));
  const stop = new AbortController();
  const interrupted = () => stop.abort(new Fault("unavailable", "cask/demo-ended", "Ended before it was over"));
  options.signal?.addEventListener("abort", interrupted, { once: true });
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  const show = new Demonstration(folder, stop.signal, options);
  try {
    await show.run();
    return 0;
  } catch (thrown) {
    await show.failed(thrown instanceof Fault ? thrown.message : reasonOf(thrown));
    return 1;
  } finally {
    await show.end();
    rmSync(folder, { recursive: true, force: true });
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
  }
}

class Demonstration {
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #screen: Screen;
  readonly #count: number;
  readonly #nodes: DemoNode[];
  readonly #steps: (DemoStep & { startedMs: number })[] = [];
  readonly #seen = new Map<DemoNode, { blobs: number; owed: number }>();
  #acknowledged = 0;
  #drawing: Promise<void> | undefined;
  #isOver = false;

  constructor(folder: string, signal: AbortSignal, options: DemoOptions) {
    this.#folder = folder;
    this.#signal = signal;
    this.#clock = options.clock ?? systemClock;
    this.#screen = options.screen ?? createScreen(process.stdout, process.stderr);
    this.#count = options.files ?? 300;
    const cluster = {
      program: options.program ?? thisProgram(),
      folder,
      environment: {
        ...demoEnvironment,
        WARREN_NODE_CLUSTER_SECRET: Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("hex"),
      },
    };
    this.#nodes = ["attic", "cellar", "garage"].map((name) => new DemoNode(name, cluster));
  }

  async run(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    this.#drawing = this.#keepDrawing();
    const [first, , victim] = this.#nodes;
    if (first === undefined || victim === undefined) throw new Error("The demonstration has three nodes");
    const survivors = this.#nodes.filter((node) => node !== victim);

    await this.#step("three nodes start and find each other", async () => {
      await first.start(undefined);
      await Promise.all(this.#nodes.filter((node) => node !== first).map((node) => node.start(first.gossip)));
      await this.#until("all three see each other", async () => {
        const views = await Promise.all(this.#nodes.map((node) => node.status()));
        return views.every((view) => view?.nodes.filter(({ state }) => state === "alive").length === 3);
      });
    });
    const files = await this.#step("files of this machine are chosen", () => demoFiles(this.#count, this.#folder));
    const sum = formatSize(files.reduce((total, file) => total + file.sizeBytes, 0));
    await this.#step(`${files.length} files, ${sum}, go in through all nodes; ${victim.name} is killed half-way`, () =>
      this.#putAll(files, victim),
    );
    await this.#step(`every file is read back from ${survivors.map(({ name }) => name).join(" and ")}`, async () => {
      for (const node of survivors) await this.#readAll(files, node);
    });
    await this.#step(`${victim.name} stays away, so its copies are made again`, () =>
      this.#until("both have all files", async () => {
        const views = await Promise.all(survivors.map((node) => node.status()));
        return views.every((view) => view?.blobs === files.length && view.owed === 0);
      }),
    );
    await this.#step(`${victim.name} is back; every file has exactly ${copies} copies again`, async () => {
      await victim.start(first.gossip);
      await this.#until(`there are ${copies} copies of each file`, async () => {
        const views = await Promise.all(this.#nodes.map((node) => node.status()));
        return views.reduce((total, view) => total + (view?.blobs ?? 0), 0) === files.length * copies;
      });
      await this.#forEach(files, async (file) => {
        const { places } = await this.#client(first).whereIs(file.key, { signal: this.#signal });
        const right = places.filter(({ held }) => held === true);
        if (right.length !== copies || right.some(({ owner }) => !owner)) {
          throw new Fault("internal", "cask/demo-copies", `${file.key} has ${right.length} copies, or strays`);
        }
      });
    });
    await this.#step("every file is read back from each of the three, byte for byte", async () => {
      for (const node of this.#nodes) await this.#readAll(files, node);
    });
    await this.#finish();
    const took = formatSpan(this.#clock.monotonicMs() - startedMs);
    this.#screen.print(`${countOf(files.length, "file")}, one node lost and found, nothing missing, in ${took}`);
  }

  /** Says why it did not go well. */
  async failed(reason: string): Promise<void> {
    const current = this.#steps.at(-1);
    if (current?.state === "now") {
      current.state = "failed";
      current.tookMs = this.#clock.monotonicMs() - current.startedMs;
    }
    await this.#finish();
    this.#screen.note(`Failed${current === undefined ? "" : ` at "${current.text}"`}: ${reason}`);
  }

  /** Ends the nodes. */
  async end(): Promise<void> {
    await this.#finish();
    await Promise.all(this.#nodes.map((node) => node.kill()));
  }

  async #putAll(files: readonly DemoFile[], victim: DemoNode): Promise<void> {
    let started = 0;
    await this.#forEach(files, async (file) => {
      const turn = started++;
      if (turn === Math.floor(files.length / 2)) await victim.kill();
      const order = this.#nodes.map((_, index) => this.#nodes[(turn + index) % this.#nodes.length] as DemoNode);
      const client = this.#client(...order);
      const giveUpMs = this.#clock.monotonicMs() + writeLimitMs;
      while (true) {
        try {
          await client.put(Bun.file(file.path), { key: file.key, signal: this.#signal });
          this.#acknowledged++;
          return;
        } catch (thrown) {
          this.#signal.throwIfAborted();
          // Until the death is noticed too few nodes may have the file: that is said, and the sender tries again.
          if (!(thrown instanceof Fault) || this.#clock.monotonicMs() > giveUpMs) throw thrown;
          await Bun.sleep(200);
        }
      }
    });
  }

  /** Reads every file through one node; the client compares each with its key. */
  async #readAll(files: readonly DemoFile[], node: DemoNode): Promise<void> {
    const client = this.#client(node);
    await this.#forEach(files, async ({ key, path }) => {
      const { bytes } = await client.get(key, { signal: this.#signal });
      const parts: Uint8Array[] = [];
      for await (const chunk of bytes) parts.push(chunk);
      const isSame = Buffer.concat(parts).equals(await Bun.file(path).bytes());
      if (!isSame) throw new Fault("internal", "cask/demo-bytes", `${path} came back with other bytes`);
    });
  }

  #client(...nodes: readonly DemoNode[]): CaskClient {
    return new CaskClient({ baseUrls: nodes.map(({ url }) => url), clock: this.#clock, idleTimeoutMs: 10_000 });
  }

  async #forEach(files: readonly DemoFile[], action: (file: DemoFile) => Promise<void>): Promise<void> {
    const rest = files.values();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const file of rest) {
          this.#signal.throwIfAborted();
          await action(file);
        }
      }),
    );
  }

  async #step<T>(text: string, action: () => Promise<T>): Promise<T> {
    const step: DemoStep & { startedMs: number } = {
      text,
      state: "now",
      tookMs: 0,
      startedMs: this.#clock.monotonicMs(),
    };
    this.#steps.push(step);
    if (!this.#screen.isLive) this.#screen.note(`... ${text}`);
    const ended = Promise.withResolvers<never>();
    const leave = () => ended.reject(this.#signal.reason);
    this.#signal.addEventListener("abort", leave, { once: true });
    try {
      this.#signal.throwIfAborted();
      const result = await Promise.race([action(), ended.promise]);
      step.tookMs = this.#clock.monotonicMs() - step.startedMs;
      step.state = "done";
      if (!this.#screen.isLive) this.#screen.note(`ok  ${text} (${formatSpan(step.tookMs)})`);
      return result;
    } finally {
      this.#signal.removeEventListener("abort", leave);
    }
  }

  async #until(what: string, look: () => Promise<boolean>): Promise<void> {
    const giveUpMs = this.#clock.monotonicMs() + stepLimitMs;
    while (!(await look())) {
      this.#signal.throwIfAborted();
      if (this.#clock.monotonicMs() > giveUpMs) {
        const held = this.#nodes.map((node) => `${node.name} ${this.#seen.get(node)?.blobs ?? "?"}`).join(", ");
        throw new Fault("timeout", "cask/demo-late", `Waited ${stepLimitMs / 1000} s in vain until ${what} (${held})`);
      }
      await Bun.sleep(100);
    }
  }

  async #keepDrawing(): Promise<void> {
    while (!this.#isOver) {
      await Promise.all(
        this.#nodes.map(async (node) => {
          const status = await node.status();
          if (status !== undefined) this.#seen.set(node, { blobs: status.blobs, owed: status.owed });
        }),
      );
      if (!this.#isOver) this.#draw();
      await Bun.sleep(drawEveryMs);
    }
  }

  #draw(): void {
    const nowMs = this.#clock.monotonicMs();
    const lines = demoPicture({
      steps: this.#steps.map((step) => (step.state === "now" ? { ...step, tookMs: nowMs - step.startedMs } : step)),
      nodes: this.#nodes.map((node) => ({
        name: node.name,
        url: node.url,
        state: node.running ? (this.#seen.has(node) ? "up" : "starting") : this.#seen.has(node) ? "killed" : "starting",
        blobs: this.#seen.get(node)?.blobs,
        owed: this.#seen.get(node)?.owed,
      })),
      acknowledged: this.#acknowledged,
      copies,
      columns: this.#screen.columns,
    });
    this.#screen.draw(lines.join("\n"));
  }

  /** Ends the picture, and leaves its last state standing. */
  async #finish(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#drawing;
    if (!this.#screen.isLive) return;
    this.#draw();
    this.#screen.settle();
  }
}

/** How to start this program again: the executable it was built into, or the runtime and the file it runs. */
function thisProgram(): readonly string[] {
  const isBuilt = Bun.main.startsWith("/$bunfs/") || Bun.main.startsWith("B:/~BUN/");
  return isBuilt ? [process.execPath] : [process.execPath, "--no-orphans", Bun.main];
}

/**
 * The figures of this machine as points, by the names that dashboards of Graphite expect: `server.<host>.…`. From `/proc`
 * where there is one, from what the runtime knows elsewhere. A disk that does not answer is left out and not asked again
 * until it has; nothing else waits for it. How many disks, interfaces and mounts are told of is bounded.
 */
import { readdir, readFile, statfs } from "node:fs/promises";
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";

import { type Clock, sleep } from "../../../kit/clock.ts";
import {
  type NetworkCounts,
  parseDisks,
  parseLocalMounts,
  parseMemory,
  parseNetwork,
  parseProcessors,
  processorStates,
} from "./proc.ts";

/** What a file system says of itself. */
export interface RoomFigures {
  bsize: number;
  blocks: number;
  bavail: number;
  bfree: number;
  files: number;
  ffree: number;
}

/** The machine, as far as it is asked. */
export interface HostReads {
  /** The text of a file; undefined where there is none. */
  text(path: string): Promise<string | undefined>;
  /** The names in a folder; none where there is none. */
  names(path: string): Promise<readonly string[]>;
  room(path: string): Promise<RoomFigures>;
  load(): readonly number[];
  memory(): { totalBytes: number; freeBytes: number };
  processors(): number;
}

/** This machine. */
export const thisHost: HostReads = {
  text: (path) => readFile(path, "utf8").catch(() => undefined),
  names: (path) => readdir(path).catch(() => []),
  room: (path) => statfs(path),
  load: loadavg,
  memory: () => ({ totalBytes: totalmem(), freeBytes: freemem() }),
  processors: availableParallelism,
};

/** Takes one figure: its name below the host's, and its value. */
export type Tell = (name: string, value: number) => void;

const listMax = 64;
const roomWaitMs = 1000;
const memoryNames = [
  "MemTotal",
  "MemFree",
  "MemAvailable",
  "Buffers",
  "Cached",
  "Slab",
  "Dirty",
  "SwapTotal",
  "SwapFree",
];

/** Gathers figures; remembers what shares of time are counted from. */
export class HostGatherer {
  readonly #reads: HostReads;
  readonly #clock: Clock;
  readonly #folder: string;
  readonly #asked = new Set<string>();
  #ticks: readonly number[] | undefined;

  /** `folder` is the one whose file system is told of as `disk.data`. */
  constructor(clock: Clock, folder: string, reads: HostReads = thisHost) {
    this.#clock = clock;
    this.#folder = folder;
    this.#reads = reads;
  }

  /** Tells all figures of now. Never throws for what a machine does not have. */
  async gather(tell: Tell): Promise<void> {
    this.#load(tell);
    await Promise.all([
      this.#processors(tell),
      this.#memory(tell),
      this.#network(tell),
      this.#disks(tell),
      this.#rooms(tell),
      this.#uptime(tell),
    ]);
  }

  #load(tell: Tell): void {
    const [one, five, fifteen] = this.#reads.load();
    if (one !== undefined) tell("cpu.load_average.1_minute", one);
    if (five !== undefined) tell("cpu.load_average.5_minutes", five);
    if (fifteen !== undefined) tell("cpu.load_average.15_minutes", fifteen);
    tell("cpu.processors", this.#reads.processors());
  }

  async #processors(tell: Tell): Promise<void> {
    const found = parseProcessors((await this.#reads.text("/proc/stat")) ?? "");
    if (!found) return;
    if (found.running !== undefined) tell("processes.running", found.running);
    if (found.blocked !== undefined) tell("processes.blocked", found.blocked);
    const before = this.#ticks;
    this.#ticks = found.ticks;
    if (!before) return;
    const spent = found.ticks.map((ticks, at) => Math.max(0, ticks - (before[at] ?? 0)));
    const all = spent.reduce((sum, ticks) => sum + ticks, 0);
    if (all === 0) return;
    for (const [at, state] of processorStates.entries()) {
      const ticks = spent[at];
      if (ticks !== undefined) tell(`cpu.total.${state}.percent`, rounded((100 * ticks) / all));
    }
  }

  async #memory(tell: Tell): Promise<void> {
    const found = parseMemory((await this.#reads.text("/proc/meminfo")) ?? "");
    const { totalBytes, freeBytes } = this.#reads.memory();
    if (!found.has("MemTotal")) {
      found.set("MemTotal", totalBytes);
      found.set("MemFree", freeBytes);
    }
    for (const name of memoryNames) {
      const bytes = found.get(name);
      const total = found.get(name.startsWith("Swap") ? "SwapTotal" : "MemTotal") ?? 0;
      if (bytes === undefined) continue;
      tell(`memory.${name}.bytes`, bytes);
      if (total > 0) tell(`memory.${name}.percent`, rounded((100 * bytes) / total));
    }
  }

  async #network(tell: Tell): Promise<void> {
    const found = parseNetwork((await this.#reads.text("/proc/net/dev")) ?? "");
    // A machine of containers has one such for each, under ever new names.
    const kept = found.filter(({ name }) => name !== "lo" && !name.startsWith("veth"));
    const direction = (name: string, way: string, counts: NetworkCounts) => {
      tell(`network.${name}.${way}.byte_count`, counts.byteCount);
      tell(`network.${name}.${way}.packet_count`, counts.packetCount);
      tell(`network.${name}.${way}.error_count`, counts.errorCount);
      tell(`network.${name}.${way}.drop_count`, counts.dropCount);
    };
    for (const { name, receive, transmit } of kept.slice(0, listMax)) {
      direction(asNode(name), "receive", receive);
      direction(asNode(name), "transmit", transmit);
    }
  }

  async #disks(tell: Tell): Promise<void> {
    const whole = (await this.#reads.names("/sys/block")).filter((name) => !/^(?:loop|ram|zram|dm-|sr)\d*/.test(name));
    if (whole.length === 0) return;
    const found = parseDisks((await this.#reads.text("/proc/diskstats")) ?? "", new Set(whole.slice(0, listMax)));
    for (const { name, reads, readBytes, writes, writtenBytes, busyMs } of found) {
      const node = `disk.io.${asNode(name)}`;
      tell(`${node}.reads.completed`, reads);
      tell(`${node}.reads.byte_count`, readBytes);
      tell(`${node}.writes.completed`, writes);
      tell(`${node}.writes.byte_count`, writtenBytes);
      tell(`${node}.busy_ms`, busyMs);
    }
  }

  async #rooms(tell: Tell): Promise<void> {
    const mounts = parseLocalMounts((await this.#reads.text("/proc/mounts")) ?? "").filter((path) => path !== "/");
    const asked: [node: string, path: string][] = [
      ["usage", "/"],
      ["data", this.#folder],
      ...mounts.slice(0, listMax).map((path): [string, string] => [`mounts.${asNode(path.slice(1))}`, path]),
    ];
    await Promise.all(asked.map(([node, path]) => this.#room(`disk.${node}`, path, tell)));
  }

  async #room(node: string, path: string, tell: Tell): Promise<void> {
    if (this.#asked.has(path)) return;
    this.#asked.add(path);
    const ending = new AbortController();
    let isLate = false;
    const answer = this.#reads
      .room(path)
      .then((room) => {
        // What comes late is of an earlier time.
        if (isLate || room.blocks === 0) return;
        const total = room.blocks * room.bsize;
        const available = room.bavail * room.bsize;
        tell(`${node}.total`, total);
        tell(`${node}.available`, available);
        tell(`${node}.used`, (room.blocks - room.bfree) * room.bsize);
        if (room.files > 0) {
          tell(`${node}.inodes_total`, room.files);
          tell(`${node}.inodes_available`, room.ffree);
        }
      })
      // A file system that cannot be asked has no figures; mountwatch is there to say why.
      .catch(() => undefined)
      .finally(() => {
        this.#asked.delete(path);
        ending.abort();
      });
    await Promise.race([answer, sleep(this.#clock, roomWaitMs, ending.signal)]);
    isLate = true;
  }

  async #uptime(tell: Tell): Promise<void> {
    const seconds = Number.parseFloat((await this.#reads.text("/proc/uptime")) ?? "");
    if (seconds >= 0) tell("uptime_seconds", Math.floor(seconds));
  }
}

/** A name as one node of a path: `/` and `.` become `_`, and so does what a path cannot hold. */
export function asNode(name: string): string {
  return name.replace(/[^\w-]+/g, "_").slice(0, 100) || "_";
}

/** Hundredths are enough of a share, and take little room. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

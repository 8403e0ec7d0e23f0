/**
 * The kernel's own figures, read from their texts: `/proc/meminfo`, `/proc/stat`, `/proc/net/dev`, `/proc/diskstats`,
 * `/proc/mounts`. Lines of another form are left out. Source: proc(5), the kernel's Documentation/admin-guide/iostats.
 */

/** Bytes by name, such as `MemFree`. */
export function parseMemory(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, kib] = /^(\w+):\s+(\d+) kB$/.exec(line) ?? [];
    if (name !== undefined) found.set(name, Number(kib) * 1024);
  }
  return found;
}

/** What a processor spends its time with, in the order of `/proc/stat`. */
export const processorStates = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"] as const;

/** Ticks of all processors together by state, and how many processes run and wait for disks. */
export interface ProcessorFigures {
  ticks: readonly number[];
  running: number | undefined;
  blocked: number | undefined;
}

/** Reads `/proc/stat`; undefined when it has no line of all processors. */
export function parseProcessors(text: string): ProcessorFigures | undefined {
  const all = /^cpu\s+(.+)$/m.exec(text)?.[1];
  if (all === undefined) return undefined;
  const ticks = all.trim().split(/\s+/).map(Number).slice(0, processorStates.length);
  const count = (name: string) => {
    const value = new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  return { ticks, running: count("procs_running"), blocked: count("procs_blocked") };
}

/** Counts of an interface since the machine started, by direction. */
export interface NetworkFigures {
  name: string;
  receive: NetworkCounts;
  transmit: NetworkCounts;
}

/** Counts of one direction. */
export interface NetworkCounts {
  byteCount: number;
  packetCount: number;
  errorCount: number;
  dropCount: number;
}

/** Reads `/proc/net/dev`. */
export function parseNetwork(text: string): NetworkFigures[] {
  return text.split("\n").flatMap((line) => {
    const [, name, rest] = /^\s*([^\s:]+):\s*(.+)$/.exec(line) ?? [];
    const numbers = rest?.trim().split(/\s+/).map(Number) ?? [];
    if (name === undefined || numbers.length < 12 || numbers.some(Number.isNaN)) return [];
    return [{ name, receive: countsFrom(numbers, 0), transmit: countsFrom(numbers, 8) }];
  });
}

function countsFrom(numbers: readonly number[], at: number): NetworkCounts {
  const [byteCount = 0, packetCount = 0, errorCount = 0, dropCount = 0] = numbers.slice(at, at + 4);
  return { byteCount, packetCount, errorCount, dropCount };
}

/** Counts of a whole disk since the machine started. */
export interface DiskFigures {
  name: string;
  reads: number;
  readBytes: number;
  writes: number;
  writtenBytes: number;
  /** Time in which it had something to do, in milliseconds. */
  busyMs: number;
}

const sectorBytes = 512;

/** Reads `/proc/diskstats`; of those named in `disks`, which are the whole ones. */
export function parseDisks(text: string, disks: ReadonlySet<string>): DiskFigures[] {
  return text.split("\n").flatMap((line) => {
    const [, , name, reads, , readSectors, , writes, , writtenSectors, , , busyMs] = line.trim().split(/\s+/);
    if (name === undefined || busyMs === undefined || !disks.has(name)) return [];
    return [
      {
        name,
        reads: Number(reads),
        readBytes: Number(readSectors) * sectorBytes,
        writes: Number(writes),
        writtenBytes: Number(writtenSectors) * sectorBytes,
        busyMs: Number(busyMs),
      },
    ];
  });
}

const localKinds = new Set([
  "ext2",
  "ext3",
  "ext4",
  "xfs",
  "btrfs",
  "zfs",
  "f2fs",
  "jfs",
  "reiserfs",
  "vfat",
  "exfat",
  "bcachefs",
]);

/**
 * Where file systems on disks of this machine are mounted, each device once, at the shortest of its paths. Those of the
 * network and of user space are left out, since asking one that hangs would take a thread with it.
 */
export function parseLocalMounts(text: string): string[] {
  const byDevice = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [device, escaped, kind] = line.split(" ");
    if (device === undefined || escaped === undefined || !localKinds.has(kind ?? "")) continue;
    const point = escaped.replace(/\\([0-7]{3})/g, (_all, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const known = byDevice.get(device);
    if (known === undefined || point.length < known.length) byDevice.set(device, point);
  }
  return [...byDevice.values()];
}

/**
 * Who holds a port that cannot be bound: the sockets of the kernel's tables matched with the open files of processes. Linux
 * only, and of other users' processes only for root; where it cannot be told the answer is undefined, never an error.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The kind of port. */
export type PortKind = "udp" | "tcp";

/** The process that holds a port, such as `carbon-cache (pid 812)`; undefined when it cannot be told. */
export function portOwner(kind: PortKind, port: number): string | undefined {
  const inodes = socketsAt(kind, port);
  if (inodes.size === 0) return undefined;
  for (const pid of listed("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of listed(`/proc/${pid}/fd`)) {
      const target = linked(`/proc/${pid}/fd/${descriptor}`);
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const name = textOf(`/proc/${pid}/comm`).trim();
      return pid === String(process.pid) ? `this very process (pid ${pid})` : `${name} (pid ${pid})`;
    }
  }
  return undefined;
}

/** A sentence's part about who holds a port: `held by carbon-cache (pid 812)`. */
export function heldBy(kind: PortKind, port: number): string {
  const owner = portOwner(kind, port);
  return owner === undefined ? "held by another process" : `held by ${owner}`;
}

function socketsAt(kind: PortKind, port: number): Set<string> {
  const inodes = new Set<string>();
  for (const table of [`/proc/net/${kind}`, `/proc/net/${kind}6`]) {
    for (const line of textOf(table).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [, local = "", , state] = fields;
      const isListening = kind === "udp" || state === "0A";
      if (isListening && Number.parseInt(local.slice(local.indexOf(":") + 1), 16) === port) inodes.add(fields[9] ?? "");
    }
  }
  return inodes;
}

// A process may end, or be somebody else's, between two looks.
function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (thrown) {
    if (thrown instanceof Error) return [];
    throw thrown;
  }
}

function linked(path: string): string {
  try {
    return readlinkSync(path);
  } catch (thrown) {
    if (thrown instanceof Error) return "";
    throw thrown;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error) return "";
    throw thrown;
  }
}

/**
 * A {@link Disk} in memory that can fail as disks do. What was not synced is lost by {@link MemoryDisk.crash}, from a
 * place that chance decides; `fault` may refuse any call. Names are durable at once, as the port promises.
 */
import type { Random } from "../../kit/random.ts";
import type { Appender, Disk, OpenFile } from "./disk.ts";

interface Held {
  bytes: Uint8Array;
  size: number;
  synced: number;
}

/** What a disk is asked to do. */
export type DiskCall = "open" | "create" | "append" | "sync" | "rename" | "remove";

/** Files in memory. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Held>();
  /** Returns an error to fail a call; a failing append leaves half of its bytes. */
  fault: (call: DiskCall, path: string) => Error | undefined = () => undefined;
  /** Reads of open files so far. */
  reads = 0;
  /** Counts crashes, so that files opened before one are dead afterwards. */
  #life = 0;

  /** The disk as one process sees it: after a crash every call of that process fails. */
  attach(): Disk {
    const life = this.#life;
    const alive = () => {
      if (life !== this.#life) throw new Error("The power was gone");
    };
    return {
      list: (folder) => this.list(folder),
      makeFolder: () => this.makeFolder(),
      open: (path) => this.open(path),
      create: async (path) => {
        alive();
        return this.create(path);
      },
      rename: async (from, to) => {
        await Promise.resolve();
        alive();
        return this.rename(from, to);
      },
      remove: async (path) => {
        await Promise.resolve();
        alive();
        return this.remove(path);
      },
    };
  }

  #check(call: DiskCall, path: string): void {
    const error = this.fault(call, path);
    if (error) throw error;
  }

  list(folder: string): string[] {
    const prefix = `${folder}/`;
    return [...this.files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async makeFolder(): Promise<void> {
    await Promise.resolve();
  }

  open(path: string): OpenFile {
    this.#check("open", path);
    const held = this.files.get(path);
    if (!held) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    return {
      sizeBytes: held.size,
      read: (offset, length) => {
        this.reads++;
        return held.bytes.slice(offset, Math.min(held.size, offset + length));
      },
      close: () => undefined,
    };
  }

  async create(path: string): Promise<Appender> {
    this.#check("create", path);
    const held: Held = { bytes: new Uint8Array(64), size: 0, synced: 0 };
    this.files.set(path, held);
    const life = this.#life;
    await Promise.resolve();
    const put = (bytes: Uint8Array) => {
      if (life !== this.#life) throw new Error("The power was gone");
      if (held.size + bytes.length > held.bytes.length) {
        const larger = new Uint8Array((held.size + bytes.length) * 2);
        larger.set(held.bytes.subarray(0, held.size));
        held.bytes = larger;
      }
      held.bytes.set(bytes, held.size);
      held.size += bytes.length;
    };
    return {
      append: async (bytes) => {
        await Promise.resolve();
        const error = this.fault("append", path);
        put(error ? bytes.subarray(0, bytes.length >> 1) : bytes);
        if (error) throw error;
      },
      sync: async () => {
        await Promise.resolve();
        this.#check("sync", path);
        if (life !== this.#life) throw new Error("The power was gone");
        held.synced = held.size;
      },
      close: () => Promise.resolve(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check("rename", from);
    const held = this.files.get(from);
    if (!held) throw Object.assign(new Error(`ENOENT: ${from}`), { code: "ENOENT" });
    this.files.delete(from);
    this.files.set(to, held);
    await Promise.resolve();
  }

  async remove(path: string): Promise<void> {
    this.#check("remove", path);
    this.files.delete(path);
    await Promise.resolve();
  }

  /** The power goes: of each file's unsynced end some part is left, with a bent byte now and then. */
  crash(random: Random): void {
    this.#life++;
    for (const held of this.files.values()) {
      const loose = held.size - held.synced;
      if (loose === 0) continue;
      held.size = held.synced + Math.floor(random() * (loose + 1));
      if (held.size > held.synced && random() < 0.3) {
        const at = held.synced + Math.floor(random() * (held.size - held.synced));
        held.bytes[at] = (held.bytes[at] as number) ^ 0x40;
      }
      held.synced = held.size;
    }
  }
}

/**
 * What the last run left: names, files, and what of memory the log has, read in this order, since the log says the names
 * of what is newer than the last save. Damage is told of and copied aside; what else there is, is taken.
 */
import type { BelievedTime } from "../../kit/believed-time.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Catalog } from "./catalog.ts";
import type { ChunkTable } from "./chunk-table.ts";
import { type Disk, readWhole } from "./disk.ts";
import type { Memory } from "./memory.ts";
import type { Schemas } from "./schemas.ts";
import { WriteLog } from "./write-log.ts";

/** What is filled, all of it empty. */
export interface RecoveryParts {
  disk: Disk;
  schemas: Schemas;
  nowSeconds: number;
  catalog: Catalog;
  table: ChunkTable;
  memory: Memory;
  time: BelievedTime;
  trouble(sentence: string): void;
}

/** Fills them; the log's segments that were read, and the number of the next. Throws the disk's error. */
export async function recover(parts: RecoveryParts): Promise<{ segments: string[]; nextNumber: number }> {
  const { catalog, disk, memory, nowSeconds, schemas, table, time, trouble } = parts;
  for (const folder of ["log", "names", "points", "damaged"]) await disk.makeFolder(folder);
  await catalog.load(disk, schemas, nowSeconds, (path, bytes) =>
    trouble(`${path} is damaged (${bytes} bytes), its copy is used`),
  );
  await table.load();
  time.saw(table.newestSeconds() * 1000);
  const damaged: string[] = [];
  const found = WriteLog.replay(disk, {
    series(id, path) {
      if (catalog.byId(id)) return;
      const former = catalog.find(path);
      if (former && former.id > id) return;
      // Only a path whose series was removed gets a new number; word of the removal may stand further on.
      if (former) catalog.remove(former);
      catalog.add(path, schemas.schemaOf(path), id);
    },
    point(id, stepSeconds, direct, timeSeconds, value) {
      const series = catalog.byId(id);
      if (!series) return;
      memory.keep(series, stepSeconds, direct, timeSeconds, value);
      if (!direct) memory.came(timeSeconds);
      time.saw(timeSeconds * 1000);
    },
    removed(id) {
      const series = catalog.byId(id);
      if (series) catalog.remove(series);
    },
    damaged(name, bytes) {
      damaged.push(name);
      trouble(`${name} is damaged (${bytes} bytes): what else is in it was taken, and it was copied to damaged/`);
    },
  });
  for (const name of damaged) {
    // Where there is no room for it, what can be read is served all the same.
    await copyAside(disk, name).catch((thrown: unknown) =>
      trouble(`${name} could not be copied to damaged/: ${reasonOf(thrown)}`),
    );
  }
  return found;
}

async function copyAside(disk: Disk, path: string): Promise<void> {
  const copy = await disk.create(`damaged/${path.slice(path.lastIndexOf("/") + 1)}`);
  try {
    await copy.append(readWhole(disk, path));
  } finally {
    await copy.close();
  }
}

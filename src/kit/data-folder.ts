/**
 * The folder in which a node keeps all that it knows: made where it is missing, for its owner's eyes only, and with the id
 * that the node gave itself at its first start. Leaves out the lock (disk/lock.ts) and what services keep below it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { makeFolders, replaceFile } from "./disk/atomic.ts";
import { Fault, reasonOf } from "./fault.ts";

/** Makes the folder where it is missing. Fault `node/data-folder`. */
export async function openDataFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder, 0o700);
  } catch (thrown) {
    throw new Fault("unavailable", "node/data-folder", `Cannot use the data folder ${folder}: ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** The id made at the first start. Fault `node/id` when there is one that cannot be read. */
export async function rememberedId(dataFolder: string): Promise<string> {
  const path = join(dataFolder, "node-id");
  if (existsSync(path)) {
    let text: string;
    try {
      text = readFileSync(path, "utf8").trim();
    } catch (thrown) {
      throw new Fault("unavailable", "node/id", `Cannot read the node's id in ${path}: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    }
    if (/^[\w.-]{8,64}$/.test(text)) return text;
    throw new Fault(
      "invalid",
      "node/id",
      `Cannot read the node's id in ${path}: wanted 8 to 64 letters, digits or dashes; write there the id that others know this node by, or remove the file to make it a new node`,
    );
  }
  const id = crypto.randomUUID();
  await replaceFile(path, `${id}\n`);
  return id;
}

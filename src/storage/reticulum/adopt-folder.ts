/**
 * The images in a predecessor's upload directory: twenty folders of two hex digits each, and in the last one `full.<ext>`
 * with the sizes that were made beside it. Those sizes are passed over; they are made again when they are asked for. A
 * predecessor whose directory was configured without a final slash wrote uploads beside it (`…/imagesc1/98/…`) and copies
 * from other nodes into it (`…/images/c1/98/…`); both are found. Links are not followed.
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { type Found, plainExtension } from "./adopt.ts";

/** What stands in the folder beside images. */
export interface FolderNotes {
  /** Files and folders that no image belongs to, and what could not be looked at. */
  stray(path: string, reason: string): void;
}

const depth = 20;
const pair = /^[0-9a-f]{2}$/;
const original = /^full\.([A-Za-z0-9]{1,10})$/;
/** Names of sizes that were made, and of those that were being made. */
const made = /^(?:\d*[swh]|-?\d+[wh](?:-?\d+h)?|full)\.[A-Za-z0-9]{1,10}$|^resize-.*\.tmp$/;

/**
 * The images below `folder`, in the order of their hashes. `maxBytes` bounds a file that is read. Throws the Fault
 * `reticulum/no-folder` when it cannot be read at all, and `reticulum/no-images` when it does not look like one.
 */
export async function* folderImages(
  folder: string,
  options: { maxBytes: number; notes: FolderNotes },
): AsyncGenerator<Found, void> {
  const root = resolve(folder);
  const entries = await listed(root).catch((thrown: unknown) => {
    throw new Fault("invalid", "reticulum/no-folder", `Cannot read the folder "${folder}": ${reasonOf(thrown)}`);
  });
  const beside = await besideOf(root);
  const tops = entries
    .filter(({ name }) => pair.test(name))
    .map(({ name }) => ({ digits: name, path: join(root, name) }));
  if (tops.length === 0 && beside.length === 0)
    throw new Fault(
      "invalid",
      "reticulum/no-images",
      `Cannot find images in "${folder}": wanted an upload directory of Reticulum, with folders such as 30/de/73 in it`,
    );
  for (const { name } of entries) {
    if (!pair.test(name)) options.notes.stray(join(root, name), "no folder of images");
  }
  const all = [...tops, ...beside].sort((one, other) => (one.digits < other.digits ? -1 : 1));
  for (const { digits, path } of all) yield* below(path, digits, 1, options);
}

/** The folders that an upload directory without a final slash left beside itself. */
async function besideOf(root: string): Promise<{ digits: string; path: string }[]> {
  const name = basename(root);
  const parent = dirname(root);
  if (name === "" || parent === root) return [];
  const siblings = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const named = siblings.filter(
    (entry) => entry.isDirectory() && entry.name.startsWith(name) && pair.test(entry.name.slice(name.length)),
  );
  const found: { digits: string; path: string }[] = [];
  for (const entry of named) {
    const path = join(parent, entry.name);
    // Another folder may be called so by chance.
    const inside = await readdir(path).catch(() => []);
    if (inside.some((one) => pair.test(one))) found.push({ digits: entry.name.slice(name.length), path });
  }
  return found;
}

async function* below(
  path: string,
  digits: string,
  level: number,
  options: { maxBytes: number; notes: FolderNotes },
): AsyncGenerator<Found, void> {
  let entries: { name: string; isFolder: boolean; isFile: boolean }[];
  try {
    entries = await listed(path);
  } catch (thrown) {
    options.notes.stray(path, `cannot be read: ${reasonOf(thrown)}`);
    return;
  }
  for (const { isFile, isFolder, name } of entries) {
    const inner = join(path, name);
    if (level < depth) {
      if (isFolder && pair.test(name)) yield* below(inner, digits + name, level + 1, options);
      else options.notes.stray(inner, "no folder of images");
      continue;
    }
    const extension = isFile ? original.exec(name)?.[1] : undefined;
    if (extension !== undefined) yield foundAt(inner, digits, plainExtension(extension), options.maxBytes);
    else if (!isFile || !made.test(name)) options.notes.stray(inner, "no image");
  }
}

function foundAt(path: string, hash: string, extension: string, maxBytes: number): Found {
  return {
    hash,
    place: path,
    extension,
    async open() {
      const file = Bun.file(path);
      const { size } = file;
      if (size > maxBytes)
        throw new Fault("too-large", "reticulum/too-large", `it has ${size} bytes, and at most ${maxBytes} are read`);
      return { bytes: await file.bytes(), extension };
    },
  };
}

/** The entries of a folder by name. What is not plainly a file or folder, such as a link, is neither. */
async function listed(path: string): Promise<{ name: string; isFolder: boolean; isFile: boolean }[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries
    .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory(), isFile: entry.isFile() }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

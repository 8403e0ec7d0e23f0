/**
 * Brings the image library's native parts onto the disk, for a single executable: the system's loader takes code from files
 * only. They are unpacked once into a folder that is named by their content, private to the user, complete or not there at
 * all; before every use their hashes are compared, so what another put there is not loaded. In a checkout there is nothing
 * to do.
 */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { type NativePart, nativeParts } from "./native-parts.ts";

let unpackedAddon: string | undefined;

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** What a folder of parts is called: their hashes, together. */
function nameOf(parts: readonly NativePart[]): string {
  return `image-library-${sha256(new TextEncoder().encode(parts.map((part) => `${part.path} ${part.sha256}\n`).join(""))).slice(0, 16)}`;
}

function isWhole(folder: string, parts: readonly NativePart[]): boolean {
  try {
    const { uid, mode } = lstatSync(folder);
    const isMine = process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0);
    return isMine && parts.every((part) => sha256(readFileSync(join(folder, part.path))) === part.sha256);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) return false;
    throw thrown;
  }
}

/** Unpacks `parts` below `parent` unless they are there, and returns their folder. */
export function unpackParts(parts: readonly NativePart[], parent: string): string {
  const folder = join(parent, nameOf(parts));
  if (isWhole(folder, parts)) return folder;
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const temporary = mkdtempSync(join(parent, ".unpacking-"));
  try {
    chmodSync(temporary, 0o700);
    for (const part of parts) {
      const bytes = Bun.zstdDecompressSync(readFileSync(part.embedded));
      if (bytes.byteLength !== part.sizeBytes || sha256(bytes) !== part.sha256)
        throw new Error(`Cannot unpack "${part.path}": the executable is damaged`);
      mkdirSync(dirname(join(temporary, part.path)), { recursive: true, mode: 0o700 });
      writeFileSync(join(temporary, part.path), bytes, { mode: 0o500 });
    }
    try {
      renameSync(temporary, folder);
    } catch (thrown) {
      // Another decoder was faster, or what is there is not what it should be.
      if (isWhole(folder, parts)) return folder;
      if (!(thrown instanceof Error)) throw thrown;
      rmSync(folder, { recursive: true, force: true });
      renameSync(temporary, folder);
    }
    return folder;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Makes the native parts ready below `folder`, and remembers where the addon lies. */
export function prepareNative(folder: string): void {
  if (!Bun.isStandaloneExecutable) return;
  const [addon] = nativeParts ?? [];
  if (nativeParts === undefined || addon === undefined)
    throw new Error("This build of the program carries no image library for this platform");
  unpackedAddon = join(unpackParts(nativeParts, folder), addon.path);
}

/** The file of the addon that {@link prepareNative} found. Read by the loader that `tools/build.ts` puts into the library. */
export function addonPath(): string {
  if (unpackedAddon === undefined) throw new Error("Cannot load the image library: it has not been unpacked");
  return unpackedAddon;
}

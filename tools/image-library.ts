/**
 * Puts the image library's native parts into the single executable. The library looks for them in `node_modules`, which an
 * executable does not have; so its module that looks is replaced by one that loads the file which the decoder unpacked, and
 * the empty list of parts by a list of the real ones, compressed. Only a decoder process ever unpacks or loads them.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { BunPlugin } from "bun";

import type { NativePart } from "../src/storage/reticulum/decoder/native-parts.ts";

/** What was found for a platform. */
export interface ImageLibrary {
  readonly plugin: BunPlugin;
  /** What the built program will lack, as a sentence with its remedy; undefined when it is complete. */
  readonly lack: string | undefined;
}

/** As the library names platforms: `linux-x64`, `linuxmusl-arm64`, `darwin-arm64`. */
export function platformOf(target: string | undefined): string {
  if (target === undefined) {
    const isMusl = process.platform === "linux" && !Bun.spawnSync(["getconf", "GNU_LIBC_VERSION"]).success;
    return `${process.platform}${isMusl ? "musl" : ""}-${process.arch}`;
  }
  const words = target.replace(/^bun-/, "").split("-");
  const system = (words[0] ?? "").replace("windows", "win32");
  const processor = words[1] ?? process.arch;
  return `${system}${words.includes("musl") ? "musl" : ""}-${processor.replace("aarch64", "arm64")}`;
}

/** The two files for `platform`, the addon first, with their paths below the folder of packages; empty when not installed. */
function filesFor(packages: string, platform: string): string[] {
  const inFolder = (name: string, pattern: RegExp) => {
    const folder = join(packages, name, "lib");
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((file) => pattern.test(file))
      .map((file) => join(name, "lib", file));
  };
  const addon = inFolder(`sharp-${platform}`, /\.node$/);
  // On Windows the library lies beside the addon.
  const beside = inFolder(`sharp-${platform}`, /\.dll$/);
  const library = inFolder(`sharp-libvips-${platform}`, /\.(?:so|dylib)(?:\.|$)/);
  return addon.length === 1 && beside.length + library.length > 0 ? [...addon, ...beside, ...library] : [];
}

/** Prepares the parts for `target` (this machine when undefined), with compressed copies in `scratch`. */
export function imageLibrary(root: string, scratch: string, target: string | undefined): ImageLibrary {
  const platform = platformOf(target);
  const packages = join(root, "node_modules", "@img");
  const files = filesFor(packages, platform);
  mkdirSync(scratch, { recursive: true });
  const parts = files.map((path): NativePart => {
    const bytes = readFileSync(join(packages, path));
    const embedded = join(scratch, `${basename(path)}.zst`);
    writeFileSync(embedded, Bun.zstdCompressSync(bytes, { level: 9 }));
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    return { path, sizeBytes: bytes.byteLength, sha256, embedded };
  });
  const [system = "", processor = ""] = platform.split("-");
  const libc = system.startsWith("linux") ? ` --libc=${system.endsWith("musl") ? "musl" : "glibc"}` : "";
  const lack = `without images: the image library for ${platform} is not installed; \`npm install --no-save --force --os=${system.replace("musl", "")} --cpu=${processor}${libc} @img/sharp-${platform}\` brings it`;
  return { plugin: pluginFor(root, parts), lack: parts.length === 0 ? lack : undefined };
}

function pluginFor(root: string, parts: readonly NativePart[]): BunPlugin {
  const decoder = join(root, "src", "storage", "reticulum", "decoder");
  return {
    name: "image library",
    setup(build) {
      if (parts.length > 0) {
        build.onLoad({ filter: /reticulum\/decoder\/native-parts\.ts$/ }, () => ({
          loader: "ts",
          contents: [
            ...parts.map(
              ({ embedded }, at) => `import part${at} from ${JSON.stringify(embedded)} with { type: "file" };`,
            ),
            "export const nativeParts = [",
            ...parts.map((part, at) => `  { ...${JSON.stringify({ ...part, embedded: "" })}, embedded: part${at} },`),
            "];",
          ].join("\n"),
        }));
      }
      build.onLoad({ filter: /node_modules\/sharp\/dist\/sharp\.mjs$/ }, () => ({
        loader: "js",
        contents: [
          'import { createRequire } from "node:module";',
          `import { addonPath } from ${JSON.stringify(join(decoder, "native.ts"))};`,
          "export default createRequire(import.meta.url)(addonPath());",
        ].join("\n"),
      }));
    },
  };
}

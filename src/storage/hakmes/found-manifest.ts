/**
 * Blobs found in Cask, or sent by another node, read as manifests: which are ours, what they say, and whether a seal of this
 * cluster vouches for it. One chunk under the file's own key is no proof by itself, for its length may be a lie.
 */
import { Fault } from "../../kit/fault.ts";
import type { Key } from "../cask/client.ts";
import { decodeManifest, fileOfRoot, headBytes, isManifestHead, isSealed, type Manifest } from "./manifest.ts";
import type { FoundManifest, ManifestReader } from "./peers.ts";

/** A reader of manifests; `secret` is that of their seals, empty where there are none. */
export function manifestReader(secret: () => string): ManifestReader {
  return {
    headBytes,
    isHead: isManifestHead,
    read(key, bytes) {
      const manifest = decoded(bytes);
      return manifest === undefined ? undefined : found(key, manifest, isSealed(manifest, secret()));
    },
  };
}

function decoded(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes);
  } catch (thrown) {
    // It begins like one of ours and is none: somebody's text, or one of a newer program.
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

function found(key: Key, manifest: Manifest, sealed: boolean): FoundManifest {
  switch (manifest.kind) {
    case "part":
      return { kind: "part" };
    case "name":
      return { kind: "name", name: manifest.name, isSealed: sealed };
    case "root": {
      const { root } = manifest;
      const file = fileOfRoot(root, key, sealed);
      if (root.name === "") return { kind: "file", file };
      const name = { key: root.key, name: root.name, mimetype: root.mimetype, addedAt: root.createdAt };
      return { kind: "file", file, name };
    }
  }
}

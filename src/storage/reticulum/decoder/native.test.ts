import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { addonPath, unpackParts } from "./native.ts";
import type { NativePart } from "./native-parts.ts";

const root = mkdtempSync(join(tmpdir(), "warren-native-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function part(path: string, text: string): NativePart {
  const bytes = new TextEncoder().encode(text);
  const embedded = join(root, `${text}.zst`);
  writeFileSync(embedded, Bun.zstdCompressSync(bytes));
  return {
    path,
    sizeBytes: bytes.byteLength,
    sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    embedded,
  };
}
const parts = [part("addon/lib/a.node", "addon"), part("library/lib/b.so", "library")];
const parentOf = (name: string) => join(root, name, "cache");

describe("unpackParts", () => {
  test("unpacks once, for this user alone", () => {
    const folder = unpackParts(parts, parentOf("once"));
    expect(readFileSync(join(folder, "addon/lib/a.node"), "utf8")).toBe("addon");
    expect(readFileSync(join(folder, "library/lib/b.so"), "utf8")).toBe("library");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(parentOf("once")).mode & 0o777).toBe(0o700);
    const { ino } = statSync(join(folder, "addon/lib/a.node"));
    expect(unpackParts(parts, parentOf("once"))).toBe(folder);
    expect(statSync(join(folder, "addon/lib/a.node")).ino).toBe(ino);
    expect(readdirSync(parentOf("once"))).toHaveLength(1);
  });

  test("what was changed, taken away or opened to others is unpacked anew", () => {
    const folder = unpackParts(parts, parentOf("changed"));
    const file = join(folder, "addon/lib/a.node");
    const harms = [
      () => {
        chmodSync(file, 0o700);
        writeFileSync(file, "other");
      },
      () => rmSync(file),
      () => chmodSync(folder, 0o777),
    ];
    for (const harm of harms) {
      harm();
      expect(unpackParts(parts, parentOf("changed"))).toBe(folder);
      expect(readFileSync(file, "utf8")).toBe("addon");
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(readdirSync(parentOf("changed"))).toHaveLength(1);
    }
  });

  test("another content goes to another folder, and a damaged executable is noticed", () => {
    const other = [part("addon/lib/a.node", "newer")];
    expect(unpackParts(other, parentOf("other"))).not.toBe(unpackParts(parts, parentOf("other")));
    const [first] = parts;
    if (!first) throw new Error("There are no parts");
    expect(() => unpackParts([{ ...first, sha256: "0".repeat(64) }], parentOf("damaged"))).toThrow(
      "executable is damaged",
    );
    expect(readdirSync(parentOf("damaged"))).toEqual([]);
  });

  test("nothing is loaded that was not unpacked", () => {
    expect(() => addonPath()).toThrow("has not been unpacked");
  });
});

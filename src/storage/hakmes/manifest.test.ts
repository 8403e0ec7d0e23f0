import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import type { Key } from "../cask/client.ts";
import { keyOfShort } from "./digest.ts";
import {
  checkPart,
  decodeManifest,
  decodePart,
  decodeRoot,
  encodeName,
  encodePart,
  encodeRoot,
  headBytes,
  isManifestHead,
  isSealed,
  type ManifestRoot,
  maxEntries,
  maxManifestBytes,
} from "./manifest.ts";
import { labelOf } from "./record.ts";

const keys: fc.Arbitrary<Key> = fc
  .tuple(fc.constantFrom("sha1" as const, "sha256" as const), fc.string())
  .map(([algorithm, text]) => keyOfShort(algorithm, text));
const entries = fc.array(fc.tuple(keys, fc.integer({ min: 1, max: 2 ** 30 })), { maxLength: 20 });
const labels = fc
  .record({
    name: fc.string({ unit: "grapheme" }),
    mimetype: fc.constantFrom("text/plain", "text/html; charset=utf-8", ""),
  })
  .map(labelOf);
const roots: fc.Arbitrary<ManifestRoot> = fc
  .record({
    key: keys,
    entries,
    label: labels,
    createdAt: fc.integer({ min: 0, max: 8.64e15 }),
    hasCut: fc.boolean(),
    isTree: fc.boolean(),
  })
  .map(({ key, entries: list, label, createdAt, hasCut, isTree }) => ({
    key,
    sizeBytes: list.reduce((sum, [, size]) => sum + size, 0),
    chunkCount: isTree && list.length > 0 ? list.length * 3 : list.length,
    ...label,
    createdAt,
    ...(hasCut ? { cut: { rule: "fastcdc-1", minBytes: 1, averageBytes: 2, maxBytes: 2 ** 30 } } : {}),
    level: isTree && list.length > 0 ? 2 : 0,
    entries: list,
  }));

const plain: ManifestRoot = {
  key: keyOfShort("sha256", "whole"),
  sizeBytes: 30,
  chunkCount: 2,
  extension: ".txt",
  mimetype: "text/plain",
  createdAt: 5,
  name: "a.txt",
  level: 0,
  entries: [
    [keyOfShort("sha256", "a"), 10],
    [keyOfShort("sha256", "b"), 20],
  ],
};
const textOf = (blob: Uint8Array) => Buffer.from(blob).toString();
/** Reads a blob whose text was changed. */
const changed = (blob: Uint8Array, from: string | RegExp, to: string) => {
  const text = textOf(blob).replace(from, to);
  expect(text).not.toBe(textOf(blob));
  return decodeManifest(Buffer.from(text));
};

describe("manifest", () => {
  test("root: is text that a person can read", () => {
    const [head, body, ...rest] = textOf(encodeRoot(plain, "")).split("\n");
    expect([head, rest]).toEqual(["warren hakmes file 1", [""]]);
    expect(JSON.parse(body ?? "")).toEqual({
      key: plain.key,
      size: 30,
      chunks: 2,
      extension: ".txt",
      mimetype: "text/plain",
      at: 5,
      name: "a.txt",
      level: 0,
      entries: plain.entries,
    });
  });

  test("root: what was written is read again, with its seal where there is a secret", () => {
    fc.assert(
      fc.property(roots, fc.constantFrom("", "secret"), (root, secret) => {
        const blob = encodeRoot(root, secret);
        expect(decodeRoot(blob).root).toEqual(root);
        const manifest = decodeManifest(blob);
        expect(manifest && isSealed(manifest, "secret")).toBe(secret !== "");
        expect(manifest && isSealed(manifest, "other")).toBe(false);
        expect(manifest && isSealed(manifest, "")).toBe(false);
        expect(isManifestHead(blob)).toBe(true);
        expect(isManifestHead(blob.subarray(0, headBytes))).toBe(true);
      }),
    );
  });

  test("part and name: the same", () => {
    fc.assert(
      fc.property(keys, labels, entries, (key, label, list) => {
        const name = { key, name: label.name, mimetype: label.mimetype, addedAt: 7 };
        const manifest = decodeManifest(encodeName(name, "secret"));
        expect(manifest?.kind === "name" && manifest.name).toEqual(name);
        expect(manifest && isSealed(manifest, "secret")).toBe(true);
        if (list.length === 0) return;
        const part = { level: 1, entries: list };
        expect(decodePart(encodePart(part))).toEqual(part);
        const sizeBytes = list.reduce((sum, [, size]) => sum + size, 0);
        checkPart(part, 1, sizeBytes);
        expect(() => checkPart(part, 0, sizeBytes)).toThrow("level");
        expect(() => checkPart(part, 1, sizeBytes + 1)).toThrow("bytes");
      }),
    );
  });

  test("the largest manifest there can be fits into its bound", () => {
    const key = keyOfShort("sha256", "x");
    const name = `${'"'.repeat(251)}.txt`;
    const full = Array.from({ length: maxEntries }, () => [key, 10 ** 13] as const);
    const root = {
      ...plain,
      name,
      extension: `.${'"'.repeat(254)}`,
      mimetype: `text/plain; ${'"'.repeat(243)}`,
      sizeBytes: maxEntries * 10 ** 13,
      chunkCount: Number.MAX_SAFE_INTEGER,
      cut: { rule: "r".repeat(40), minBytes: 2 ** 30, averageBytes: 2 ** 30, maxBytes: 2 ** 30 },
      level: 5,
      createdAt: 8.64e15,
      entries: full,
    };
    const blob = encodeRoot(root, "secret");
    expect(blob.byteLength).toBeLessThanOrEqual(maxManifestBytes);
    expect(decodeRoot(blob).root).toEqual(root);
  });

  test("a sealed root of which anything is changed has no seal any more", () => {
    const blob = encodeRoot(plain, "secret");
    for (const [from, to] of [
      ["text/plain", "text/html"],
      ['"at":5', '"at":6'],
      [`"${plain.entries[0]?.[0]}",10`, `"${plain.entries[1]?.[0]}",10`],
      ["file 1\n", "file 1\n"],
    ] as const) {
      if (from === to) continue;
      const manifest = changed(blob, from, to);
      expect(manifest?.kind).toBe("root");
      expect(manifest && isSealed(manifest, "secret")).toBe(false);
    }
    // A name's seal is none for a root, though the fields were alike.
    const name = encodeName({ key: plain.key, name: "a", mimetype: "text/plain", addedAt: 5 }, "secret");
    const seal = /"seal":"([0-9a-f]{64})"/.exec(textOf(name))?.[1] ?? "";
    const moved = changed(blob, /"seal":"[0-9a-f]{64}"/, `"seal":"${seal}"`);
    expect(moved && isSealed(moved, "secret")).toBe(false);
  });

  test("decodeManifest: undefined for other content, a Fault for one that only begins like ours", () => {
    const blob = encodeRoot(plain, "");
    for (const other of [
      "",
      "warren",
      "warren hakmes file 2\n{}\n",
      "warren hakmes song 1\n{}\n",
      "Warren hakmes file 1\n{}\n",
    ]) {
      expect(decodeManifest(Buffer.from(other))).toBeUndefined();
    }
    for (const [from, to] of [
      [/\n$/, ""],
      [/\n$/, "\n\n"],
      ['"size":30', '"size":31'],
      ['"size":30', '"size":3e1'],
      ['"size":30', '"size":30,"size":30'],
      ['"size":30', '"size":-30'],
      ['"chunks":2', '"chunks":3'],
      ['"level":0', '"level":0.5'],
      ['"level":0', '"level":6'],
      ['"name":"a.txt"', '"name":"a/b.txt"'],
      ['"name":"a.txt"', '"name":"a\\u0001.txt"'],
      ['"name":"a.txt"', '"name":".."'],
      ['"extension":".txt"', '"extension":"txt"'],
      ["text/plain", "text/plain\\r\\nX-Evil: 1"],
      [",10]", ",0]"],
      [",10]", ",10,10]"],
      ["sha256:", "SHA256:"],
      ["sha256:", "md5:"],
      ["{", '{"more":1,'],
      ["{", "[{"],
      ['"a.txt"', '"a\\u002etxt"'],
    ] as const) {
      expect(() => changed(blob, from, to)).toThrow(Fault);
    }
    expect(() => decodeManifest(Buffer.concat([blob, Buffer.alloc(maxManifestBytes, 32)]))).toThrow(Fault);
    expect(() => decodeManifest(Buffer.concat([blob.subarray(0, headBytes), Uint8Array.of(0xff, 0xfe)]))).toThrow(
      Fault,
    );
    expect(() => decodeRoot(encodePart({ level: 0, entries: plain.entries }))).toThrow(Fault);
    expect(() => decodePart(blob)).toThrow(Fault);
    expect(() => decodePart(encodePart({ level: 0, entries: [] }))).toThrow(Fault);
  });

  test("decodeManifest: throws only Faults, whatever it is given", () => {
    const heads = fc.constantFrom("warren hakmes file 1\n", "warren hakmes part 1\n", "warren hakmes name 1\n");
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(`${text}\n`)),
      fc.tuple(roots, fc.nat(), fc.nat(255)).map(([root, at, byte]) => {
        const body = Buffer.from(encodeRoot(root, "").subarray(headBytes));
        body[at % body.length] = byte;
        return body;
      }),
    );
    fc.assert(
      fc.property(heads, bodies, (head, body) => {
        const blob = Buffer.concat([Buffer.from(head), body]);
        try {
          const manifest = decodeManifest(blob);
          // What is accepted is what would be written.
          if (manifest?.kind === "root")
            expect(Buffer.from(encodeRoot(manifest.root, "")).equals(blob)).toBe(manifest.seal === undefined);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

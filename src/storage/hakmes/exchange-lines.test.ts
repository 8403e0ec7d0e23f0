import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import { type Key, parseKey } from "../cask/client.ts";
import { ingestLines, linesOf, parseRecord, recordLines, type SkippedLine } from "./exchange-lines.ts";
import type { ImportedFile } from "./hakmes.ts";
import type { Chunk, StoredFile } from "./record.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const keyOf = (text: string) => parseKey(`sha1:${new Bun.CryptoHasher("sha1").update(text).digest("hex")}`) as Key;
const line = (fields: object = {}) =>
  JSON.stringify({
    key: keyOf("ab"),
    extension: ".x",
    mimetype: "a/b",
    size: 2,
    chunks: [keyOf("a"), keyOf("b")],
    ...fields,
  });

async function* pieces(text: string, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = encode(text);
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

describe("linesOf", () => {
  test("lines come whole, however the bytes were parted", async () => {
    const lines = fc.array(fc.string({ unit: "binary-ascii", maxLength: 30 }).filter((text) => !text.includes("\n")));
    await fc.assert(
      fc.asyncProperty(lines, fc.array(fc.nat(9), { minLength: 1 }), fc.boolean(), async (wanted, sizes, ends) => {
        const text = wanted.join("\n") + (ends && wanted.length > 0 ? "\n" : "");
        const got: string[] = [];
        for await (const each of linesOf(pieces(text, sizes), 1000)) {
          got.push(typeof each === "number" ? "too long" : new TextDecoder().decode(each));
        }
        const all = text.split("\n");
        if (all.at(-1) === "") all.pop();
        expect(got).toEqual(all);
      }),
    );
  });

  test("a line over the limit is told of and not kept, and the next one is good", async () => {
    const got: (string | number)[] = [];
    for await (const each of linesOf(pieces(`${"x".repeat(50)}\n12345\n${"y".repeat(11)}`, [7]), 10)) {
      got.push(typeof each === "number" ? each : new TextDecoder().decode(each));
    }
    expect(got).toEqual([10, "12345", 10]);
  });
});

describe("parseRecord", () => {
  test("the predecessor's record, and ours with lengths, cut and names", () => {
    expect(parseRecord(encode(line()))).toEqual({
      key: keyOf("ab"),
      extension: ".x",
      mimetype: "a/b",
      sizeBytes: 2,
      chunkKeys: [keyOf("a"), keyOf("b")],
      names: [],
    });
    const cut = { rule: "fixed-1", minBytes: 1, averageBytes: 1, maxBytes: 1 };
    const names = ["one.x", { name: "two.x", mimetype: "a/b", addedAt: 5 }];
    expect(parseRecord(encode(line({ sizes: [1, 1], cut, names, unknown: true })))).toMatchObject({
      chunkSizes: [1, 1],
      cut,
      names: ["one.x", "two.x"],
    });
    const empty = parseRecord(encode(line({ size: 0, chunks: null, sizes: null })));
    expect(empty).toMatchObject({ sizeBytes: 0, chunkKeys: [] });
    expect(parseRecord(encode("  "))).toBeUndefined();
  });

  test("a type, an extension or a name that cannot be kept does not cost the file", () => {
    const odd = parseRecord(encode(line({ mimetype: "a/b\r\nX: y", extension: "../x", names: ["a/b", "", "ok"] })));
    expect(odd).toMatchObject({ mimetype: "application/octet-stream", extension: "", names: ["ok"] });
  });

  test("what is no record is told of in words", () => {
    for (const [text, words] of [
      ["{", "no JSON"],
      ["\u0000", "no JSON"],
      ["[]", "no record"],
      ["null", "no record"],
      [line({ key: "md5:00" }), "key: wanted sha256:"],
      [line({ key: "SHA1:00" }), "key: wanted"],
      [line({ size: -1 }), "size"],
      [line({ size: 1.5 }), "size"],
      [line({ size: "2" }), "size"],
      [line({ chunks: [keyOf("a"), "x"] }), "chunks.1"],
      [line({ size: 0 }), "a size of 0 with 2 chunks"],
      [line({ chunks: null }), "a size of 2 with 0 chunks"],
      [line({ sizes: [1] }), "1 sizes of 1 bytes in all, for 2 chunks of 2 bytes"],
      [line({ sizes: [1, 2] }), "2 sizes of 3 bytes"],
    ] as const) {
      const parsed = parseRecord(encode(text));
      expect([text, typeof parsed]).toEqual([text, "string"]);
      expect(String(parsed)).toContain(words);
    }
    expect(parseRecord(new Uint8Array([0x22, 0xff, 0x22]))).toContain("no JSON");
  });

  test("no bytes make it throw, nor a record with a field that is not fit", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        const parsed = parseRecord(encode(text));
        expect(["string", "undefined"]).toContain(typeof parsed);
      }),
    );
  });
});

describe("ingestLines", () => {
  const taker = (known: ReadonlySet<string>, failing?: Fault) => {
    const taken: ImportedFile[] = [];
    return {
      taken,
      async enter(file: ImportedFile): Promise<"entered" | "existed"> {
        if (failing) throw failing;
        if (known.has(file.key) || taken.some(({ key }) => key === file.key)) return "existed";
        taken.push(file);
        return "entered";
      },
    };
  };

  test("good lines are entered once, bad ones skipped with their number, and nothing known is touched", async () => {
    const hakmes = taker(new Set([keyOf("known")]));
    const skipped: SkippedLine[] = [];
    const text = [line(), "bad", line({ key: keyOf("known") }), "", line(), "x".repeat(5000)].join("\n");
    const counts = await ingestLines(pieces(text, [100]), hakmes, {
      skipped: (each) => skipped.push(each),
      maxLineBytes: 1000,
    });
    expect(counts).toEqual({ lines: 6, entered: 1, existed: 2, skipped: 2 });
    expect(skipped.map(({ line: number }) => number)).toEqual([2, 6]);
    expect(skipped[1]?.reason).toBe("it is longer than 1000 bytes");
    expect(hakmes.taken.map(({ key }) => key)).toEqual([keyOf("ab")]);
  });

  test("a record that is refused is skipped; a store that cannot be reached ends it", async () => {
    const refused: SkippedLine[] = [];
    const counts = await ingestLines(
      pieces(line(), [50]),
      taker(new Set(), new Fault("invalid", "x/y", "no such chunk")),
      {
        skipped: (each) => refused.push(each),
      },
    );
    expect([counts.skipped, refused[0]?.reason]).toEqual([1, "no such chunk"]);
    const away = taker(new Set(), new Fault("unavailable", "x/y", "away"));
    await expect(ingestLines(pieces(line(), [50]), away, { skipped() {} })).rejects.toThrow("away");
  });
});

describe("recordLines", () => {
  const file = (text: string, chunkCount: number): StoredFile => ({
    key: keyOf(text),
    sizeBytes: chunkCount,
    extension: ".x",
    mimetype: "a/b",
    createdAt: 7,
    chunkCount,
    isProven: true,
  });
  const over = (files: readonly StoredFile[], broken?: Key) => ({
    hakmes: {
      async *chunks({ key, chunkCount }: StoredFile): AsyncGenerator<Chunk, void, void> {
        if (key === broken) throw new Fault("unavailable", "x/y", "the manifest is away");
        for (let number = 0; number < chunkCount; number++) yield { key: keyOf(`${key} ${number}`), sizeBytes: 1 };
      },
      names: (key: Key) => [{ key, name: "n.x", mimetype: "a/b", addedAt: 9 }],
    },
    catalog: { all: () => files.values() },
  });
  async function written(
    parts: ReturnType<typeof over>,
    failed: (key: string) => void = () => {},
    leftOut: (key: string) => void = () => {},
  ): Promise<string> {
    let text = "";
    for await (const piece of recordLines(parts.hakmes, parts.catalog, { failed, leftOut }))
      text += new TextDecoder().decode(piece);
    return text;
  }

  test("every file is one line that reads back, however many chunks it has", async () => {
    const files = [file("none", 0), file("one", 1), file("many", 5000), file("last", 2)];
    const lines = (await written(over(files))).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.length).toBe(4);
    for (const [position, text] of lines.entries()) {
      const parsed = parseRecord(encode(text)) as ImportedFile;
      expect([parsed.key, parsed.chunkKeys.length]).toEqual([
        files[position]?.key as Key,
        files[position]?.chunkCount ?? 0,
      ]);
      expect(parsed.names).toEqual(["n.x"]);
    }
    expect(lines[0]).toStartWith(`{"key":"${keyOf("none")}","extension":".x","mimetype":"a/b","size":0,"chunks":null,`);
  });

  test("a record that cannot be made is told of, and the others are there", async () => {
    const failed: string[] = [];
    const files = [file("a", 1), file("b", 1), file("c", 1)];
    const text = await written(over(files, keyOf("b")), (key) => failed.push(key));
    expect(text.trimEnd().split("\n").length).toBe(2);
    expect(failed).toEqual([keyOf("b")]);
  });

  test("a list of chunks that is not whole is no record", async () => {
    const failed: string[] = [];
    const parts = over([{ ...file("a", 1), chunkCount: 1 }]);
    parts.hakmes.chunks = async function* () {};
    expect(await written(parts, (key) => failed.push(key))).toBe("");
    expect(failed).toEqual([keyOf("a")]);
  });

  test("what was merely found is there when it can be listed, and otherwise neither a failure nor half a line", async () => {
    const found = (text: string, chunkCount: number) => ({
      ...file(text, chunkCount),
      isProven: false,
      manifest: keyOf(`manifest of ${text}`),
    });
    const files = [
      found("good", 3),
      found("endless", 2 ** 53 - 1),
      found("more", 2),
      found("cut", 5000),
      file("last", 1),
    ];
    const parts = over(files);
    const { chunks } = parts.hakmes;
    parts.hakmes.chunks = async function* (of) {
      if (of.key === keyOf("more")) yield* chunks({ ...of, chunkCount: 2 ** 40 });
      yield* chunks({ ...of, chunkCount: of.key === keyOf("cut") ? 4000 : of.chunkCount });
      if (of.key === keyOf("cut")) throw new Fault("unavailable", "x/y", "a part is away");
    };
    const [failed, left]: [string[], string[]] = [[], []];
    const lines = (
      await written(
        parts,
        (key) => failed.push(key),
        (key) => left.push(key),
      )
    )
      .trimEnd()
      .split("\n");
    const keys = lines.map((text) => (parseRecord(encode(text)) as ImportedFile).key);
    expect([keys, failed]).toEqual([[keyOf("good"), keyOf("last")], []]);
    expect(left).toEqual([keyOf("endless"), keyOf("more"), keyOf("cut")]);
  });
});

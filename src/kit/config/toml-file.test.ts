import { describe, expect, test } from "bun:test";

import { readToml } from "./toml-file.ts";

describe("readToml", () => {
  test("readToml: tables, dotted keys and inline tables give the same entries, each with its line", async () => {
    const wanted = [{ section: "cask", key: "copies", value: 3, line: 2 }];
    expect((await readToml("[cask]\ncopies = 3")).entries).toEqual(wanted);
    expect((await readToml("\ncask.copies = 3")).entries).toEqual(wanted);
    expect((await readToml("\ncask = { copies = 3 }")).entries).toEqual(wanted);
    expect((await readToml("\uFEFF\r\n'cask'.\"copies\" = 0x3\r\n")).entries).toEqual(wanted);
  });

  test("readToml: what stands deeper than a key is its value", async () => {
    const text =
      '[hound]\nlist = [1, "a"]\n[[hound.rule]]\nname = "a"\nlimit.high = 1\nlimit.low = { x = 0 }\n[[hound.rule]]\n[hound.mail]\nto.me = true\n';
    expect((await readToml(text)).entries).toEqual([
      { section: "hound", key: "list", value: [1, "a"], line: 2 },
      { section: "hound", key: "rule", value: [{ name: "a", limit: { high: 1, low: { x: 0 } } }, {}], line: 3 },
      { section: "hound", key: "mail", value: { to: { me: true } }, line: 8 },
    ]);
  });

  test("readToml: an array of tables is no section, and a key above the tables has none", async () => {
    const { entries, sections } = await readToml("top = 1\n[[cask]]\ncopies = 3\n[empty]\n");
    expect(entries).toEqual([
      { section: "", key: "top", value: 1, line: 1 },
      { section: "", key: "cask", value: [{ copies: 3 }], line: 2 },
    ]);
    expect([...sections]).toEqual([["empty", 4]]);
  });

  test("readToml: keys named like the parts of every object are plain keys", async () => {
    const { entries } = await readToml(
      "[__proto__]\npolluted = 1\n[cask]\n__proto__ = 2\nconstructor.prototype.polluted = 3\n",
    );
    expect(entries.map(({ section, key }) => `${section}.${key}`)).toEqual([
      "__proto__.polluted",
      "cask.__proto__",
      "cask.constructor",
    ]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test("readToml: an integer beyond 2^53 is not rounded", async () => {
    expect((await readToml("a.b = 9223372036854775807")).entries[0]?.value).toBe(9223372036854775807n);
  });

  test("readToml: several mistakes are found in one go, and good lines among them are read", async () => {
    const { entries, mistakes } = await readToml("[a]\nx = 1\nx = 2\ny = 10GiB\nz = 3\n[a]\nw = 4\n");
    expect(mistakes.map(({ line, column }) => [line, column])).toEqual([
      [3, 1],
      [4, 7],
      [6, 2],
    ]);
    expect(entries.map(({ section, key, value }) => [section, key, value])).toEqual([
      ["a", "x", 1],
      ["a", "z", 3],
      ["a", "w", 4],
    ]);
  });

  test("readToml: an open bracket or quote is one mistake, without a tail of others", async () => {
    for (const text of ['a.x = ["one"\n[b]\ny = 1\nz = 2\n', 'a.x = """one\n[b]\ny = 1\n', "[a\nx = 1\n"]) {
      const { entries, mistakes } = await readToml(text);
      expect(entries).toEqual([]);
      expect(mistakes.length).toBe(1);
    }
  });

  test("readToml: a line without end and brackets without end are mistakes, not a crash or a wait", async () => {
    const long = await readToml(`x.y = 1\na${".b".repeat(50_000)} = 1`);
    expect(long.mistakes).toEqual([{ line: 2, column: 1, message: "wanted lines of at most 16 KiB" }]);
    const deep = await readToml(`x.y = ${"[\n".repeat(100_000)}${"]\n".repeat(100_000)}`);
    expect(deep.mistakes.map(({ message }) => message)).toEqual(["wanted fewer levels of brackets than there are"]);
  });

  test("readToml: gives up on something that is no configuration at all", async () => {
    const { mistakes } = await readToml(Array.from({ length: 100 }, (_, index) => `k${index} = ?`).join("\n"));
    expect(mistakes.length).toBe(20);
  });

  test("readToml: all mistakes of a text up to 64 Ki characters are told, and of a longer one the first", async () => {
    const wrong = "x = 1\nx = 2\ny = 3\nz = 10GiB\n";
    const filler = (length: number) => `#${"\n#".repeat((length - wrong.length) / 2)}\n`;
    const ordinary = await readToml(wrong + filler(65_000));
    expect(ordinary.mistakes.map(({ line }) => line)).toEqual([2, 4]);
    expect(ordinary.entries.map(({ key, value }) => [key, value])).toEqual([
      ["x", 1],
      ["y", 3],
    ]);
    const long = await readToml(wrong + filler(600_000));
    expect(long.entries).toEqual([]);
    // What stands twice is looked for when all the rest was read.
    expect(long.mistakes.map(({ line, column }) => [line, column])).toEqual([[4, 7]]);
  });
});

import { expect, test } from "bun:test";

import { lineOfMistake } from "./toml-mistake.ts";

const rule = (name: string) => `[[rules]]\nname = "${name}"\nto = [\n  "a",\n  "b",\n]\nabove = 1\n`;
const many = Array.from({ length: 300 }, (_, at) => rule(`r${at}`));

test("lineOfMistake: the line of the mistake, or where the value begins that has one", () => {
  for (const [text, line] of [
    ["[[rules]\nname = 1\n", 1],
    ["a = 1\n\n[[rules]]\nname = oops\nabove = 3\n", 4],
    ["[[rules]]\nname = \n", 2],
    [`${rule("a")}name = "a"\n${rule("b")}`, 8],
    [`${rule("a")}to = [\n 1,\n oops\n]\n`, 8],
    ["oops", 1],
    [`${rule("a")}${"# words\n".repeat(400)}oops\n`, 1],
    ["[a]\nx = 1\n[b]\ny = 1\n[a]\nz = 1\n", 5],
    ['[[rules]]\nname = """\n[not a table\n"""\nabove = x\n', 5],
  ] as const)
    expect([text, lineOfMistake(text)]).toEqual([text, line]);
});

test("lineOfMistake: in a long file, wherever it is", () => {
  for (const at of [0, 1, 149, 298, 299]) {
    const wrong = many.toSpliced(at, 1, '[[rules]]\nname = "x"\nabove = oops\n').join("");
    expect(lineOfMistake(wrong)).toBe(at * 7 + 3);
  }
});

test("lineOfMistake: of a text that would take long nothing is told", () => {
  expect(lineOfMistake(`${"# words\n".repeat(40_000)}oops`)).toBeUndefined();
});

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { innerCommand, innerName } from "./self.ts";

test("innerCommand: names this program's own entrance, a word nobody types, and what it is given", () => {
  const [program = "", main = "", word, ...rest] = innerCommand("mill", "--fine", "x y");
  expect([existsSync(program), existsSync(main), rest]).toEqual([true, true, ["--fine", "x y"]]);
  expect(main).toEndWith("/src/main.ts");
  expect(innerName(word)).toBe("mill");
});

test("innerName: what people type is none", () => {
  for (const word of [undefined, "", "up", "cask", "--help", "inner"]) expect(innerName(word)).toBeUndefined();
});

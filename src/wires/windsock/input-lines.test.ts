import { expect, test } from "bun:test";

import { linesOf } from "./input-lines.ts";

test("linesOf: each line comes as soon as it is there, however it was cut, and empty ones do not", async () => {
  const bytes = new TextEncoder().encode("one\r\n\nzwölf\nthree");
  const cut = bytes.indexOf(0xc3) + 1;
  let given = 0;
  async function* input() {
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      given++;
      yield await Promise.resolve(chunk);
    }
  }
  const seen: [string, number][] = [];
  for await (const line of linesOf(input())) seen.push([line, given]);
  expect(seen).toEqual([
    ["one", 1],
    ["zwölf", 2],
    ["three", 2],
  ]);
});

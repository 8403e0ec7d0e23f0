import { expect, test } from "bun:test";

import { isTable } from "./table.ts";

test("isTable: objects, and neither lists nor anything else", () => {
  expect([{}, { a: 1 }, JSON.parse('{"__proto__": 1}')].map(isTable)).toEqual([true, true, true]);
  expect([null, undefined, [], "text", 1, true].map(isTable)).toEqual([false, false, false, false, false, false]);
});

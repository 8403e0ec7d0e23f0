import { expect, test } from "bun:test";

import { sinkOf } from "./point-sink.ts";

test("sinkOf: every sink gets the same points, and is closed", async () => {
  const seen: string[] = [];
  const sink = (name: string) => ({
    send: (points: readonly { path: string }[]) => void seen.push(`${name} ${points.map(({ path }) => path).join()}`),
    close: async () => void seen.push(`${name} closed`),
  });
  const both = sinkOf([sink("one"), sink("two")]);
  both.send([{ path: "a.b", value: 7, atSeconds: 1 }]);
  await both.close();
  expect(seen).toEqual(["one a.b", "two a.b", "one closed", "two closed"]);
});

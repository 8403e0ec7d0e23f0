import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { paced } from "../../kit/testing/pace.ts";
import { differenceOf } from "./difference.ts";

const told = (first: string, second: string) =>
  differenceOf(first, second).map(
    ({ of, text }) => `${{ both: " ", first: "-", second: "+", skipped: "~" }[of]}${text}`,
  );

describe("differenceOf", () => {
  test("differenceOf: lines that differ, with what stands around them", () => {
    const lines = Array.from({ length: 12 }, (_, at) => `line ${at}`);
    const other = lines.with(5, "another").toSpliced(11, 0, "new");
    expect(told(`${lines.join("\n")}\n`, `${other.join("\n")}\n`)).toEqual([
      "~",
      " line 2",
      " line 3",
      " line 4",
      "-line 5",
      "+another",
      " line 6",
      " line 7",
      " line 8",
      " line 9",
      " line 10",
      "+new",
      " line 11",
    ]);
    expect(told("a\n", "a\n")).toEqual([]);
    expect(told("", "a\n")).toEqual(["-", "+a"]);
  });

  test("differenceOf: both texts can be read out of it again, whatever they are", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 7 }).map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(text, text, (first, second) => {
        const found = differenceOf(first, second);
        fc.pre(found.length > 0 && found.every(({ of }) => of !== "skipped"));
        const read = (side: "first" | "second") =>
          found.filter(({ of }) => of === "both" || of === side).map((line) => line.text);
        expect(read("first")).toEqual(first.replace(/\n$/, "").split("\n"));
        expect(read("second")).toEqual(second.replace(/\n$/, "").split("\n"));
      }),
    );
  });

  test("differenceOf: long texts that have nothing in common take no long time and fill no page", async () => {
    const long = (word: string) => Array.from({ length: 200_000 }, (_, at) => `${word}${at}`).join("\n");
    const [one, other] = [long("a"), long("b")];
    const { costMs, value: found } = await paced(() => differenceOf(one, other));
    expect(costMs).toBeLessThan(2000);
    expect([found.length, found[190], found.at(-1)]).toEqual([
      382,
      { of: "skipped", text: "199810 more lines" },
      { of: "skipped", text: "199810 more lines" },
    ]);
  });
});

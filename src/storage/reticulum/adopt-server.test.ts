/** What lines of a list name, whatever stands round it. */
import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { paced } from "../../kit/testing/pace.ts";
import { plainExtension } from "./adopt.ts";
import { wantedIn } from "./adopt-server.ts";

const hash = fc.stringMatching(/^[0-9a-f]{40}$/);

describe("wantedIn", () => {
  test("wantedIn: hashes, URLs, paths and elements; the extension where one stands behind", () => {
    const own = "c1986af3c26609b8b7d8933f99c51c1a89e9ea6b";
    const cases: [string, { hash: string; extension: string | undefined } | undefined][] = [
      [own, { hash: own, extension: undefined }],
      [`http://old:8080/image/${own}/200w100h/kitten.v2.jpg?x=1`, { hash: own, extension: "jpg" }],
      [`/image/${own}/full/image.JPEG`, { hash: own, extension: "jpg" }],
      [`<img src='/image/${own}/100s/a.png'>`, { hash: own, extension: "png" }],
      [`{"hash":"${own}","extension":"png"}`, { hash: own, extension: undefined }],
      [`/image/${own}/full/`, { hash: own, extension: undefined }],
      [`${own}0`, undefined],
      [own.toUpperCase(), undefined],
      [own.repeat(2).slice(0, 64), undefined],
      ["", undefined],
    ];
    for (const [line, wanted] of cases) expect([line, wantedIn(line)]).toEqual([line, wanted]);
  });

  test("wantedIn: never throws, and what it finds is a hash and a plain extension", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.option(hash), fc.string(), (before, own, after) => {
        const found = wantedIn(`${before}${own ?? ""}${after}`);
        if (found === undefined) return;
        expect(found.hash).toMatch(/^[0-9a-f]{40}$/);
        if (found.extension !== undefined) expect(found.extension).toBe(plainExtension(found.extension));
      }),
    );
  });

  test("wantedIn: a long line costs no more than its length", async () => {
    const { costMs } = await paced(() => {
      wantedIn(`${"a".repeat(39)}/`.repeat(200));
      wantedIn("/image/".repeat(1000));
    });
    expect(costMs).toBeLessThan(1000);
  });
});

import { expect, test } from "bun:test";

import { usualSettings } from "./settings.ts";
import { sitesIn } from "./site.ts";

const read = (entry: object) =>
  sitesIn([{ name: "shop", url: "https://shop.example/#top", ...entry }], {
    intervalMs: 60_000,
    settings: usualSettings,
  })[0];

test("sitesIn: what a site does not say is as in the section, and its own rules count", () => {
  expect(read({})).toMatchObject({ pages: ["https://shop.example/"], intervalMs: 60_000 });
  expect(read({ interval: "never" })?.intervalMs).toBeUndefined();
  expect(read({ interval: "10s", timeout: "6h", status: "404:ok" })).toMatchObject({
    intervalMs: 10_000,
    settings: { totalMs: 6 * 3_600_000, statusRules: [{ ruling: "ok" }] },
  });
});

test("sitesIn: what is wrong is named with the site, the key, what was given and what is wanted", () => {
  const wrong = (entry: object) => () => read(entry);
  expect(wrong({ interval: "1s" })).toThrow('Cannot use the site "shop": interval: wanted 10s to 30d, not "1s"');
  expect(wrong({ timeout: "0s" })).toThrow('timeout: wanted 1s to 6h, not "0s"');
  expect(wrong({ interval: "soon" })).toThrow('interval: Cannot parse duration "soon"');
  expect(wrong({ status: "9:ok" })).toThrow('status: Cannot use the status rule "9:ok"');
  expect(wrong({ sizes: "cat:1" })).toThrow('sizes: Cannot use the size rule "cat:1"');
  expect(wrong({ depht: 1 })).toThrow('there is no key "depht": did you mean "depth"?');
  expect(wrong({ depth: -1, max_pages: "many" })).toThrow(
    'depth: wanted 0 or more, not -1; max_pages: wanted a number, not "many"',
  );
});

import { describe, expect, test } from "bun:test";

import type { Address } from "./address.ts";
import { fileKeyOf, flagOf, keyOf, type OptionsOf, section, variableOf } from "./declaration.ts";
import { address, choice, count, duration, flag, list, secret, size, text } from "./fields.ts";

const fields = {
  keepFreeBytes: size({ summary: "Space.", default: "10GiB" }),
  aaeIntervalMs: duration({ summary: "Pause." }),
  readOnly: flag({ summary: "No writes." }),
  copies: count({ summary: "Copies.", default: 3 }),
  algorithm: choice(["sha256", "sha1"], { summary: "Hash.", default: "sha256" }),
  peers: list(address(), { summary: "Peers." }),
  key: secret({ summary: "Key." }),
};
const sample = section("sample", "A sample", fields, (options) => {
  // The types are half of the contract: these lines fail to compile when a field reads to something else.
  const wanted: {
    keepFreeBytes: number;
    aaeIntervalMs: number | undefined;
    readOnly: boolean;
    copies: number;
    algorithm: "sha256" | "sha1";
    peers: readonly Address[];
    key: string | undefined;
  } = options;
  return wanted.copies > 5 ? ["copies is more than 5"] : [];
});

describe("section", () => {
  test("section: check receives the values its fields read to", () => {
    const options = {
      keepFreeBytes: 1,
      aaeIntervalMs: undefined,
      readOnly: false,
      copies: 6,
      algorithm: "sha1",
      peers: [],
      key: undefined,
    } satisfies OptionsOf<typeof fields>;
    expect(sample.check?.(options)).toEqual(["copies is more than 5"]);
  });

  test("section: refuses malformed names, a missing summary, a wrong unit and a key that stands twice", () => {
    const summary = "Something.";
    expect(() => section("Two Words", summary, {})).toThrow('section "Two Words"');
    expect(() => section("one", summary, { "not-camel": flag({ summary }) })).toThrow("camelCase");
    expect(() => section("one", summary, { on: flag() })).toThrow("wanted a summary");
    expect(() => section("one", summary, { pause: duration({ summary }) })).toThrow('ends in "Ms"');
    expect(() => section("one", summary, { waitMs: duration({ summary }), wait: flag({ summary }) })).toThrow(
      'its key "wait" stands twice',
    );
    expect(() => section("one", summary, { key: secret({ summary }), keyFile: text({ summary }) })).toThrow(
      'its key "key_file" stands twice',
    );
  });
});

describe("names", () => {
  test("keyOf: snake case, without the unit of durations and sizes only", () => {
    expect(keyOf("keepFreeBytes", fields.keepFreeBytes)).toBe("keep_free");
    expect(keyOf("aaeIntervalMs", fields.aaeIntervalMs)).toBe("aae_interval");
    expect(keyOf("pageBytes", fields.copies)).toBe("page_bytes");
    expect(fileKeyOf("clusterSecret", fields.key)).toBe("cluster_secret_file");
  });

  test("variableOf and flagOf: the same key in the environment and on the command line", () => {
    expect(variableOf("cask", "keep_free")).toBe("WARREN_CASK_KEEP_FREE");
    expect(flagOf("keep_free")).toBe("--keep-free");
  });
});

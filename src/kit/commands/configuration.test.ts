import { describe, expect, test } from "bun:test";

import { section } from "../config/declaration.ts";
import { count, secret, size } from "../config/fields.ts";
import { nodeSection } from "../config/node.ts";
import { serviceSection } from "../config/service-section.ts";
import { checkVerb } from "./check.ts";
import { configVerb } from "./config.ts";
import { helpVerb } from "./help.ts";
import { referenceVerb } from "./reference.ts";

const sample = serviceSection(
  section(
    "sample",
    "keeps samples",
    {
      keepFreeBytes: size({
        summary: "Space left free.",
        default: "10GiB",
        legacy: { names: ["S_KEEP_FREE", "KEEP_FREE"] },
      }),
      copies: count({ summary: "Copies.", min: 1, max: 16, default: 3 }),
      key: secret({ summary: "The key." }),
    },
    undefined,
    { nodeLegacy: { clusterSecret: { names: ["S_SECRET"] } } },
  ),
  true,
);
const sections = [sample];
const file = (text: string) => ({ path: "warren.toml", text });

describe("check", () => {
  test("checkVerb: says that a file is good and how much it sets", async () => {
    expect(await checkVerb({ sections, file: file("[sample]\ncopies = 2\n") })).toEqual({
      text: "warren.toml: ok, 1 option set",
      exitCode: 0,
    });
    expect(await checkVerb({ sections })).toEqual({
      text: "ok: no warren.toml here, every option has its default",
      exitCode: 0,
    });
  });

  test("checkVerb: names every problem and ends with 1; a warning alone does not", async () => {
    const environment = { WARREN_SAMPLE_COPYS: "2" };
    expect(await checkVerb({ sections, file: file("[sample]\ncopies = 0\nkeep_fre = 1\n"), environment })).toEqual({
      text: [
        "warren.toml:2: sample.copies: Cannot read 0: wanted a whole number from 1 to 16",
        'warren.toml:3: sample: Unknown key "keep_fre": did you mean "keep_free"?',
        'warning: environment WARREN_SAMPLE_COPYS: Unknown variable, not used: did you mean "WARREN_SAMPLE_COPIES"?',
        "2 problems",
      ].join("\n"),
      exitCode: 1,
    });
    expect((await checkVerb({ sections, environment })).exitCode).toBe(0);
  });
});

describe("config", () => {
  const request = {
    sections,
    file: file('[sample]\ncopies = 2\nkeep_free = "1GiB"'),
    environment: { WARREN_SAMPLE_KEY: "hunter2", WARREN_SAMPLE_KEEP_FREE: "2GiB" },
  };

  test("configVerb: shows each value and where it came from, secrets masked", async () => {
    expect(await configVerb(request, { json: false })).toEqual({
      text: [
        "[sample]",
        "  enabled    true    default",
        "  listen     -       default (on the node's address under /sample/)",
        '  keep_free  "2GiB"  environment WARREN_SAMPLE_KEEP_FREE',
        "  copies     2       file warren.toml:2",
        "  key        ***     environment WARREN_SAMPLE_KEY",
      ].join("\n"),
      exitCode: 0,
    });
  });

  test("configVerb: as JSON the values are JSON values", async () => {
    const { text, exitCode } = await configVerb(request, { json: true });
    const { options, problems } = JSON.parse(text);
    expect(exitCode).toBe(0);
    expect(problems).toEqual([]);
    expect(options.map(({ key, value }: { key: string; value: unknown }) => [key, value])).toEqual([
      ["enabled", true],
      ["listen", null],
      ["keep_free", "2GiB"],
      ["copies", 2],
      ["key", "***"],
    ]);
  });

  test("configVerb: with problems it shows what it can, and them, and ends with 1", async () => {
    const { text, exitCode } = await configVerb({ sections, file: file("[sample]\ncopies = 0") }, { json: false });
    expect(exitCode).toBe(1);
    expect(text).toContain("  copies     3        default");
    expect(text).toEndWith("problem: warren.toml:2: sample.copies: Cannot read 0: wanted a whole number from 1 to 16");
  });
});

describe("help", () => {
  test("helpVerb: names each option with default, form, flag, variable and the predecessor's names", () => {
    const { text, exitCode } = helpVerb("sample", sections);
    expect(exitCode).toBe(0);
    expect(text).toStartWith("sample: keeps samples\n");
    expect(text).toContain(
      [
        '  keep_free = "10GiB"',
        "      Space left free.",
        '      Wanted: a size such as "64MiB"',
        "      --keep-free <size>   WARREN_SAMPLE_KEEP_FREE",
        "      Alone also: S_KEEP_FREE, KEEP_FREE",
      ].join("\n"),
    );
    expect(text).toContain("      --key-file <file>   WARREN_SAMPLE_KEY   key_file\n");
    expect(text).toContain("For the node, alone also: S_SECRET");
  });

  test("helpVerb: an unknown name gets the nearest one", () => {
    expect(helpVerb("smaple", sections)).toEqual({
      text: 'Unknown name "smaple": did you mean "sample"?',
      exitCode: 1,
    });
  });
});

describe("reference", () => {
  test("referenceVerb: a section's page, the list of pages, the example file", () => {
    expect(referenceVerb("sample", sections).text).toContain("- Predecessor's variables: `S_KEEP_FREE`, `KEEP_FREE`");
    expect(referenceVerb("sample", sections).text).toContain("- `cluster_secret`: `S_SECRET`");
    expect(referenceVerb(undefined, sections).text).toContain("- [`[sample]`](sample.md) – keeps samples");
    expect(referenceVerb("example", [nodeSection, sample]).text).toContain('# Space left free.\n# keep_free = "10GiB"');
    expect(referenceVerb("exampel", sections)).toEqual({
      text: 'Unknown name "exampel": did you mean "example"?',
      exitCode: 1,
    });
  });
});

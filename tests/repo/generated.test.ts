/**
 * What is generated from the declarations is as fresh as they are, and the example file is true: each line of it works.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { formatProblem } from "../../src/kit/config/problem.ts";
import { loadConfig } from "../../src/kit/config/load.ts";
import { loadSections } from "../../src/kit/config/service-section.ts";
import { services } from "../../src/services.ts";
import { optionViews } from "../../src/kit/config/option-view.ts";
import { exampleFile, referenceFiles, referenceFolder } from "../../src/kit/config/reference-files.ts";

const root = join(import.meta.dirname, "../..");
const sections = await loadSections(services);

test("generated files: are what the declarations say now (`bun run docs` makes them so)", () => {
  const files = referenceFiles(sections);
  const stale = [...files].filter(([path, text]) => readFileSync(join(root, path), "utf8") !== text);
  expect(stale.map(([path]) => path)).toEqual([]);
  const extra = readdirSync(join(root, referenceFolder)).filter((name) => !files.has(`${referenceFolder}/${name}`));
  expect(extra).toEqual([]);
});

test("warren.example.toml: as it stands it changes nothing", async () => {
  const loaded = await loadConfig({ sections, file: { path: "example", text: exampleFile(sections) } });
  expect(loaded.problems.map(formatProblem)).toEqual([]);
  expect([...loaded.origins.values()].filter(({ from }) => from !== "default")).toEqual([]);
});

test("warren.example.toml: each option can be set by taking its mark away, and defaults stay what they are", async () => {
  const text = exampleFile(sections).replaceAll(/^# ([a-z0-9_]+ = )/gm, "$1");
  // Relations between options are left out: an example of everything at once need not make sense as a whole.
  const alone = sections.map(({ check: _check, ...section }) => section);
  const loaded = await loadConfig({ sections: alone, file: { path: "example", text } });
  expect(loaded.problems.map(formatProblem)).toEqual([]);
  const defaults = await loadConfig({ sections: alone });
  for (const section of alone) {
    for (const view of optionViews(section).filter(({ obsolete }) => !obsolete)) {
      const id = `${section.name}.${view.key}`;
      expect(loaded.origins.get(id)?.from).toStartWith("file example:");
      if (view.default !== undefined) expect(loaded.origins.get(id)?.value).toBe(defaults.origins.get(id)?.value ?? "");
    }
  }
});

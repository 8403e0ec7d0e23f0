/**
 * Writes what is generated from the declarations of the configuration: `warren.example.toml` and `docs/reference/`.
 * A test fails when they are stale; `bun run docs` makes them fresh. Pages of sections that are gone are removed.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { loadSections } from "../src/kit/config/service-section.ts";
import { services } from "../src/services.ts";
import { referenceFiles, referenceFolder } from "../src/kit/config/reference-files.ts";

const root = join(import.meta.dirname, "..");
const files = referenceFiles(await loadSections(services));
mkdirSync(join(root, referenceFolder), { recursive: true });
for (const name of readdirSync(join(root, referenceFolder)))
  if (!files.has(`${referenceFolder}/${name}`)) rmSync(join(root, referenceFolder, name));
for (const [path, text] of files) writeFileSync(join(root, path), text);
console.log(`${files.size} files written`);

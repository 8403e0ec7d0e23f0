/**
 * `bun run build`: the whole program as one executable, `dist/warren`, that needs nothing beside it. Version and commit are
 * written into it. Another folder may be named (`bun run build -- --outdir /tmp/x`), and another target
 * (`--target bun-linux-arm64`). What images need of the machine's own code is taken from `node_modules`; when it is missing
 * for the target, the program is built without and this says so.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { version } from "../package.json" with { type: "json" };
import { imageLibrary } from "./image-library.ts";

const root = resolve(import.meta.dir, "..");
const { values } = parseArgs({
  options: { outdir: { type: "string", default: join(root, "dist") }, target: { type: "string" } },
});
const outfile = join(resolve(values.outdir), "warren");

/** The commit that is built, with a mark when files differ from it; undefined outside of a repository. */
function commit(): string | undefined {
  const git = (...words: string[]) => {
    const result = Bun.spawnSync(["git", "-C", root, ...words], { stdout: "pipe", stderr: "ignore" });
    return result.exitCode === 0 ? result.stdout.toString().trim() : undefined;
  };
  if (Bun.which("git") === null) return undefined;
  const head = git("rev-parse", "--short=10", "HEAD");
  return head === undefined
    ? undefined
    : `${head}${git("status", "--porcelain", "--untracked-files=no") ? "-changed" : ""}`;
}

const startMs = performance.now();
const head = commit();
const words = head === undefined ? version : `${version}+${head}`;
mkdirSync(resolve(values.outdir), { recursive: true });
rmSync(outfile, { force: true });
const scratch = mkdtempSync(join(tmpdir(), "warren-build-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const { plugin, lack } = imageLibrary(root, scratch, values.target);
const result = await Bun.build({
  entrypoints: [join(root, "src", "main.ts")],
  compile: { outfile, ...(values.target === undefined ? {} : { target: values.target as Bun.Build.CompileTarget }) },
  minify: { syntax: true, whitespace: true },
  sourcemap: "linked",
  // Compiled ahead of time it is ready in half the time. Only modules may wait at their top level.
  bytecode: true,
  format: "esm",
  define: { WARREN_VERSION: JSON.stringify(words) },
  plugins: [plugin],
  throw: false,
});
for (const message of result.logs) process.stderr.write(`${message}\n`);
if (!result.success) process.exit(1);
// The map is inside of the executable already.
rmSync(`${outfile}.map`, { force: true });
if (lack !== undefined) process.stderr.write(`warning: built ${lack}\n`);
const megabytes = (statSync(outfile).size / 2 ** 20).toFixed(1);
process.stdout.write(
  `${outfile}  ${words}  ${megabytes} MiB  ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`,
);

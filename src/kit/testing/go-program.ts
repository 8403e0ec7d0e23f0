/**
 * Builds a small Go program for tests that need a real peer of another make. Needs Go and, the first time, its module
 * proxy; where either is missing the reason comes back instead, for the test to be skipped with.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The built program, or why there is none. */
export type GoProgram = { readonly path: string; remove(): void } | { readonly missing: string };

/** Builds the package in `source` into a temporary folder. */
export async function buildGoProgram(source: string): Promise<GoProgram> {
  const go =
    Bun.which("go") ??
    (await Bun.file("/usr/local/go/bin/go")
      .exists()
      .then((here) => here && "/usr/local/go/bin/go"));
  if (!go) return { missing: "there is no go on the PATH" };
  const folder = mkdtempSync(join(tmpdir(), "warren-go-"));
  const path = join(folder, "program");
  const build = Bun.spawn([go, "build", "-o", path, "."], { cwd: source, stdout: "ignore", stderr: "pipe" });
  const remove = () => rmSync(folder, { recursive: true, force: true });
  if ((await build.exited) === 0) return { path, remove };
  const reason = (await build.stderr.text()).trim().split("\n").at(-1) ?? "";
  remove();
  return { missing: `go build failed: ${reason}` };
}

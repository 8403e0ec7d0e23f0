/** Browser scripts are checked against the browser's declarations, which the server's own check must not see. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

test("browser scripts: the strict check finds nothing", async () => {
  const check = Bun.spawn([process.execPath, "check", "--no-script", "-p", "src/kit/pages/browser.tsconfig.json"], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, code] = [await check.stdout.text(), await check.exited];
  expect(output).toBe("");
  expect(code).toBe(0);
});

test("browser scripts: none is longer than 150 lines", async () => {
  const long: string[] = [];
  for await (const path of new Bun.Glob("src/**/*.browser.js").scan(root)) {
    const lines = (await Bun.file(join(root, path)).text()).split("\n").length - 1;
    if (lines > 150) long.push(`${path}: ${lines}`);
  }
  expect(long).toEqual([]);
});

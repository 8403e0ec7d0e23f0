/**
 * For tests of how much memory something takes: they run in a process of their own, as what other tests left in this one
 * decides how much of it is collected, and when.
 */
import { expect, test } from "bun:test";

const mark = "WARREN_TEST_ALONE";

/** A test of the file `path` (`import.meta.path`), run by a process that runs nothing else. Its name stands once in the file. */
export function testAlone(path: string, name: string, run: () => void | Promise<void>, limitMs = 180_000): void {
  if (process.env[mark] === name) {
    test(name, run, limitMs);
    return;
  }
  test(
    name,
    async () => {
      const pattern = `^${name.replaceAll(/[^\w ]/g, ".")}$`;
      const words = ["test", `--timeout=${limitMs}`, path, "--test-name-pattern", pattern];
      await using child = Bun.spawn([process.execPath, ...words], {
        env: { ...process.env, [mark]: name },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [told, said, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      expect({ exitCode, passed: /^ 1 pass$/m.test(said), words: exitCode === 0 ? "" : told + said }).toEqual({
        exitCode: 0,
        passed: true,
        words: "",
      });
    },
    limitMs,
  );
}

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runProgram } from "./kit/testing/child-node.ts";

test("runCommandLine: a predecessor's flag without its value is one sentence and exit code 1", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-words-"));
  try {
    expect(await runProgram(["hound", "-config"], { folder })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Cannot read flag "-config": wanted its value behind it or after "=", found nothing\n',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

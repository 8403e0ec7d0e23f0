import { expect, test } from "bun:test";

import { runProgram } from "../../kit/testing/child-node.ts";

const refused = async (environment: Record<string, string>) => {
  const { exitCode, stderr } = await runProgram(["series", "--data", "/nonexistent"], { environment });
  expect(exitCode).not.toBe(0);
  return stderr;
};

test("seriesSection: settings with which points would go nowhere are refused", async () => {
  expect(await refused({ WARREN_SERIES_KEEP: "false" })).toContain("keep = false needs forward or remote_write");
  expect(await refused({ WARREN_SERIES_REMOTE_WRITE_PASSWORD: "p" })).toContain(
    "remote_write_password needs remote_write_user",
  );
  const twice = await refused({
    WARREN_SERIES_FORWARD: "127.0.0.1:9,127.0.0.1:9,127.0.0.1:0",
    WARREN_SERIES_REMOTE_WRITE: "http://a.example/w,http://a.example/w",
  });
  expect(twice).toContain('forward has "127.0.0.1:9" twice');
  expect(twice).toContain('forward = "127.0.0.1:0" needs the port of the target');
  expect(twice).toContain('remote_write has "http://a.example/w" twice');
});

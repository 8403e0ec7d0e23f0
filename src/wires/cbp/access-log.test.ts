/** The access log on a file that cannot be written, in whole or in part. */
import { afterEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { AccessLog } from "./access-log.ts";
import { Connection } from "./connection.ts";
import type { Socket } from "./flow.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-cbp-log-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const nothing = () => undefined;
const socket: Socket = {
  write: (bytes) => bytes.length,
  shutdown: nothing,
  terminate: nothing,
  end: nothing,
  pause: nothing,
  resume: nothing,
};

test("AccessLog: lines that cannot be written are counted; the next that can be stand apart from what is left of them", async () => {
  const clock = new ManualClock();
  const path = join(folder, "later", "connections.log");
  const log = new AccessLog(path, clock);
  const add = () => log.add("web", new Connection(socket, "192.0.2.1", clock.monotonicMs()));
  add();
  add();
  await log.flush();
  expect([log.failure, log.leftOut]).toEqual([expect.stringContaining("ENOENT"), 2]);
  // As a disk leaves it that was full in the middle of a line.
  mkdirSync(join(folder, "later"));
  appendFileSync(path, '{"at":"2026-');
  add();
  await log.flush();
  expect([log.failure, log.leftOut]).toEqual(["", 2]);
  add();
  await log.flush();
  const [torn, ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(torn).toBe('{"at":"2026-');
  expect(lines.map((line) => (JSON.parse(line) as { client: string }).client)).toEqual(["192.0.2.1", "192.0.2.1"]);
});

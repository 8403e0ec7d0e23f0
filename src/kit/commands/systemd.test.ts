/** The unit is what systemd itself calls right, where systemd is at hand. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemdVerb, type UnitOptions } from "./systemd.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-unit-"));
afterAll(() => rmSync(folder, { recursive: true }));

const plain: UnitOptions = {
  command: ["/usr/bin/env", "up", "--data", "/var/lib/warren"],
  dataFolder: "/var/lib/warren",
};
const elsewhere: UnitOptions = {
  command: ["/usr/bin/env", "up", "--name", 'a "b" 100% $HOME', "--data", "/srv/big disk"],
  dataFolder: "/srv/big disk",
  user: "daemon",
  ports: [443],
  stopTimeoutMs: 60_000,
};

test("systemdVerb: ready by notification, with its state folder, and nothing else to write", () => {
  const { text } = systemdVerb(plain);
  for (const line of [
    "Type=notify",
    "ExecStart=/usr/bin/env up --data /var/lib/warren",
    "DynamicUser=yes",
    "StateDirectory=warren",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "TimeoutStopSec=40s",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("systemdVerb: a folder elsewhere, a low port, and arguments that need quoting", () => {
  const lines = systemdVerb(elsewhere).text.split("\n");
  expect(lines).toContain('ExecStart=/usr/bin/env up --name "a \\"b\\" 100%% $$HOME" --data "/srv/big disk"');
  expect(lines).toContain('ReadWritePaths="/srv/big disk"');
  expect(lines).toContain("User=daemon");
  expect(lines).toContain("AmbientCapabilities=CAP_NET_BIND_SERVICE");
  expect(lines).toContain("TimeoutStopSec=70s");
  expect(systemdVerb({ ...plain, reads: ["/home/me/warren.toml"] }).text).toContain("ProtectHome=read-only");
});

test("systemdVerb: what cannot work is refused", () => {
  expect(() => systemdVerb({ ...plain, dataFolder: "/srv/data" })).toThrow("needs an owner");
  expect(() => systemdVerb({ ...plain, dataFolder: "data" })).toThrow('"data" is no absolute path');
  expect(() => systemdVerb({ ...plain, command: ["warren"] })).toThrow('"warren" is no absolute path');
});

const analyze = Bun.which("systemd-analyze");
test(`systemdVerb: systemd-analyze verify finds no fault${analyze ? "" : " (not asked: systemd-analyze is not installed)"}`, async () => {
  for (const [index, options] of [plain, elsewhere].entries()) {
    const path = join(folder, `unit-${index}.service`);
    writeFileSync(path, `${systemdVerb(options).text}\n`);
    if (!analyze) continue;
    const verdict = Bun.spawn([analyze, "verify", "--man=no", "--recursive-errors=no", path], { stderr: "pipe" });
    expect(await new Response(verdict.stderr).text()).toBe("");
    expect(await verdict.exited).toBe(0);
  }
});

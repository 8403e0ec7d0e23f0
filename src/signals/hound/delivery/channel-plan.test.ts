import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { channelPlans } from "./channel-plan.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-channels-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("channelPlans: every kind, secrets from files too", () => {
  const path = join(folder, "url");
  writeFileSync(path, "https://hooks.example/T1/secret\n", { mode: 0o600 });
  const plans = channelPlans([
    { name: "hook", kind: "webhook", url: "http://10.0.0.1/in", secret: "s" },
    { name: "am", kind: "alertmanager", url: "http://am.example/", token: "t", verify_tls: false },
    { name: "chat", kind: "slack", url_file: path },
    { name: "room", kind: "matrix", url: "https://m.example", room: "!a:m.example", token: "t" },
    { name: "push", kind: "ntfy", url: "https://ntfy.example/alerts", priority: 5 },
  ]);
  expect(plans.map(({ kind, priority, url, verifyTls }) => [kind, url, priority, verifyTls])).toEqual([
    ["webhook", "http://10.0.0.1/in", 4, true],
    ["alertmanager", "http://am.example/", 4, false],
    ["slack", "https://hooks.example/T1/secret", 4, true],
    ["matrix", "https://m.example/", 4, true],
    ["ntfy", "https://ntfy.example/alerts", 5, true],
  ]);
});

test("channelPlans: all that is wrong is said at once, without secrets", () => {
  const wrong = () =>
    channelPlans([
      { name: "a b", kind: "slack", url: "https://hooks.example/T1/hidden" },
      { name: "x", kind: "pager", url: "https://x.example/" },
      { name: "m", kind: "matrix", url: "https://m.example", token: "hidden", room: "#alias:m.example" },
      { name: "n", kind: "matrix", url: "https://m.example", room: "!a:m.example" },
      { name: "s", kind: "slack", url: "ftp://hidden.example/" },
      { name: "t", kind: "slack", url: "https://x.example/", secret: "hidden" },
      { name: "u", kind: "ntfy", url: "https://ntfy.example/" },
      { name: "u", kind: "webhook", url_file: join(folder, "absent") },
      7,
    ]);
  expect(wrong).toThrow(SyntaxError);
  try {
    wrong();
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : "";
    expect(message).not.toContain("hidden");
    expect(message.split("; ")).toHaveLength(9);
  }
});

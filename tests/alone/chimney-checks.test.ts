/**
 * Chimney as a program of its own, as its predecessor was started and as it is today: against real targets of every
 * kind, with a Graphite that listens, a file that changes, cron jobs that beat, and the verb for one look.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { type FakeCarbon, startFakeCarbon } from "../../src/kit/testing/fake-carbon.ts";

setDefaultTimeout(180_000);

const report = {
  status: "FAIL",
  test_classes: 4,
  tests_run: 9,
  tests_passed: 7,
  tests_failed: 1,
  tests_errored: 1,
  failed_tests: ["shop.Basket.test_total failed: 3 != 4"],
  errored_tests: ["shop.Mail.test_send errored: <b>refused</b>"],
  time: 298.77,
};
const text = `FAIL\ntest classes: 4\ntests run: 9\ntests passed: 7\ntests failed: 1\ntests errored: 1\ntime: 298.77ms\n\nshop.Basket.test_total failed: 3 != 4\n\nshop.Mail.test_send errored: refused\n`;
const certificate = join(import.meta.dir, "../../src/kit/testdata/tls");

const folder = mkdtempSync(join(tmpdir(), "warren-chimney-"));
const target = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/json/") {
      return request.headers.get("accept") === "application/json"
        ? Response.json(report, { status: 500 })
        : new Response("wrong header", { status: 400 });
    }
    if (pathname === "/text/") return new Response(text, { status: 500 });
    if (pathname === "/page") return new Response("All is well here");
    if (pathname === "/state") return Response.json({ db: { state: "ok", ms: 4 } });
    if (pathname === "/silent/") return new Promise<Response>(() => undefined);
    return new Response("no such page", { status: 404 });
  },
});
const secure = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: { key: Bun.file(join(certificate, "first.key")), cert: Bun.file(join(certificate, "first.pem")) },
  fetch: () => new Response("secret and well"),
});
const at = `http://127.0.0.1:${target.port}`;
let carbon: FakeCarbon;
beforeAll(async () => {
  carbon = await startFakeCarbon();
});
afterAll(async () => {
  target.stop(true);
  secure.stop(true);
  await carbon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Status {
  up: number;
  down: number;
  checks: { name: string; level: string; last?: { reason: string; status?: number; tests?: { failing: string[] } } }[];
}
const statusOf = async (node: ChildNode, mount = ""): Promise<Status> =>
  (await (await fetch(`${node.url}${mount}/status.json`)).json()) as Status;
const check = (words: readonly string[]) => runProgram(["chimney", "check", ...words], { folder });

describe("in its predecessor's place", () => {
  test("chimney: its file, six metrics in order with the prefix to the letter, both forms, zeros for what failed", async () => {
    const path = join(folder, "config.json");
    writeFileSync(
      path,
      JSON.stringify({
        graphiteBase: `127.0.0.1:${carbon.port}`,
        pollInterval: 1,
        tests: [
          { url: `${at}/json/`, metricPrefix: "apps.json." },
          { url: `${at}/text/`, metricPrefix: "apps.text." },
          { url: `${at}/absent/`, metricPrefix: "apps-absent-" },
          { url: "::::", metricPrefix: "apps.odd." },
          { url: `${at}/silent/`, metricPrefix: "apps.silent." },
        ],
      }),
    );
    await using node = await startChild({
      // Long enough for a machine that gives whoever answers no turn for a while.
      words: ["chimney", "-config", path, "--timeout", "4s"],
      environment: { CHIMNEY_LOG_LEVEL: "DEBUG" },
    });
    const zeros = ["run", "passed", "failed", "errored", "classes", "time"].map((name) => [name, 0] as const);
    const full = [
      ["run", 9],
      ["passed", 7],
      ["failed", 1],
      ["errored", 1],
      ["classes", 4],
      ["time", 298.77],
    ] as const;
    for (const [prefix, rows] of [
      ["apps.json.", full],
      ["apps.text.", full],
      ["apps-absent-", zeros],
      ["apps.odd.", zeros],
      ["apps.silent.", zeros],
    ] as const) {
      const own = () => carbon.points.filter(({ path: name }) => name.startsWith(prefix));
      await until(`two rounds of ${prefix} arrived`, () => own().length >= 12);
      const seen = own().map(({ path: name, value }) => [name, value]);
      const wanted = rows.map(([name, value]) => [`${prefix}${name}`, value]);
      expect(seen.slice(0, 12)).toEqual([...wanted, ...wanted]);
    }
    const { checks } = await statusOf(node);
    expect(checks.map(({ last, name }) => [name, last?.reason])).toEqual([
      ["apps.json", "2 of 9 tests failed"],
      ["apps.text", "2 of 9 tests failed"],
      ["apps-absent-", "Status 404, and no smoke test report"],
      ["apps.odd", 'Cannot ask "::::": wanted an http or https URL'],
      ["apps.silent", "No answer within 4000 ms"],
    ]);
    const page = await (await fetch(`${node.url}/check/apps.json/`)).text();
    expect(page).toContain("shop.Basket.test_total failed: 3 != 4");
    expect(page).toContain("&lt;b&gt;refused&lt;/b&gt;");
    expect(await node.end()).toBe(0);
  });

  test("chimney: a file that cannot be used is told at the start, and ends it", async () => {
    const path = join(folder, "broken.json");
    writeFileSync(path, '{"Tests":[{"Url":5}]}');
    const started = startChild({ words: ["chimney"], environment: { CHIMNEY_CONFIG: path } });
    await expect(started).rejects.toThrow(/ended with 1[^]*tests\.0\.url/);
  });
});

describe("checks", () => {
  const config = () => `[chimney]
interval = "1s"
jitter = "0s"
timeout = "5s"
failures = 1
file = "${join(folder, "checks.toml")}"
graphite = "127.0.0.1:${carbon.port}"

[[chimney.checks]]
name = "page"
target = "${at}/page"
contains = "well"
prefix = "own.page."

[[chimney.checks]]
name = "state"
target = "${at}/state"
json = "$.db.state"
equals = "ok"

[[chimney.checks]]
name = "trusted"
target = "https://127.0.0.1:${secure.port}/"

[[chimney.checks]]
name = "trusting"
target = "https://127.0.0.1:${secure.port}/"
verify_tls = false

[[chimney.checks]]
name = "certificate"
kind = "tls"
target = "localhost:${secure.port}"
verify_tls = false

[[chimney.checks]]
name = "port"
kind = "tcp"
target = "127.0.0.1:${target.port}"

[[chimney.checks]]
name = "guarded"
target = "${at}/page"
guard = true

[[chimney.checks]]
name = "backup"
kind = "heartbeat"
every = "1d"
id = "backup-of-the-shop-0001"

[cask]
enabled = false
[hakmes]
enabled = false
[reticulum]
enabled = false
`;

  test("chimney: every kind against something real, beats without a token, and a file that changes meanwhile", async () => {
    writeFileSync(join(folder, "checks.toml"), `[[checks]]\nname = "first"\ntarget = "${at}/page"\n`);
    await using node = await startChild({ config: config() });
    const levels = async () =>
      Object.fromEntries((await statusOf(node, "/chimney")).checks.map(({ level, name }) => [name, level]));
    await until(
      "every check was asked",
      async () => Object.values(await levels()).filter((l) => l === "unknown").length === 1,
    );
    expect(await levels()).toEqual({
      page: "up",
      state: "up",
      trusted: "down",
      trusting: "up",
      certificate: "up",
      port: "up",
      guarded: "down",
      backup: "unknown",
      first: "up",
    });
    const beat = (path: string, init?: RequestInit) => fetch(`${node.url}/chimney/beat/${path}`, init);
    expect((await beat("backup-of-the-shop-0002")).status).toBe(404);
    expect((await levels())["backup"]).toBe("unknown");
    const answer = await beat("backup-of-the-shop-0001", { method: "POST", body: "12 files" });
    expect([answer.status, await answer.text()]).toEqual([200, "OK\n"]);
    expect((await levels())["backup"]).toBe("up");
    await beat("backup-of-the-shop-0001/1", { method: "HEAD" });
    expect((await levels())["backup"]).toBe("down");
    const pageOfBackup = await fetch(`${node.url}/chimney/check/backup/`);
    expect(await pageOfBackup.text()).toContain("The job ended with status 1");

    await until(
      "our own metrics arrived",
      () => carbon.value("own.page.up") === 1 && carbon.value("own.page.status") === 200,
    );

    writeFileSync(join(folder, "checks.toml"), "checks = 5");
    const page = async () => (await fetch(`${node.url}/chimney/`)).text();
    await until("the broken file is told", async () => (await page()).includes("not in effect as it stands"));
    expect((await levels())["first"]).toBe("up");
    writeFileSync(join(folder, "checks.toml"), `[[checks]]\nname = "second"\ntarget = "${at}/page"\n`);
    await until("the new file counts", async () => "second" in (await levels()));
    expect("first" in (await levels())).toBe(false);
    expect(await page()).not.toContain("not in effect as it stands");

    const asked = await fetch(`${node.url}/chimney/check/page/ask`, { method: "POST", redirect: "manual" });
    expect([asked.status, asked.headers.get("location")]).toEqual([303, "/chimney/check/page/"]);
    for (const path of ["check/none/", "check/none/live", "nothing"]) {
      expect((await fetch(`${node.url}/chimney/${path}`)).status).toBe(404);
    }

    const pid = node.pid;
    expect(pid).toBeGreaterThan(0);
    await node.end("SIGKILL");
    await using again = await startChild({ config: config(), folder: node.folder });
    expect((await statusOf(again, "/chimney")).checks.find(({ name }) => name === "page")?.level).toBe("up");
  });
});

describe("rights", () => {
  test("chimney: with tokens a beat needs none, its address is for those who may write, and asking now is, too", async () => {
    const own = mkdtempSync(join(folder, "rights-"));
    const data = join(own, "data");
    const tokenFor = async (scope: string): Promise<string> => {
      const made = await runProgram(
        ["token", "create", scope, "--scope", `chimney:${scope}`, "--json", "--data", data],
        {
          folder: own,
        },
      );
      return (JSON.parse(made.stdout) as { token: string }).token;
    };
    const headers = async (scope: string) => ({ Authorization: `Bearer ${await tokenFor(scope)}` });
    const reader = await headers("read");
    const writer = await headers("write");
    const config = `[[chimney.checks]]\nname = "job"\nkind = "heartbeat"\nid = "job-0123456789abcdef"\n[[chimney.checks]]\nname = "page"\ntarget = "${at}/page"\n`;
    await using node = await startChild({ words: ["chimney"], folder: own, config });
    const status = async (path: string, init: RequestInit = {}) =>
      (await fetch(`${node.url}${path}`, { redirect: "manual", ...init })).status;
    expect([await status("/status.json"), await status("/status.json", { headers: reader })]).toEqual([401, 200]);
    const elsewhere = { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" };
    expect(await status("/beat/job-0123456789abcdef", { method: "POST", headers: elsewhere })).toBe(200);
    const page = async (with_: Record<string, string>) =>
      (await fetch(`${node.url}/check/job/`, { headers: with_ })).text();
    expect((await page(reader)).includes("job-0123456789abcdef")).toBe(false);
    expect((await page(writer)).includes("/beat/job-0123456789abcdef")).toBe(true);
    const ask = (with_: Record<string, string>) => status("/check/page/ask", { method: "POST", headers: with_ });
    expect([await ask({}), await ask(reader), await ask(writer)]).toEqual([401, 403, 303]);
  });
});

describe("check", () => {
  test("check: exit code 0 for what is good, 1 for what is bad, 2 for a wrong question", async () => {
    const good = await check([`${at}/page`, `tcp://127.0.0.1:${target.port}`]);
    expect([good.exitCode, good.stdout.split("\n").filter((line) => line.startsWith("good")).length]).toEqual([0, 2]);
    const bad = await check([`${at}/json/`, "--json"]);
    expect(bad.exitCode).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({ kind: "smoketest", isGood: false, status: 500, tests: { run: 9 } });
    expect((await check([`${at}/absent`])).stdout).toContain("Status 404, wanted 200-299");
    const wrong = await check(["ftp://x.example/"]);
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      2,
      'Cannot check "ftp://x.example/": its target must be an http or https URL\n',
    ]);
  });

  test("check: a flag that makes no sense is named, with what was given and what is wanted", async () => {
    const said = async (words: readonly string[]) => {
      const { exitCode, stderr } = await check([`${at}/page`, ...words]);
      expect(exitCode).toBe(2);
      return stderr;
    };
    expect(await said(["--timeout", "0s"])).toContain('--timeout: wanted 1ms to 10m, not "0s"');
    expect(await said(["--status", "300-200"])).toContain("--status: wanted statuses");
    expect(await said(["--json-path", "$.a[*]"])).toContain('--json-path: Cannot read the path "$.a[*]"');
    expect(await said(["--equals", "5"])).toContain("Cannot use --equals");
    expect(await said(["tcp://127.0.0.1:1", "--contains", "x"])).toContain("contains means nothing for kind tcp");
  });

  test("check: conditions on text, JSON, certificates and the guard", async () => {
    const code = async (words: readonly string[]) => (await check(words)).exitCode;
    const self = `https://127.0.0.1:${secure.port}/`;
    expect(await code([`${at}/page`, "--contains", "well"])).toBe(0);
    expect(await code([`${at}/page`, "--contains", "ill"])).toBe(1);
    expect(await code([`${at}/state`, "--json-path", "$.db.ms", "--equals", "4"])).toBe(0);
    expect(await code([`${at}/state`, "--json-path", "$.db.ms", "--equals", "5"])).toBe(1);
    expect(await code([self])).toBe(1);
    expect(await code([self, "--no-verify"])).toBe(0);
    expect(await code([`tls://localhost:${secure.port}`, "--no-verify"])).toBe(0);
    expect(await code([`tls://localhost:${secure.port}`, "--no-verify", "--expires-within", "73000d"])).toBe(1);
    expect(await code([`${at}/page`, "--guard"])).toBe(1);
  });
});

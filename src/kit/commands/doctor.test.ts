/** What the doctor says of a healthy folder, of sick ones, and of neighbours. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../clock.ts";
import { judgeClock } from "./doctor-clock.ts";
import { judgeRoom } from "./doctor-disk.ts";
import { judgeLimits } from "./doctor-machine.ts";
import type { DoctorFinding } from "./doctor-finding.ts";
import { type DoctorOptions, doctorVerb, examine } from "./doctor.ts";

const root = mkdtempSync(join(tmpdir(), "warren-doctor-"));
afterAll(() => rmSync(root, { recursive: true }));

function optionsFor(own: Partial<DoctorOptions> = {}): DoctorOptions {
  const dataFolder = mkdtempSync(join(root, "data-"));
  return { dataFolder, listen: [], peers: [], secretFiles: [], version: "1.2.3", clock: systemClock, ...own };
}
const about = (findings: readonly DoctorFinding[], name: string) => findings.filter((finding) => finding.name === name);
const onLinux = process.platform === "linux";

test("examine: a fresh folder is well, and left as it was", async () => {
  const options = optionsFor();
  const findings = await examine(options);
  expect(about(findings, "data folder")[0]).toEqual({
    name: "data folder",
    state: "ok",
    sentence: `${options.dataFolder} is closed to others; no node runs on it`,
  });
  expect(about(findings, "disk writing")[0]?.state).not.toBe("bad");
  expect(about(findings, "versions")[0]?.sentence).toContain("Warren 1.2.3, Bun");
  expect(about(findings, "leftovers")[0]?.state).toBe("ok");
  expect(about(findings, "disk space").length).toBe(1);
  if (onLinux) expect(about(findings, "open files")[0]?.sentence).toMatch(/^up to \d+|no limit/);
  expect(readdirSync(options.dataFolder)).toEqual([]);
});

test("examine: a folder that is not there yet is no fault, a file in its place is", async () => {
  const dataFolder = join(root, "later", "data");
  expect(about(await examine(optionsFor({ dataFolder })), "data folder")[0]?.state).toBe("ok");
  const file = join(root, "file");
  writeFileSync(file, "");
  expect(about(await examine(optionsFor({ dataFolder: file })), "data folder")[0]?.state).toBe("bad");
});

test("examine: open doors and leftovers are named with what to do", async () => {
  const options = optionsFor();
  chmodSync(options.dataFolder, 0o755);
  const secret = join(options.dataFolder, "warren.toml");
  writeFileSync(secret, "");
  chmodSync(secret, 0o644);
  mkdirSync(join(options.dataFolder, "cask"));
  const draft = join(options.dataFolder, "cask", ".node.json.4194305-1.new");
  writeFileSync(draft, "");
  writeFileSync(join(options.dataFolder, `.ours.${process.pid}-1.new`), "");
  const findings = await examine({ ...options, secretFiles: [secret, join(root, "absent")] });
  expect(about(findings, "data folder")[0]).toMatchObject({ state: "warn", advice: `chmod 700 ${options.dataFolder}` });
  expect(about(findings, "secrets")).toMatchObject([{ state: "bad", advice: `chmod o= ${secret}` }]);
  if (onLinux)
    expect(about(findings, "leftovers")).toMatchObject([{ state: "warn", sentence: `a crash left ${draft}` }]);
});

test("examine: a port that is taken names the program, one that is free is free", async () => {
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const taken = { host: "127.0.0.1", port: server.port ?? 0 };
  const findings = await examine(
    optionsFor({ listen: [taken, { host: "127.0.0.1", port: 0 }, { host: "203.0.113.7", port: 4100 }] }),
  );
  const [port] = about(findings, `port ${taken.port}`);
  expect(port?.state).toBe("bad");
  if (onLinux) expect(port?.sentence).toContain(`(process ${process.pid})`);
  expect(about(findings, "port 0")[0]?.state).toBe("ok");
  expect(about(findings, "port 4100")[0]?.state).toBe("bad");
});

test("examine: a node that runs on the folder is seen, with its port and its files", async () => {
  if (!onLinux) return;
  const options = optionsFor();
  const script = `import { lockFolder } from "${join(import.meta.dir, "..", "disk", "lock.ts")}";
    lockFolder(${JSON.stringify(options.dataFolder)});
    console.log(Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() }).port);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const line = new TextDecoder().decode((await child.stdout.getReader().read()).value);
  const findings = await examine({ ...options, listen: [{ host: "127.0.0.1", port: Number(line) }] });
  expect(about(findings, "data folder")[0]?.sentence).toContain(`a node runs on it (process ${child.pid})`);
  expect(about(findings, `port ${Number(line)}`)[0]).toMatchObject({ state: "ok" });
  expect(about(findings, "open files")[0]?.sentence).toContain("of them in use");
  child.kill("SIGKILL");
  await child.exited;
  expect(about(await examine(options), "data folder")[0]?.sentence).toContain("no node runs on it");
});

test("examine: peers that answer, are ill, are silent, are gone", async () => {
  using well = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
  using ill = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no", { status: 503 }) });
  using silent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => undefined) });
  const gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  await gone.stop(true);
  const urls = [well, ill, silent, gone].map((server) => `http://127.0.0.1:${server.port}`);
  const findings = await examine(optionsFor({ peers: urls, timeoutMs: 3000 }));
  expect(about(findings, "peer").map(({ state }) => state)).toEqual(["ok", "warn", "bad", "bad"]);
  expect(about(findings, "clock")[0]?.sentence).toContain("within 1 s of the peers");
  await silent.stop(true);
});

test("judgeRoom: by share and by what is left, bytes and inodes apart", () => {
  const gib = 2 ** 30;
  const states = (freeBytes: number, totalBytes: number, freeInodes = 0, totalInodes = 0) =>
    judgeRoom({ freeBytes, totalBytes, freeInodes, totalInodes }).map(({ state }) => state);
  expect(states(50 * gib, 100 * gib)).toEqual(["ok"]);
  expect(states(9 * gib, 100 * gib)).toEqual(["warn"]);
  expect(states(400 * gib, 8000 * gib)).toEqual(["ok"]);
  expect(states(gib / 2, 100 * gib)).toEqual(["bad"]);
  expect(states(gib / 8, gib)).toEqual(["bad"]);
  expect(states(50 * gib, 100 * gib, 90_000, 1_000_000)).toEqual(["ok", "warn"]);
  expect(states(50 * gib, 100 * gib, 900, 1_000_000)).toEqual(["ok", "bad"]);
});

test("judgeClock: the peers' median decides, one of them alone does not", () => {
  const answers = (...aheadMs: (number | undefined)[]) => aheadMs.map((ahead) => ({ url: "", aheadMs: ahead }));
  expect(judgeClock(true, [])).toEqual({ name: "clock", state: "ok", sentence: "kept right" });
  expect(judgeClock(false, []).state).toBe("warn");
  expect(judgeClock(undefined, answers(undefined)).state).toBe("ok");
  expect(judgeClock(true, answers(100, 0, 86_400_000)).state).toBe("ok");
  expect(judgeClock(true, answers(4000, 4100)).sentence).toBe("this machine is 4 s behind its peers");
  expect(judgeClock(true, answers(-60_000))).toMatchObject({
    state: "bad",
    sentence: "this machine is 60 s ahead of its peers",
  });
});

test("judgeLimits: few allowed or many in use", () => {
  expect(judgeLimits({ soft: 65_536, hard: 65_536, open: 100 }).state).toBe("ok");
  expect(judgeLimits({ soft: 1024, hard: 524_288, open: undefined })).toMatchObject({
    state: "warn",
    sentence: "up to 1024",
  });
  expect(judgeLimits({ soft: 10_000, hard: 10_000, open: 9500 }).state).toBe("bad");
  expect(judgeLimits({ soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY, open: 9500 }).state).toBe("ok");
});

test("doctorVerb: exit code 1 only when something is bad, and the same for programs", async () => {
  const options = optionsFor();
  const well = await doctorVerb(options);
  expect(well.exitCode).toBe(0);
  expect(well.text).toMatch(/^ok {4}versions/);
  const secret = join(options.dataFolder, "open");
  writeFileSync(secret, "");
  chmodSync(secret, 0o666);
  const sick = await doctorVerb({ ...options, secretFiles: [secret] });
  expect(sick.exitCode).toBe(1);
  expect(sick.text).toContain(`→ chmod o= ${secret}`);
  expect(sick.text).toMatch(/1 bad, \d+ to look at, \d+ well$/);
  const { findings, bad }: { findings: DoctorFinding[]; bad: number } = JSON.parse(
    (await doctorVerb({ ...options, secretFiles: [secret], json: true })).text,
  );
  expect(bad).toBe(1);
  expect(findings.some(({ name, state }) => name === "secrets" && state === "bad")).toBe(true);
});

import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { until } from "../../kit/testing/child-node.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { look, testFileName } from "./probe/program.ts";
import { createProber } from "./prober.ts";
import type { ProbeAnswer } from "./verdict.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-mountwatch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = join(import.meta.dir, "../../main.ts");
const command = (path: string, write: boolean) => [
  process.execPath,
  program,
  "inner:mount-probe",
  path,
  ...(write ? ["write"] : []),
];

describe("look", () => {
  test("look: a folder has space and inodes; what is none, or is not there, has a code", () => {
    expect(look(folder, false)).toMatchObject({ kind: "seen", isOwnDevice: false });
    expect(look("/proc", false)).toMatchObject({ kind: "seen", isOwnDevice: true });
    expect(look(join(folder, "none"), false)).toEqual({ kind: "failed", code: "ENOENT" });
    writeFileSync(join(folder, "file"), "");
    expect(look(join(folder, "file"), false)).toEqual({ kind: "failed", code: "ENOTDIR" });
  });

  test("look: the test write leaves nothing, removes what one before it left, and no file that is not its own", () => {
    const written = mkdtempSync(join(folder, "w-"));
    const file = join(written, testFileName);
    const failure = () => {
      const answer = look(written, true);
      return answer.kind === "seen" ? answer.writeFailure : answer.kind;
    };
    expect(failure()).toBeUndefined();
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, "Written by mountwatch to see");
    expect([failure(), existsSync(file)]).toEqual([undefined, false]);
    writeFileSync(file, "somebody's own");
    expect([failure(), readFileSync(file, "utf8")]).toEqual(["EEXIST", "somebody's own"]);
    rmSync(file);
    writeFileSync(join(written, "target"), "kept");
    symlinkSync("target", file);
    expect([failure(), readFileSync(join(written, "target"), "utf8")]).toEqual(["EEXIST", "kept"]);
    rmSync(file);
    writeFileSync(join(written, "empty"), "");
    linkSync(join(written, "empty"), file);
    expect([failure(), existsSync(join(written, "empty"))]).toEqual(["EEXIST", true]);
  });
});

describe("createProber", () => {
  test("createProber: a look in a process of its own says what a look says", async () => {
    const prober = createProber({ clock: systemClock, timeoutMs: 60_000, command });
    expect(await prober.look(folder, true)).toMatchObject({ kind: "seen", isOwnDevice: false });
    expect(await prober.look("/none", false)).toEqual({ kind: "failed", code: "ENOENT" });
    expect(prober.stuck()).toBe(0);
  });

  test("createProber: a process that stands still is left at its deadline, and ended", async () => {
    const marker = join(folder, "stands");
    const script = `echo $$ > "${marker}"; while :; do kill -STOP $$; done`;
    const clock = new ManualClock();
    const prober = createProber({ clock, timeoutMs: 300, command: () => ["/bin/sh", "-c", script] });
    const answers: ProbeAnswer[] = [];
    const looking = prober.look("/any", false).then((answer) => answers.push(answer));
    const pid = await until("it stands", () => {
      const found = existsSync(marker) ? Number(readFileSync(marker, "utf8")) : 0;
      return found > 0 && readFileSync(`/proc/${found}/stat`, "utf8").includes(" T ") && found;
    });
    clock.advance(299);
    expect(answers).toEqual([]);
    clock.advance(1);
    await looking;
    expect(answers).toEqual([{ kind: "hung", afterMs: 300 }]);
    await until(
      "it is gone",
      () => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, "utf8").includes(" Z "),
    );
    await until("nothing is stuck", () => prober.stuck() === 0);
  });

  test("createProber: a process that says its word and then cannot end is not waited for", async () => {
    const marker = join(folder, "said");
    const script = `echo '{"kind":"failed","code":"EIO"}'; exec >&-; touch "${marker}"; exec sleep 60`;
    const clock = new ManualClock();
    const prober = createProber({ clock, timeoutMs: 300, command: () => ["/bin/sh", "-c", script] });
    const looking = prober.look("/any", false);
    await until("it has said its word", () => existsSync(marker));
    clock.advance(300);
    expect(await looking).toEqual({ kind: "hung", afterMs: 300 });
  });

  test("createProber: as long as one hangs no other is started for the same folder; other folders are looked at", async () => {
    const started = join(folder, "started");
    mkdirSync(started);
    const script = `touch "${started}/$$"; exec sleep 60`;
    const hangs = (path: string) => path === "/hangs";
    const prober = createProber({
      clock: systemClock,
      timeoutMs: 60_000,
      command: (path, write) => (hangs(path) ? ["/bin/sh", "-c", script] : command(path, write)),
    });
    const leaving = new AbortController();
    const first = prober.look("/hangs", false, leaving.signal);
    expect(await prober.look("/hangs", false)).toMatchObject({ kind: "hung" });
    expect(await prober.look(folder, false)).toMatchObject({ kind: "seen" });
    await until("it hangs", () => readdirSync(started).length > 0);
    leaving.abort();
    expect(await first).toMatchObject({ kind: "hung" });
    expect(readdirSync(started)).toHaveLength(1);
  });

  test("createProber: where no process can be started that is said, and tried again", async () => {
    let isFull = true;
    const prober = createProber({
      clock: systemClock,
      timeoutMs: 60_000,
      command: (path, write) => (isFull ? ["/none/such"] : command(path, write)),
    });
    expect(await prober.look(folder, false)).toMatchObject({
      kind: "failed",
      code: expect.stringContaining("could not be started"),
    });
    isFull = false;
    expect(await prober.look(folder, false)).toMatchObject({ kind: "seen" });
  });

  test("createProber: a process that says nonsense, or ends without a word, is a failure in words", async () => {
    const saying = (text: string) =>
      createProber({ clock: systemClock, timeoutMs: 60_000, command: () => ["/bin/echo", text] }).look("/", false);
    expect(await saying("")).toMatchObject({ kind: "failed" });
    expect(await saying('{"kind":"seen"}')).toMatchObject({ kind: "failed" });
  });
});

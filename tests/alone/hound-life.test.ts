/**
 * Hound where it may not be well itself: signs of life that stop with it, a disk that is full while something fails, and
 * a rule with two levels, from its file to what arrives.
 */
import { afterAll, afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-hound-life-"));
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  id: string;
  subject: string;
  rules: { severity: string; severity_before?: string }[];
}

/** A Graphite with one value, and a place for what is told and for signs of life. */
function startPlace() {
  const place = { url: "", value: 1, isAway: false, told: [] as Told[], beats: 0, looks: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/beat") {
        place.beats++;
        return new Response("ok");
      }
      if (pathname === "/told") {
        // One that is killed between the other side's last word and its own sends it again, under the same id.
        const told = (await request.json()) as Told;
        if (!place.told.some(({ id }) => id === told.id)) place.told.push(told);
        return new Response("ok");
      }
      if (place.isAway) return new Response("<h1>Bad Gateway</h1>", { status: 502 });
      const form = new URLSearchParams(await request.text());
      const at = Number(form.get("until"));
      place.looks++;
      return Response.json(
        form.getAll("target").map((target) => ({
          target: /warren-mark-\d+/.exec(target)?.[0] ?? target,
          tags: {},
          datapoints: [[place.value, at]],
        })),
      );
    },
  });
  undo.push(() => server.stop(true));
  place.url = `http://127.0.0.1:${server.port}`;
  return place;
}

const configOf = (url: string, more = "") => `[hound]
url = "${url}"
check_interval = "1s"
mail_to = ["channel:hook"]
channels = [{ name = "hook", kind = "webhook", url = "${url}/told" }]
rules = [{ name = "load", target = "load", above = { warning = 10, critical = 20 } }]
${more}
`;

test("hound: signs of life come with each round that was judged, and none while it is blind or stopped", async () => {
  const place = startPlace();
  await using node = await startChild({
    words: ["hound"],
    config: configOf(place.url, `heartbeat_url = "${place.url}/beat"`),
  });
  await until("it beats", () => place.beats >= 2);
  place.isAway = true;
  const sightOf = async () =>
    ((await (await fetch(`${node.url}/api/standings`)).json()) as { sight: { blind?: { reason: string } } }).sight;
  await until("it is blind", async () => (await sightOf()).blind !== undefined);
  const before = place.beats;
  await until(
    "three rounds have passed",
    async () => (await sightOf()).blind !== undefined && (await roundsOf(node.url)) > 3,
  );
  expect(place.beats).toBe(before);
  place.isAway = false;
  await until("it beats again", () => place.beats > before);
  expect(await node.end("SIGKILL")).not.toBe(0);
  const atEnd = place.beats;
  await until("its port is closed", async () => !(await isOpen(node.url)));
  expect(place.beats - atEnd).toBeLessThan(2);
});

/** Rounds in which nothing could be read. */
async function roundsOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/warren_hound_rounds_total\{outcome="blind"\} (\d+)/.exec(text)?.[1] ?? 0);
}

async function isOpen(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status > 0;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Error);
    return false;
  }
}

test("hound: what fails while the disk is full is told once there is room, once, at the level that it has then", async () => {
  const own = join(folder, "full");
  mkdirSync(join(own, "data"), { recursive: true });
  const run = (...words: string[]) => Bun.spawnSync(words, { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
  if (!run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", join(own, "data"))) {
    console.warn("Not run: this machine does not allow mounting");
    return;
  }
  undo.push(() => run("umount", "-l", join(own, "data")));
  const place = startPlace();
  await using node = await startChild({ words: ["hound"], folder: own, config: configOf(place.url) });
  const stateOf = async () => {
    const answer = (await (await fetch(`${node.url}/api/standings`)).json()) as { standings: { state: string }[] };
    return answer.standings[0]?.state;
  };
  await until("it is judged", async () => (await stateOf()) === "OK");
  const ballast = join(own, "data", "ballast");
  const fill = () => {
    for (let sizeBytes = 32 << 20; sizeBytes >= 512; sizeBytes >>= 1) {
      try {
        writeFileSync(ballast, new Uint8Array(sizeBytes), { flag: "a" });
      } catch (thrown) {
        expect(String(thrown)).toContain("ENOSPC");
      }
    }
  };
  fill();
  place.value = 15;
  await until("a round fails", () => node.output().includes("Background work failed"));
  expect(place.told).toEqual([]);
  expect((await fetch(`${node.url}/`)).status).toBe(200);
  place.value = 25;
  // What was read before that must have failed before there is room.
  const { looks } = place;
  await until("it has looked again", () => place.looks > looks);
  rmSync(ballast);
  await until("it is told", () => place.told.length > 0);
  place.value = 1;
  await until("and that it is over", () => place.told.length > 1);
  expect(place.told.map(({ subject }) => subject)).toEqual(["[ALERT] load (critical)", "[RECOVERED] load"]);
});

test("hound: a rule with two levels, from the file of rules to what arrives, over a kill", async () => {
  const place = startPlace();
  const own = join(folder, "levels");
  mkdirSync(own);
  const config = configOf(place.url);
  const first = await startChild({ words: ["hound"], folder: own, config });
  place.value = 15;
  await until("the warning is told", () => place.told.length === 1);
  await first.end("SIGKILL");
  place.value = 25;
  await using node = await startChild({ words: ["hound"], folder: own, config });
  await until("the rise is told", () => place.told.length === 2);
  const page = await (await fetch(`${node.url}/`)).text();
  expect(page).toContain("critical");
  const list = await runProgram(["hound", "list", "--server", node.url]);
  expect([list.exitCode, list.stdout]).toEqual([1, expect.stringMatching(/^critical +[0-9a-f]{10} +load /m)]);
  place.value = 12;
  await until("the fall is told", () => place.told.length === 3);
  place.value = 2;
  await until("the end is told", () => place.told.length === 4);
  expect(place.told.map(({ subject, rules: [rule] }) => [subject, rule?.severity, rule?.severity_before])).toEqual([
    ["[ALERT] load (warning)", "warning", undefined],
    ["[ALERT] load (critical, was warning)", "critical", "warning"],
    ["[ALERT] load (warning, was critical)", "warning", "critical"],
    ["[RECOVERED] load", "warning", undefined],
  ]);
  writeFileSync(join(own, "warren.toml"), config.replace("critical = 20", "critical = 2"));
  const check = await runProgram(["hound", "check"], { folder: own });
  expect([check.exitCode, check.stderr]).toEqual([1, expect.stringContaining("wanted critical above warning")]);
});

/**
 * Hound as a program: rules over the store of the same node, read again when their file changes, kept over a restart; its
 * verbs; and in the predecessor's place, with its flag, its file and its variables, reading a Graphite over HTTP.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-hound-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Shown {
  id: string;
  name: string;
  series: string | null;
  state: string;
  value: number | null;
  message: string;
  mutedBy: string | null;
}

const off = ["cask", "hakmes", "reticulum", "statsd", "chimney", "mountwatch", "houston"]
  .map((name) => `[${name}]\nenabled = false\n`)
  .join("");

async function standingsOf(url: string): Promise<Shown[]> {
  return ((await (await fetch(`${url}/api/standings`)).json()) as { standings: Shown[] }).standings;
}

async function inState(url: string, name: string, state: string): Promise<Shown> {
  return until(
    `"${name}" is ${state}`,
    async () => (await standingsOf(url)).find((one) => one.name === name && one.state === state),
    120_000,
  );
}

/** Writes a value as of now, and a while before. */
async function write(node: ChildNode, path: string, value: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const lines = Array.from({ length: 30 }, (_, back) => `${path} ${value} ${now - back * 10}`);
  const answer = await fetch(`${node.url}/series/write`, { method: "POST", body: `${lines.join("\n")}\n` });
  expect(answer.status).toBe(200);
}

test("hound: judges rules over the store, reads them again, and goes on after a restart; its verbs ask it", async () => {
  const told: { subject: string }[] = [];
  await using hook = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      told.push((await request.json()) as { subject: string });
      return new Response("ok");
    },
  });
  const rules = join(folder, "rules.toml");
  const rule = (name: string, target: string, above: number) =>
    `[[rules]]\nname = "${name}"\ntarget = "${target}"\nabove = ${above}\nto = "channel:hook"\n`;
  await Bun.write(rules, rule("load", "app.load", 10));
  const own = join(folder, "node");
  const config = `${off}[hound]\nfile = "${rules}"\ncheck_interval = "1s"
channels = [{ name = "hook", kind = "webhook", url = "http://127.0.0.1:${hook.port}/" }]\n`;
  let id = "";
  {
    await using node = await startChild({ folder: own, config });
    const url = `${node.url}/hound`;
    await write(node, "app.load", 12);
    await write(node, "app.other", 1);
    const failed = await inState(url, "load", "Failed");
    id = failed.id;
    expect(failed).toMatchObject({ value: 12, message: "12.000000 >= 10.000000" });
    await until("word went out", () => told.length > 0);
    expect(told.map(({ subject }) => subject)).toEqual(["[ALERT] load"]);

    await Bun.write(rules, "[[rules]]\nname = 1\n");
    await until("the file is refused", () => node.output().includes("left out"));
    await Bun.write(rules, `${rule("load", "app.load", 10)}${rule("other", "app.other", 5)}`);
    await inState(url, "other", "OK");

    const server = ["--server", url];
    const run = (...words: string[]) => runProgram(["hound", ...words, ...server]);
    const list = await run("list", "--json");
    expect([list.exitCode, (JSON.parse(list.stdout) as Shown).name]).toEqual([1, "load"]);
    const past = await run("test", "load", "--past", "4m", "--json");
    const replay = JSON.parse(past.stdout) as { failings: { message: string }[]; told: { subject: string }[] };
    expect(past.exitCode).toBe(1);
    expect(replay.failings.map(({ message }) => message)).toEqual(["12.000000 >= 10.000000"]);
    expect(replay.told[0]?.subject).toBe("[ALERT] load");
    expect((await run("ack", "load")).exitCode).toBe(0);
    expect((await run("ack", "load", "other")).exitCode).toBe(1);
    const silenced = await run("silence", "name=other", "--for", "2h");
    expect(silenced.stdout).toMatch(/^[0-9a-f]{8}\n$/);
    expect((await run("silence")).stdout).toContain("name=other");
    expect((await run("silence", "nonsense")).stderr).toContain("wanted a label");
    expect((await runProgram(["hound", "check", rules])).exitCode).toBe(0);
    const events = await (await fetch(`${node.url}/series/events?tags=hound`)).text();
    expect(events).toContain("load fails");
    await node.end("SIGKILL");
  }
  await using node = await startChild({ folder: own, config });
  const url = `${node.url}/hound`;
  const [again] = await standingsOf(url);
  expect(again).toMatchObject({ id, state: "Failed", mutedBy: "acknowledged" });
  await write(node, "app.load", 1);
  await inState(url, "load", "OK");
  await until("the recovery went out", () => told.length > 1);
  expect(told.map(({ subject }) => subject)).toEqual(["[ALERT] load", "[RECOVERED] load"]);
  // It is written down once whoever was told has said so.
  const eventsOf = async () =>
    ((await (await fetch(`${url}/api/history?of=${id}`)).json()) as { event: string }[])
      .map(({ event }) => event)
      .filter((event) => event !== "NoData");
  expect(
    await until("that is written down", async () => {
      const found = await eventsOf();
      return found.includes("recovery told") && found;
    }),
  ).toEqual(["recovery told", "OK", "acknowledged", "told", "Failed"]);
});

test("hound: stands in the predecessor's place", async () => {
  await using store = await startChild({ config: `${off}[hound]\nenabled = false\n` });
  await write(store, "app.a_b", 7);
  const file = join(folder, "config.json");
  await Bun.write(
    file,
    JSON.stringify({
      Alerts: [
        { Name: "foo", Metric: "alias( app.a_b, 'x & y' )", Threshold: 5, Direction: "above" },
        { Name: "gone", Metric: "no.such", Threshold: 5, Direction: "above", Type: "Notice" },
      ],
    }),
  );
  await using node = await startChild({
    words: ["hound", "-config", file],
    environment: {
      HOUND_GRAPHITE_BASE: `${store.url}/series/render/`,
      HOUND_WINDOW: "10mins",
      HOUND_METRIC_BASE: "hound.",
      HOUND_GLOBAL_THROTTLE: "5",
      HOUND_CHECK_INTERVAL: "1",
      HOUND_EMAIL_FROM: "hound@x.example",
      HOUND_EMAIL_TO: "ops@x.example",
      HOUND_EMAIL_ON_ERROR: "false",
      HOUND_LOG_LEVEL: "WARN",
    },
  });
  const foo = await inState(node.url, "foo", "Failed");
  expect(foo).toMatchObject({ value: 7, message: "7.000000 >= 5.000000" });
  await inState(node.url, "gone", "NoData");
  const page = await fetch(`${node.url}/alert/${foo.id}/`);
  expect([page.status, (await page.text()).includes("foo")]).toEqual([200, true]);
});

test("hound check: says everything that is wrong, with its line", async () => {
  const file = join(folder, "wrong.json");
  await Bun.write(file, '{"rules": [\n {"name": "a", "target": "x"},\n {"name": "b", "target": "x", "above": "y"}]}');
  const { exitCode, stderr } = await runProgram(["hound", "check", file], { folder });
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`${file}:2 ("a"): wanted either "above" or "below", with a number`);
  expect(stderr).toContain(`${file}:3 ("b"): above: wanted a number`);
});

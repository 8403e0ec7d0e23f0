/**
 * series as a real node from outside: points by every protocol, questions as Graphite's clients ask them, mistakes of
 * every kind, and SIGKILL in the middle of the work.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../src/kit/clock.ts";
import { openMetricSource } from "../../src/kit/metric-source/open.ts";
import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { encodePickleFrame } from "../../src/lib/graphite/pickle.ts";
import { SeriesClient } from "../../src/signals/series/client.ts";
import { asNode } from "../../src/signals/series/host/gather.ts";
import { WhisperFile } from "../../src/lib/whisper/whisper.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-series-alone-"));
let node: ChildNode;

beforeAll(async () => {
  mkdirSync(join(folder, "node"));
  node = await startChild({ folder: join(folder, "node") });
});
afterAll(async () => {
  await node.end();
  rmSync(folder, { recursive: true, force: true });
});

const nowSeconds = () => Math.floor(Date.now() / 1000);

async function curl(...words: string[]): Promise<string> {
  const child = Bun.spawn(["curl", "-sS", "--max-time", "60", ...words], { stdout: "pipe", stderr: "pipe" });
  const [text, trouble] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(trouble);
  return text;
}

const ask = async (path: string, ...words: string[]) =>
  JSON.parse(await curl(...words, `${node.url}/series${path}`)) as unknown;

function portOf(child: ChildNode, purpose: "line" | "pickle"): number {
  const port = new RegExp(`series ${purpose}\\s+127\\.0\\.0\\.1:(\\d+)`).exec(child.output())?.[1];
  if (port === undefined) throw new Error(`No port is told for ${purpose}:\n${child.output()}`);
  return Number(port);
}

function send(port: number, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.resume();
  });
}

const lastValues = (path: string) =>
  ask(`/render?target=${encodeURIComponent(path)}&from=-1min&format=json`).then((found) =>
    (found as { target: string; datapoints: [number | null, number][] }[]).map(({ target, datapoints }) => [
      target,
      datapoints.findLast(([value]) => value !== null)?.[0],
    ]),
  );

describe("series", () => {
  test("points come by lines, pickles and requests, and are drawn by any client of Graphite", async () => {
    const at = nowSeconds();
    await send(portOf(node, "line"), `ways.line 1.5 ${at}\nno point\nways.line;dc=north 2 ${at}\nways.last 7 -1`);
    await send(portOf(node, "pickle"), encodePickleFrame([{ path: "ways.pickle", value: 3, atSeconds: at }]));
    const answer = await ask("/write", "--data-binary", `ways.request 4 ${at}\nways.request nonsense\n`);
    expect(answer).toMatchObject({ accepted: 1, bad: 1 });
    const wanted = [
      ["ways.last", 7],
      ["ways.line", 1.5],
      ["ways.pickle", 3],
      ["ways.request", 4],
    ];
    await until("all points are there", async () => Bun.deepEquals(await lastValues("ways.*"), wanted));
    expect(await lastValues("seriesByTag('dc=north')")).toEqual([["ways.line;dc=north", 2]]);
    expect(await lastValues("sumSeries(ways.{line,pickle})")).toEqual([["sumSeries(ways.{line,pickle})", 4.5]]);
  });

  test("each=1: every target is answered by itself, and so do other services read", async () => {
    await ask("/write", "--data-binary", `each.a 1 ${nowSeconds()}\neach.b 2 ${nowSeconds()}\n`);
    const targets = ["each.*", "each.none", "nosuch(each.a)", "maxSeries(each.*)"];
    const words = ["-d", "each=1&from=-1min", ...targets.flatMap((target) => ["--data-urlencode", `target=${target}`])];
    expect(await ask("/render", ...words)).toMatchObject({
      answers: [
        { series: [{ target: "each.a" }, { target: "each.b" }] },
        { series: [] },
        { error: "Received request for unknown function: nosuch", kind: "invalid", code: "series/render" },
        { series: [{ target: "maxSeries(each.*)" }] },
      ],
    });
    const source = openMetricSource(
      { kind: "store" },
      { clock: systemClock, reach: () => ({ baseUrl: `${node.url}/series`, fetch: (url, init) => fetch(url, init) }) },
    );
    const never = new AbortController().signal;
    const range = { fromSeconds: nowSeconds() - 60, untilSeconds: nowSeconds() + 1 };
    const many = Array.from({ length: 2500 }, (_, at) => (at === 1700 ? "nosuch(each.a)" : "each.b"));
    const answers = await source.render(many, range, never);
    expect(answers).toHaveLength(2500);
    expect(answers.filter(({ series }) => series?.[0]?.points.some(([value]) => value === 2))).toHaveLength(2499);
    expect(answers[1700]?.fault).toMatchObject({ kind: "invalid", code: "series/render" });
    expect(await source.find("each.*", never)).toEqual([
      { id: "each.a", text: "a", isLeaf: true },
      { id: "each.b", text: "b", isLeaf: true },
    ]);
    const outOfTime = { fromSeconds: 5, untilSeconds: 5 };
    await expect(source.render(["each.a"], outOfTime, never)).rejects.toThrow("from and until are the same time");
  });

  test("events are posted and read by other services", async () => {
    const client = new SeriesClient({ baseUrl: `${node.url}/series`, fetch: (url, init) => fetch(url, init) });
    const { id } = await client.postEvent({
      what: "deploy 7",
      tags: ["deploy", "shop"],
      when: 1_700_000_000,
      data: "by ann",
    });
    const wanted = { id, what: "deploy 7", tags: ["deploy", "shop"], when: 1_700_000_000, data: "by ann" };
    const range = { from: 1_699_999_000, until: 1_700_000_001 };
    expect(await client.events(range)).toEqual([wanted]);
    expect(await client.events({ ...range, tags: ["shop", "mail"], set: "union" })).toEqual([wanted]);
    expect(await client.events({ ...range, tags: ["shop", "mail"] })).toEqual([]);
    await expect(client.postEvent({ what: "x".repeat(2000) })).rejects.toThrow("The store answered 400");
  });

  test("figures of this machine and of the node go in by themselves", async () => {
    const server = `server.${asNode(hostname().split(".")[0] ?? "")}`;
    const targets = [
      `${server}.cpu.load_average.1_minute`,
      `${server}.memory.MemFree.percent`,
      `asPercent(${server}.disk.usage.available,${server}.disk.usage.total)`,
    ];
    for (const target of targets) {
      await until(`${target} is there`, async () => {
        const [found] = await lastValues(target);
        const value = found?.[1];
        return typeof value === "number" && value >= 0;
      });
    }
    await until("the node's are there", async () => {
      const own = (await ask("/metrics/find?query=warren.*.series.*")) as { text: string }[];
      return own.some(({ text }) => text === "points_total");
    });
  });

  test("names are found in Graphite's shapes, by GET and by form", async () => {
    await ask("/write", "--data-binary", `names.a.b 1 -1\nnames.a.c 1 -1\nnames.d 1 -1\n`);
    const found = [
      { text: "a", id: "names.a", allowChildren: 1, expandable: 1, leaf: 0 },
      { text: "d", id: "names.d", allowChildren: 0, expandable: 0, leaf: 1 },
    ];
    expect(await ask("/metrics/find?query=names.*")).toEqual(found);
    expect(await ask("/metrics/find/", "-d", "query=names.*")).toEqual(found);
    expect(await ask("/metrics/find?query=names.&format=completer")).toEqual({
      metrics: [
        { path: "names.a.", name: "a", is_leaf: "0" },
        { path: "names.d", name: "d", is_leaf: "1" },
      ],
    });
    expect(await ask("/metrics/expand?query=names.a.*&query=names.d")).toEqual({
      results: ["names.a.b", "names.a.c", "names.d"],
    });
    expect(await ask("/metrics/index.json")).toContain("names.a.b");
    const names = ["names.a.b", "names.a.c"];
    expect(await lastValues("names.a.*")).toEqual(names.map((name) => [name, 1]));
    expect(await curl(`${node.url}/series/version`)).toMatch(/^1\.1\.\d+$/);
    expect(Object.keys((await ask("/functions")) as object).length).toBeGreaterThan(90);
    expect(await ask("/functions/sumSeries")).toMatchObject({ name: "sumSeries", group: expect.any(String) });
  });

  test("raw, csv, jsonp, and thinning out", async () => {
    const at = nowSeconds() - (nowSeconds() % 10) - 60;
    await ask(
      "/write",
      "--data-binary",
      Array.from({ length: 6 }, (_, step) => `shape.x ${step} ${at + step * 10}`).join("\n"),
    );
    const of = (more: string) =>
      curl(`${node.url}/series/render?target=shape.x&from=${at - 10}&until=${at + 50}&${more}`);
    expect(await of("rawData=true")).toBe(`shape.x,${at},${at + 60},10|0.0,1.0,2.0,3.0,4.0,5.0\n`);
    expect((await of("format=csv")).split("\r\n")[0]).toMatch(/^shape\.x,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,0\.0$/);
    expect(await of("format=json&jsonp=cb")).toMatch(/^cb\(\[/);
    const thinned = JSON.parse(await of("format=json&maxDataPoints=3")) as { datapoints: unknown[] }[];
    expect(thinned[0]?.datapoints.length).toBeLessThanOrEqual(3);
  });

  test("tags and events answer as Grafana asks", async () => {
    await ask("/write", "--data-binary", "tagged;host=w1;dc=n 1 -1\ntagged;host=w2;dc=s 1 -1\n");
    expect(await ask("/tags/findSeries?expr=name=tagged&expr=dc=n")).toEqual(["tagged;dc=n;host=w1"]);
    expect(await ask("/tags/autoComplete/tags?expr=name=tagged&tagPrefix=h")).toEqual(["host"]);
    expect(await ask("/tags/autoComplete/values?expr=name=tagged&tag=host")).toEqual(["w1", "w2"]);
    expect(await ask("/tags/host")).toEqual({
      tag: "host",
      values: [
        { value: "w1", count: 1 },
        { value: "w2", count: 1 },
      ],
    });
    expect(await ask("/tags/tagSeries", "-d", "path=x;b=2;a=1")).toBe("x;a=1;b=2");
    const when = nowSeconds() - 5;
    await ask("/events/", "-d", JSON.stringify({ what: "deploy", tags: ["web", "v2"], when, data: "by hand" }));
    const wanted = { what: "deploy", when, data: "by hand", tags: ["web", "v2"] };
    expect(await ask("/events/get_data?tags=web%20v2&from=-1h")).toEqual([expect.objectContaining(wanted)]);
    expect(await ask("/events/get_data?tags=web%20no&set=union")).toEqual([expect.objectContaining(wanted)]);
    expect(await ask("/events/get_data?tags=web%20no")).toEqual([]);
  });

  test("what cannot be answered is said in a sentence, and changes nothing", async () => {
    const status = async (path: string, ...words: string[]) =>
      Number(await curl("-o", "/dev/null", "-w", "%{http_code}", ...words, `${node.url}/series${path}`));
    expect(await curl(`${node.url}/series/render?target=nope(a)&format=json`)).toContain("unknown function: nope");
    expect(await status("/render?target=sumSeries(&format=json")).toBe(400);
    expect(await status("/render?target=a&from=never&format=json")).toBe(400);
    expect(await status("/render?target=a&from=5&until=5&format=json")).toBe(400);
    expect(await status("/render?target=a&format=bmp")).toBe(400);
    expect(await status("/render?target=a&format=json&jsonp=alert(1)")).toBe(400);
    expect(await status("/metrics/find")).toBe(400);
    expect(await status("/metrics/find?query=%7B".concat("a,".repeat(400), "%7D".repeat(1)))).toBe(200);
    expect(await status("/tags/findSeries?expr=dc!=n")).toBe(400);
    expect(await status("/events/", "-d", "no json")).toBe(400);
    expect(await status("/events/999999")).toBe(404);
    expect(await status("/write")).toBe(405);
    expect(await status("/nowhere")).toBe(404);
    expect(await status("/tags/%25%E0%A4%A")).toBe(400);
    expect(await status("/import?path=x", "--data-binary", "no whisper file")).toBe(400);
    expect(JSON.parse(await curl(`${node.url}/series/render?target=not.there&format=json`))).toEqual([]);
  });

  test("a pickle that wants to run something is refused, and lines that never end are given up", async () => {
    const evil = Buffer.from("cos\nsystem\n(S'true'\ntR.");
    const head = Buffer.alloc(4);
    head.writeUInt32BE(evil.length);
    await send(portOf(node, "pickle"), Buffer.concat([head, evil]));
    await send(portOf(node, "line"), `${"x".repeat(10_000_000)}\nafter.all 1 -1\n`);
    await until("the line after it is there", async () => (await lastValues("after.all")).length === 1);
  });

  test("whisper files come in and go out, and series are deleted by pattern", async () => {
    const at = nowSeconds() - (nowSeconds() % 60) - 3600;
    const file = WhisperFile.create([{ stepSeconds: 60, points: 1440 }]);
    for (let step = 0; step < 30; step++) file.update(step, at + step * 60, at + 3600);
    const path = join(folder, "in.wsp");
    writeFileSync(path, file.bytes);
    expect(await ask("/import?path=moved.in", "--data-binary", `@${path}`)).toEqual({ points: 30 });
    const out = join(folder, "out.wsp");
    await curl("-o", out, `${node.url}/series/export?path=moved.in`);
    expect(new WhisperFile(new Uint8Array(readFileSync(out))).archives[0]?.stepSeconds).toBe(10);
    const range = `from=${at - 60}&until=${at + 1740}`;
    const [series] = (await ask(`/render?target=moved.in&${range}&format=json`)) as {
      datapoints: [number | null, number][];
    }[];
    const values = series?.datapoints.flatMap(([value]) => (value === null ? [] : [value]));
    expect(values).toEqual(Array.from({ length: 30 }, (_, step) => step));
    expect(await ask("/delete", "-d", "pattern=moved.*")).toEqual({ deleted: 1 });
    expect(await ask("/metrics/find?query=moved.*")).toEqual([]);
  });

  test("its page, state, metrics and health are there", async () => {
    expect(await curl("-H", "Accept: text/html", `${node.url}/series/`)).toContain("Ways in");
    expect(await ask("/status.json")).toMatchObject({ figures: { files: expect.any(Number) } });
    expect(await curl(`${node.url}/metrics`)).toContain('warren_series_points_refused_total{reason="new-series"} 0');
  });
});

test("series: SIGKILL under load loses nothing that was acknowledged, and nothing older than a second", async () => {
  const home = join(folder, "killed");
  mkdirSync(home, { recursive: true });
  const acknowledged = new Map<string, number>();
  const sent: { path: string; value: number; atMs: number }[] = [];
  let killedAtMs = 0;
  // The window is a second; the rest is for the way through the socket, which is longer on a machine that answers slowly.
  let windowMs = 1500;
  const at = nowSeconds() - 60;
  {
    await using child = await startChild({ folder: home });
    const socket = createConnection(portOf(child, "line"), "127.0.0.1");
    socket.on("error", () => undefined);
    const beganAt = Date.now();
    const sentBefore = (atMs: number) => sent.filter((one) => one.atMs < atMs).length;
    for (let round = 0; Date.now() < beganAt + 3000 || sentBefore(Date.now() - windowMs) <= 100; round++) {
      const lines: string[] = [];
      // Few enough to stay below the bound on new series, however fast the machine is.
      for (let which = 0; which < 5; which++) {
        const path = `kill.line.r${round}.n${which}`;
        lines.push(`${path} ${round} ${at}\n`);
        sent.push({ path, value: round, atMs: Date.now() });
      }
      socket.write(lines.join(""));
      const path = `kill.ack.r${round}`;
      const askedMs = Date.now();
      const answer = await fetch(`${child.url}/series/write`, { method: "POST", body: `${path} ${round} ${at}\n` });
      windowMs = Math.max(windowMs, 1000 + 5 * (Date.now() - askedMs));
      const { accepted } = (await answer.json()) as { accepted: number };
      if (accepted === 1) acknowledged.set(path, round);
    }
    killedAtMs = Date.now();
    await child.end("SIGKILL");
    socket.destroy();
  }
  await using child = await startChild({ folder: home });
  const names = new Set((await (await fetch(`${child.url}/series/metrics/index.json`)).json()) as string[]);
  expect(acknowledged.size).toBeGreaterThan(10);
  expect([...acknowledged.keys()].filter((path) => !names.has(path))).toEqual([]);
  const old = sent.filter(({ atMs }) => atMs < killedAtMs - windowMs);
  expect(old.length).toBeGreaterThan(100);
  expect(old.filter(({ path }) => !names.has(path)).map(({ path }) => path)).toEqual([]);
  const body = new URLSearchParams({ format: "json", from: String(at - 60), until: "now", target: "kill.ack.*" });
  const answer = await fetch(`${child.url}/series/render`, { method: "POST", body });
  const held = (await answer.json()) as { target: string; datapoints: [number | null, number][] }[];
  const values = new Map(
    held.map(({ target, datapoints }) => [target, datapoints.find(([value]) => value !== null)?.[0]]),
  );
  expect(values).toEqual(acknowledged);
  expect(readdirSync(join(child.data, "series", "damaged"))).toEqual([]);
}, 180_000);

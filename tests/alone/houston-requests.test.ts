/**
 * Houston as a program, from outside: in its predecessor's place in front of a Graphite that listens, files by HTTP with
 * entity tags, who may see what, figures of many charts, a source that dies, and the verbs.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { makeToken, tokenCounts } from "../tokens.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-houston-"));
const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("in its predecessor's place", () => {
  const drawn: URLSearchParams[] = [];
  const graphite = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const url = new URL(request.url);
      const words = request.method === "POST" ? new URLSearchParams(await request.text()) : url.searchParams;
      if (url.pathname.startsWith("/metrics/find")) return Response.json([]);
      if (!/^\/render\/?$/.test(url.pathname)) return new Response("no", { status: 404 });
      if (words.get("format") === "json") {
        return Response.json(
          words.getAll("target").map((target) => ({
            target: /"(warren-mark-\d+)"/.exec(target)?.[1] ?? target,
            tags: {},
            datapoints: [[1, 1000]],
          })),
        );
      }
      drawn.push(words);
      return new Response(png, { headers: { "Content-Type": "image/png" } });
    },
  });
  let node: ChildNode;
  beforeAll(async () => {
    const file = join(folder, "houston.conf");
    const sample = await Bun.file(join(import.meta.dir, "../../src/signals/houston/testdata/original.conf")).text();
    writeFileSync(file, sample.replace("http://graphite.example/", `http://127.0.0.1:${graphite.port}/`));
    node = await startChild({ words: ["houston", "-config", file] });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await graphite.stop(true);
  });

  test("original: its page comes out of its own file, at /", async () => {
    const answer = await fetch(`${node.url}/`);
    expect(answer.url).toBe(`${node.url}/d/original/`);
    const page = await answer.text();
    for (const part of ["CPU of behemoth", "Disk of frink, week", "Nginx", "Riak", "500s of mvsim"])
      expect(page).toContain(part);
    expect(page).toContain(`src="/d/original/`.replace("/d/", "/graph/"));
  });

  test("original: pictures come from its Graphite, with the targets and attributes that it had", async () => {
    const answer = await fetch(`${node.url}/graph/original/${encodeURIComponent("cpu_week,frink")}.png`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect(await answer.bytes()).toEqual(png);
    const words = drawn.at(-1) ?? new URLSearchParams();
    expect(words.getAll("target")).toEqual(["server.frink.cpu.load_average.1_minute", "constantLine(1)"]);
    expect(["from", "height", "width", "yMin", "areaMode", "graphOnly"].map((name) => words.get(name))).toEqual([
      "-7days",
      "50",
      "300",
      "0",
      "first",
      "true",
    ]);
  });

  test("figures: many charts in one question, each with its own answer", async () => {
    const answer = await fetch(`${node.url}/data`, {
      method: "POST",
      body: JSON.stringify({
        from: "-1h",
        until: "now",
        charts: [{ targets: ["a", "b"] }, { targets: ["a"], spanSeconds: 60 }, { targets: [] }],
      }),
    });
    const { charts } = (await answer.json()) as {
      charts: { series: { name: string; values: number[] }[]; problems: string[] }[];
    };
    expect(charts.map(({ problems, series }) => [series.map(({ name }) => name), problems])).toEqual([
      [["a", "b"], []],
      [["a"], []],
      [[], []],
    ]);
  });

  test("figures: a question that is none is refused with its place", async () => {
    for (const [body, words] of [
      ["{", "it is no JSON"],
      ['{"from":"-1h","until":"now","charts":[{"targets":[3]}]}', "charts.0.targets.0: wanted a text, not 3"],
      ['{"until":{}}', "from: wanted a time: epoch seconds, or a text"],
      ['{"from":"soon","until":"now","charts":[]}', "Cannot show that time: from"],
      ['{"from":"now","until":"now","charts":[]}', "the same time"],
      [`{"from":"-1h","until":"now","charts":[${Array(501).fill('{"targets":[]}').join(",")}]}`, "charts"],
    ] as const) {
      const answer = await fetch(`${node.url}/data`, { method: "POST", body });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(words)]);
    }
  });

  test("source: when it dies the node says so, and is well again when it answers", async () => {
    const { port } = graphite;
    await graphite.stop(true);
    const ask = () =>
      fetch(`${node.url}/data`, { method: "POST", body: '{"from":"-1h","until":"now","charts":[{"targets":["a"]}]}' });
    const refused = await ask();
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringContaining(`Cannot ask http://127.0.0.1:${port}`),
    ]);
    const page = await fetch(`${node.url}/d/this-node/`);
    expect([page.status, await page.text()]).toEqual([
      200,
      expect.stringContaining("Nothing can be shown until the source answers"),
    ]);
    expect((await fetch(`${node.url}/d/original/`)).status).toBe(200);
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain("warren_houston_source_up 0");
    expect((await fetch(`${node.url}/graph/original/riak.png`)).status).toBe(503);
  });
});

describe("files, rights and status", () => {
  let node: ChildNode;
  const boards = join(folder, "boards");
  const tokens: Record<string, string> = {};
  beforeAll(async () => {
    mkdirSync(boards, { recursive: true });
    node = await startChild({
      config: `[houston]\nfolder = ${JSON.stringify(boards)}\nstatus_checks = ["shop <b>", "nobody"]\npublic_status = true\n[[chimney.checks]]\nname = "shop <b>"\nkind = "tcp"\ntarget = "127.0.0.1:9"\ninterval = "1s"\n`,
    });
    for (const scope of ["read", "write"]) {
      tokens[scope] = await makeToken(node, scope, `houston:${scope}`);
      expect(tokens[scope]).not.toBe("");
    }
    await tokenCounts(`${node.url}/houston/dashboards.json`, tokens["write"] ?? "");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const ask = (path: string, scope?: string, init: RequestInit = {}) =>
    fetch(`${node.url}/houston${path}`, {
      redirect: "manual",
      ...init,
      headers: { ...(scope === undefined ? {} : { Authorization: `Bearer ${tokens[scope]}` }), ...init.headers },
    });

  test("rights: strangers see the status page and badges, and nothing else; readers read; writers write", async () => {
    const paths = [
      "/",
      "/d/this-node/",
      "/explore/",
      "/dashboards.json",
      "/d/this-node.toml",
      "/render?target=a",
      "/find.json",
    ];
    for (const path of paths) expect([path, (await ask(path)).status]).toEqual([path, 401]);
    expect((await ask("/data", undefined, { method: "POST", body: "{}" })).status).toBe(401);
    expect((await ask("/status", undefined, { method: "POST" })).status).toBe(401);
    for (const path of ["/status", "/status.json", "/badge/nobody.svg"])
      expect([path, (await ask(path)).status]).toEqual([path, 200]);
    for (const path of paths.filter((each) => !each.startsWith("/render")))
      expect([path, (await ask(path, "read")).status]).toEqual([path, 200]);
    const question = '{"from":"-1h","until":"now","charts":[]}';
    expect((await ask("/data", "read", { method: "POST", body: question })).status).toBe(200);
    expect((await ask("/new", "read", { method: "POST", body: "title=x" })).status).toBe(403);
    expect((await ask("/d/x.toml", "read", { method: "PUT", body: "" })).status).toBe(403);
    expect((await ask("/d/this-node/edit/", "read")).status).toBe(403);
    await expect((await ask("/", "read")).text()).resolves.not.toContain("Make it");
  });

  test("badge: a check with an awkward name is shown as text, and one that was not chosen is not there", async () => {
    const badge = await until("the check was asked", async () => {
      const text = await (await ask(`/badge/${encodeURIComponent("shop <b>")}.svg`)).text();
      return text.includes("down") ? text : undefined;
    });
    expect(badge).toContain("shop &lt;b&gt;: down 0.00 %");
    expect((await ask("/badge/other.svg")).status).toBe(404);
    const { checks } = (await (await ask("/status.json")).json()) as {
      checks: { name: string; level: string; days: unknown[] }[];
    };
    expect(checks.map(({ days, level, name }) => [name, level, days.length])).toEqual([
      ["shop <b>", "down", 90],
      ["nobody", "unknown", 90],
    ]);
  });

  test("pictures: one wrong target of several is left out and said in the picture; figures for programs are refused", async () => {
    const render = (words: string) => ask(`/render?target=constantLine(5)&${words}`, "read");
    const picture = await render("target=nope(a.b)&target=sum(&title=Load&format=svg");
    const title = /<title>([^<]*)<\/title>/.exec(await picture.text())?.[1] ?? "";
    expect([picture.status, title.split("\n")[0]]).toEqual([200, "Load"]);
    expect(title.replaceAll("\n", " ")).toBe(
      "Load Left out: nope(a.b): Received request for unknown function: nope " +
        "Left out: Cannot parse target &#34;sum(&#34;: expected a path or a function at character 5",
    );
    const small = await render("target=sum(&format=png&width=200&height=100");
    expect([small.status, small.headers.get("content-type")]).toEqual([200, "image/png"]);
    for (const format of ["json", "csv"]) expect((await render(`target=sum(&format=${format}`)).status).toBe(400);
    expect((await ask("/render?target=nope(a)&target=sum(", "read")).status).toBe(400);
    expect((await render("target=constantLine(6)&bgcolor=nonsense")).status).toBe(400);
  });

  test("files: made, read, changed and removed by entity tag; whoever saw something else is refused", async () => {
    const put = (body: string, headers: Record<string, string>) =>
      ask("/d/web.toml", "write", { method: "PUT", body, headers });
    expect((await put('title = "a"', {})).status).toBe(428);
    const made = await put('title = "a"', { "If-None-Match": "*" });
    expect(made.status).toBe(201);
    const etag = made.headers.get("etag") ?? "";
    expect((await put('title = "b"', { "If-None-Match": "*" })).status).toBe(409);
    expect((await put('title = "b"', { "If-Match": '"other"' })).status).toBe(412);
    const bad = await put('titel = "b"\n[graphs.a]\nunit = 3', { "If-Match": etag });
    expect([bad.status, await bad.text()]).toEqual([
      400,
      expect.stringMatching(/line 1, titel: .*line 3, graphs\.a\.unit/),
    ]);
    const next = await put('title = "b"', { "If-Match": etag });
    expect(next.status).toBe(204);
    expect(await Bun.file(join(boards, "web.toml")).text()).toBe('title = "b"');
    const read = await ask("/d/web.toml", "read");
    expect([await read.text(), read.headers.get("etag")]).toEqual(['title = "b"', next.headers.get("etag")]);
    expect(
      (await ask("/d/web.toml", "read", { headers: { "If-None-Match": read.headers.get("etag") ?? "" } })).status,
    ).toBe(304);
    expect(await (await ask("/d/web.json", "read")).json()).toMatchObject({ title: "b" });
    for (const path of ["/d/..%2Fup.toml", "/d/%2e%2e.toml", "/d/a%00b.toml"])
      expect([
        path,
        (await ask(path, "write", { method: "PUT", body: 'title = "x"', headers: { "If-None-Match": "*" } })).status,
      ]).toEqual([path, 400]);
    expect(
      (await ask("/d/this-node.toml", "write", { method: "DELETE", headers: { "If-Match": '"x"' } })).status,
    ).toBeLessThan(500);
    expect((await ask("/d/web.toml", "write", { method: "DELETE", headers: { "If-Match": etag } })).status).toBe(412);
    const gone = await ask("/d/web.toml", "write", {
      method: "DELETE",
      headers: { "If-Match": next.headers.get("etag") ?? "" },
    });
    expect(gone.status).toBe(204);
    expect((await ask("/d/web/", "read")).status).toBe(404);
  });

  test("forms: what was refused for a mistake still stands on what its writer saw, so that nobody is written over", async () => {
    const put = (body: string, headers: Record<string, string>) =>
      ask("/d/two.toml", "write", { method: "PUT", body, headers });
    const first =
      (await put('title = "a"\n[graphs.g]\ntargets = ["x"]', { "If-None-Match": "*" })).headers.get("etag") ?? "";
    const theirs = 'title = "theirs"\n[graphs.g]\ntargets = ["x"]';
    expect((await put(theirs, { "If-Match": first })).status).toBe(204);
    const post = async (path: string, fields: Record<string, string>) => {
      const answer = await ask(path, "write", {
        method: "POST",
        body: new URLSearchParams({ etag: first, ...fields }),
      });
      const etags = [...(await answer.text()).matchAll(/name="etag" value="([^"]*)"/g)].map(([, etag = ""]) => etag);
      return {
        status: answer.status,
        etags: new Set(etags.map((etag) => etag.replaceAll("&quot;", '"').replaceAll("&#34;", '"'))),
      };
    };
    const mine = new Set([first]);
    expect(await post("/d/two/text/", { text: 'titel = "mine"' })).toEqual({ status: 400, etags: mine });
    expect(await post("/d/two/edit/g/", { action: "save-graph", name: "g", thresholds: "much" })).toEqual({
      status: 400,
      etags: mine,
    });
    expect(await post("/d/two/edit/", { action: "settings", title: "mine", range: "soon" })).toEqual({
      status: 400,
      etags: mine,
    });
    for (const [path, fields] of [
      ["/d/two/text/", { text: 'title = "mine"' }],
      ["/d/two/edit/g/", { action: "save-graph", name: "g", targets: "y" }],
      ["/d/two/edit/", { action: "settings", title: "mine" }],
    ] as const)
      expect((await post(path, fields)).status).toBe(412);
    expect(await Bun.file(join(boards, "two.toml")).text()).toBe(theirs);
  });

  test("files: a change on disk shows within seconds, and one that is wrong is told and changes nothing", async () => {
    const path = join(boards, "disk.toml");
    writeFileSync(path, 'title = "From disk"');
    await until("it is there", async () => (await (await ask("/", "read")).text()).includes("From disk"));
    writeFileSync(path, 'title = "From disk, worse"\n[graphs.a]\nparents = ["b"]');
    await until("its problem is told", async () =>
      (await (await ask("/", "read")).text()).includes("line 3, graphs.a.parents.1: there is no graph &quot;b&quot;"),
    );
    const page = await (await ask("/d/disk/", "read")).text();
    expect(page).toContain("<h1>From disk</h1>");
    expect(page).toContain("what it said before is shown");
    rmSync(path);
  });

  test("variables: what an address says gets into no target unless it is one of the values", async () => {
    writeFileSync(
      join(boards, "vars.toml"),
      'title = "v"\n[variables.host]\nvalues = ["a", "b"]\n[graphs.x]\ntargets = ["server.$host.load"]\n[[sections]]\nlabel = "x"\ngraphs = ["x"]\n',
    );
    const page = await until("it is there", async () => {
      const answer = await ask(`/d/vars/?var-host=${encodeURIComponent('b),randomWalk("x")')}`, "read");
      return answer.ok ? answer.text() : undefined;
    });
    expect(page).toContain("server.a.load");
    expect(page).not.toContain("server.b)");
    expect(await (await ask("/d/vars/?var-host=b", "read")).text()).toContain("server.b.load");
  });
});

describe("verbs", () => {
  test("houston check: says all that is wrong, and exits with 1 when something is", async () => {
    const good = join(folder, "good.toml");
    const bad = join(folder, "bad.toml");
    await Bun.write(good, await Bun.file(join(import.meta.dir, "../../src/signals/houston/testdata/web.toml")).text());
    await Bun.write(bad, 'titel = "x"\n[[sections]]\nlabel = "x"\ngraphs = ["nothing"]\n');
    const fine = await runProgram(["houston", "check", good]);
    expect([fine.exitCode, fine.stdout]).toEqual([0, `${good}: good, "Web servers", 5 graphs\n`]);
    const wrong = await runProgram(["houston", "check", good, bad, join(folder, "nowhere.toml"), "--quiet"]);
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stdout.trimEnd().split("\n")).toEqual([
      `${bad}: line 1, title: it is missing`,
      `${bad}: line 1, titel: there is no such key: did you mean "title"?`,
      `${bad}: line 4, sections.1.graphs.1: there is no graph "nothing"`,
      expect.stringContaining("nowhere.toml: cannot be read"),
    ]);
  });

  test("houston list: the dashboards of a folder", async () => {
    const own = join(folder, "listed");
    await Bun.write(
      join(own, "web.toml"),
      await Bun.file(join(import.meta.dir, "../../src/signals/houston/testdata/web.toml")).text(),
    );
    const { exitCode, stdout } = await runProgram(["houston", "list", own]);
    expect([exitCode, stdout]).toEqual([0, "web  Web servers  5 graphs\n"]);
  });
});

import { afterEach, describe, expect, test } from "bun:test";

import { systemClock } from "../clock.ts";
import { Fault } from "../fault.ts";
import { type MetricSourceOptions, openMetricSource } from "./open.ts";
import type { MetricSource } from "./source.ts";

const servers: { stop(force: boolean): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});
const never = new AbortController().signal;
const range = { fromSeconds: 1000, untilSeconds: 1060 };

interface Asked {
  path: string;
  form: URLSearchParams;
  authorization: string | null;
}

/** A source whose server answers as told, and what it was asked. */
function fake(
  answer: (asked: Asked) => Response | Promise<Response>,
  options: Partial<MetricSourceOptions> & { path?: string } = {},
): { source: MetricSource; asked: Asked[]; url: string } {
  const asked: Asked[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const form = new URLSearchParams(await request.text());
      for (const [name, value] of url.searchParams) form.append(name, value);
      const one = { path: url.pathname, form, authorization: request.headers.get("authorization") };
      asked.push(one);
      return answer(one);
    },
  });
  servers.push(server);
  const { path = "", ...rest } = options;
  const url = `http://127.0.0.1:${server.port}${path}`;
  return { source: openMetricSource({ kind: "graphite", url, ...rest }, { clock: systemClock }), asked, url };
}

/** What a Graphite makes of targets: alias and constantLine by name, `none` nothing, `bad` an error. */
function graphiteAnswer({ form }: Asked): Response {
  const targets = form.getAll("target");
  if (targets.some((target) => target.startsWith("bad"))) {
    return new Response(
      "<html><head><title>x</title></head><body>Invalid parameters (no function &quot;bad&quot;)</body></html>",
      { status: 400 },
    );
  }
  return Response.json(targets.flatMap((target) => (target === "none" ? [] : [seriesOf(target)])));
}

function seriesOf(target: string) {
  const name = /^alias\(constantLine\(0\),"(.*)"\)$/.exec(target)?.[1] ?? target;
  return {
    target: name,
    tags: { name },
    datapoints: [
      [1, 1000],
      [null, 1060],
    ],
  };
}

const names = (answers: Awaited<ReturnType<MetricSource["render"]>>) =>
  answers.map((answer) => answer.series?.map(({ name }) => name) ?? answer.fault?.message);

describe("graphite", () => {
  test("render: many targets go in one request, and each has its own series", async () => {
    const { source, asked } = fake(graphiteAnswer);
    const answers = await source.render(["a", "none", "b"], { ...range, maxDataPoints: 7 }, never);
    expect(names(answers)).toEqual([["a"], [], ["b"]]);
    expect(answers[0]?.series?.[0]).toEqual({
      name: "a",
      tags: { name: "a" },
      points: [
        [1, 1000],
        [null, 1060],
      ],
    });
    expect(asked).toHaveLength(1);
    expect(Object.fromEntries(asked[0]?.form ?? [])).toMatchObject({
      format: "json",
      from: "1000",
      until: "1060",
      maxDataPoints: "7",
    });
  });

  test("render: a target that is refused harms no other, and has the source's own words", async () => {
    const { source, asked } = fake(graphiteAnswer);
    const targets = Array.from({ length: 20 }, (_, at) => (at === 13 ? "bad()" : `t${at}`));
    const answers = await source.render(targets, range, never);
    expect(names(answers).filter((_, at) => at !== 13)).toEqual(
      targets.filter((_, at) => at !== 13).map((target) => [target]),
    );
    expect(answers[13]?.fault).toBeInstanceOf(Fault);
    expect(answers[13]?.fault?.kind).toBe("invalid");
    expect(answers[13]?.fault?.message).toEndWith(
      'gives no answer: it answered 400: Invalid parameters (no function "bad")',
    );
    // By halves, not one by one.
    expect(asked.length).toBeLessThan(12);
  });

  test("render: where the series of several targets are mixed, each is asked for by itself", async () => {
    const { source, asked } = fake(({ form }) =>
      Response.json(
        form
          .getAll("target")
          .map(seriesOf)
          .sort((left, right) => (left.target < right.target ? -1 : 1)),
      ),
    );
    expect(names(await source.render(["z", "a"], range, never))).toEqual([["z"], ["a"]]);
    await source.render(["z", "a"], range, never);
    expect(asked.map(({ form }) => form.getAll("target").length)).toEqual([5, 1, 1, 1, 1]);
  });

  test("the address: where it begins or its whole render URL, with credentials", async () => {
    for (const [path, rendered, found] of [
      ["", "/render", "/metrics/find"],
      ["/", "/render", "/metrics/find"],
      ["/render/", "/render/", "/metrics/find"],
      ["/graphite/render", "/graphite/render", "/graphite/metrics/find"],
      ["/graphite/?tenant=7", "/graphite/render", "/graphite/metrics/find"],
    ] as const) {
      const { source, asked } = fake(
        (one) => (one.path.endsWith("find") ? Response.json([{ text: "b", id: "a.b", leaf: 1 }]) : graphiteAnswer(one)),
        { path, user: "ann", password: "it's" },
      );
      await source.render(["a"], range, never);
      expect(await source.find("a.*", never)).toEqual([{ id: "a.b", text: "b", isLeaf: true }]);
      expect(asked.map((one) => one.path)).toEqual([rendered, found]);
      expect(asked[1]?.form.get("query")).toBe("a.*");
      expect(asked[0]?.authorization).toBe(`Basic ${btoa("ann:it's")}`);
      if (path.includes("?")) expect(asked[0]?.form.get("tenant")).toBe("7");
    }
    const { url } = fake(graphiteAnswer);
    const source = openMetricSource({ kind: "graphite", url: url.replace("//", "//u:p%40@") }, { clock: systemClock });
    expect(source.name).toBe(url);
  });

  test("what concerns the source as a whole is thrown, in its words", async () => {
    const sentence = async (answer: () => Response, options: Partial<MetricSourceOptions> = {}) => {
      const { source } = fake(answer, options);
      const thrown: unknown = await source.render(["a", "b"], range, never).catch((fault: unknown) => fault);
      if (!(thrown instanceof Fault)) throw new TypeError("expected a Fault");
      return thrown.message.replace(source.name, "X");
    };
    expect(await sentence(() => new Response("who are you", { status: 401 }))).toBe(
      "Cannot ask X: it answered 401: who are you; check user, password or token",
    );
    expect(await sentence(() => new Response("", { status: 404 }))).toBe(
      "Cannot ask X: it answered 404; check the address",
    );
    expect(await sentence(() => new Response("<h1>Bad Gateway</h1>", { status: 502 }))).toBe(
      "Cannot ask X: it answered 502: Bad Gateway",
    );
    expect(await sentence(() => new Response("<form>log in</form>"))).toBe(
      "Cannot ask X: it answers, but not as Graphite does; check the address",
    );
    expect(await sentence(() => Response.redirect("https://elsewhere.example/render", 301))).toBe(
      "Cannot ask X: it redirects to https://elsewhere.example/render; name that address instead",
    );
    const gone = openMetricSource({ kind: "graphite", url: "http://127.0.0.1:1" }, { clock: systemClock });
    await expect(gone.render(["a"], range, never)).rejects.toThrow("Cannot ask http://127.0.0.1:1: connection refused");
  });

  test("bounds: an answer that is too long or too late is a Fault of its target", async () => {
    const long = fake(() => Response.json([seriesOf("a".repeat(5000))]), { maxBytes: 1000 });
    expect((await long.source.render(["a"], range, never))[0]?.fault?.kind).toBe("too-large");
    const stuck = Promise.withResolvers<void>();
    const late = fake(() => stuck.promise.then(() => new Response("[]")), { timeoutMs: 60 });
    const answers = await late.source.render(["a", "b"], range, never);
    expect(answers.map(({ fault }) => fault?.kind)).toEqual(["timeout", "timeout"]);
    stuck.resolve();
  });

  test("numbers that JSON has no words for are read", async () => {
    const { source } = fake(
      () => new Response('[{"target": "a NaN, b", "datapoints": [[NaN, 1], [-Infinity, 2], [1e9999, 3]]}]'),
    );
    const [answer] = await source.render(["a"], range, never);
    expect(answer?.series).toEqual([
      {
        name: "a NaN, b",
        tags: {},
        points: [
          [null, 1],
          [-Infinity, 2],
          [Infinity, 3],
        ],
      },
    ]);
  });

  test("render: a reader who leaves ends it", async () => {
    const stuck = Promise.withResolvers<Response>();
    const { source } = fake(() => stuck.promise);
    const leaving = new AbortController();
    const asking = source.render(["a"], range, leaving.signal);
    leaving.abort(new Error("had enough"));
    await expect(asking).rejects.toThrow("had enough");
    await asking.catch(() => undefined);
    stuck.resolve(new Response("[]"));
  });
});

describe("prometheus", () => {
  const success = (data: unknown, more: object = {}) => Response.json({ status: "success", ...more, data });
  const matrix = (...result: unknown[]) => ({ resultType: "matrix", result });

  test("render: points lie on whole multiples of the step, with holes where nothing is known", async () => {
    const { source, asked } = fake(
      () =>
        success(
          matrix({
            metric: { __name__: "up", job: 'a"b' },
            // VictoriaMetrics gives the same steps, and more beside it.
            values: [
              [1020, "1"],
              [1040, "NaN"],
              [1060, "+Inf"],
            ],
          }),
          { stats: { seriesFetched: "1" } },
        ),
      { kind: "prometheus", path: "/select/0/prometheus/", stepSeconds: 20, token: "abc" },
    );
    expect(source.language).toBe("promql");
    const [answer] = await source.render(["up"], { fromSeconds: 990, untilSeconds: 1075 }, never);
    expect(answer?.series).toEqual([
      {
        name: 'up{job="a\\"b"}',
        tags: { __name__: "up", job: 'a"b' },
        points: [
          [null, 1000],
          [1, 1020],
          [null, 1040],
          [Infinity, 1060],
        ],
      },
    ]);
    expect(asked[0]?.path).toBe("/select/0/prometheus/api/v1/query_range");
    expect(asked[0]?.authorization).toBe("Bearer abc");
    expect(Object.fromEntries(asked[0]?.form ?? [])).toMatchObject({
      query: "up",
      start: "1000",
      end: "1060",
      step: "20",
    });
  });

  test("render: a long range has no more points than asked for, nor than Prometheus gives", async () => {
    const { source, asked } = fake(() => success(matrix()), { kind: "prometheus", stepSeconds: 1 });
    await source.render(["a"], { fromSeconds: 0, untilSeconds: 86_400, maxDataPoints: 100 }, never);
    await source.render(["a"], { fromSeconds: 0, untilSeconds: 86_400 * 365, maxDataPoints: 1e6 }, never);
    const counts = asked.map(
      ({ form }) => (Number(form.get("end")) - Number(form.get("start"))) / Number(form.get("step")) + 1,
    );
    expect(counts[0]).toBeLessThanOrEqual(101);
    expect(counts[1]).toBeLessThanOrEqual(11_000);
  });

  test("render: a short answer of very many series with nothing in them takes no memory", async () => {
    const many = Array.from({ length: 100_000 }, () => ({ metric: {}, values: [] }));
    const { source } = fake(() => success(matrix(...many)), { kind: "prometheus", stepSeconds: 1 });
    const [answer] = await source.render(["a"], { fromSeconds: 0, untilSeconds: 86_400 }, never);
    expect(answer?.fault).toMatchObject({ kind: "too-large" });
    expect(answer?.fault?.message).toMatch(/100000 series of \d+ points are too many; ask for fewer$/);
  });

  test("render: an expression that is refused, and a part that is missing, are Faults of their target", async () => {
    const { source } = fake(
      ({ form }) => {
        if (form.get("query") === "bad(")
          return Response.json(
            { status: "error", errorType: "bad_data", error: "unclosed left parenthesis" },
            { status: 400 },
          );
        if (form.get("query") === "late")
          return Response.json({ status: "error", errorType: "timeout", error: "query timed out" }, { status: 503 });
        return success(matrix(), form.get("query") === "part" ? { isPartial: true } : {});
      },
      { kind: "prometheus" },
    );
    const answers = await source.render(["ok", "bad(", "late", "part"], range, never);
    expect(answers[0]?.series).toEqual([]);
    expect(answers[1]?.fault?.message).toEndWith("it answered 400: unclosed left parenthesis");
    expect(answers[2]?.fault?.message).toEndWith("it answered 503: query timed out");
    expect(answers[3]?.fault?.message).toContain("only a part of the measurements");
  });

  test("find: names of metrics, then labels, then their values", async () => {
    const { source, asked } = fake(
      ({ path }) =>
        success(
          path.endsWith("/labels")
            ? ["__name__", "job"]
            : path.includes("/job/")
              ? ['n"1']
              : ["up", "node_load1", "node_cpu"],
        ),
      { kind: "prometheus" },
    );
    expect((await source.find("node_*", never)).map(({ id }) => id)).toEqual(["node_load1", "node_cpu"]);
    expect(await source.find("up{", never)).toEqual([{ id: "up{job=", text: "job", isLeaf: false }]);
    expect(await source.find("up{job=", never)).toEqual([{ id: 'up{job="n\\"1"}', text: 'n"1', isLeaf: true }]);
    expect(await source.find("up or vector(1){", never)).toEqual([]);
    expect(asked.at(-1)?.form.get("match[]")).toBe("up");
  });
});

describe("openMetricSource", () => {
  test("options that make no source are refused", () => {
    expect(() => openMetricSource({ kind: "store" }, { clock: systemClock })).toThrow(Fault);
    for (const url of ["", "ftp://x", "nonsense"])
      expect(() => openMetricSource({ kind: "graphite", url }, { clock: systemClock })).toThrow(
        "wanted an http or https URL",
      );
  });

  test("credentials in the address may hold any percent sign", async () => {
    const { asked, url } = fake(graphiteAnswer);
    const address = url.replace("//", "//a%zz:p%40s@");
    await openMetricSource({ kind: "graphite", url: address }, { clock: systemClock }).render(["a"], range, never);
    expect(asked[0]?.authorization).toBe(`Basic ${btoa("a%zz:p@s")}`);
  });

  test("store: a store that does not run is said", async () => {
    const source = openMetricSource({ kind: "store" }, { clock: systemClock, reach: () => undefined });
    await expect(source.render(["a"], range, never)).rejects.toThrow(
      "Cannot ask series: it does not run in this program",
    );
  });
});

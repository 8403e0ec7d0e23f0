/**
 * Measurements read through kit/metric-source from a real graphite-web and a real Prometheus.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../../src/kit/clock.ts";
import { openMetricSource } from "../../../src/kit/metric-source/open.ts";
import type { MetricSource, SourceRange } from "../../../src/kit/metric-source/source.ts";
import { graphiteWebFile, isThere, Oracle } from "./oracle.ts";
import { nowSeconds, points } from "./points.ts";
import { Prometheus, prometheusPath } from "./prometheus.ts";

const never = new AbortController().signal;

if (!isThere) {
  test("skipped: graphite-web is not installed", () => {
    console.log(`skipped: reading needs ${graphiteWebFile} (Debian's graphite-web and python3-whisper)`);
    expect(isThere).toBe(false);
  });
} else {
  describe("a real graphite-web", () => {
    let oracle: Oracle;
    let source: MetricSource;
    const range: SourceRange = { fromSeconds: nowSeconds - 900, untilSeconds: nowSeconds };
    beforeAll(async () => {
      oracle = await Oracle.start();
      // Its points are of a time that has passed; it takes parameters of its own address too.
      source = openMetricSource(
        { kind: "graphite", url: `${oracle.baseUrl}/render/?now=${nowSeconds}` },
        { clock: systemClock },
      );
    }, 180_000);
    afterAll(async () => {
      await oracle[Symbol.asyncDispose]();
    });

    test("render: each of many targets has what it has alone; one that cannot be answered says why", async () => {
      const paths = points.map(({ path }) => path).filter((path) => !path.includes(";"));
      const targets = [
        "nosuch.name",
        ...paths,
        "hosts.*.cpu",
        "nosuchfunction(a)",
        "sumSeries(hosts.*.cpu)",
        "sumSeries(",
      ];
      const answers = await source.render(targets, range, never);
      expect(answers).toHaveLength(targets.length);
      const single = await oracle.render({
        target: "hosts.*.cpu",
        format: "json",
        from: `${range.fromSeconds}`,
        until: `${nowSeconds}`,
      });
      const wanted = (await single.json()) as { target: string; datapoints: unknown }[];
      const found = answers[targets.indexOf("hosts.*.cpu")]?.series;
      expect(found?.map(({ name, points: own }) => ({ name, own }))).toEqual(
        wanted.map(({ target, datapoints }) => ({ name: target, own: datapoints })) as never,
      );
      expect(answers[0]?.series).toEqual([]);
      for (const path of paths) {
        const series = answers[targets.indexOf(path)]?.series;
        if (series && series.length > 0) expect(series.map(({ name }) => name)).toEqual([path]);
      }
      expect(answers[targets.indexOf("hosts.web1.cpu")]?.series).toHaveLength(1);
      expect(answers[targets.indexOf("sumSeries(hosts.*.cpu)")]?.series).toHaveLength(1);
      expect(answers[targets.indexOf("nosuchfunction(a)")]?.fault?.message).toContain("nosuchfunction");
      // It reads a path and leaves what follows.
      expect(answers[targets.indexOf("sumSeries(")]?.series).toEqual([]);
    }, 180_000);

    test("render: fewer points are given where fewer are asked for", async () => {
      const [answer] = await source.render(["hosts.web1.cpu", "edge.sparse"], { ...range, maxDataPoints: 5 }, never);
      expect(answer?.series?.[0]?.points.length).toBeLessThanOrEqual(5);
    });

    test("find: the nodes of a level", async () => {
      const nodes = await source.find("hosts.web1.*", never);
      expect(nodes).toContainEqual({ id: "hosts.web1.cpu", text: "cpu", isLeaf: true });
      expect(await source.find("hos*", never)).toEqual([{ id: "hosts", text: "hosts", isLeaf: false }]);
    });
  });
}

if (prometheusPath === null) {
  test("skipped: prometheus is not installed", () => {
    console.log("skipped: reading needs prometheus (Debian's package)");
    expect(prometheusPath).toBe(null);
  });
} else {
  describe("a real Prometheus", () => {
    let prometheus: Prometheus;
    let folder: string;
    let source: MetricSource;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "warren-prometheus-"));
      prometheus = await Prometheus.start(folder, { words: ["--web.enable-remote-write-receiver"] });
      // Until it scrapes itself for the first time takes it seconds, and more on a busy machine.
      const atSeconds = Math.floor(Date.now() / 1000) - 2;
      const labels = "instance=pushed;job=own";
      await prometheus.push([
        { path: `up;${labels}`, value: 1, atSeconds },
        { path: `prometheus_build_info;${labels}`, value: 1, atSeconds },
      ]);
      source = openMetricSource(
        { kind: "prometheus", url: prometheus.baseUrl, stepSeconds: 1 },
        { clock: systemClock },
      );
    }, 180_000);
    afterAll(async () => {
      await prometheus.end();
      await rm(folder, { recursive: true, force: true });
    });
    const recent = (): SourceRange => {
      const now = Math.floor(Date.now() / 1000);
      return { fromSeconds: now - 60, untilSeconds: now };
    };

    test("render: expressions are answered each by itself", async () => {
      const answers = await source.render(["up", "nosuch_name", "sum(", "vector(7)"], recent(), never);
      expect(answers[0]?.series?.[0]?.tags.job).toBe("own");
      expect(answers[0]?.series?.[0]?.points.some(([value]) => value === 1)).toBe(true);
      expect(answers[1]?.series).toEqual([]);
      expect(answers[2]?.fault?.message).toContain("parse error");
      expect(answers[3]?.series?.[0]?.points.at(-1)?.[0]).toBe(7);
      expect(answers[3]?.series?.[0]?.name).toBe("vector(7)");
    }, 180_000);

    test("find: names, labels, values", async () => {
      expect((await source.find("prometheus_build_*", never)).map(({ id }) => id)).toEqual(["prometheus_build_info"]);
      expect((await source.find("up{", never)).map(({ text }) => text)).toEqual(["instance", "job"]);
      expect(await source.find("up{job=", never)).toEqual([{ id: 'up{job="own"}', text: "own", isLeaf: true }]);
    });
  });
}

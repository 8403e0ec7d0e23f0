/**
 * A real VictoriaMetrics (Debian's package) beside Warren: series hands on to it by remote write and by Graphite's lines,
 * measurements are read back from it, and Hound watches what lies there.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../../src/kit/clock.ts";
import { openMetricSource } from "../../../src/kit/metric-source/open.ts";
import { startChild, until } from "../../../src/kit/testing/child-node.ts";
import { freePorts } from "../../../src/kit/testing/free-port.ts";

setDefaultTimeout(180_000);

const path = Bun.which("victoria-metrics", { PATH: `${process.env.PATH ?? ""}:/usr/bin` });
if (path === null) console.log("skipped: VictoriaMetrics is not installed (Debian's victoria-metrics)");

interface Victoria extends AsyncDisposable {
  url: string;
  graphite: string;
}

/** Starts one in a folder of its own. What was just written can be asked for at once, not after its usual 30 s. */
async function startVictoria(): Promise<Victoria> {
  const folder = await mkdtemp(join(tmpdir(), "warren-victoria-"));
  const [port, graphitePort] = freePorts(2);
  const url = `http://127.0.0.1:${port}`;
  const child = Bun.spawn(
    [
      path ?? "victoria-metrics",
      `-storageDataPath=${join(folder, "data")}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      `-graphiteListenAddr=127.0.0.1:${graphitePort}`,
      "-search.latencyOffset=0s",
      "-loggerLevel=ERROR",
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  await until("VictoriaMetrics is there", async () => {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    return answer?.ok;
  });
  return {
    url,
    graphite: `127.0.0.1:${graphitePort}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

test.skipIf(path === null)(
  "series: what it takes is in VictoriaMetrics, by both ways, and is read from there",
  async () => {
    await using victoria = await startVictoria();
    await using node = await startChild({
      config: `[series]\nremote_write = ["${victoria.url}/api/v1/write"]\nremote_write_names = "as-is"\nforward = ["${victoria.graphite}"]\nhost_metrics = false\nown_metrics = false\n`,
    });
    const nowSeconds = Math.floor(systemClock.now() / 1000);
    const lines = `shop.orders;host=web1 7 ${nowSeconds - 20}\nshop.orders;host=web1 9 ${nowSeconds - 10}\n`;
    const written = await fetch(`${node.url}/series/write`, { method: "POST", body: lines });
    expect(await written.json()).toMatchObject({ accepted: 2, bad: 0 });

    const source = openMetricSource({ kind: "prometheus", url: victoria.url, stepSeconds: 5 }, { clock: systemClock });
    const range = () => ({ fromSeconds: nowSeconds - 60, untilSeconds: Math.floor(systemClock.now() / 1000) });
    const never = new AbortController().signal;
    const target = '{__name__="shop.orders"}';
    const series = await until("both ways have arrived", async () => {
      const [answer] = await source.render([target], range(), never);
      const values = answer?.series?.[0]?.points.map(([value]) => value) ?? [];
      return values.includes(7) && values.includes(9) ? answer?.series : undefined;
    });
    // One name and one set of tags, whichever way a point took.
    expect(series.map(({ tags }) => tags)).toEqual([expect.objectContaining({ host: "web1" })]);

    const [none, wrong] = await source.render(["nosuch_name", "sum("], range(), never);
    expect([none?.series, wrong?.fault?.kind]).toEqual([[], "invalid"]);
    const found = await until("its name is found", async () => {
      const names = await source.find("shop*", never);
      return names.length > 0 && names;
    });
    expect(found.map(({ text }) => text)).toEqual(["shop.orders"]);
  },
);

test.skipIf(path === null)("hound: of two rules over VictoriaMetrics one is good and one fails", async () => {
  await using victoria = await startVictoria();
  await using node = await startChild({
    words: ["hound"],
    config: `[hound]
source = "prometheus"
url = "${victoria.url}"
check_interval = "1s"
window = "2m"
[[hound.rules]]
name = "Queue"
target = "shop_queue"
above = 100
[[hound.rules]]
name = "Stock"
target = 'shop_stock{of="pens"}'
below = 5
`,
  });
  await until(
    "both are judged",
    async () => {
      const body = 'shop_queue 250\nshop_stock{of="pens"} 40\n';
      await fetch(`${victoria.url}/api/v1/import/prometheus`, { method: "POST", body });
      const answer = await fetch(`${node.url}/api/standings`);
      const { standings } = (await answer.json()) as { standings: { name: string; state: string }[] };
      const states = standings.map(({ name, state }) => `${name} ${state}`).sort();
      return states.join() === "Queue Failed,Stock OK";
    },
    120_000,
  );
});

/**
 * series between real peers: Prometheus writes into it, it hands on to a Prometheus that takes remote write and to a carbon,
 * and what they were away for is caught up with.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { WhisperFile } from "../../../src/lib/whisper/whisper.ts";
import { Carbon, carbonPath } from "./carbon.ts";
import { Prometheus, prometheusPath } from "./prometheus.ts";

const nowSeconds = () => Math.floor(Date.now() / 1000);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-peers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function startNode(name: string, settings: string): Promise<ChildNode> {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  return startChild({ folder: home, config: `[series]\n${settings}\n` });
}

async function write(node: ChildNode, lines: string): Promise<void> {
  const answer = await fetch(`${node.url}/series/write`, { method: "POST", body: lines });
  expect(await answer.json()).toMatchObject({ bad: 0 });
}

async function valuesOf(node: ChildNode, target: string): Promise<[string, number | undefined][]> {
  const body = new URLSearchParams({ target, from: "-2min", format: "json" });
  const answer = await fetch(`${node.url}/series/render`, { method: "POST", body });
  const found = (await answer.json()) as { target: string; datapoints: [number | null, number][] }[];
  return found.map(({ target: name, datapoints }) => [
    name,
    datapoints.findLast(([value]) => value !== null)?.[0] ?? undefined,
  ]);
}

if (prometheusPath === null) {
  test("skipped: prometheus is not installed", () => {
    console.log("skipped: series between peers needs prometheus (Debian's package)");
    expect(prometheusPath).toBe(null);
  });
} else {
  describe("a real Prometheus", () => {
    test("writes into series, which answers by tags", async () => {
      const node = await startNode("taking", "");
      const home = await mkdtemp(join(folder, "writer-"));
      const prometheus = await Prometheus.start(home, {
        configuration: `remote_write: [{url: "${node.url}/series/api/v1/write", queue_config: {batch_send_deadline: 1s}}]\n`,
      });
      try {
        // It begins to scrape seconds after it is ready, and more on a busy machine.
        await until(
          "its own state is here",
          async () => {
            const values = await valuesOf(node, "seriesByTag('name=up','job=own')");
            return values.some(([, value]) => value === 1);
          },
          120_000,
        );
        const name = await until("so is its build", async () => {
          const [found] = await valuesOf(node, "seriesByTag('name=prometheus_build_info')");
          return found?.[0];
        });
        expect(name).toMatch(/^prometheus_build_info;.*;version=/);
      } finally {
        await prometheus.end();
        await node.end();
      }
    }, 180_000);

    test("takes what series hands on, also what it missed", async () => {
      const home = await mkdtemp(join(folder, "receiver-"));
      const words = ["--web.enable-remote-write-receiver"];
      let prometheus = await Prometheus.start(home, { words });
      const { port } = prometheus;
      const url = `${prometheus.baseUrl}/api/v1/write`;
      const node = await startNode("giving", `remote_write = ["${url}"]\nhost_metrics = false\nown_metrics = false`);
      try {
        await write(node, `shop.orders;dc=north 7 ${nowSeconds()}\n`);
        await until("it is there", async () => {
          const [found] = await prometheus.query('shop_orders{dc="north"}');
          return found?.value[1] === "7";
        });
        await prometheus.end();
        await write(node, `shop.orders;dc=north 7 ${nowSeconds()}\nshop.missed 9 ${nowSeconds()}\n`);
        const status = async () =>
          (
            (await (await fetch(`${node.url}/series/status.json`)).json()) as {
              forwards: { isUp: boolean; waitingBytes: number; refusals: { points: number } }[];
            }
          ).forwards[0];
        await until("it is seen to be away", async () => (await status())?.isUp === false);
        prometheus = await Prometheus.start(home, { words, port });
        await until(
          "what it missed is there",
          async () => (await prometheus.query("shop_missed"))[0]?.value[1] === "9",
          120_000,
        );
        await until("nothing waits", async () => (await status())?.waitingBytes === 0);
        expect((await status())?.refusals.points).toBe(0);
      } finally {
        await prometheus.end();
        await node.end();
      }
    }, 180_000);
  });
}

if (!existsSync(carbonPath)) {
  test("skipped: carbon is not installed", () => {
    console.log(`skipped: handing on needs ${carbonPath} (Debian's graphite-carbon)`);
    expect(existsSync(carbonPath)).toBe(false);
  });
} else {
  /** Of a file with a minute's points of a day, as this carbon makes them: a header, one archive, and its points. */
  const wholeBytes = 16 + 12 + 1440 * 12;
  for (const protocol of ["line", "pickle"] as const) {
    test(`a real carbon takes what series hands on by ${protocol}, and nothing is kept where it is not to be`, async () => {
      await using carbon = await Carbon.start(await mkdtemp(join(folder, "carbon-")));
      const port = protocol === "line" ? carbon.linePort : carbon.picklePort;
      const settings = `forward = ["127.0.0.1:${port}"]\nforward_protocol = "${protocol}"\nkeep = false\nhost_metrics = false\nown_metrics = false`;
      const node = await startNode(`carbon-${protocol}`, settings);
      try {
        const at = nowSeconds();
        await write(node, `shop.orders 5 ${at}\nshop.orders 6 ${at - 60}\n`);
        const values = await until("carbon has written them", async () => {
          const path = join(carbon.whisperFolder, "shop", "orders.wsp");
          // It may be in the middle of making it.
          if (!existsSync(path) || statSync(path).size < wholeBytes) return undefined;
          const found = new WhisperFile(await Bun.file(path).bytes()).points(0);
          return found.values.length === 2 ? [...found.values] : undefined;
        });
        expect(values.sort()).toEqual([5, 6]);
        expect(await (await fetch(`${node.url}/series/metrics/index.json`)).json()).toEqual([]);
      } finally {
        await node.end();
      }
    }, 180_000);
  }
}

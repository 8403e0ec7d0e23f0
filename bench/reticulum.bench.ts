/**
 * Images: sizes nobody asked for before, beside the bare call of the same library in a process of its own and beside
 * nginx's image filter; sizes that are ready, beside nginx's static files; one new size asked for by a hundred at once; and
 * three hundred cold images at once. All in the same run, in turns.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild } from "../src/kit/testing/child-node.ts";
import { forgetPeak, medianOf, mustHave, peakBytes, pin, residentBytes, spreadText } from "./measure.ts";
import { imageFilterModule, startNginx } from "./nginx.ts";
import { numbered, photo } from "./photos.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";
import { askForAll } from "./reticulum-load.ts";
import { wrkGet } from "./wrk.ts";

const clients = 4;
const specs = [
  { spec: "750w", width: 750, height: 563, cover: false },
  { spec: "100s", width: 100, height: 100, cover: true },
];
const amounts: Record<Effort, { photos: number; turns: number; burst: number; seconds: number }> = {
  smoke: { photos: 4, turns: 1, burst: 8, seconds: 1 },
  quick: { photos: 60, turns: 3, burst: 100, seconds: 1 },
  full: { photos: 120, turns: 7, burst: 300, seconds: 3 },
};

/** Measures throughput, latency and memory. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("nginx", "wrk");
  const { photos, turns, burst, seconds } = amounts[effort];
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const files = join(folder, "files");
  mkdirSync(files);
  try {
    await using node = await startChild({ folder: mkdtempSync(join(folder, "node-")) });
    await using filter = await startNginx(join(folder, "filter"), files, false, imageFilters());
    await using nginx = await startNginx(join(folder, "plain"), files, false);
    await using bare = await startBareSharp();
    const picture = await photo(2000, 1500);
    const fresh = async (count: number): Promise<{ names: string[]; hashes: string[] }> => {
      const names: string[] = [];
      const hashes: string[] = [];
      for (let at = 0; at < count; at++) {
        const bytes = numbered(picture, crypto.randomUUID());
        const name = `${crypto.randomUUID()}.jpg`;
        await Bun.write(join(files, name), bytes);
        names.push(name);
        hashes.push(await uploaded(node.url, bytes));
      }
      return { names, hashes };
    };

    const cold: BenchTable["rows"] = [];
    for (const { spec, width, height, cover } of specs) {
      const rates = { warren: [] as number[], "sharp, bare": [] as number[], "nginx image_filter": [] as number[] };
      const latencies: number[] = [];
      for (let turn = -1; turn < turns; turn++) {
        const { names, hashes } = await fresh(turn < 0 ? clients : photos);
        const servers: [keyof typeof rates, () => Promise<number>][] = [
          [
            "warren",
            async () => {
              const paths = hashes.map((hash) => `/reticulum/image/${hash}/${spec}/image.jpg`);
              const { seconds: took, medianMs } = await askForAll(node.url, paths, clients);
              if (turn >= 0) latencies.push(medianMs);
              return took;
            },
          ],
          [
            "sharp, bare",
            () => bare({ files: names.map((name) => join(files, name)), width, height, cover, quality: 80, clients }),
          ],
          [
            "nginx image_filter",
            async () => {
              const paths = names.map((name) => `/${spec}/${name}`);
              return (await askForAll(filter.url, paths, clients)).seconds;
            },
          ],
        ];
        // Whoever goes first finds the machine as it is: each in its turn.
        const first = Math.abs(turn) % servers.length;
        for (const [name, measure] of [...servers.slice(first), ...servers.slice(0, first)]) {
          const took = await measure();
          if (turn >= 0) rates[name].push(names.length / took);
        }
      }
      for (const [server, measured] of Object.entries(rates)) {
        const ratio = medianOf(measured.map((rate, turn) => (rates.warren[turn] ?? Number.NaN) / rate));
        const goal = server === "sharp, bare" ? 0.9 : 1;
        cold.push({
          size: spec,
          server,
          "images/s": medianOf(measured).toFixed(1),
          spread: spreadText(measured),
          "median ms": server === "warren" ? medianOf(latencies).toFixed(0) : "",
          "warren / it": server === "warren" ? "" : ratio.toFixed(2),
          goal: server === "warren" ? "" : verdict(ratio >= goal, String(goal)),
        });
      }
    }

    const ready: BenchTable["rows"] = [];
    const [hash = ""] = (await fresh(1)).hashes;
    pin(node.pid, 0);
    for (const { spec } of specs) {
      const url = `${node.url}/reticulum/image/${hash}/${spec}/image.jpg`;
      const bytes = await (await fetch(url)).bytes();
      await Bun.write(join(files, `ready-${spec}.jpg`), bytes);
      const rates = { warren: [] as number[], nginx: [] as number[] };
      for (let turn = -1; turn < turns; turn++) {
        for (const [server, at] of [
          ["warren", url],
          ["nginx", `${nginx.url}/ready-${spec}.jpg`],
        ] as const) {
          const { rate } = await wrkGet(at, turn < 0 ? 1 : seconds);
          if (turn >= 0) rates[server].push(rate);
        }
      }
      const ratio = medianOf(rates.nginx.map((rate, turn) => (rates.warren[turn] ?? Number.NaN) / rate));
      for (const server of ["warren", "nginx"] as const) {
        ready.push({
          size: `${spec}, ${sizeText(bytes.length)}`,
          server,
          "requests/s": medianOf(rates[server]).toFixed(0),
          spread: spreadText(rates[server]),
          "warren / it": server === "warren" ? "" : ratio.toFixed(2),
          goal: server === "warren" ? "" : verdict(ratio >= 0.6, "0.6"),
        });
      }
    }

    const doneBefore = (await statistics(node)).done;
    const asked = Array.from({ length: 100 }, () => fetch(`${node.url}/reticulum/image/${hash}/751w/image.jpg`));
    const statuses = await Promise.all(asked.map(async (answer) => (await answer).status));
    const decodes = (await statistics(node)).done - doneBefore;

    const { hashes } = await fresh(burst);
    const rest = memoryOf(node);
    for (const pid of [node.pid, ...childrenOf(node.pid)]) forgetPeak(pid);
    const answers = await Promise.all(
      hashes.map(async (each) => {
        const answer = await fetch(`${node.url}/reticulum/image/${each}/750w/image.jpg`);
        await answer.arrayBuffer();
        return answer.status;
      }),
    );
    const served = answers.filter((status) => status === 200).length;
    const refused = answers.filter((status) => status === 503).length;
    const peak = peakBytes(node.pid);
    const peakAll = [node.pid, ...childrenOf(node.pid)].reduce((sum, pid) => sum + peakBytes(pid), 0);
    return [
      {
        title: `New sizes of a JPEG of 2000 by 1500 (${sizeText(picture.length)}), ${clients} clients`,
        rows: cold,
        notes: [
          `Medians of ${turns} turns of ${photos} images each, all different; the ratio is the median of the ratios of each turn.`,
          "Bare: the same library, version and settings in a process of its own, 4 calls at once, which reads files and keeps nothing. nginx: image_filter with jpeg quality 80, one worker per core; it keeps nothing either. Warren also verifies the original's hash and keeps the result. It and nginx are asked by wrk, over 4 connections.",
        ],
      },
      {
        title: "Sizes that are ready, 32 connections",
        rows: ready,
        notes: ["Server on core 0, wrk on core 1. nginx: one worker, sendfile, static file of the same bytes."],
      },
      {
        title: "All at once",
        rows: [
          {
            load: "100 clients ask for one new size",
            "served with 200": statuses.filter((status) => status === 200).length,
            "refused with 503": statuses.filter((status) => status === 503).length,
            failed: statuses.filter((status) => status !== 200 && status !== 503).length,
            decodes,
            goal: verdict(decodes === 1, "1 decode"),
          },
          {
            load: `${burst} different cold images`,
            "served with 200": served,
            "refused with 503": refused,
            failed: answers.length - served - refused,
            "peak memory, node": sizeText(peak),
            "with its decoders": sizeText(peakAll),
            "before, all": sizeText(rest),
            goal: verdict(served + refused === answers.length, "no other failure"),
          },
        ],
        notes: [],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** nginx's own way to the same sizes. */
function imageFilters() {
  const filter = (spec: string, rules: string) =>
    `location /${spec}/ { rewrite ^/${spec}/(.*)$ /$1 break; ${rules} image_filter_buffer 20M; image_filter_jpeg_quality 80; }`;
  return {
    modules: [imageFilterModule],
    workers: 2,
    locations: [filter("750w", "image_filter resize 750 -;"), filter("100s", "image_filter crop 100 100;")],
  };
}

async function uploaded(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const response = await fetch(`${url}/reticulum/`, {
    method: "PUT",
    body: bytes,
    headers: { "Content-Type": "image/jpeg" },
  });
  if (!response.ok) throw new Error(`The node answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { hash: string }).hash;
}

async function statistics(node: ChildNode): Promise<{ done: number }> {
  const { engine } = (await (await fetch(`${node.url}/reticulum/stats.json`)).json()) as { engine: { done: number } };
  return engine;
}

type Order = Record<string, unknown>;

/** The bare call in its own process; what is returned takes an order and resolves to how long it took. */
async function startBareSharp(): Promise<((order: Order) => Promise<number>) & AsyncDisposable> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "bare-sharp.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: { PATH: process.env.PATH ?? "", UV_THREADPOOL_SIZE: String(clients) },
  });
  const reader = child.stdout.getReader();
  const order = async (wanted: Order): Promise<number> => {
    child.stdin.write(`${JSON.stringify(wanted)}\n`);
    await child.stdin.flush();
    const { value } = await reader.read();
    if (value === undefined) throw new Error("The process with the bare call has ended");
    return (JSON.parse(new TextDecoder().decode(value)) as { seconds: number }).seconds;
  };
  return Object.assign(order, {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  });
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function memoryOf(node: ChildNode): number {
  return [node.pid, ...childrenOf(node.pid)].reduce((sum, pid) => sum + residentBytes(pid), 0);
}

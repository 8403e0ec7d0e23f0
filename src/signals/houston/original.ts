/**
 * The predecessor's configuration and its page: CPU, memory, disk and network of each server, nginx, Riak, and requests,
 * errors and times of each app, every graph for a day and for a week. The graphs that it had in its code are a dashboard
 * here, written with parents as its own configuration file once planned.
 */
import { z } from "zod";

import { fromGoFlags } from "../../kit/config/go-flags.ts";
import { readToml } from "../../kit/config/toml-file.ts";
import { Fault } from "../../kit/fault.ts";
import type { WrittenDashboard, WrittenGraph } from "./written.ts";

/** What the predecessor's file says. */
export interface OriginalFile {
  readonly port: string;
  readonly mediaFolder: string;
  /** Ends with a slash; empty when the file names none. */
  readonly graphiteBase: string;
  readonly servers: readonly string[];
  readonly apps: readonly string[];
}

const shape = z.object({
  port: z.union([z.string(), z.number().int()]).default("8888"),
  media_dir: z.string().default("static"),
  graphite_base: z.string().default(""),
  servers: z.string().default(""),
  apps: z.string().default(""),
  template: z.string().default("index.html"),
});

/** Reads the predecessor's file. Fault `houston/original` with all that is wrong. */
export async function readOriginal(text: string, path: string): Promise<OriginalFile> {
  const { entries, mistakes } = await readToml(text);
  const wrong = mistakes.map(({ line, message }) => `line ${line}: ${message}`);
  const parsed = shape.safeParse(
    Object.fromEntries(entries.filter(({ section }) => section === "").map(({ key, value }) => [key, value])),
  );
  if (!parsed.success) {
    for (const { message, path: keys } of parsed.error.issues) {
      const line = entries.find(({ key }) => key === keys[0])?.line;
      wrong.push(`line ${line ?? 1}, ${keys.join(".")}: ${message}`);
    }
  }
  if (wrong.length > 0 || !parsed.data)
    throw new Fault(
      "invalid",
      "houston/original",
      `Cannot use "${path}", which original in [houston] names: ${wrong.join("; ")}`,
    );
  const { apps, graphite_base: graphiteBase, media_dir: mediaFolder, port, servers } = parsed.data;
  return { port: String(port), mediaFolder, graphiteBase, servers: listOf(servers), apps: listOf(apps) };
}

/** Comma between, blanks kept as they are: so it read its names. Nothing between two commas is nobody. */
function listOf(text: string): string[] {
  return text.split(",").filter((name) => name !== "");
}

const look = {
  _salt: "1369503684.499",
  bgcolor: "FFFFFF",
  colorList: "#999999,#006699",
  hideGrid: true,
  hideLegend: true,
  hideAxes: true,
  graphOnly: true,
};
const graphs: Record<string, WrittenGraph> = {
  day: { attrs: look },
  week: { attrs: { from: "-7days", height: 50, colorList: "#cccccc,#6699cc", bgcolor: "#eeeeee" } },
  server: { parents: ["day"], attrs: { width: 300, height: 100 } },
  app: { parents: ["day"], attrs: { width: 400, height: 100, yMin: 0, lineMode: "connected" } },
  wide: {
    parents: ["day"],
    attrs: { width: 1200, height: 100, lineMode: "connected", drawNullAsZero: "True" },
  },
  percent: {
    parents: ["server"],
    unit: "percent",
    attrs: { yMin: 0, yMax: 100, lineMode: "staircase", areaMode: "first" },
  },
  cpu: {
    title: "CPU of $1",
    parents: ["server"],
    targets: ["server.$1.cpu.load_average.1_minute", "constantLine(1)"],
    attrs: { yMin: 0, areaMode: "first" },
  },
  memory: {
    title: "Memory of $1",
    parents: ["percent"],
    targets: ["server.$1.memory.MemFree.percent", "constantLine(10)"],
  },
  disk: {
    title: "Disk of $1",
    parents: ["percent"],
    targets: ["asPercent(server.$1.disk.usage.available,server.$1.disk.usage.total)", "constantLine(10)"],
  },
  network: {
    title: "Network of $1",
    parents: ["server"],
    targets: [
      "nonNegativeDerivative(server.$1.network.eth0.receive.byte_count)",
      "nonNegativeDerivative(server.$1.network.eth0.transmit.byte_count)",
    ],
  },
  requests: {
    title: "Requests of $1",
    parents: ["app"],
    targets: ['hitcount(stats_counts.$1.response.200,"10s")'],
  },
  errors: {
    title: "500s of $1",
    parents: ["app"],
    targets: ["stats_counts.$1.response.500"],
    attrs: { drawNullAsZero: "True" },
  },
  times: {
    title: "Times of $1",
    parents: ["app"],
    unit: "milliseconds",
    targets: [
      "keepLastValue(stats.timers.$1.view.GET.mean)",
      "keepLastValue(stats.timers.$1.view.GET.upper_90)",
      "constantLine(100)",
    ],
  },
  nginx: { title: "Nginx", parents: ["wide"], targets: ["nonNegativeDerivative(keepLastValue(nginx.*.requests))"] },
  riak: { title: "Riak", parents: ["wide"], targets: ["riak_stats.*.node_gets.count", "riak_stats.*.node_puts.count"] },
};

/** The predecessor's page as a dashboard. */
export function originalDashboard({ apps, servers }: Pick<OriginalFile, "apps" | "servers">): WrittenDashboard {
  const kinds = { server: ["cpu", "memory", "disk", "network"], app: ["requests", "errors", "times"] };
  const weeks = [...kinds.server, ...kinds.app, "nginx"].map((name) => {
    const title = `${graphs[name]?.title ?? name}, week`;
    const graph: WrittenGraph = { title, parents: [name, "week"] };
    return [`${name}_week`, graph] as const;
  });
  const both = (names: readonly string[]) => [...names, ...names.map((name) => `${name}_week`)];
  return {
    title: "Houston",
    range: "-24h",
    variables: {
      ...(servers.length > 0 ? { server: { label: "Server", values: [...servers] } } : {}),
      ...(apps.length > 0 ? { app: { label: "App", values: [...apps] } } : {}),
    },
    graphs: { ...graphs, ...Object.fromEntries(weeks) },
    sections: [
      ...(servers.length > 0 ? [{ label: "$server", each: "server", graphs: both(kinds.server) }] : []),
      { label: "Nginx", graphs: both(["nginx"]) },
      { label: "Riak", graphs: ["riak"] },
      ...(apps.length > 0 ? [{ label: "$app", each: "app", graphs: both(kinds.app) }] : []),
    ],
  };
}

/**
 * The predecessor's `-config` as our own flags. Its file says where it listened, so that is looked up there; a file that
 * cannot be read is told of when the service starts.
 */
export function originalFlags(words: readonly string[], read: (path: string) => string): string[] {
  return fromGoFlags(words, {
    config: (path) => {
      const listen = words.some((word) => /^--listen(?:=|$)/.test(word)) ? undefined : portIn(path, read);
      return ["--original", path, ...(listen === undefined ? [] : ["--listen", `0.0.0.0:${listen}`])];
    },
  }).words;
}

function portIn(path: string, read: (path: string) => string): string | undefined {
  try {
    return /^\s*port\s*=\s*["']?(\d{1,5})["']?\s*(?:#.*)?$/m.exec(read(path))?.[1] ?? "8888";
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) return undefined;
    throw thrown;
  }
}

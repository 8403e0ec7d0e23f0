/**
 * The one table of services. Nothing is loaded until it is wanted: `warren help` knows what there is, a command loads
 * only what it runs. Also the front page, and the demonstration, which stand above any single service.
 */
import type { FrontParts, NodeParts } from "./kit/node.ts";
import type { ServiceEntry } from "./kit/service.ts";

/** Every service there is, in the order in which they are started and shown. */
export const services: readonly ServiceEntry[] = [
  {
    name: "cask",
    group: "storage",
    summary: "keeps files under the hash of their content, with copies on several machines",
    byDefault: true,
    load: async () => (await import("./storage/cask/service.ts")).cask,
  },
  {
    name: "hakmes",
    group: "storage",
    summary: "keeps files of any length, in chunks that are stored once",
    byDefault: true,
    load: async () => (await import("./storage/hakmes/service.ts")).hakmes,
  },
  {
    name: "reticulum",
    group: "storage",
    summary: "keeps images and serves them in any size",
    byDefault: true,
    load: async () => (await import("./storage/reticulum/service.ts")).reticulum,
  },
  {
    name: "series",
    group: "signals",
    summary: "keeps metrics, and answers as Graphite does",
    byDefault: true,
    load: async () => (await import("./signals/series/service.ts")).series,
  },
  {
    name: "statsd",
    group: "signals",
    summary: "takes counts, timings and gauges, and sends them on as figures",
    byDefault: true,
    load: async () => (await import("./signals/statsd/service.ts")).statsd,
  },
  {
    name: "chimney",
    group: "signals",
    summary: "asks applications how they are, and waits for the heartbeats of cron jobs",
    byDefault: true,
    load: async () => (await import("./signals/chimney/service.ts")).chimney,
  },
  {
    name: "mountwatch",
    group: "signals",
    summary: "asks disks how they are: mounted, answering, writable, with room left",
    byDefault: true,
    load: async () => (await import("./signals/mountwatch/service.ts")).mountwatch,
  },
  {
    name: "hound",
    group: "signals",
    summary: "watches measurements, and tells people when they are not as they should be",
    byDefault: true,
    load: async () => (await import("./signals/hound/service.ts")).hound,
  },
  {
    name: "houston",
    group: "signals",
    summary: "shows metrics as dashboards, and checks as a status page",
    byDefault: true,
    load: async () => (await import("./signals/houston/service.ts")).houston,
  },
  {
    name: "mediacheck",
    group: "signals",
    summary: "looks whether web pages have all they ask for",
    byDefault: true,
    load: async () => (await import("./signals/mediacheck/service.ts")).mediacheck,
  },
  {
    name: "windsock",
    group: "wires",
    summary: "pushes messages to browsers over websockets, with a broker for back ends",
    byDefault: true,
    load: async () => (await import("./wires/windsock/service.ts")).windsock,
  },
  {
    name: "fitor",
    group: "wires",
    summary: "stands in IRC channels, and passes on what is said there and in browsers",
    byDefault: true,
    load: async () => (await import("./wires/fitor/service.ts")).fitor,
  },
  {
    name: "cbp",
    group: "wires",
    summary: "guards connections: a TCP proxy that stops trying what fails",
    byDefault: true,
    load: async () => (await import("./wires/cbp/service.ts")).cbp,
  },
];

/** Loads what answers at `/`: the console. */
export async function loadFront(): Promise<NonNullable<NodeParts["front"]>> {
  const { createConsole } = await import("./ops/console/console.ts");
  const { consoleView } = await import("./ops/console/node-view.ts");
  return ({ node, events, shell, clock, log }: FrontParts) =>
    createConsole({ view: () => consoleView(node, clock), events, shell, clock, log });
}

/** Loads the demonstration of a cluster. */
export const loadDemo = () => import("./storage/cask/demo.ts");

/** Loads the verb that sends metrics. */
export const loadStats = () => import("./signals/statsd/commands-stats.ts");

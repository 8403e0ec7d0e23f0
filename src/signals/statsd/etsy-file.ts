/**
 * Etsy's configuration file: a JavaScript object, with comments, single quotes and bare keys. It is read as data (JSON5),
 * never run; what only code could say is an error that names the place. A key has Etsy's default when it is absent, so the
 * file alone decides all that it can say; limits, spool and the ways out that Etsy had not are this program's options.
 */
import JSON5 from "json5";
import { z } from "zod";

import { reasonOf } from "../../kit/fault.ts";
import type { GraphiteTarget, StatsdSettings } from "./settings.ts";
import type { RepeatTarget } from "./repeater.ts";

const port = z.coerce.number().int().min(0).max(65535);
const text = z.string();
const flag = z.boolean();
const server = {
  server: text,
  port,
  address: text,
  address_ipv6: flag,
  socket: text,
  socket_mod: z.union([z.string(), z.number()]),
};

const known = z
  .object({
    ...server,
    servers: z.array(z.object(server).partial()),
    mgmt_port: port,
    mgmt_address: text,
    backends: z.array(text),
    graphiteHost: text,
    graphitePort: port.min(1),
    graphitePicklePort: port.min(1),
    graphiteProtocol: z.enum(["text", "pickle"]),
    flushInterval: z.coerce.number().min(10).max(86_400_000),
    percentThreshold: z.union([z.coerce.number(), z.array(z.coerce.number())]),
    flush_counts: flag,
    prefixStats: text,
    deleteIdleStats: flag,
    deleteCounters: flag,
    deleteTimers: flag,
    deleteSets: flag,
    deleteGauges: flag,
    gaugesMaxTTL: z.number(),
    keyNameSanitize: flag,
    graphite: z
      .object({
        legacyNamespace: flag,
        globalPrefix: text,
        prefixCounter: text,
        prefixTimer: text,
        prefixGauge: text,
        prefixSet: text,
        globalSuffix: text,
      })
      .partial(),
    histogram: z.array(z.object({ metric: text, bins: z.array(z.union([z.number(), z.literal("inf")])) })),
    calculatedTimerMetrics: z.unknown(),
    repeater: z.array(z.object({ host: text, port: port.min(1) })),
    repeaterProtocol: z.enum(["udp4", "udp6", "tcp"]),
    healthStatus: text,
    dumpMessages: flag,
    debug: flag,
    automaticConfigReload: flag,
    // Those of the cluster proxy.
    nodes: z.array(z.object({ host: text, port: port.min(1), adminport: port.min(1) })),
    host: text,
    udp_version: z.enum(["udp4", "udp6"]),
    checkInterval: z.coerce.number().min(10).max(86_400_000),
    forkCount: z.union([z.literal("auto"), z.coerce.number()]),
  })
  .partial();

type EtsyConfig = z.infer<typeof known>;

/** Keys that Etsy has and that mean nothing here. */
const withoutEffect = new Set(["title", "log", "console", "keyFlush", "cacheSize"]);

/** What a file says, and keys in it that are nobody's. */
export interface EtsyFile {
  readonly config: EtsyConfig;
  readonly unknown: readonly string[];
}

/** Reads the text of a file. SyntaxError: it is no object of plain values, or a value is none that Etsy took. */
export function readEtsyFile(content: string): EtsyFile {
  let raw: unknown;
  try {
    raw = JSON5.parse(content.replace(/^\uFEFF/, "").replace(/[;\s]+$/, ""));
  } catch (thrown) {
    throw new SyntaxError(
      `Cannot read the configuration as an object of plain values: ${reasonOf(thrown)}; code in it is not run`,
    );
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new SyntaxError("Cannot read the configuration: wanted an object in braces");
  }
  const read = known.safeParse(raw);
  if (!read.success) {
    const all = read.error.issues.slice(0, 10).map((issue) => `${issue.path.join(".") || "it"}: ${issue.message}`);
    throw new SyntaxError(`Cannot read the configuration: ${all.join("; ")}`);
  }
  const names = Object.keys(known.shape);
  return {
    config: read.data,
    unknown: Object.keys(raw).filter((key) => !names.includes(key) && !withoutEffect.has(key)),
  };
}

/** The settings that a file means; `own` gives what it cannot say. */
export function etsySettings(config: EtsyConfig, own: StatsdSettings): StatsdSettings {
  const backends = new Set(
    (config.backends ?? ["graphite"]).map((name) => /([a-z]+)(?:\.js)?$/i.exec(name)?.[1] ?? name),
  );
  const { graphite: names = {} } = config;
  const deletes = (one: boolean | undefined) => one ?? config.deleteIdleStats ?? false;
  const idle = (isDeleted: boolean) => (isDeleted ? 0 : Number.POSITIVE_INFINITY);
  const gaugeFlushes = Math.max(1, Number.isInteger(config.gaugesMaxTTL) ? (config.gaugesMaxTTL ?? 1) : 1) - 1;
  const percentiles = config.percentThreshold ?? 90;
  return {
    ...own,
    ...serversOf(config),
    reading: { ...own.reading, grammar: "etsy", sanitize: config.keyNameSanitize ?? true },
    naming: {
      ...own.naming,
      style: (names.legacyNamespace ?? true) ? "legacy" : "namespaced",
      prefix: names.globalPrefix ?? "stats",
      prefixCounter: names.prefixCounter ?? "counters",
      prefixTimer: names.prefixTimer ?? "timers",
      prefixGauge: names.prefixGauge ?? "gauges",
      prefixSet: names.prefixSet ?? "sets",
      suffix: names.globalSuffix ?? "",
      own: config.prefixStats ?? "statsd",
      flushCounts: config.flush_counts ?? true,
      cleans: config.keyNameSanitize === false,
    },
    timers: {
      percentiles: Array.isArray(percentiles) ? percentiles : [percentiles],
      histograms: config.histogram ?? [],
      only: Array.isArray(config.calculatedTimerMetrics) ? config.calculatedTimerMetrics.map(String) : [],
    },
    idle: {
      counters: idle(deletes(config.deleteCounters)),
      timers: idle(deletes(config.deleteTimers)),
      sets: idle(deletes(config.deleteSets)),
      gauges: deletes(config.deleteGauges) ? gaugeFlushes : Number.POSITIVE_INFINITY,
    },
    flushMs: config.flushInterval ?? 10_000,
    admin: [{ host: config.mgmt_address ?? "127.0.0.1", port: config.mgmt_port ?? 8126 }],
    graphite: backends.has("graphite") ? graphiteOf(config) : [],
    repeat: backends.has("repeater") ? repeatOf(config) : [],
    nodes: (config.nodes ?? []).map(({ adminport, ...node }) => ({ ...node, adminPort: adminport })),
    checkNodesEveryMs: config.checkInterval ?? 10_000,
    toConsole: backends.has("console"),
    health: config.healthStatus === "down" ? "down" : "up",
    dumps: config.dumpMessages ?? false,
  };
}

function graphiteOf(config: EtsyConfig): GraphiteTarget[] {
  if (config.graphiteHost === undefined) return [];
  const isPickle = config.graphiteProtocol === "pickle";
  return [
    {
      host: config.graphiteHost,
      port: isPickle ? (config.graphitePicklePort ?? 2004) : (config.graphitePort ?? 2003),
      protocol: isPickle ? "pickle" : "line",
    },
  ];
}

function repeatOf(config: EtsyConfig): RepeatTarget[] {
  const protocol = config.repeaterProtocol === "tcp" ? "tcp" : "udp";
  return (config.repeater ?? []).map(({ host, port: to }) => ({ protocol, host, port: to }));
}

function serversOf(config: EtsyConfig): Pick<StatsdSettings, "udp" | "tcp" | "unix" | "unixMode"> {
  const udp: { host: string; port: number }[] = [];
  const tcp: typeof udp = [];
  const unix: string[] = [];
  let unixMode: number | undefined;
  for (const one of config.servers ?? [config]) {
    const isTcp = /tcp(?:\.js)?$/.test(one.server ?? "");
    if (isTcp && one.socket !== undefined) {
      unix.push(one.socket);
      if (one.socket_mod !== undefined) {
        unixMode = typeof one.socket_mod === "number" ? one.socket_mod : Number.parseInt(one.socket_mod, 8);
      }
      continue;
    }
    // The example of the cluster proxy calls it host.
    const named = one.address ?? (config.nodes ? config.host : undefined);
    const isIpv6 = one.address_ipv6 ?? (config.nodes !== undefined && config.udp_version === "udp6");
    const address = { host: named ?? (isIpv6 ? "::" : "0.0.0.0"), port: one.port ?? 8125 };
    (isTcp ? tcp : udp).push(address);
  }
  return { udp, tcp, unix, unixMode };
}

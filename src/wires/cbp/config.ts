/**
 * What can be configured of cbp, said once: proxies as tables, and the numbers they get where they say nothing. One proxy
 * can also be given by flags alone, as with the predecessor, whose own flags {@link originalFlags} turns into these.
 */
import { z } from "zod";

import type { Address } from "../../kit/config/address.ts";
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { address, count, duration, file, flag, ratio, shape, text } from "../../kit/config/fields.ts";
import { breakerDefaults } from "./breaker.ts";
import { checkPlan, PlanError, plansIn, type ProxyDefaults, type ProxyPlan, refusalOf } from "./plan.ts";
import { bareEdge } from "./tls/edge-plan.ts";

const fields = {
  proxies: shape(z.array(z.record(z.string(), z.unknown())).max(1000), {
    summary:
      "The proxies: each a name, where to listen, upstreams (addresses, or tables with address, name, fallback, max_connections), and whatever differs from the numbers below. Their README names every key.",
    wanted: "tables with a name, listen and upstreams",
    default: [],
    example: [{ name: "database", listen: "127.0.0.1:6432", upstreams: ["db.example:5432"] }],
  }),
  local: address({
    summary: "Where one proxy listens that is given without a table.",
    unset: "127.0.0.1:9999 when started alone without a proxy, else none",
    example: "127.0.0.1:9999",
  }),
  remote: address({ summary: "The upstream of that one.", unset: "localhost:80", example: "localhost:80" }),
  failureRatio: ratio({ summary: "A breaker opens when so many of the tries within the window failed.", default: 0.5 }),
  minSamples: count({ summary: "But not before there were so many tries.", default: 5, min: 1, max: 1_000_000 }),
  windowMs: duration({ summary: "How far back the window reaches.", default: "10s", min: "10ms", max: "1d" }),
  windowBuckets: count({ summary: "Steps in which the window slides.", default: 10, min: 1, max: 1000 }),
  dialMs: duration({ summary: "A dial that takes longer has failed.", default: "5s", min: "1ms", max: "2m" }),
  firstByteMs: duration({
    summary:
      "An upstream whose first byte comes later than this after the client's first has failed, and the client is refused; 0s waits for ever.",
    default: "0s",
    max: "1d",
  }),
  idleMs: duration({
    summary: "Connections on which nothing moves for so long are closed; 0s leaves them.",
    default: "0s",
    max: "365d",
  }),
  keepAliveMs: duration({
    summary: "Connections older than this are asked by TCP whether their ends live, as often as this; 0s for never.",
    default: "60s",
    max: "1d",
  }),
  maxConnections: count({ summary: "Connections that a proxy serves at the same time; 0 is no limit.", default: 8000 }),
  queue: count({
    summary: "Connections beyond that, or beyond what the upstreams may have, which wait for a place.",
    default: 100,
    max: 1_000_000,
  }),
  queueWaitMs: duration({ summary: "How long they wait.", default: "5s", min: "1ms", max: "1h" }),
  refuseWith: text({
    summary: "How a client is told no: reset, close, http-503, or any other text, which is sent before the close.",
    default: "reset",
    wanted: "reset, close, http-503 or a text",
  }),
  resolveMs: duration({
    summary: "How often names of upstreams are looked up.",
    default: "30s",
    min: "1s",
    max: "30d",
  }),
  mustResolve: flag({ summary: "Refuse to start when the name of an upstream cannot be looked up." }),
  drainMs: duration({
    summary: "How long connections may go on after the program was told to stop.",
    default: "4s",
    max: "1h",
  }),
  toxics: flag({
    summary:
      "Take faults for connections over Toxiproxy's API. Whoever reaches it can make proxies to anywhere: for tests, not for what is in use.",
  }),
  toxicsListen: address({
    summary: "Where that API listens.",
    default: "127.0.0.1:8474",
  }),
  accessLog: file({
    summary: "A file that gets a line of JSON for each connection. It may be moved away at any time.",
    unset: "none",
    example: "./connections.log",
  }),
  verbose: flag({ summary: "Log connections that broke, too, not only changes of state." }),
  graphite: address({
    summary: "A Graphite to which the metrics go as lines over TCP.",
    unset: "none; the store series of this program gets them anyway",
    example: "graphite.example:2003",
  }),
  statsd: address({
    summary: "A statsd that gets the predecessor's counts, where metric_base and metric_name are set, too.",
    unset: "none",
    example: "127.0.0.1:8125",
  }),
  metricBase: text({ summary: "The first part of their names.", unset: "none" }),
  metricName: text({
    summary: "The second part; the name of the proxy follows where there are several.",
    unset: "none",
  }),
} as const;

/** The options of cbp. */
export type CbpOptions = OptionsOf<typeof fields>;

/** The numbers that a proxy gets when nobody says anything. */
export const proxyDefaults: ProxyDefaults = {
  balance: "least-connections",
  breaker: breakerDefaults,
  check: undefined,
  refusal: "reset",
  maxConnections: 8000,
  maxPerClient: 0,
  rate: 0,
  ratePerClient: 0,
  queue: 100,
  queueMs: 5000,
  dialMs: 5000,
  slowConnectMs: 0,
  firstByteMs: 0,
  idleMs: 0,
  keepAliveMs: 60_000,
  healthyBytes: 1,
  healthyMs: 1000,
  resolveMs: 30_000,
  ejectAfter: 5,
  ejectMs: 30_000,
  edge: bareEdge,
};

/** The section `[cbp]`. */
export const cbpSection = section(
  "cbp",
  "guards connections: a TCP proxy that stops trying an upstream which fails",
  fields,
  (options) => {
    const problems = nameProblems(options);
    try {
      plansOf(options, false);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      problems.push(...(thrown instanceof PlanError ? thrown.problems : [thrown.message]));
    }
    return problems;
  },
);

/** What is wrong with the names for statsd, a sentence each: anything but a name would be more than one in a datagram. */
export function nameProblems(options: Pick<CbpOptions, "metricBase" | "metricName">): string[] {
  return (["metricBase", "metricName"] as const).flatMap((key) => {
    const name = options[key];
    if (name === undefined || /^[^\s:|@#]+$/.test(name)) return [];
    const field = key === "metricBase" ? "metric_base" : "metric_name";
    return [`${field}: Cannot use ${JSON.stringify(name)}: wanted a name without spaces, ":", "|", "@" and "#"`];
  });
}

/** The proxies that are wanted. With none, `alone` gives the predecessor's own. Throws SyntaxError. */
export function plansOf(options: CbpOptions, alone: boolean): ProxyPlan[] {
  const defaults = defaultsOf(options);
  const plans = plansIn(options.proxies, defaults);
  const isOriginal = alone && plans.length === 0;
  if (options.local === undefined && options.remote === undefined && !isOriginal) return plans;
  const remote: Address = options.remote ?? { host: "localhost", port: 80 };
  const single: ProxyPlan = {
    ...defaults,
    name: "cbp",
    listen: options.local ?? { host: "localhost", port: 9999 },
    upstreams: [{ name: `${remote.host}:${remote.port}`, address: remote, isFallback: false, maxConnections: 0 }],
  };
  checkPlan(single);
  if (plans.some(({ name }) => name === single.name))
    throw new SyntaxError('proxies: "cbp" is the name of the one given by local and remote: wanted another');
  return [...plans, single];
}

/** The numbers that a proxy gets where its own table says nothing. Throws SyntaxError. */
export function defaultsOf(options: CbpOptions): ProxyDefaults {
  return {
    ...proxyDefaults,
    breaker: {
      ...breakerDefaults,
      failureRatio: options.failureRatio,
      minSamples: options.minSamples,
      windowMs: options.windowMs,
      windowBuckets: options.windowBuckets,
    },
    refusal: refusalOf(options.refuseWith),
    maxConnections: options.maxConnections,
    queue: options.queue,
    queueMs: options.queueWaitMs,
    dialMs: options.dialMs,
    firstByteMs: options.firstByteMs,
    idleMs: options.idleMs,
    keepAliveMs: options.keepAliveMs,
    resolveMs: options.resolveMs,
  };
}

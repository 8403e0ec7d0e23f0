/**
 * What can be configured of statsd, said once, and how that becomes its settings. Started as its predecessors were, it is
 * told by Etsy's file (`etsy_config`) or by statsd-go's flags, which `originalFlags` turns into ours.
 */
import { z } from "zod";

import { type Address, parseAddress } from "../../kit/config/address.ts";
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import {
  address,
  choice,
  count,
  duration,
  file,
  flag,
  list,
  ratio,
  shape,
  size,
  text,
} from "../../kit/config/fields.ts";
import { fromGoFlags } from "../../kit/config/go-flags.ts";
import { nodeOf } from "./cluster/cluster.ts";
import { nameTagStyles } from "./grammar-full.ts";
import type { RepeatTarget } from "./repeater.ts";
import { type StatsdSettings, withHost } from "./settings.ts";
import { figureNames } from "./timer-figures.ts";

/** A last level or prefix may not break a line of Graphite's protocol. */
const level = {
  accepts: (value: string) => /^(?:[\w.-]|\{host\})*$/.test(value),
  wanted: "letters, digits, _ - . and {host}",
};

const fields = {
  udp: list(address(), {
    summary: "Where datagrams are taken. Empty takes none.",
    default: ["127.0.0.1:8125"],
  }),
  tcp: list(address(), {
    summary: "Where lines are taken over TCP. Empty takes none.",
    default: ["127.0.0.1:8125"],
  }),
  unix: list(file(), { summary: "Paths of unix stream sockets where lines are taken." }),
  unixDatagram: list(file(), {
    summary: "Paths of unix datagram sockets where datagrams are taken, on Linux; each costs a process.",
    example: ["/run/warren/statsd.sock"],
  }),
  unixDatagramMode: text({
    accepts: (value) => /^0?[0-7]{3}$/.test(value),
    wanted: "permission bits in octal, such as 0666",
    summary: "Who may send to those: permission bits in octal. Unset is what the umask gives.",
    example: "0666",
  }),
  admin: list(address(), {
    summary:
      "Where the admin commands of Etsy's statsd are answered; whoever reaches it can delete metrics. Empty answers none.",
    default: ["127.0.0.1:8126"],
  }),
  receiveBufferBytes: size({
    summary: "What the kernel may hold of datagrams that were not read yet; it grants at most net.core.rmem_max.",
    default: "8MiB",
    min: "4KiB",
    max: "1GiB",
  }),
  flushEveryMs: duration({
    summary: "How often values are sent on.",
    default: "10s",
    min: "10ms",
    max: "1d",
  }),
  percentiles: list(ratio({ min: -100, max: 100 }), {
    summary: "Thresholds of timers in percent; one below 0 is of the largest values.",
    default: [90],
  }),
  timerFigures: list(
    text({ accepts: (value) => figureNames.has(value), wanted: `one of ${[...figureNames].join(", ")}` }),
    {
      summary:
        "Only these figures of timers are sent; upper_percent stands for that of all thresholds. Empty sends all.",
      example: ["count", "mean", "upper_percent"],
    },
  ),
  histograms: shape(
    z.array(z.object({ metric: z.string(), bins: z.array(z.union([z.number(), z.literal("inf")])) }).strict()),
    {
      summary:
        "Bins for timers whose name holds metric; the first that fits counts. Bins are exclusive upper limits, the last may be inf.",
      wanted: 'a list of tables such as { metric = "requests", bins = [10, 100, "inf"] }',
      default: [],
    },
  ),
  grammar: choice(["full", "etsy", "statsd-go"], {
    summary:
      "How lines are read: full is Etsy's grammar with DogStatsD's and other ways to write tags, etsy only Etsy's, statsd-go what that one found.",
    default: "full",
  }),
  otherTypes: choice(["timer", "counter"], {
    summary: "What the types h and d are in the full grammar; Etsy counted them.",
    default: "timer",
  }),
  nameTags: list(choice(nameTagStyles), {
    summary: "Ways to write tags in a name that are understood in the full grammar, beside Graphite's.",
    default: [...nameTagStyles],
  }),
  absoluteGauges: list(text(), {
    summary: "Gauges whose names begin so are set by +3 or -3, not changed by it.",
    example: ["temperature."],
  }),
  names: choice(["legacy", "namespaced", "statsd-go"], {
    summary:
      "How sent values are called: legacy is stats.K and stats_counts.K, namespaced stats.counters.K.rate, statsd-go as that one did with its four prefixes.",
    default: "legacy",
  }),
  prefix: text({
    ...level,
    summary: "The first level of namespaced names. {host} is this machine's name.",
    default: "stats",
  }),
  prefixCounter: text({
    ...level,
    summary: "The level of counters in namespaced names; empty leaves it out.",
    default: "counters",
  }),
  prefixTimer: text({
    ...level,
    summary: "The level of timers in namespaced names; empty leaves it out.",
    default: "timers",
  }),
  prefixGauge: text({
    ...level,
    summary: "The level of gauges in namespaced names; empty leaves it out.",
    default: "gauges",
  }),
  prefixSet: text({
    ...level,
    summary: "The level of sets in namespaced names; empty leaves it out.",
    default: "sets",
  }),
  suffix: text({ ...level, summary: "A last level for every name. {host} is this machine's name.", default: "" }),
  ownPrefix: text({ ...level, summary: "The level of figures about statsd itself.", default: "statsd" }),
  statsPrefix: text({
    ...level,
    summary: "statsd-go's prefix of rates and of its own figure, with its dot.",
    default: "stats.",
  }),
  countersPrefix: text({
    ...level,
    summary: "statsd-go's prefix of counts, with its dot.",
    default: "stats.counters.",
  }),
  gaugesPrefix: text({ ...level, summary: "statsd-go's prefix of gauges, with its dot.", default: "stats.gauges." }),
  timersPrefix: text({ ...level, summary: "statsd-go's prefix of timers, with its dot.", default: "stats.timers." }),
  noCounts: flag({ summary: "Send only the rates of counters, not their counts." }),
  keepIdle: flag({
    summary: "Send what nothing touches for ever, as the predecessors did, instead of for as long as below.",
  }),
  counterTtlMs: duration({ summary: "A counter that is not touched is sent as 0 for this long.", default: "5m" }),
  timerTtlMs: duration({ summary: "A timer that gets no value is sent with count 0 for this long.", default: "5m" }),
  setTtlMs: duration({ summary: "A set that gets no member is sent as 0 for this long.", default: "5m" }),
  gaugeTtlMs: duration({ summary: "A gauge that is not touched is sent for this long.", default: "1h" }),
  maxNames: count({
    summary: "Distinct names at the same time; what would be one more is not taken, and told.",
    default: 200_000,
    min: 10,
    max: 10_000_000,
  }),
  maxTimerValues: count({
    summary: "Values of one timer between two flushes; of more a fair sample is kept.",
    default: 200_000,
    min: 10,
    max: 100_000_000,
  }),
  maxSetMembers: count({
    summary: "Members of all sets together between two flushes; more are not counted, and told.",
    default: 500_000,
    min: 10,
    max: 100_000_000,
  }),
  series: flag({ summary: "Send to the store series of this program, where it runs.", default: true }),
  graphite: list(address({ example: "graphite.example:2003" }), {
    summary: "Graphites that get everything by the line protocol.",
  }),
  graphitePickle: list(address({ example: "graphite.example:2004" }), {
    summary: "Graphites that get everything by the pickle protocol.",
  }),
  spoolBytes: size({
    summary: "What is kept on disk for each target while it is away; over it the oldest goes.",
    default: "64MiB",
    min: "256KiB",
  }),
  prometheus: flag({ summary: "Answer at prometheus with all values in Prometheus's text format.", default: true }),
  repeat: list(
    text({
      accepts: (value) => repeatOf(value) !== undefined,
      wanted: "udp://host:port or tcp://host:port",
      example: "udp://statsd.example:8125",
    }),
    {
      summary: "Other statsds that get every packet as it came.",
    },
  ),
  nodes: list(
    text({
      accepts: (value) => nodeOf(value) !== undefined,
      wanted: "host:port/adminport",
      example: "statsd-1.example:8125/8126",
    }),
    {
      summary:
        "Statsds that share the metrics as behind Etsy's cluster proxy: each line goes to one of them by its name, and is not counted here. The admin port is asked for their health.",
    },
  ),
  checkNodesEveryMs: duration({
    summary: "How often nodes are asked how they are; one that does not answer up has its names go to the others.",
    default: "10s",
    min: "100ms",
    max: "1d",
  }),
  console: flag({ summary: "Print the values of each flush on standard output." }),
  dumpLines: flag({ summary: "Write every line that comes to the log." }),
  etsyConfig: file({
    summary:
      "A configuration file of Etsy's statsd. It decides all it can say, is read again when it changes, and is never run as code.",
  }),
} as const;

/** The options of statsd. */
export type StatsdOptions = OptionsOf<typeof fields>;

/** The section `[statsd]`. */
export const statsdSection = section(
  "statsd",
  "takes counts, timings and gauges by datagram, and sends them on as figures",
  fields,
);

/** A target of the repeater from its text; undefined when it is none. */
export function repeatOf(written: string): RepeatTarget | undefined {
  const match = /^(udp|tcp):\/\/(.+)$/.exec(written);
  if (!match) return undefined;
  try {
    const address = parseAddress(match[2] ?? "");
    return address.port === 0 ? undefined : { protocol: match[1] === "tcp" ? "tcp" : "udp", ...address };
  } catch (thrown) {
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
}

/** The settings that the options mean. */
export function settingsOf(options: StatsdOptions): StatsdSettings {
  const flushes = (ttlMs: number) =>
    options.keepIdle ? Number.POSITIVE_INFINITY : Math.ceil(ttlMs / options.flushEveryMs);
  const targets = (addresses: readonly Address[], protocol: "line" | "pickle") =>
    addresses.map(({ host, port }) => ({ host, port, protocol }));
  return {
    reading: {
      grammar: options.grammar,
      sanitize: true,
      histograms: options.otherTypes,
      nameTags: options.nameTags,
      absoluteGauges: options.absoluteGauges,
    },
    naming: {
      style: options.names,
      prefix: withHost(options.prefix),
      prefixCounter: withHost(options.prefixCounter),
      prefixTimer: withHost(options.prefixTimer),
      prefixGauge: withHost(options.prefixGauge),
      prefixSet: withHost(options.prefixSet),
      suffix: withHost(options.suffix),
      own: withHost(options.ownPrefix),
      flushCounts: !options.noCounts,
      cleans: false,
      verbatim: {
        stats: withHost(options.statsPrefix),
        counters: withHost(options.countersPrefix),
        timers: withHost(options.timersPrefix),
        gauges: withHost(options.gaugesPrefix),
      },
    },
    timers: { percentiles: options.percentiles, histograms: options.histograms, only: options.timerFigures },
    idle: {
      counters: flushes(options.counterTtlMs),
      timers: flushes(options.timerTtlMs),
      gauges: flushes(options.gaugeTtlMs),
      sets: flushes(options.setTtlMs),
    },
    limits: { names: options.maxNames, timerValues: options.maxTimerValues, setMembers: options.maxSetMembers },
    flushMs: options.flushEveryMs,
    udp: options.udp,
    tcp: options.tcp,
    unix: options.unix,
    unixMode: undefined,
    unixDatagram: options.unixDatagram,
    unixDatagramMode: options.unixDatagramMode === undefined ? undefined : Number.parseInt(options.unixDatagramMode, 8),
    admin: options.admin,
    receiveBufferBytes: options.receiveBufferBytes,
    graphite: [...targets(options.graphite, "line"), ...targets(options.graphitePickle, "pickle")],
    repeat: options.repeat.flatMap((written) => repeatOf(written) ?? []),
    nodes: options.nodes.flatMap((written) => nodeOf(written) ?? []),
    checkNodesEveryMs: options.checkNodesEveryMs,
    toConsole: options.console,
    toSeries: options.series,
    exposes: options.prometheus,
    spoolBytes: options.spoolBytes,
    health: "up",
    dumps: options.dumpLines,
  };
}

const originalNames = ["graphite", "stats-prefix", "counters-prefix", "gauges-prefix", "timers-prefix"];

/**
 * The words of a command line with statsd-go's flags (`-graphite host:2003`, `-flush-interval=5`) turned into ours. Where
 * there is one of them, grammar, names and ways in are statsd-go's; words that are not its flags stay as they are.
 */
export function originalFlags(words: readonly string[]): string[] {
  let isHeard = false;
  const verbatim = Object.fromEntries(
    originalNames.map((name) => [
      name,
      (value: string) => (value === "" && name === "graphite" ? [] : [`--${name}`, value]),
    ]),
  );
  const { isOriginal, words: turned } = fromGoFlags(
    // The only one that needs no value.
    words.map((word) => (word === "-debug" ? "-debug=true" : word)),
    {
      ...verbatim,
      address(value) {
        isHeard = true;
        return ["--udp", value.startsWith(":") ? `0.0.0.0${value}` : value];
      },
      // What is no number stays as it was written, for the sentence that refuses it.
      "flush-interval": (value) => ["--flush-every", /^[\d.]+$/.test(value) ? `${value}s` : value],
      "percent-threshold": (value) => ["--percentiles", value],
      debug: (value) => (value === "false" ? [] : ["--dump-lines", "--console"]),
    },
  );
  if (!isOriginal) return turned;
  const implied = [
    "--grammar",
    "statsd-go",
    "--names",
    "statsd-go",
    "--tcp",
    "",
    "--admin",
    "",
    "--keep-idle",
    "--no-series",
  ];
  return [...(isHeard ? [] : ["--udp", "0.0.0.0:8125"]), ...implied, ...turned];
}

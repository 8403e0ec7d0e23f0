/** What can be configured of series, said once. */
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import {
  address,
  choice,
  count,
  duration,
  file,
  flag,
  list,
  secret,
  size,
  text,
  url,
} from "../../kit/config/fields.ts";

const fields = {
  line: list(address(), {
    summary: "Where Graphite's lines are taken over TCP. Empty takes none.",
    default: ["127.0.0.1:2003"],
  }),
  lineUdp: list(address(), { summary: "Where Graphite's lines are taken as datagrams. Empty takes none." }),
  pickle: list(address(), {
    summary: "Where Graphite's pickles are taken over TCP. Empty takes none.",
    default: ["127.0.0.1:2004"],
  }),
  schemas: file({
    summary: "Graphite's storage-schemas.conf: what is kept for how long. Without one: 10s:1d,1m:30d,10m:2y.",
  }),
  aggregation: file({
    summary:
      "Graphite's storage-aggregation.conf: how points are rolled up. Without one: the rules for statsd's names.",
  }),
  aggregationRules: file({
    summary:
      "Carbon's aggregation-rules.conf: series that are made of many others. These files are read again when they change.",
  }),
  rewriteRules: file({ summary: "Carbon's rewrite-rules.conf: names that become others." }),
  whitelist: file({ summary: "Regular expressions, one a line: only names in which one is found are taken." }),
  blacklist: file({ summary: "Regular expressions, one a line: names in which one is found are not taken." }),
  keep: flag({ summary: "Points are kept here. Without it they are only handed on.", default: true }),
  forward: list(address(), { summary: "Graphites that all points are handed on to as well." }),
  forwardProtocol: choice(["line", "pickle"], { summary: "How they are handed on to Graphites.", default: "line" }),
  remoteWrite: list(url(), {
    summary: "Whole URLs to which all points are handed on by Prometheus' remote write.",
    example: ["http://victoria.example:8428/api/v1/write"],
  }),
  remoteWriteNames: choice(["underscores", "as-is"], {
    summary: "Dots in names become underscores, as Prometheus wants it, or stay, for VictoriaMetrics.",
    default: "underscores",
  }),
  remoteWriteUser: text({ summary: "The user at `remote_write`.", unset: "none" }),
  remoteWritePassword: secret({ summary: "The password at `remote_write`.", unset: "none" }),
  remoteWriteToken: secret({
    summary: "A bearer token for `remote_write`; wins over user and password.",
    unset: "none",
  }),
  spoolBytes: size({
    summary: "How much waits on disk for each of these while it is away; the oldest goes first.",
    default: "256MiB",
    min: "1MiB",
    max: "1TiB",
  }),
  syncEveryMs: duration({
    summary: "How long a point may wait until it survives a crash.",
    default: "1s",
    min: "10ms",
    max: "1m",
  }),
  newSeriesPerMinute: count({
    summary: "So many new series are taken in a minute; points of others are refused, counted and named.",
    default: 50_000,
    min: 1,
  }),
  maxSeries: count({ summary: "Series in all.", default: 2_000_000, min: 1 }),
  futureMs: duration({
    summary: "How far ahead of this machine's clock a point may be.",
    default: "1h",
    min: "0s",
    max: "30d",
  }),
  flushPoints: count({
    summary: "Points in memory that make it go to files. One takes about 10 to 40 bytes.",
    default: 4_000_000,
    min: 1000,
  }),
  flushEveryMs: duration({
    summary: "Points go from memory to files at the latest after this time.",
    default: "2h",
    min: "1s",
    max: "1d",
  }),
  hostMetrics: flag({
    summary:
      "Figures of this machine go in by themselves, below server.<host>: load, memory, processor, disks, network.",
    default: true,
  }),
  ownMetrics: flag({
    summary: "The node's own metrics go in by themselves, below warren.<host>.",
    default: true,
  }),
  measureEveryMs: duration({ summary: "How often these are taken.", default: "10s", min: "1s", max: "1h" }),
  maxQueryPoints: count({ summary: "Points that one query may read and make.", default: 20_000_000, min: 1000 }),
  maxQuerySeries: count({ summary: "Series that one query may read.", default: 20_000, min: 1 }),
  queryTimeoutMs: duration({ summary: "How long one query may take.", default: "30s", min: "100ms", max: "10m" }),
  maxBodyBytes: size({ summary: "The longest body of points.", default: "64MiB", min: "1KiB", max: "1GiB" }),
};

/** Its options. */
export type SeriesOptions = OptionsOf<typeof fields>;

/** The section `[series]`. */
export const seriesSection = section(
  "series",
  "keeps metrics, and answers as Graphite does",
  fields,
  ({ keep, forward, remoteWrite, remoteWriteUser, remoteWritePassword }) => [
    ...(keep || forward.length + remoteWrite.length > 0
      ? []
      : ["keep = false needs forward or remote_write: points would go nowhere"]),
    ...twice(
      "forward",
      forward.map(({ host, port }) => `${host}:${port}`),
    ),
    ...twice("remote_write", remoteWrite),
    ...forward.flatMap(({ host, port }) => (port === 0 ? [`forward = "${host}:0" needs the port of the target`] : [])),
    ...(remoteWritePassword === undefined || remoteWriteUser !== undefined
      ? []
      : ["remote_write_password needs remote_write_user"]),
  ],
);

/** Two with the same target would share what waits for it on disk. */
function twice(setting: string, targets: readonly string[]): string[] {
  const repeated = targets.filter((target, at) => targets.indexOf(target) < at);
  return [...new Set(repeated)].map((target) => `${setting} has "${target}" twice`);
}

/**
 * What can be configured of Chimney, said once. Checks stand in the configuration itself, or in a file of their own that
 * is read again when it changes and that may be the predecessor's. Started alone, the predecessor's variables count.
 */
import { z } from "zod";

import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { address, count, duration, file, flag, shape, size } from "../../kit/config/fields.ts";
import { goLogLevel } from "../../kit/config/legacy.ts";
import { plansIn } from "./check-file.ts";
import type { PlanDefaults } from "./plan.ts";

const fields = {
  checks: shape(z.array(z.record(z.string(), z.unknown())).max(100_000), {
    summary:
      "What is asked: each a name, a kind (smoketest, http, tls, tcp, dns, heartbeat), a target and how it is judged.",
    wanted: "tables with a name, a kind and a target",
    default: [],
    example: [{ name: "shop", kind: "http", target: "https://shop.example/" }],
  }),
  file: file({
    summary:
      "A file of checks, read again when it changes: TOML or JSON with checks as above, or the predecessor's config.json.",
    unset: "none, or /etc/chimney/config.json when started alone and it is there",
    example: "/etc/chimney/config.json",
    legacy: { names: ["CHIMNEY_CONFIG"] },
  }),
  intervalMs: duration({ summary: "How often a check is asked.", default: "60s", min: "1s", max: "365d" }),
  jitterMs: duration({
    summary: "Up to this much is added to each interval by chance, so that not all are asked at once.",
    default: "5s",
    max: "365d",
  }),
  timeoutMs: duration({
    summary: "An answer that takes longer is a failure: look-up, redirects and body included.",
    default: "10s",
    min: "1ms",
    max: "10m",
  }),
  failures: count({ summary: "So many failures in a row make a check down.", default: 2, min: 1, max: 1000 }),
  successes: count({ summary: "So many successes in a row make it up again.", default: 1, min: 1, max: 1000 }),
  parallel: count({ summary: "Targets that are asked at the same time.", default: 20, min: 1, max: 1000 }),
  verifyTls: flag({
    summary: "Whether certificates have to be good. The predecessor never looked; checks in its file do not either.",
    default: true,
  }),
  expiresWithinMs: duration({
    summary: "A tls check fails when the certificate ends sooner than this.",
    default: "14d",
    max: "3650d",
  }),
  maxBodyBytes: size({ summary: "The most that is read of an answer.", default: "1MiB", max: "64MiB" }),
  guard: flag({
    summary:
      "Refuse targets that are not on the public Internet, at every redirect. For checks that others may write; your own machines are internal, so it is off.",
  }),
  graphite: address({
    summary: "A Graphite to which the metrics of checks with a prefix go as lines over TCP.",
    unset: "the address in the predecessor's file, if that is used; the store series of this program gets them anyway",
    example: "graphite.example:2003",
  }),
  keepResultsMs: duration({ summary: "How long each outcome is kept.", default: "7d", min: "1h", max: "3650d" }),
  keepHoursMs: duration({
    summary: "How long sums by the hour, and the times of up and down, are kept.",
    default: "400d",
    min: "1d",
    max: "3650d",
  }),
} as const;

/** The options of Chimney. */
export type ChimneyOptions = OptionsOf<typeof fields>;

/** The section `[chimney]`. */
export const chimneySection = section(
  "chimney",
  "asks applications how they are: smoke tests, HTTP, certificates, TCP, DNS, and heartbeats of cron jobs",
  fields,
  (options) => {
    try {
      plansIn(options.checks, planDefaults(options));
      return [];
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      return [thrown.message];
    }
  },
  {
    nodeLegacy: {
      logLevel: { names: ["CHIMNEY_LOG_LEVEL"], read: (value) => goLogLevel(value.toUpperCase()) },
    },
  },
);

/** What a check gets where it says nothing itself. */
export function planDefaults(options: ChimneyOptions): PlanDefaults {
  const { expiresWithinMs, failures, guard, intervalMs, jitterMs, maxBodyBytes, successes, timeoutMs, verifyTls } =
    options;
  return { expiresWithinMs, failures, guard, intervalMs, jitterMs, maxBodyBytes, successes, timeoutMs, verifyTls };
}

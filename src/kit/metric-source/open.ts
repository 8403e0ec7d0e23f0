/**
 * Opens a place that measurements are read from, by what was configured: the store of the same program, a Graphite, or a
 * Prometheus or VictoriaMetrics. The one way in for services; which of the three it is shows in `name` and `language` only.
 */
import type { Clock } from "../clock.ts";
import { Fault } from "../fault.ts";
import type { OutboundOptions, Resolve } from "../outbound.ts";
import type { Reach } from "../reach.ts";
import { Asking } from "./asking.ts";
import { graphiteSource } from "./graphite.ts";
import { prometheusSource } from "./prometheus.ts";
import type { MetricSource } from "./source.ts";
import { storeSource } from "./store.ts";

/** What can be configured of a source. */
export interface MetricSourceOptions {
  /** `store` is the one in the same program, by {@link MetricSourceParts.reach}. */
  kind: "store" | "graphite" | "prometheus";
  /**
   * Graphite: where it begins (`http://graphite.example`, VictoriaMetrics' `http://vm.example:8428/graphite`) or its whole
   * render URL (`http://graphite.example/render/`). Prometheus: where it begins, without `/api/v1`. Not for `store`.
   */
  url?: string;
  /** Basic auth, when both are given. May stand in the URL instead. */
  user?: string;
  password?: string;
  /** A bearer token; wins over user and password. */
  token?: string;
  /** @default true */
  verifyTls?: boolean;
  /** For everything that one `render` or `find` does. @default 30000 */
  timeoutMs?: number;
  /** The longest answer to one request. @default 64 MiB */
  maxBytes?: number;
  /** Requests at a time. @default 4 */
  parallel?: number;
  /** Prometheus: the finest step between points. @default 15 */
  stepSeconds?: number;
}

/** What a source stands on. */
export interface MetricSourceParts {
  clock: Clock;
  /** The way to the store; asked at each request, as the store may start later. Needed for `store`. */
  reach?: () => Reach | undefined;
  /** @default the machine's own */
  resolve?: Resolve;
  fetch?: OutboundOptions["fetch"];
}

/** Opens a source. Nothing is asked yet. Fault `metric-source/options` for options that do not make one. */
export function openMetricSource(options: MetricSourceOptions, parts: MetricSourceParts): MetricSource {
  const { kind, url, parallel = 4, timeoutMs = 30_000 } = options;
  if (kind === "store") {
    const { clock, reach } = parts;
    if (!reach) throw wrong("The store of this program cannot be reached from here");
    return storeSource({ clock, reach, timeoutMs });
  }
  const base = URL.parse(url ?? "");
  if (base === null || (base.protocol !== "http:" && base.protocol !== "https:"))
    throw wrong(`Cannot read measurements from "${(url ?? "").slice(0, 200)}": wanted an http or https URL`);
  const asking = new Asking(base, { ...options, timeoutMs, maxBytes: options.maxBytes ?? 64 << 20 }, parts);
  return kind === "graphite"
    ? graphiteSource(asking, parallel)
    : prometheusSource(asking, { parallel, stepSeconds: options.stepSeconds ?? 15 });
}

function wrong(sentence: string): Fault {
  return new Fault("invalid", "metric-source/options", sentence);
}

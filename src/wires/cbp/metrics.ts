/** Every metric of cbp in one place, read when it is asked for. Labels are names from the configuration. */
import type { Clock } from "../../kit/clock.ts";
import { gauge, type Metrics } from "../../kit/metrics.ts";
import { type TallyCell, tally } from "../../kit/tally.ts";
import { failureKinds } from "./breaker.ts";
import type { Ending } from "./connection.ts";
import { type Guard, refusedEndings } from "./guard.ts";
import type { Proxy } from "./proxy.ts";
import type { Upstream } from "./upstream.ts";

const endings: readonly Ending[] = [
  "done",
  "client-reset",
  "upstream-reset",
  "idle",
  "first-byte-timeout",
  ...refusedEndings,
  "toxic",
  "stopped",
];
const states = ["closed", "half-open", "open", "forced-closed", "forced-open", "disabled"] as const;

/** Declares the metrics. */
export function cbpMetrics(metrics: Metrics, guard: Guard, clock: Clock): void {
  const proxies = guard.all.map(({ proxy }) => proxy);
  if (proxies.length === 0) return;
  const count = <Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
    rows: readonly (readonly [values: readonly string[], read: () => number])[],
  ) => {
    const declared = tally(metrics, { name, help, labels });
    for (const [values, read] of rows) {
      const cell: TallyCell = declared.cell(...values);
      // A tally reports the cell at each scrape; its number is the rule's own.
      Object.defineProperty(cell, "count", { get: read });
    }
  };
  const perProxy = (read: (proxy: Proxy) => number) =>
    proxies.map((proxy) => [[proxy.plan.name], () => read(proxy)] as const);
  const perUpstream = (read: (upstream: Upstream) => number) =>
    proxies.flatMap((proxy) =>
      proxy.upstreams.map((upstream) => [[proxy.plan.name, upstream.plan.name], () => read(upstream)] as const),
    );
  count(
    "warren_cbp_accepted_total",
    "Connections that were taken",
    ["proxy"],
    perProxy(({ counts }) => counts.accepted),
  );
  count(
    "warren_cbp_received_bytes_total",
    "Bytes from clients to upstreams",
    ["proxy"],
    perProxy((proxy) => proxy.bytes().up),
  );
  count(
    "warren_cbp_sent_bytes_total",
    "Bytes from upstreams to clients",
    ["proxy"],
    perProxy((proxy) => proxy.bytes().down),
  );
  count(
    "warren_cbp_ended_total",
    "Connections that are over, by why",
    ["proxy", "ending"],
    proxies.flatMap((proxy) =>
      endings.map((ending) => [[proxy.plan.name, ending], () => proxy.counts.endings.get(ending) ?? 0] as const),
    ),
  );
  count(
    "warren_cbp_turned_away_total",
    "Clients that did not get past a PROXY header and TLS, by why",
    ["proxy", "reason"],
    proxies.flatMap((proxy) => {
      const { turnedAway } = proxy;
      return turnedAway === undefined
        ? []
        : (["headers", "handshakes", "late", "full"] as const).map(
            (reason) => [[proxy.plan.name, reason], () => turnedAway[reason]] as const,
          );
    }),
  );
  count(
    "warren_cbp_dials_total",
    "Tries to reach an upstream",
    ["proxy", "upstream"],
    perUpstream(({ dials }) => dials),
  );
  count(
    "warren_cbp_failures_total",
    "Tries that failed, by how",
    ["proxy", "upstream", "kind"],
    proxies.flatMap((proxy) =>
      proxy.upstreams.flatMap((upstream) =>
        failureKinds.map(
          (kind) => [[proxy.plan.name, upstream.plan.name, kind], () => upstream.failuresBy.get(kind) ?? 0] as const,
        ),
      ),
    ),
  );
  count(
    "warren_cbp_trips_total",
    "How often a breaker opened that was closed",
    ["proxy", "upstream"],
    perUpstream(({ breaker }) => breaker.view().trips),
  );
  const reading = <Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
    put: (set: (values: Partial<Record<Label, string>>, value: number) => void) => void,
  ) => {
    const declared = gauge<Label>(metrics, { name, help, labels });
    Object.assign(declared, {
      collect() {
        declared.reset();
        put((values, value) => declared.set(values, value));
      },
    });
  };
  reading("warren_cbp_connections", "Connections that are served", ["proxy"], (set) => {
    for (const proxy of proxies) set({ proxy: proxy.plan.name }, proxy.active.served);
  });
  reading("warren_cbp_queued", "Connections that wait for a place", ["proxy"], (set) => {
    for (const proxy of proxies) set({ proxy: proxy.plan.name }, proxy.active.queued);
  });
  reading("warren_cbp_breaker", "1 for the state in which a breaker is", ["proxy", "upstream", "state"], (set) => {
    for (const proxy of proxies) {
      for (const { breaker, plan } of proxy.upstreams) {
        const now = breaker.state;
        for (const state of states) set({ proxy: proxy.plan.name, upstream: plan.name, state }, now === state ? 1 : 0);
      }
    }
  });
  for (const [name, help, of] of [
    ["warren_cbp_connect_seconds", "How long upstreams took to connect, lately", "connecting"],
    ["warren_cbp_first_byte_seconds", "How long upstreams took for their first byte, lately", "firstByte"],
  ] as const) {
    reading(name, help, ["proxy", "upstream", "quantile"], (set) => {
      const shares = [0.5, 0.95, 0.99];
      for (const proxy of proxies) {
        for (const upstream of proxy.upstreams) {
          const found = upstream[of].percentiles(clock.monotonicMs(), shares);
          found?.forEach((ms, index) =>
            set({ proxy: proxy.plan.name, upstream: upstream.plan.name, quantile: String(shares[index]) }, ms / 1000),
          );
        }
      }
    });
  }
}

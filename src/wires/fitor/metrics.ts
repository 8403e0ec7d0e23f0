/** Every metric of Fitor in one place. Labels are names that only the operator writes. */
import { gauge, type Metrics } from "../../kit/metrics.ts";
import { tally } from "../../kit/tally.ts";
import type { Bridge } from "./bridge.ts";
import type { Bus } from "./bus.ts";
import type { Network } from "./network.ts";

/** Declares the metrics; all of them are read at each scrape. */
export function fitorMetrics(
  metrics: Metrics,
  state: { networks: readonly Network[]; bridge: Bridge; bus(): Bus | undefined },
): void {
  const { bridge, bus, networks } = state;
  const refresh = () => {
    lines.cell("irc").count = bridge.counts.fromIrc;
    lines.cell("bus").count = bridge.counts.fromBus;
    lines.cell("web").count = bridge.counts.fromWeb;
    const { heard = 0, lost = 0, published = 0 } = bus()?.counts ?? {};
    publications.cell("published").count = published;
    publications.cell("lost").count = lost;
    publications.cell("heard").count = heard;
    for (const { counts, plan } of networks) {
      sent.cell(plan.name, "sent").count = counts.sent;
      sent.cell(plan.name, "lost").count = counts.lost;
    }
  };
  const perNetwork = (name: string, help: string, read: (network: Network) => number) => {
    const declared = gauge<"network">(metrics, { name, help, labels: ["network"] });
    Object.assign(declared, {
      collect() {
        refresh();
        for (const network of networks) declared.set({ network: network.plan.name }, read(network));
      },
    });
  };
  // Gauges are read first, and bring the counters up to date.
  perNetwork("warren_fitor_up", "1 while a network has let us in", ({ state: now }) => (now === "up" ? 1 : 0));
  perNetwork(
    "warren_fitor_channels",
    "Channels that we are in",
    (network) => network.channels().filter(({ isIn }) => isIn).length,
  );
  perNetwork("warren_fitor_waiting_lines", "Lines that wait for their turn", ({ counts }) => counts.waiting);
  const lines = tally(metrics, {
    name: "warren_fitor_lines_total",
    help: "Lines that the bridge took, by where they came from",
    labels: ["origin"],
  });
  const publications = tally(metrics, {
    name: "warren_fitor_publications_total",
    help: "Publications by outcome: published, lost (no answer in time, or refused), heard",
    labels: ["outcome"],
  });
  const sent = tally(metrics, {
    name: "warren_fitor_irc_lines_total",
    help: "Lines to servers by outcome: sent, lost (too many waited, or too long)",
    labels: ["network", "outcome"],
  });
  refresh();
}

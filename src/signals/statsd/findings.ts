/** What of a statsd wants attention, in sentences. */
import type { Finding } from "../../kit/service.ts";
import { countOf, formatCount, formatSize } from "../../kit/pages/quantity.ts";
import type { Statsd } from "./statsd.ts";
import type { WayIn } from "./ways-in.ts";

/** What findings look at beside the rules. */
export interface FindingParts {
  statsd: Statsd;
  waysIn: readonly WayIn[];
  /** Datagrams that the kernel dropped within the last minutes. */
  recentDrops: number;
  /** Why the file that was changed is not in effect; empty when it is. */
  reloadFailure: string;
  maxNames: number;
}

/** The findings, those that are fine included. */
export function statsdFindings({ statsd, waysIn, recentDrops, reloadFailure, maxNames }: FindingParts): Finding[] {
  const found: Finding[] = [];
  for (const { purpose, failure } of waysIn) {
    if (failure !== undefined) found.push({ name: `statsd ${purpose}`, state: "degraded", sentence: failure });
  }
  if (reloadFailure !== "") found.push({ name: "statsd configuration", state: "degraded", sentence: reloadFailure });
  if (recentDrops > 0) {
    found.push({
      name: "statsd drops",
      state: "degraded",
      sentence: `The kernel dropped ${formatCount(recentDrops)} datagrams within five minutes: raise net.core.rmem_max and receive_buffer, have clients pack several metrics in a datagram, or sample`,
    });
  }
  if (statsd.buckets.names >= maxNames) {
    const worst = statsd.buckets.makers.top("name", 1)[0];
    found.push({
      name: "statsd names",
      state: "degraded",
      sentence: `There are ${formatCount(maxNames)} names, and no new one is taken; most begin with "${worst?.who ?? ""}": mend what makes them, or raise max_names`,
    });
  }
  for (const { failure, name } of statsd.cluster?.state() ?? []) {
    if (failure === "") continue;
    found.push({
      name: `statsd node ${name}`,
      state: "degraded",
      sentence: `The node ${name} has no share of the metrics: ${failure}`,
    });
  }
  if (statsd.cluster?.shared().length === 0) {
    found.unshift({
      name: "statsd nodes",
      state: "failed",
      sentence: `No node takes metrics, and what comes is dropped, ${countOf(statsd.cluster.unshared, "line")} so far: see to the nodes, or to nodes in [statsd]`,
    });
  }
  for (const output of statsd.outputs) {
    const state = output.state();
    if (state.isUp) continue;
    const lost = state.droppedPoints > 0 ? `, ${formatCount(state.droppedPoints)} values are lost` : "";
    found.push({
      name: `statsd to ${state.name}`,
      state: "degraded",
      sentence: `Values cannot be sent to ${state.name}: ${state.failure}; ${formatSize(state.spooledBytes)} wait on disk${lost}`,
    });
  }
  return found.length > 0 ? found : [{ name: "statsd", state: "ok", sentence: "Metrics come in and go out" }];
}

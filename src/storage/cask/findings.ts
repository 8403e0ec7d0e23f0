/**
 * What is to be said about a node's state: for health checks, the console and the list of repairs. Words only; nothing
 * is decided here.
 */
import type { Cluster } from "../../kit/cluster.ts";
import { formatDuration } from "../../kit/config/units.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { Cask } from "./cask.ts";

/** How this node and its cluster are, worst last. */
export function caskFindings(
  cask: Cask,
  cluster: Cluster,
  options: { rebuildAfterMs: number; shutOut: boolean },
): Finding[] {
  const { holdings, placement } = cask;
  const findings: Finding[] = [];
  const state = cask.writeable();
  findings.push(
    state === "yes" || state === "read-only by configuration"
      ? {
          name: "store",
          state: "ok",
          sentence: `Keeps ${countOf(holdings.ledger.count(), "blob")} in ${holdings.store.place}`,
        }
      : {
          name: "store",
          state: state === "store failed" ? "failed" : "degraded",
          sentence: `Takes no new blobs: ${state}`,
        },
  );
  const gone = cluster.nodes().filter((node) => node.services.cask && node.state === "dead");
  if (gone.length > 0) {
    const names = gone.map((node) => node.name).join(", ");
    const wait = formatDuration(Math.round(options.rebuildAfterMs));
    findings.push({
      name: "nodes",
      state: "degraded",
      sentence: `${names} ${gone.length === 1 ? "does" : "do"} not answer: after ${wait} the copies there are made again elsewhere`,
    });
  }
  if (options.shutOut && placement.nodes.size > 1) {
    findings.push({
      name: "secret",
      state: "degraded",
      sentence:
        "The other nodes are refused, as there are tokens and no cluster secret: set cluster_secret in [node], the same on all",
    });
  }
  const takers = placement.onRing().filter((node) => node.alive && node.writeable).length;
  const { wanted, had } = cask.copiesKnown();
  if (takers < placement.quorum) {
    findings.push({
      name: "quorum",
      state: "degraded",
      sentence: `${countOf(takers, "node takes", "nodes take")} new blobs and ${placement.quorum} must have one before it counts: uploads are refused until more are there`,
    });
  } else if (placement.ring.nodeIds.length < placement.copies) {
    findings.push({
      name: "copies",
      state: "degraded",
      sentence: `Each blob can have ${placement.ring.nodeIds.length} of ${placement.copies} wanted copies: join more nodes, or set copies in [cask]`,
    });
  } else if (had < wanted) {
    findings.push({
      name: "copies",
      state: "degraded",
      sentence: `${countOf(wanted - had, "copy is", "copies are")} missing and being made`,
    });
  }
  const { lagBlobs } = cask.scrub();
  if (lagBlobs > 0) {
    findings.push({
      name: "scrub",
      state: "degraded",
      sentence: `${countOf(lagBlobs, "blob was", "blobs were")} not read again in time`,
    });
  }
  return findings;
}

/** The key and the other node that a sentence is about, and the rest of it, for the list of repairs. */
export function repairIn(sentence: string, cluster: Cluster): { key: string; node?: string; reason: string } {
  const key = /sha\d+:[0-9a-f]+/.exec(sentence)?.[0] ?? "";
  const node = cluster.nodes().find(({ id }) => sentence.includes(id));
  const reason = sentence.replace(key, "it").replace(node?.id ?? "\0", node?.name ?? "");
  return { key, reason, ...(node ? { node: node.name } : {}) };
}

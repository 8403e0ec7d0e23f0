/**
 * What is to be said about the state of a node of Reticulum. Words only; nothing is decided here.
 */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { Reticulum } from "./reticulum.ts";

/** A queue as full as this is worth a word. */
const nearlyFull = 0.8;

/** How this node is, worst last. `encodings` that results could not be written with are counted by the caller. */
export function reticulumFindings(
  reticulum: Reticulum,
  state: { guarded: boolean; secretWanted: boolean; otherNodes: number },
): Finding[] {
  const engine = reticulum.engine.state();
  const findings: Finding[] = [];
  if (engine.waiting >= engine.waitingMax * nearlyFull) {
    findings.push({
      name: "images",
      state: "degraded",
      sentence: `${engine.waiting} of ${engine.waitingMax} places in the queue are taken: more requests for new sizes will be refused; allow fewer sizes, or raise workers in [reticulum]`,
    });
  } else {
    const { results } = reticulum.results.state();
    findings.push({
      name: "images",
      state: "ok",
      sentence: `Keeps ${countOf(results, "result")}; ${countOf(engine.processes, "process decodes", "processes decode")} images`,
    });
  }
  if (state.secretWanted && state.guarded && state.otherNodes > 0) {
    findings.push({
      name: "secret",
      state: "degraded",
      sentence:
        "Notes on images do not come from the other nodes, as there are tokens and no cluster secret: set cluster_secret in [node], the same on all",
    });
  }
  return findings;
}

/** What is to be said about a node's state, for health checks and the console. Words only; nothing is decided here. */
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { Catalog } from "./catalog.ts";

/** What findings are made of. */
export interface FindingParts {
  counts: ReturnType<Catalog["counts"]>;
  /** Why Cask cannot be reached, if it cannot. */
  caskTrouble: string | undefined;
  /** Whether the catalog holds all that this node ever acknowledged. */
  isWhole: boolean;
  /** Whether the Cask in use can list its blobs. */
  listing: "yes" | "no" | "unknown";
}

/** How this node is, worst last. */
export function hakmesFindings({ counts, caskTrouble, isWhole, listing }: FindingParts): Finding[] {
  const findings: Finding[] = [];
  if (caskTrouble !== undefined) {
    findings.push({
      name: "cask",
      state: "failed",
      sentence: `Files can be neither taken nor given: ${caskTrouble}`,
    });
  }
  findings.push({
    name: "files",
    state: "ok",
    sentence: `Knows ${countOf(counts.files, "file")} of ${formatSize(counts.bytes)}`,
  });
  if (!isWhole && listing !== "no") {
    findings.push({
      name: "catalog",
      state: "degraded",
      sentence: "Cask was not looked through yet for all files: until then a file that nobody knows is answered 503",
    });
  }
  if (counts.unanchored > 0) {
    findings.push({
      name: "imported",
      state: "degraded",
      sentence: `${countOf(counts.unanchored, "imported file has", "imported files have")} the list of chunks only on this node: it goes to Cask as soon as Cask answers and has the chunks`,
    });
  }
  if (counts.unproven > 0) {
    findings.push({
      name: "unproven",
      state: "ok",
      sentence: `${countOf(counts.unproven, "file is", "files are")} still to be read whole and compared with the key`,
    });
  }
  return findings;
}

/** What of the store wants attention, in sentences. */
import { formatCount, formatSize } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { ForwardState } from "./forward/forwards.ts";
import type { SeriesStore } from "./store.ts";
import type { WayIn } from "./ways-in.ts";

/** What findings are made of. */
export interface FindingParts {
  store: SeriesStore;
  waysIn: readonly WayIn[];
  forwards: readonly ForwardState[];
  /** Those that others found. */
  others: readonly Finding[];
  /** New series were refused within minutes. */
  isRefusing: boolean;
  /** Whether something of this time on the monotonic clock is still news. */
  isNews(atMs: number): boolean;
}

/** The findings, those that are fine included. */
export function seriesFindings({ store, waysIn, forwards, others, isRefusing, isNews }: FindingParts): Finding[] {
  const found: Finding[] = [...others];
  const { filesPutAside, logFailure, refused, refusedNames, series } = store.figures();
  for (const { name, isUp, failure, waitingBytes, droppedPoints, refusals } of forwards) {
    if (!isUp) {
      const waiting = formatSize(waitingBytes);
      const lost =
        droppedPoints > 0 ? `, and ${formatCount(droppedPoints)} points are lost to it for want of room` : "";
      const sentence = `Points cannot be handed on to ${name}: ${failure}; ${waiting} wait on disk${lost}`;
      found.push({ name: "series forward", state: "degraded", sentence });
    }
    if (isNews(refusals.atMs)) {
      const sentence = `${formatCount(refusals.points)} points were refused by ${name} and are lost to it: ${refusals.words}`;
      found.push({ name: "series forward", state: "degraded", sentence });
    }
  }
  for (const { purpose, failure } of waysIn) {
    if (failure !== undefined) found.push({ name: `series ${purpose}`, state: "degraded", sentence: failure });
  }
  if (logFailure !== "") {
    found.push({
      name: "series log",
      state: "failed",
      sentence: `Points are in memory only, and a crash would lose them: the disk says "${logFailure}"`,
    });
  }
  if (filesPutAside > 0) {
    found.push({
      name: "series files",
      state: "degraded",
      sentence: `${filesPutAside} damaged files were put aside in damaged/ since the start; what else there is, is served`,
    });
  }
  if (isRefusing) {
    found.push({
      name: "series new",
      state: "degraded",
      sentence: `${formatCount(refused["new-series"])} points of new series were refused, such as "${refusedNames.at(-1) ?? ""}": mend what makes so many names, or raise new_series_per_minute or max_series`,
    });
  }
  if (found.length === 0) found.push({ name: "series", state: "ok", sentence: `Keeps ${formatCount(series)} series` });
  return found;
}

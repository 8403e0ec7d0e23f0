/** What of the store wants attention, in sentences. */
import { formatCount } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { SeriesStore } from "./store.ts";
import type { WayIn } from "./ways-in.ts";

/** The findings, those that are fine included. `refusedLately` says whether new series were refused within minutes. */
export function seriesFindings(store: SeriesStore, waysIn: readonly WayIn[], refusedLately: boolean): Finding[] {
  const found: Finding[] = [];
  const { filesPutAside, logFailure, refused, refusedNames, series } = store.figures();
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
  if (refusedLately) {
    found.push({
      name: "series new",
      state: "degraded",
      sentence: `${formatCount(refused["new-series"])} points of new series were refused, such as "${refusedNames.at(-1) ?? ""}": mend what makes so many names, or raise new_series_per_minute or max_series`,
    });
  }
  if (found.length === 0) found.push({ name: "series", state: "ok", sentence: `Keeps ${formatCount(series)} series` });
  return found;
}

/** What the pages of Mediacheck show, as plain values. */
import type { ResourceReport } from "../report.ts";
import type { KeptRun } from "../run-store.ts";
import type { SiteView } from "../runner.ts";

/** A run with whether it goes on now. */
export type ShownRun = KeptRun & { isRunning: boolean };

/** The first page. */
export interface OverviewView {
  mountPath: string;
  now: number;
  sites: readonly SiteView[];
  runs: readonly ShownRun[];
  mayAsk: boolean;
  /** Addresses that are not public are refused. */
  guard: boolean;
}

/** The page of one site. */
export interface SitePageView {
  mountPath: string;
  now: number;
  view: SiteView;
  /** What was not good in the newest run. */
  troubled: readonly ResourceReport[];
  runs: readonly ShownRun[];
  mayAsk: boolean;
}

/** The page of one run. */
export interface RunView {
  mountPath: string;
  now: number;
  run: ShownRun;
  resources: readonly ResourceReport[];
}

/** The path of a site's page, below the mount. */
export function sitePath(name: string): string {
  return `/site/${encodeURIComponent(name)}/`;
}

/** The path of a run's page, below the mount. */
export function runPath(id: number): string {
  return `/run/${id}/`;
}

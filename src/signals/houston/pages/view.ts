/** What Houston's pages show, as plain values. */
import type { ShownSection } from "../shown.ts";

/** A dashboard in the list. */
export interface ListedDashboard {
  slug: string;
  title: string;
  note: string | undefined;
  graphs: number;
  /** Where it comes from, in words. */
  from: string;
  canChange: boolean;
  /** What is wrong with its file. */
  problems: readonly string[];
}

/** The list of dashboards. */
export interface ListView {
  mountPath: string;
  dashboards: readonly ListedDashboard[];
  troubles: readonly string[];
  sourceName: string;
  /** Why the source does not answer, if it does not. */
  sourceTrouble: string | undefined;
  mayWrite: boolean;
  folder: string;
  statusPage: "public" | "private" | "none";
}

/** A variable that can be chosen. */
export interface ShownVariable {
  name: string;
  label: string;
  values: readonly string[];
  present: string;
  /** Whether all of them can be shown at once. */
  all: boolean;
}

/** A dashboard. */
export interface DashboardView {
  mountPath: string;
  slug: string;
  title: string;
  note: string | undefined;
  from: string;
  until: string;
  /** Where the time goes back to. */
  ownRange: string;
  /** Whose clocks count, a zone of the tz database; and where that goes back to. */
  zone: string;
  ownZone: string;
  compareSeconds: number;
  refreshSeconds: number;
  variables: readonly ShownVariable[];
  sections: readonly ShownSection[];
  /** Query of the address without time, such as `var-host=a`; with the zone where it is not the dashboard's own. */
  chosenQuery: string;
  problems: readonly string[];
  trouble: string | undefined;
  mayChange: boolean;
}

/** How a check of the status page fares. */
export interface StatusRow {
  name: string;
  level: "up" | "down" | "unknown";
  sinceAt: number | undefined;
  /** Ninety days, oldest first. */
  days: readonly { at: number; runs: number; bad: number }[];
  /** Of what was asked, 0 to 1; undefined when nothing was. */
  share: number | undefined;
}

/** The status page. */
export interface StatusView {
  title: string;
  now: number;
  rows: readonly StatusRow[];
  /** Why nothing is known, if so. */
  trouble: string | undefined;
}

/** The lengths of time that can be chosen: what Graphite calls them, and what people do. */
export const ranges = [
  ["-1h", "1 h"],
  ["-3h", "3 h"],
  ["-12h", "12 h"],
  ["-24h", "1 d"],
  ["-7d", "7 d"],
  ["-30d", "30 d"],
  ["-90d", "90 d"],
  ["-1y", "1 y"],
] as const;

/** What a dashboard can be compared with: seconds before, and its words. */
export const comparisons = [
  [0, "nothing"],
  [3600, "an hour before"],
  [86_400, "a day before"],
  [604_800, "a week before"],
  [2_592_000, "30 days before"],
] as const;

/** How often charts can be refreshed, in seconds. */
export const beats = [0, 10, 30, 60, 300] as const;

/** What the pages of Hound show, and where they are. */
import type { Tab } from "../../../kit/pages/layout.tsx";
import type { DeliveryCounts, DeliveryRow, DeliveryState } from "../delivery/queue.ts";
import type { HistoryEntry, HoundSight, RuleStanding, Silence, StandingState } from "../standing.ts";

/** What every page knows. */
export interface Frame {
  mountPath: string;
  now: number;
  /** Whoever looks may acknowledge, silence and send again. */
  mayWrite: boolean;
}

/** A box of the strip. */
export interface Box {
  id: string;
  name: string;
  state: StandingState;
  grade: RuleStanding["grade"];
}

/** The first page. */
export interface OverviewView extends Frame {
  sight: HoundSight;
  /** Of all rules and series, in the order of the rules. */
  boxes: readonly Box[];
  /** Those of this page, worst first. */
  rows: readonly RuleStanding[];
  /** How many there are of each state. */
  counts: Readonly<Record<StandingState, number>>;
  failing: readonly string[];
  search: string;
  /** From 0, and how many there are. */
  page: number;
  pages: number;
  found: number;
  /** What waits to be sent, and what was given up. */
  deliveries: DeliveryCounts;
  /** Hound's own two graphs can be drawn. */
  hasOwnGraphs: boolean;
}

/** The page of one rule, or of one series of it. */
export interface AlertView extends Frame {
  standing: RuleStanding;
  /** Other series of the same rule. */
  siblings: readonly RuleStanding[];
  history: readonly HistoryEntry[];
  /** Silences that cover it or name it. */
  silences: readonly Silence[];
  canDraw: boolean;
}

/** The page of silences. */
export interface SilencesView extends Frame {
  silences: readonly Silence[];
}

/** The page of deliveries. */
export interface DeliveriesView extends Frame {
  counts: DeliveryCounts;
  rows: readonly DeliveryRow[];
  state: DeliveryState | undefined;
  /** There are more before the last row. */
  hasMore: boolean;
  isFirst: boolean;
  channels: readonly { name: string; kind: string }[];
}

/** The page of an address from a mail. */
export interface ActView {
  mountPath: string;
  now: number;
  /** The last part of its address. */
  word: string;
  state: "asks" | "done" | "spent" | "expired" | "wrong" | "gone" | "calm" | "anew" | "worse";
  action: { do: "acknowledge" } | { do: "silence"; forMs: number } | undefined;
  /** What it is about; undefined when there is no such rule any more. */
  standing: RuleStanding | undefined;
}

/** The path of a rule's page below the mount. */
export function alertPath(id: string): string {
  return `/alert/${encodeURIComponent(id)}/`;
}

/** Name of a rule, and its series where it is about one. */
export function titleOf({ rule, series }: Pick<RuleStanding, "rule" | "series">): string {
  return series === undefined ? rule.name : `${rule.name}: ${series}`;
}

/** The other pages of Hound. */
export function houndTabs(mountPath: string, current: "rules" | "silences" | "deliveries" | undefined): Tab[] {
  return [
    { title: "Rules", href: `${mountPath}/`, current: current === "rules" },
    { title: "Silences", href: `${mountPath}/silences/`, current: current === "silences" },
    { title: "Deliveries", href: `${mountPath}/deliveries/`, current: current === "deliveries" },
  ];
}

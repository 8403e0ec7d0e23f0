/**
 * How a rule stands, or one of its series: for pages, the API and what is kept. `HoundView` is all that a page or a
 * link in a mail needs of hound: reading, acknowledging, silencing.
 */
import type { Grade } from "./memory.ts";
import type { Rule } from "./rule.ts";

/**
 * The predecessor's three words and two more: `Pending` fails, but not for long enough yet; `NoData` has nothing to
 * judge. `Unknown` was not judged yet.
 */
export type StandingState = "OK" | "Pending" | "Failed" | "Error" | "NoData" | "Unknown";

/** What keeps a failing rule from being told. */
export type MutedBy = "silence" | "acknowledged" | "quiet hours" | "maintenance" | "dependency" | "flapping";

/** A rule, or one series of it, as it stands. */
export interface RuleStanding {
  /** The rule's id; with `:` and eight digits behind it where it is about one series. */
  id: string;
  rule: Rule;
  /** The series that it is about, where the rule looks at each by itself. */
  series: string | undefined;
  state: StandingState;
  /** Of a rule with two thresholds that is pending or fails: as what. */
  grade: Grade | undefined;
  /** That, and otherwise the rule's own. */
  severity: string;
  /** Since when it stands so; epoch ms. */
  sinceAt: number;
  /** Where it fails at one of two levels: since when at that one. */
  gradeSinceAt: number | undefined;
  /** When it was judged last. */
  judgedAt: number | undefined;
  /** What was measured last. */
  value: number | undefined;
  /** Why it stands so: `12.000000 >= 10.000000`, or what went wrong. Empty while good. */
  message: string;
  /** Its failing has been told so often; 0 when it is good. */
  toldCount: number;
  lastToldAt: number | undefined;
  /** When it is told again if nothing changes. */
  nextToldAt: number | undefined;
  acknowledged: { by: string; at: number } | undefined;
  /** The end of the silence that covers it. */
  silencedUntilAt: number | undefined;
  mutedBy: MutedBy | undefined;
  isFlapping: boolean;
}

/** What happened to a rule. */
export interface HistoryEntry {
  /** Rises. */
  number: number;
  at: number;
  /** As {@link RuleStanding.id}. */
  standingId: string;
  ruleId: string;
  name: string;
  series: string | undefined;
  /** What it came to: a state (of two levels the level instead of `Failed`), or what was done: word went out, somebody acknowledged. */
  event: StandingState | Grade | "told" | "recovery told" | "acknowledged" | "flapping" | "calm";
  value: number | undefined;
  message: string;
}

/** A silence: what it covers is not told. */
export interface Silence {
  /** Eight hexadecimal digits. */
  id: string;
  /** As it is written: `severity=warning,host=web-*`. Labels, and `name`, `id`, `series`, `severity`, `kind`. */
  matcher: string;
  fromAt: number;
  untilAt: number;
  by: string;
  comment: string;
}

/** How hound itself is. */
export interface HoundSight {
  /** Where measurements are read from, for people; undefined where there is nowhere. */
  source: string | undefined;
  language: "graphite" | "promql";
  /** When the last round ended, and how long it took. */
  roundAt: number | undefined;
  roundMs: number | undefined;
  /** Since when the source cannot be read, and why. */
  blind: { sinceAt: number; reason: string } | undefined;
  /** Why the file of rules does not count as it is now. */
  fileTrouble: string | undefined;
}

/** What there is to see and to do. Everything is answered from memory, but for the history. */
export interface HoundView {
  /** All, in the order of the rules; series by name. */
  standings(): readonly RuleStanding[];
  /** One, by {@link RuleStanding.id}. */
  find(id: string): RuleStanding | undefined;
  /** Newest first. `of` is the id of a rule or of a standing. */
  history(options: { of?: string; limit: number }): readonly HistoryEntry[];
  sight(): HoundSight;
  /** Stops the repeats until it recovers. False when there is none, or it does not fail. `id` is a rule's or a standing's. */
  acknowledge(id: string, by: string): boolean;
  /** Throws the Fault `hound/silence` when the matcher cannot be read or the end is not later than now. */
  silence(wanted: { matcher: string; untilAt: number; by: string; comment: string }): Silence;
  /** Ends a silence; false when there is none of that id. */
  unsilence(id: string, by: string): boolean;
  /** Those that have not ended, soonest to end first. */
  silences(): readonly Silence[];
}

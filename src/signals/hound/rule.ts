/**
 * What a rule is, once it was read: complete, with every default in place. Rules come from the configuration and from
 * files (rule-file.ts); who judges them is verdict.ts. The id is that of the predecessor, so that its links go on to
 * work: the first ten digits of a hash over what is measured and how, without the name.
 */
import type { WeekWindow } from "./week-window.ts";

/** What is compared with the threshold. */
export type Measure =
  /** The newest value there is. */
  | { kind: "value" }
  /** The newest value less the one that was newest `overMs` before it; as it is, in percent of that one, or a second. */
  | { kind: "change"; overMs: number; as: "difference" | "percent" | "per-second" }
  /**
   * The mean of the window against all values of the same window in each of the last `weeks` weeks: in percent of their
   * mean, or in units of their standard deviation (never taken smaller than a hundredth of their mean).
   */
  | { kind: "weeks"; weeks: number; as: "percent" | "deviations" };

/** What is made of a rule without data: good, failed, as it was before, or a state of its own. */
export type NoDataPolicy = "ok" | "alert" | "keep" | "state";

/** A rule. */
export interface Rule {
  /** Ten hexadecimal digits; of rules that measure alike all but the first have `-` and digits of their name behind. */
  id: string;
  name: string;
  /** In the language of the source. */
  target: string;
  kind: "Alert" | "Notice";
  severity: string;
  labels: Readonly<Record<string, string>>;
  direction: "above" | "below";
  threshold: number;
  /** Where it has two: from this one on, farther out, it is critical, and a warning until then. */
  criticalThreshold: number | undefined;
  measure: Measure;
  /** The sign of what is measured is dropped before it is compared. */
  isEitherWay: boolean;
  /** What is looked at ends now and begins so long ago. */
  windowMs: number;
  /** The newest value may be so old: points arrive late, and the last of them are empty until they do. */
  graceMs: number;
  /** It has to fail for so long before it counts. */
  forMs: number;
  /** It has to be good for so long before that counts. */
  keepFiringMs: number;
  noData: NoDataPolicy;
  /** Each series of the target is judged by itself; otherwise the worst of them counts. */
  isPerSeries: boolean;
  /** Whom it tells; empty: whom the routes name. Mail addresses, and channels as `channel:<name>`. */
  recipients: readonly string[];
  /** Told too once it stands for so long and nobody has acknowledged it. */
  escalation: { afterMs: number; recipients: readonly string[] } | undefined;
  runbookUrl: string | undefined;
  /** Ids of rules while whose failing this one is not told. */
  dependsOn: readonly string[];
  /** Then nothing is told; it is afterwards. */
  quietHours: readonly WeekWindow[];
  /** Then it may fail. */
  maintenance: readonly WeekWindow[];
}

/** Whom a rule names, also those who are called in late. */
export function everyoneOf({ escalation, recipients }: Pick<Rule, "escalation" | "recipients">): readonly string[] {
  return escalation === undefined ? recipients : [...recipients, ...escalation.recipients];
}

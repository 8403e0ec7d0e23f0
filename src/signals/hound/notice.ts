/**
 * What hound has to tell: the seam between judging rules and getting word out. A notice is complete in itself, so that it
 * can wait in a queue on disk, over restarts, and still be sent as it was meant.
 */

/** Why word goes out. `blind` says that the source of measurements cannot be read. */
export type NoticeKind =
  "alert" | "recovery" | "throttled" | "recoveries" | "errors" | "blind" | "seeing" | "silence" | "digest";

/** What a notice says about the rule behind it. */
export interface NoticeRule {
  /** The rule's id: ten hexadecimal digits. */
  id: string;
  name: string;
  target: string;
  kind: "Alert" | "Notice";
  /** Of a rule with two thresholds the level at which it fails. */
  severity: string;
  /** Where that has changed: the level that was told before. */
  severityBefore?: string;
  labels: Readonly<Record<string, string>>;
  direction: "above" | "below";
  threshold: number;
  /** Where there are two: the one from which on it is critical. */
  criticalThreshold?: number;
  runbookUrl?: string;
  /** The series of the target that it is about, where the rule looks at each by itself. */
  series?: string;
}

/** One thing to tell, to one set of recipients. */
export interface Notice {
  /** The same however often it is sent: receivers that know it ignore a second one. */
  id: string;
  kind: NoticeKind;
  createdAt: number;
  /** Mail addresses, and names of channels from the configuration as `channel:<name>`. */
  recipients: readonly string[];
  subject: string;
  /** The whole message as plain text. */
  text: string;
  rules: readonly NoticeRule[];
  /** The value that was seen last, where it is about one rule. */
  value?: number;
  /** Pictures that belong to it: drawn when it is sent, absent where they cannot be. */
  graphs: readonly { title: string; targets: readonly string[]; fromSeconds: number; untilSeconds: number }[];
  /** Signed addresses that act: acknowledge, silence for an hour, for a day. */
  actions: readonly { title: string; url: string }[];
}

/** Takes notices. Resolves when the notice survives a crash, not when it has arrived. Throws a Fault. */
export interface NoticeSink {
  take(notice: Notice): Promise<void>;
}

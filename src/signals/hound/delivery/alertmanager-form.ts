/**
 * A notice in the form of Alertmanager's webhook, version 4, for the many programs that take it. What fires and what is
 * resolved of one rule have the same labels and so the same fingerprint. Alertmanager knows when an alert began; a
 * notice says when word went out, and that is what stands there.
 */
import type { Notice, NoticeRule } from "../notice.ts";
import { toneOf } from "./channel.ts";

type Status = "firing" | "resolved";

const never = "0001-01-01T00:00:00Z";

/** The body that is posted. `receiver` is the channel's name, `externalUrl` where hound's pages are. */
export function alertmanagerForm(notice: Notice, receiver: string, externalUrl: string) {
  const status: Status = toneOf(notice) === "good" ? "resolved" : "firing";
  const at = new Date(notice.createdAt).toISOString();
  const entries =
    notice.rules.length === 0 ? [{ rule: undefined, status }] : notice.rules.flatMap((rule) => entriesOf(rule, status));
  const alerts = entries.map(({ rule, status }) => {
    const labels = rule === undefined ? { alertname: ownNameOf(notice), severity: "error" } : labelsOf(rule);
    return {
      status,
      labels,
      annotations: annotationsOf(notice, rule),
      startsAt: at,
      endsAt: status === "resolved" ? at : never,
      generatorURL: rule === undefined ? `${externalUrl}/` : `${externalUrl}/alert/${rule.id}/`,
      fingerprint: fingerprintOf(labels),
    };
  });
  const groupLabels: Record<string, string> =
    notice.rules.length <= 1 ? { alertname: alerts[0]?.labels["alertname"] ?? "" } : {};
  return {
    version: "4",
    groupKey: `{}:{${Object.entries(groupLabels)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(", ")}}`,
    truncatedAlerts: 0,
    status,
    receiver,
    groupLabels,
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: { ...commonOf(alerts.map(({ annotations }) => annotations)), description: notice.text },
    externalURL: externalUrl,
    alerts,
  };
}

/** Another severity is another alert to whoever takes this: the one that was told before ends with it. */
function entriesOf(rule: NoticeRule, status: Status): { rule: NoticeRule; status: Status }[] {
  const { severityBefore } = rule;
  if (severityBefore === undefined) return [{ rule, status }];
  return [
    { rule, status },
    { rule: { ...rule, severity: severityBefore }, status: "resolved" },
  ];
}

const ownNames: Partial<Record<Notice["kind"], string>> = {
  blind: "HoundBlind",
  seeing: "HoundBlind",
  throttled: "HoundThrottled",
  recoveries: "HoundThrottled",
  errors: "HoundErrors",
};

/** What an alert of hound itself is called: one that goes has the name of the one that came. */
function ownNameOf({ kind }: Notice): string {
  return ownNames[kind] ?? "Hound";
}

function labelsOf(rule: NoticeRule): Record<string, string> {
  return {
    ...rule.labels,
    alertname: rule.name,
    severity: rule.severity,
    rule: rule.id,
    kind: rule.kind,
    ...(rule.series === undefined ? {} : { series: rule.series }),
  };
}

function annotationsOf(notice: Notice, rule: NoticeRule | undefined): Record<string, string> {
  // The text of many is about all of them: said once for each, it would make megabytes.
  const isShared = notice.rules.length > 1;
  const annotations: Record<string, string> = {
    summary: notice.subject,
    ...(isShared ? {} : { description: notice.text }),
  };
  if (rule?.runbookUrl !== undefined) annotations["runbook_url"] = rule.runbookUrl;
  if (notice.value !== undefined) annotations["value"] = String(notice.value);
  return annotations;
}

/** Sixteen hexadecimal digits over the labels, whatever their order. */
function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...rest] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => rest.every((other) => other[name] === value)),
  );
}

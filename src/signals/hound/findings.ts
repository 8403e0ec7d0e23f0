/** What is to be said about Hound's own state. A rule that fails is no fault of this node. */
import { countOf, formatSpan } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import { everyoneOf, type Rule } from "./rule.ts";
import type { HoundSight, RuleStanding } from "./standing.ts";

/** How hound is. `refusal` says why a recipient cannot be reached. */
export function houndFindings(state: {
  now: number;
  rules: readonly Rule[];
  standings: readonly RuleStanding[];
  sight: HoundSight;
  everybody: readonly string[];
  /** Whom routes name. */
  routed: readonly string[];
  /** Since when a round should have ended and none has, and why; undefined while they do. */
  overdue: { sinceAt: number; reason: string } | undefined;
  /** Why the last sign of life did not arrive. */
  signTrouble: string | undefined;
  refusal(recipient: string): string | undefined;
}): Finding[] {
  const { now, rules, sight, standings } = state;
  const failing = standings.filter((one) => one.state === "Failed");
  const findings: Finding[] = [
    {
      name: "rules",
      state: "ok",
      sentence:
        rules.length === 0 ? "No rules are configured" : `${countOf(rules.length, "rule")}, ${someFailing(failing)}`,
    },
  ];
  if (sight.fileTrouble !== undefined) {
    findings.push({
      name: "file",
      state: "degraded",
      sentence: `The file of rules is not in effect as it stands: ${sight.fileTrouble}. The rules from before go on`,
    });
  }
  if (rules.length === 0) return findings;
  if (sight.source === undefined) {
    const sentence = "There is nowhere to read measurements: switch the service series on, or set url";
    findings.push({ name: "source", state: "degraded", sentence });
  } else if (sight.blind) {
    findings.push({
      name: "source",
      state: "degraded",
      sentence: `${sight.source} cannot be read for ${formatSpan(now - sight.blind.sinceAt)}: ${sight.blind.reason}. No rule is judged`,
    });
  }
  if (state.overdue) {
    const { reason, sinceAt } = state.overdue;
    findings.push({
      name: "rounds",
      state: "degraded",
      sentence: `No round has ended for ${formatSpan(now - sinceAt)}${reason === "" ? "" : `: ${reason}`}. No rule is judged`,
    });
  }
  if (state.signTrouble !== undefined) {
    const sentence = `Signs of life do not arrive at heartbeat_url: ${state.signTrouble}`;
    findings.push({ name: "heartbeat", state: "degraded", sentence });
  }
  const isUntold =
    state.everybody.length === 0 && state.routed.length === 0 && rules.some((rule) => rule.recipients.length === 0);
  if (isUntold) {
    const sentence = "Some rules are told to nobody: set mail_to, or give them recipients of their own";
    findings.push({ name: "recipients", state: "degraded", sentence });
  }
  const recipients = new Set([...state.everybody, ...state.routed, ...rules.flatMap(everyoneOf)]);
  const refused = [...recipients].flatMap((recipient) => {
    const reason = state.refusal(recipient);
    return reason === undefined ? [] : [`${recipient}: ${reason}`];
  });
  if (refused.length > 0) {
    findings.push({
      name: "channels",
      state: "degraded",
      sentence: `${countOf(refused.length, "recipient")} cannot be reached: ${refused.slice(0, 3).join("; ")}`,
    });
  }
  return findings;
}

function someFailing(failing: readonly RuleStanding[]): string {
  if (failing.length === 0) return "none failing";
  const names = failing
    .slice(0, 5)
    .map(({ rule, series }) => (series === undefined ? rule.name : `${rule.name}: ${series}`));
  return `${failing.length} failing: ${names.join(", ")}${failing.length > 5 ? ` and ${failing.length - 5} more` : ""}`;
}

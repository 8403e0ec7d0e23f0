/** How hound stands as JSON, for programs: what the API answers and its client reads. Instants are epoch ms. */
import type { HoundSight, RuleStanding } from "./standing.ts";

/** A standing as JSON. */
export interface ShownStanding {
  id: string;
  rule: string;
  name: string;
  series: string | null;
  target: string;
  kind: string;
  severity: string;
  labels: Readonly<Record<string, string>>;
  direction: "above" | "below";
  threshold: number;
  /** From which on it is critical, where there are two. */
  criticalThreshold: number | null;
  state: RuleStanding["state"];
  grade: "warning" | "critical" | null;
  since: number;
  judged: number | null;
  value: number | null;
  message: string;
  told: number;
  lastTold: number | null;
  nextTold: number | null;
  acknowledged: { by: string; at: number } | null;
  silencedUntil: number | null;
  mutedBy: string | null;
  flapping: boolean;
}

/** All of it. */
export interface ShownHound {
  sight: HoundSight;
  standings: ShownStanding[];
}

/** A standing for programs. */
export function shownStanding(standing: RuleStanding): ShownStanding {
  const { rule } = standing;
  return {
    id: standing.id,
    rule: rule.id,
    name: rule.name,
    series: standing.series ?? null,
    target: rule.target,
    kind: rule.kind,
    severity: standing.severity,
    labels: rule.labels,
    direction: rule.direction,
    threshold: rule.threshold,
    criticalThreshold: rule.criticalThreshold ?? null,
    state: standing.state,
    grade: standing.grade ?? null,
    since: standing.sinceAt,
    judged: standing.judgedAt ?? null,
    value: standing.value ?? null,
    message: standing.message,
    told: standing.toldCount,
    lastTold: standing.lastToldAt ?? null,
    nextTold: standing.nextToldAt ?? null,
    acknowledged: standing.acknowledged ?? null,
    silencedUntil: standing.silencedUntilAt ?? null,
    mutedBy: standing.mutedBy ?? null,
    flapping: standing.isFlapping,
  };
}

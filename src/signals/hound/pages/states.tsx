/** @jsxImportSource hono/jsx */
/** States of rules as shapes and words, and values against their thresholds as the predecessor showed them. */
import type { Tone } from "../../../kit/pages/components.tsx";
import type { RuleStanding, StandingState } from "../standing.ts";

const tones: Record<StandingState, { tone: Tone; word: string }> = {
  OK: { tone: "good", word: "OK" },
  Pending: { tone: "warn", word: "pending" },
  Failed: { tone: "bad", word: "failed" },
  Error: { tone: "warn", word: "error" },
  NoData: { tone: "warn", word: "no data" },
  Unknown: { tone: "idle", word: "not judged yet" },
};

/** A state as shape and word; of a rule with two levels the level at which it fails. */
export function toneOfState(state: StandingState, grade?: RuleStanding["grade"]): { tone: Tone; word: string } {
  if (state !== "Failed" || grade === undefined) return tones[state];
  return { tone: grade === "critical" ? "bad" : "warn", word: grade };
}

/** The order in which states want to be seen. */
export function rankOfState({ grade, state }: Pick<RuleStanding, "state" | "grade">): number {
  if (state === "Failed" && grade === "warning") return 1;
  return ["Failed", "", "Pending", "Error", "NoData", "Unknown", "OK"].indexOf(state);
}

/** A number with four decimals at most. */
export function shownValue(value: number): string {
  // Adding nothing makes a zero of what is below zero by less than is shown.
  return String(Number(value.toFixed(4)) + 0);
}

/**
 * `value < threshold`, with the sign that holds; a question mark where nothing was measured. Of two thresholds the one
 * that the value is past.
 */
export function comparisonOf({
  rule,
  state,
  value,
}: Pick<RuleStanding, "state" | "value"> & {
  rule: Pick<RuleStanding["rule"], "direction" | "threshold"> & { criticalThreshold?: number | undefined };
}): string {
  const { criticalThreshold: critical, direction } = rule;
  const isGood = state === "OK";
  const sign = isGood === (direction === "above") ? "<" : ">";
  const isCritical =
    !isGood &&
    critical !== undefined &&
    value !== undefined &&
    (direction === "above" ? value >= critical : value <= critical);
  const bound = isCritical ? critical : rule.threshold;
  return `${value === undefined ? "?" : shownValue(value)} ${sign} ${shownValue(bound)}`;
}

/** What keeps it from being told, in a word or two. */
export function muteWord({
  acknowledged,
  mutedBy,
}: Pick<RuleStanding, "acknowledged" | "mutedBy">): string | undefined {
  if (mutedBy === "silence") return "silenced";
  if (mutedBy === "dependency") return "a dependency fails";
  return mutedBy ?? (acknowledged ? "acknowledged" : undefined);
}

/** A graph as a picture that the server draws. */
export function Graph(props: { src: string; title: string; height: number }) {
  return (
    <figure class="graph">
      <img
        src={props.src}
        alt={`${props.title}: no picture could be drawn`}
        width="800"
        height={String(props.height)}
      />
      <figcaption>{props.title}</figcaption>
    </figure>
  );
}

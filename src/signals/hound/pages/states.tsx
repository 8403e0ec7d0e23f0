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

/** A state as shape and word. */
export function toneOfState(state: StandingState): { tone: Tone; word: string } {
  return tones[state];
}

/** The order in which states want to be seen. */
export function rankOfState(state: StandingState): number {
  return ["Failed", "Pending", "Error", "NoData", "Unknown", "OK"].indexOf(state);
}

/** A number with four decimals at most. */
export function shownValue(value: number): string {
  // Adding nothing makes a zero of what is below zero by less than is shown.
  return String(Number(value.toFixed(4)) + 0);
}

/** `value < threshold`, with the sign that holds; a question mark where nothing was measured. */
export function comparisonOf({
  rule,
  state,
  value,
}: Pick<RuleStanding, "state" | "value"> & { rule: Pick<RuleStanding["rule"], "direction" | "threshold"> }): string {
  const isGood = state === "OK";
  const sign = isGood === (rule.direction === "above") ? "<" : ">";
  return `${value === undefined ? "?" : shownValue(value)} ${sign} ${shownValue(rule.threshold)}`;
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

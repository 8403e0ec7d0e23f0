/** @jsxImportSource hono/jsx */
/** A strip of times side by side, oldest first: each full height where something failed, so that shape tells as well as colour. */
import { countOf } from "../../../kit/pages/quantity.ts";
import type { StripHour } from "./view.ts";

const tones = ["meter-track", "fill-good", "fill-warn", "fill-bad"] as const;

/** The strip; `label` says what it is about. One shape for each tone: a page may show hundreds of strips. */
export function Strip(props: { label: string; hours: readonly StripHour[]; long?: boolean }) {
  const { hours } = props;
  const bad = hours.reduce((sum, hour) => sum + hour.bad, 0);
  const runs = hours.reduce((sum, hour) => sum + hour.runs, 0);
  const summary = `${props.label}: ${bad === 0 ? "no failures" : countOf(bad, "failure")} in ${countOf(runs, "asking")}`;
  const shapes = new Map<string, string>();
  for (const [position, hour] of hours.entries()) {
    const height = hour.runs === 0 ? 3 : hour.bad === 0 ? 12 : 20;
    const tone = tones[hour.runs === 0 ? 0 : hour.bad === 0 ? 1 : hour.bad < hour.runs ? 2 : 3] ?? tones[0];
    shapes.set(tone, `${shapes.get(tone) ?? ""}M${position * 5} 20h4v-${height}h-4z`);
  }
  return (
    <svg
      class={`strip${props.long ? " strip-long" : ""}`}
      viewBox={`0 0 ${hours.length * 5 - 1} 20`}
      preserveAspectRatio="none"
      role="img"
      aria-label={summary}
    >
      {[...shapes].map(([tone, path]) => (
        <path class={tone} d={path} />
      ))}
    </svg>
  );
}

/** @jsxImportSource hono/jsx */
/** A strip of times side by side, oldest first: each full height where something failed, so that shape tells as well as colour. */
import { countOf, formatInstant } from "../../../kit/pages/quantity.ts";
import type { StripHour } from "./view.ts";

/** The strip; `label` says what it is about, `digits` how much of each instant is told (10 for days, 16 for hours). */
export function Strip(props: { label: string; hours: readonly StripHour[]; digits: number; long?: boolean }) {
  const { hours } = props;
  const bad = hours.reduce((sum, hour) => sum + hour.bad, 0);
  const runs = hours.reduce((sum, hour) => sum + hour.runs, 0);
  const summary = `${props.label}: ${bad === 0 ? "no failures" : countOf(bad, "failure")} in ${countOf(runs, "asking")}`;
  return (
    <svg
      class={`strip${props.long ? " strip-long" : ""}`}
      viewBox={`0 0 ${hours.length * 5} 20`}
      preserveAspectRatio="none"
      role="img"
      aria-label={summary}
    >
      {hours.map((hour, position) => {
        const height = hour.runs === 0 ? 3 : hour.bad === 0 ? 12 : 20;
        const tone =
          hour.runs === 0
            ? "meter-track"
            : hour.bad === 0
              ? "fill-good"
              : hour.bad < hour.runs
                ? "fill-warn"
                : "fill-bad";
        const words = hour.runs === 0 ? "nothing asked" : `${hour.bad} of ${hour.runs} failed`;
        return (
          <rect class={tone} x={position * 5 + 0.5} y={20 - height} width="4" height={height}>
            <title>{`${formatInstant(hour.at).slice(0, props.digits)} UTC: ${words}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

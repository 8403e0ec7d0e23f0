/** @jsxImportSource hono/jsx */
/**
 * The last lines of this node's log, newest first, kept fresh while looked at.
 */
import { Headline, Live, Mark, Section, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { formatInstant, formatTimeOfDay } from "../../../kit/pages/quantity.ts";
import type { LogEntry } from "../../../kit/log.ts";
import type { LogView } from "./view.ts";

const tones: Record<LogEntry["level"], Tone> = { debug: "idle", info: "idle", warn: "warn", error: "bad" };

function fieldsOf(entry: LogEntry): string {
  return Object.entries(entry.fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === "string" && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
    )
    .join("  ");
}

/** The page's live parts, by name. */
export function logParts(view: LogView): Record<string, Html> {
  const lines =
    view.entries.length === 0 ? (
      <p class="empty">Nothing was logged since this node started, or its level keeps it silent.</p>
    ) : (
      <ol class="log">
        {view.entries.toReversed().map((entry) => (
          <li>
            <time datetime={new Date(entry.at).toISOString()} title={`${formatInstant(entry.at)} UTC`}>
              {formatTimeOfDay(entry.at)}
            </time>
            <Mark tone={tones[entry.level]} word={entry.level} />
            <div>
              {entry.message} <span class="log-fields">{fieldsOf(entry)}</span>
            </div>
          </li>
        ))}
      </ol>
    );
  return { log: lines };
}

/** The page's body. */
export function Log(view: LogView) {
  return (
    <>
      <Headline title="Log" sentence="The last lines, newest first. Secrets are left out." />
      <Section title="Lines" note="Times in UTC">
        <Live name="log">{logParts(view)["log"]}</Live>
      </Section>
    </>
  );
}

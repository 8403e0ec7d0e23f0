/** @jsxImportSource hono/jsx */
/** Messages as they come, by topic, newest first. Without script the page shows what is kept; reload for more. */
import { Flash, Headline, Section } from "../../../kit/pages/components.tsx";
import { formatInstant, formatTimeOfDay } from "../../../kit/pages/quantity.ts";
import type { TapView } from "./view.ts";

/** The page. */
export function Tap(view: TapView) {
  const { mountPath, rows, topic } = view;
  return (
    <>
      <Headline title="Message tap" sentence="What is published, as it comes. Contents are cut at 2,000 characters." />
      <Section title="Topic" note="An address, or a pattern: * is any one part, # at the end any number.">
        <form class="search" method="get" role="search">
          <label>
            Address or pattern
            <input name="topic" value={topic} autocomplete="off" autocapitalize="none" spellcheck={false} />
          </label>
          <button type="submit">Listen</button>
        </form>
      </Section>
      <Section title="Messages" note="The newest 200 stay on the page.">
        {view.failure === undefined ? (
          <>
            <p class="tap-state" role="status" data-tap-state>
              What is kept, newest first. Reload to see more.
            </p>
            <ol class="tap" data-tap={`${mountPath}/tap/stream?topic=${encodeURIComponent(topic)}`}>
              {rows.map((row) => (
                <li data-position={row.position}>
                  <time datetime={new Date(row.at).toISOString()} title={`${formatInstant(row.at)} UTC`}>
                    {formatTimeOfDay(row.at)}
                  </time>
                  <span class="tap-address">{row.address}</span>
                  <code>{row.content}</code>
                </li>
              ))}
            </ol>
            <p class="empty" data-tap-empty hidden={rows.length > 0}>
              Nothing of that topic is kept. What is published from now on appears here.
            </p>
          </>
        ) : (
          <Flash tone="bad">{view.failure}</Flash>
        )}
      </Section>
    </>
  );
}

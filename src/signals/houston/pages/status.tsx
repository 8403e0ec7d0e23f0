/** @jsxImportSource hono/jsx */
/** The status page: how the chosen checks are, and how they were, day by day. A whole document, as strangers may see it. */
import { asset } from "../../../kit/pages/assets.ts";
import { type Html, renderHtml } from "../../../kit/pages/html.ts";
import { formatInstant, formatSpan } from "../../../kit/pages/quantity.ts";
import { contentSecurityPolicy } from "../../../kit/pages/shell.ts";
import tokenStyles from "../../../kit/pages/tokens.css" with { type: "text" };
import { sharePercent } from "../status.ts";
import statusStyles from "./status.css" with { type: "text" };
import type { StatusRow, StatusView } from "./view.ts";

/** Its styles, which have to be registered. */
export const statusStyleAsset = asset("houston-status.css", `${tokenStyles}\n${statusStyles}`);

/** The page as an answer. */
export function statusPage(view: StatusView): Response {
  return new Response(`<!doctype html>${renderHtml(Status(view))}`, {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": contentSecurityPolicy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
      "Cache-Control": "max-age=10",
    },
  });
}

const namesMax = 10;
const words = { up: "up", down: "down", unknown: "not known" };

/** The document. */
export function Status({ now, rows, title, trouble }: StatusView): Html {
  const down = rows.filter(({ level }) => level === "down");
  const unknown = rows.filter(({ level }) => level === "unknown");
  const tone = down.length > 0 ? " overall-bad" : unknown.length > 0 || trouble !== undefined ? " overall-unknown" : "";
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="refresh" content="60" />
        <title>{title}</title>
        <link rel="stylesheet" href={`/assets/${statusStyleAsset.hash}.${statusStyleAsset.name}`} />
      </head>
      <body>
        <main>
          <h1>{title}</h1>
          <p class={`overall${tone}`}>
            {trouble !== undefined
              ? `${trouble}.`
              : down.length > 0
                ? `Down: ${namesOf(down)}.`
                : unknown.length > 0
                  ? `Not known: ${namesOf(unknown)}.`
                  : "Everything is up."}
          </p>
          {rows.map((row) => (
            <Service row={row} now={now} />
          ))}
          <p class="legend">
            <span>As of {formatInstant(now)} UTC</span>
          </p>
        </main>
      </body>
    </html>
  );
}

/** The first few, and how many more there are. */
function namesOf(rows: readonly StatusRow[]): string {
  const names = rows.slice(0, namesMax).map(({ name }) => name);
  const more = rows.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function Service({ now, row }: { row: StatusRow; now: number }) {
  const { days, level, name, share, sinceAt } = row;
  const bad = days.filter((day) => day.bad > 0).length;
  const shapes = new Map<string, string>();
  for (const [at, day] of days.entries()) {
    const tone = day.runs === 0 ? "none" : day.bad === 0 ? "good" : day.bad < day.runs / 20 ? "some" : "bad";
    // Height tells as well as colour.
    const height = { none: 8, good: 20, some: 14, bad: 28 }[tone];
    shapes.set(tone, `${shapes.get(tone) ?? ""}M${at * 5} 28h4v-${height}h-4z`);
  }
  return (
    <section class="service">
      <header>
        <h2>{name}</h2>
        <span class={`level level-${level}`}>
          {words[level]}
          {level === "down" && sinceAt !== undefined ? ` for ${formatSpan(now - sinceAt)}` : ""}
        </span>
      </header>
      <svg
        class="days"
        viewBox={`0 0 ${days.length * 5 - 1} 28`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name}: failures on ${bad} of the last ${days.length} days`}
      >
        {[...shapes].map(([tone, path]) => (
          <path class={`day-${tone}`} d={path} />
        ))}
      </svg>
      <p class="legend">
        <span>{days.length} days ago</span>
        <span>{sharePercent(share)} up</span>
        <span>today</span>
      </p>
    </section>
  );
}

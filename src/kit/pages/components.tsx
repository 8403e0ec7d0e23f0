/** @jsxImportSource hono/jsx */
/**
 * The pieces that all pages are made of. Each takes plain values, escapes what it is given, and reads well without styles
 * and without script. State is told by shape and word together, never by colour alone.
 */
import type { NodeEvent } from "../events.ts";
import { type Html, linkTo, listQuery } from "./html.ts";
import { formatAge, formatInstant, formatShare, formatTimeOfDay } from "./quantity.ts";

/** How something fares: well; needs a look; broken; at work; nothing to say. */
export type Tone = "good" | "warn" | "bad" | "busy" | "idle";

const shapes: Record<Tone, Html> = {
  good: <circle cx="6" cy="6" r="4.5" />,
  warn: <path d="M6 1 11.5 11 .5 11Z" />,
  bad: (
    <>
      <rect x="1" y="1" width="10" height="10" />
      <path class="mark-cut" d="M3.6 3.6 8.4 8.4M8.4 3.6 3.6 8.4" />
    </>
  ),
  busy: (
    <>
      <circle class="mark-line" cx="6" cy="6" r="4.2" />
      <path d="M6 1.8A4.2 4.2 0 0 1 6 10.2Z" />
    </>
  ),
  idle: <circle class="mark-line" cx="6" cy="6" r="4.2" />,
};

function Shape(props: { tone: Tone }) {
  return (
    <svg class="mark-shape" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {shapes[props.tone]}
    </svg>
  );
}

/** A state: its shape and its word. */
export function Mark(props: { tone: Tone; word: string; note?: string | undefined }) {
  return (
    <span class={`mark mark-${props.tone}`} title={props.note}>
      <Shape tone={props.tone} />
      <span class="mark-word">{props.word}</span>
    </span>
  );
}

/** The page's heading and, under it, one sentence that tells the truth about what is shown. */
export function Headline(props: { title: string; tone?: Tone; sentence?: Html }) {
  return (
    <header class="headline">
      <h1>{props.title}</h1>
      {props.sentence === undefined ? null : (
        <p class={`headline-sentence${props.tone ? ` mark-${props.tone}` : ""}`}>
          {props.tone ? <Shape tone={props.tone} /> : null}
          {props.sentence}
        </p>
      )}
    </header>
  );
}

/** A part of a page: its heading stands in the margin, a note below it. `id` makes it linkable. */
export function Section(props: { title: string; id?: string; note?: Html; children?: Html }) {
  return (
    <section class="section" id={props.id}>
      <div class="section-head">
        <h2>{props.title}</h2>
        {props.note === undefined || props.note === null ? null : <p class="section-note">{props.note}</p>}
      </div>
      <div class="section-body">{props.children}</div>
    </section>
  );
}

/** A part of the page that the server keeps up to date while it is looked at. The name must be unique in the page. */
export function Live(props: { name: string; children?: Html }) {
  return (
    <div class="live" data-live={props.name}>
      {props.children}
    </div>
  );
}

/** One column of a {@link Table}. */
export interface Column<Row> {
  title: string;
  /**
   * `main` names the row; `state` holds a Mark and stands beside the name on a narrow screen; `number` is set right;
   * `key` may break anywhere; `time` stays on one line; `wide` takes what room is left.
   */
  kind?: "main" | "state" | "number" | "key" | "time" | "wide";
  /** Undefined is shown as a dash, and left out on a narrow screen. */
  cell: (row: Row) => Html;
}

/** Rows under headings. On a narrow screen each row becomes a small block that repeats the headings. */
export function Table<Row>(props: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** Shown instead of an empty table: why it is empty and what to do. */
  empty: Html;
  /** Marks rows that want to be seen. */
  toneOf?: (row: Row) => Tone | undefined;
}) {
  if (props.rows.length === 0) return <p class="empty">{props.empty}</p>;
  return (
    <table class="table" role="table">
      <caption class="unseen">{props.caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {props.columns.map((column) => (
            <th scope="col" role="columnheader" class={column.kind ? `cell-${column.kind}` : undefined}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {props.rows.map((row) => {
          const tone = props.toneOf?.(row);
          return (
            <tr role="row" class={tone ? `row-${tone}` : undefined}>
              {props.columns.map((column) => {
                const content = column.cell(row);
                const none = content === undefined || content === null || content === "";
                const kind = `cell-${column.kind ?? "plain"}${none ? " cell-none" : ""}`;
                return column.kind === "main" ? (
                  <th scope="row" role="rowheader" class={kind}>
                    {content}
                  </th>
                ) : (
                  <td role="cell" class={kind} data-title={column.title}>
                    {none ? "–" : content}
                  </td>
                );
              })}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Names and values. `figures` sets them side by side in large type, for the few numbers a page is about. */
export function Facts(props: {
  of: readonly (readonly [name: string, value: Html, note?: Html])[];
  figures?: boolean;
}) {
  return (
    <dl class={props.figures ? "figures" : "facts"}>
      {props.of.map(([name, value, note]) => (
        <div>
          <dt>{name}</dt>
          <dd>
            {value}
            {note === undefined || note === null ? null : <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** How full or how far, with its words beside it. `value` and `max` in any one unit. */
export function Meter(props: { label: string; value: number; max: number; tone?: Tone | undefined; words?: Html }) {
  const share = props.max > 0 && Number.isFinite(props.max) ? Math.min(1, Math.max(0, props.value / props.max)) : 0;
  return (
    <span class="meter">
      <svg
        class="meter-bar"
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${props.label}: ${formatShare(share)}`}
      >
        <rect class="meter-track" x="0" y="0" width="100" height="8" />
        <rect
          class={`meter-fill fill-${props.tone ?? "busy"}`}
          x="0"
          y="0"
          width={(share * 100).toFixed(2)}
          height="8"
        />
      </svg>
      <span class="meter-words">{props.words ?? formatShare(share)}</span>
    </span>
  );
}

/** The course of a number as a small line, oldest first, with its last value in words. Needs two values or more. */
export function Sparkline(props: { label: string; values: readonly number[]; words?: Html }) {
  const finite = props.values.filter((value) => Number.isFinite(value));
  const low = Math.min(0, ...finite);
  const high = Math.max(low + 1e-9, ...finite);
  const step = props.values.length > 1 ? 120 / (props.values.length - 1) : 0;
  const points = props.values
    .map((value, position) => [position * step, 23 - ((value - low) / (high - low)) * 22] as const)
    .filter(([, y]) => Number.isFinite(y))
    .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);
  return (
    <span class="sparkline">
      <svg viewBox="0 0 120 24" preserveAspectRatio="none" role="img" aria-label={props.label}>
        <path class="spark-base" d="M0 23.5H120" />
        {points.length > 1 ? <polyline class="spark-line" points={points.join(" ")} /> : null}
      </svg>
      <span class="sparkline-words">{props.words}</span>
    </span>
  );
}

/** A link to an address that others told; plain text when it is not one that a browser should follow. */
export function Link(props: { to: string | undefined; children?: Html }) {
  const href = linkTo(props.to);
  return href === undefined ? <>{props.children}</> : <a href={href}>{props.children}</a>;
}

/** A long hash or identifier, in the fixed-width face; breaks anywhere, can be copied with one press when script runs. */
export function KeyText(props: { text: string; href?: string; copy?: boolean; short?: boolean }) {
  const shown = props.short && props.text.length > 24 ? `${props.text.slice(0, 19)}…` : props.text;
  const code = <code class="key">{shown}</code>;
  return (
    <span class="key-text">
      {props.href === undefined ? (
        <span title={props.short ? props.text : undefined}>{code}</span>
      ) : (
        <a href={props.href} title={props.short ? props.text : undefined}>
          {code}
        </a>
      )}
      {props.copy ? (
        <button type="button" class="button-quiet" data-copy={props.text} hidden>
          Copy
        </button>
      ) : null}
    </span>
  );
}

/** An instant as its age; the exact time in UTC shows on pointing. */
export function Age(props: { at: number; now: number }) {
  return (
    <time datetime={new Date(props.at).toISOString()} title={`${formatInstant(props.at)} UTC`}>
      {formatAge(props.at, props.now)}
    </time>
  );
}

const flashWords: Record<Exclude<Tone, "busy" | "idle">, string> = { good: "Done", warn: "Note", bad: "Failed" };

/** What came of the last action. */
export function Flash(props: { tone: "good" | "warn" | "bad"; children?: Html }) {
  return (
    <div class={`flash flash-${props.tone}`} role={props.tone === "bad" ? "alert" : "status"}>
      <Mark tone={props.tone} word={flashWords[props.tone]} />
      <div>{props.children}</div>
    </div>
  );
}

/** A labelled control. Give the control's `id` as `name`; `hint` and `failure` are tied to it by `describedBy(name)`. */
export function Field(props: {
  name: string;
  label: string;
  hint?: Html;
  failure?: string | undefined;
  children?: Html;
}) {
  return (
    <div class={`field${props.failure ? " field-bad" : ""}`}>
      <label for={props.name}>{props.label}</label>
      {props.children}
      <p class="field-hint" id={describedBy(props.name)}>
        {props.failure ? <Mark tone="bad" word={props.failure} /> : props.hint}
      </p>
    </div>
  );
}

/** The id of a field's hint, for `aria-describedby`. */
export function describedBy(name: string): string {
  return `${name}-hint`;
}

/** Links to the pages before and after; shows nothing when there is but one. */
export function Pagination(props: {
  label: string;
  newer?: string | undefined;
  older?: string | undefined;
  words?: Html;
}) {
  if (props.newer === undefined && props.older === undefined) return null;
  return (
    <nav class="pagination" aria-label={props.label}>
      {props.newer === undefined ? (
        <span class="away">Newer</span>
      ) : (
        <a rel="prev" href={props.newer}>
          Newer
        </a>
      )}
      <span>{props.words}</span>
      {props.older === undefined ? (
        <span class="away">Older</span>
      ) : (
        <a rel="next" href={props.older}>
          Older
        </a>
      )}
    </nav>
  );
}

/** {@link Pagination} of a list whose pages are counted from 0 and found at {@link listQuery} below `path`. */
export function ListPagination(props: {
  label: string;
  path: string;
  search: string;
  page: number;
  pages: number;
  /** How many there are, such as `12 checks`. */
  count: string;
}) {
  const { page, pages, path, search } = props;
  return (
    <Pagination
      label={props.label}
      newer={page > 0 ? `${path}${listQuery(search, page - 1)}` : undefined}
      older={page + 1 < pages ? `${path}${listQuery(search, page + 1)}` : undefined}
      words={`${props.count}, page ${page + 1} of ${pages}`}
    />
  );
}

/** A search in the list of the page; `label` says in what. */
export function SearchForm(props: { label: string; value: string }) {
  return (
    <form class="row-form" method="get" role="search">
      <label>
        {props.label}
        <input name="search" value={props.value} autocomplete="off" autocapitalize="none" />
      </label>
      <button type="submit">Search</button>
    </form>
  );
}

const eventTone: Record<NodeEvent["level"], Tone> = { info: "idle", good: "good", warn: "warn", bad: "bad" };
const eventWord: Record<NodeEvent["level"], string> = { info: "note", good: "good", warn: "warning", bad: "failure" };

/** A sentence whose long hashes and identifiers are shortened to what tells them apart; the whole shows on pointing. */
export function Sentence(props: { text: string }) {
  const parts = props.text.split(
    /(\b(?:sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b)/,
  );
  return (
    <>
      {parts.map((part, position) =>
        position % 2 === 0 ? part : <code title={part}>{part.slice(0, part.indexOf(":") + 9)}…</code>,
      )}
    </>
  );
}

/** Events, newest first. */
export function EventList(props: { events: readonly NodeEvent[]; empty: Html; now: number; limit?: number }) {
  if (props.events.length === 0) return <p class="empty">{props.empty}</p>;
  const shown = props.events.slice(-(props.limit ?? 30)).reverse();
  return (
    <ol class="events">
      {shown.map((event) => (
        <li>
          <time datetime={new Date(event.at).toISOString()} title={`${formatInstant(event.at)} UTC`}>
            {props.now - event.at < 86_400_000 ? formatTimeOfDay(event.at) : formatInstant(event.at).slice(5, 16)}
          </time>
          <Mark tone={eventTone[event.level]} word={eventWord[event.level]} />
          <span class="event-service">{event.service}</span>
          <span class="event-sentence">
            <Sentence text={event.sentence} />
          </span>
        </li>
      ))}
    </ol>
  );
}

/** @jsxImportSource hono/jsx */
/**
 * A dashboard. Without script each chart is a picture and the time a form; with it the pictures become charts that can be
 * drawn over, compared and refreshed (dashboard.browser.js, time.browser.js).
 */
import { Headline, Mark } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { formatCount, formatSpan } from "../../../kit/pages/quantity.ts";
import { spanOf } from "../range.ts";
import { graphsMax, type ShownGraph } from "../shown.ts";
import { beats, comparisons, type DashboardView, ranges } from "./view.ts";

/** The whole body. */
export function Dashboard(view: DashboardView): Html {
  const { from, mountPath, note, problems, sections, slug, title, trouble, until } = view;
  return (
    <div
      data-dashboard={mountPath}
      data-refresh={String(view.refreshSeconds)}
      data-range={view.ownRange}
      class="dashboard"
    >
      <Headline
        title={title}
        {...(trouble === undefined ? {} : { tone: "bad" as const })}
        {...(trouble === undefined ? (note === undefined ? {} : { sentence: note }) : { sentence: `${trouble}.` })}
      />
      {problems.length === 0 ? null : (
        <div class="flash flash-warn">
          <div>
            <Mark tone="warn" word="The file was changed and cannot be used; what it said before is shown." />
            <ul class="problems">
              {problems.map((problem) => (
                <li>{problem}</li>
              ))}
            </ul>
          </div>
        </div>
      )}
      <TimeForm {...view} />
      <p class="flash flash-warn dashboard-state" data-dashboard-state role="status" hidden></p>
      {sections.reduce((sum, { graphs }) => sum + graphs.length, 0) < graphsMax ? null : (
        <p class="flash flash-warn">No more than {formatCount(graphsMax)} graphs of a dashboard are shown.</p>
      )}
      {sections.length === 0 ? (
        <p class="empty">
          {trouble === undefined
            ? "Nothing to show yet: the source knows no figures for any section of this dashboard. "
            : "Nothing can be shown until the source answers. "}
          {view.mayChange ? <a href={`${mountPath}/d/${slug}/edit/`}>Add a chart</a> : null}
        </p>
      ) : null}
      {sections.map((section) => (
        <section class="charts">
          <h2>{section.label}</h2>
          {section.note === undefined ? null : <p class="section-note">{section.note}</p>}
          <div class="charts-grid">
            {section.graphs.map((graph) => (
              <Chart graph={graph} mountPath={mountPath} slug={slug} query={timeQuery(view, { from, until })} />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}

function Chart(props: { graph: ShownGraph; mountPath: string; slug: string; query: string }) {
  const { graph, mountPath, query, slug } = props;
  const { attrs, id, kind, targets, thresholds, title, unit } = graph;
  const spanSeconds = spanOf(attrs["from"]);
  const picture = `${mountPath}/graph/${slug}/${encodeURIComponent(id)}.png?${query}`;
  const explore = `${mountPath}/explore/?${new URLSearchParams(targets.map((target): [string, string] => ["target", target]))}`;
  const isWide = Number(attrs["width"]) >= 800;
  const spec = { kind, title, targets, unit, attrs, thresholds, ...(spanSeconds === undefined ? {} : { spanSeconds }) };
  return (
    <figure
      class={`chart${isWide ? " chart-wide" : ""}${kind === "number" ? " chart-number" : ""}`}
      data-chart={JSON.stringify(spec)}
      tabindex={0}
    >
      <figcaption>
        <h3>{title}</h3>
        {spanSeconds === undefined ? null : <small>last {formatSpan(spanSeconds * 1000)}</small>}
        <span class="chart-links">
          <a href={picture} aria-label={`Picture of ${title}`}>
            PNG
          </a>{" "}
          <a href={explore} aria-label={`Explore ${title}`}>
            Explore
          </a>
        </span>
      </figcaption>
      {graph.note === undefined ? null : <p class="section-note">{graph.note}</p>}
      <div class="chart-place" data-chart-place>
        <noscript>
          <img src={picture} alt={title} loading="lazy" />
        </noscript>
      </div>
      <p class="chart-note" data-chart-note></p>
    </figure>
  );
}

/** The part of an address that says what is shown. */
export function timeQuery(view: Pick<DashboardView, "chosenQuery">, time: { from: string; until: string }): string {
  const query = new URLSearchParams(view.chosenQuery);
  query.set("from", time.from);
  if (time.until !== "now") query.set("until", time.until);
  return query.toString();
}

function TimeForm(view: DashboardView) {
  const { compareSeconds, from, mountPath, ownRange, ownZone, refreshSeconds, slug, until, variables, zone } = view;
  return (
    <div class="time">
      <nav class="time-ranges" aria-label="Time">
        {ranges.map(([span, words]) => (
          <a
            href={`?${timeQuery(view, { from: span, until: "now" })}`}
            data-from={span}
            aria-current={span === from && until === "now" ? "true" : undefined}
          >
            {words}
          </a>
        ))}
      </nav>
      <form class="time-form" method="get" data-time={ownRange} data-zone={ownZone}>
        {variables.map((variable) => (
          <label>
            {variable.label}
            <select name={`var-${variable.name}`}>
              {variable.all ? (
                <option value="*" selected={variable.present === "*"}>
                  all
                </option>
              ) : null}
              {variable.values.map((value) => (
                <option value={value} selected={value === variable.present}>
                  {value}
                </option>
              ))}
            </select>
          </label>
        ))}
        <label>
          From
          <input name="from" value={from} size={14} autocomplete="off" spellcheck={false} />
        </label>
        <label>
          Until
          <input name="until" value={until} size={14} autocomplete="off" spellcheck={false} />
        </label>
        <label>
          Compare with
          <select name="compare">
            {comparisons.map(([seconds, words]) => (
              <option value={String(seconds)} selected={seconds === compareSeconds}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label>
          Refresh
          <select name="refresh">
            {[...new Set([...beats, refreshSeconds])].map((seconds) => (
              <option value={String(seconds)} selected={seconds === refreshSeconds}>
                {seconds === 0 ? "never" : formatSpan(seconds * 1000)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Clocks
          <select name="tz">
            {[...new Set(["UTC", ownZone, zone])].map((name) => (
              <option value={name} selected={name === zone}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Show</button>
      </form>
      <div class="time-moves">
        {(
          [
            ["earlier", "Earlier", "["],
            ["later", "Later", "]"],
            ["in", "Closer", "+"],
            ["out", "Wider", "-"],
          ] as const
        ).map(([move, words, key]) => (
          <button type="button" class="button-quiet" data-move={move} title={`${words} (key ${key} on a chart)`} hidden>
            {words}
          </button>
        ))}
        {view.mayChange ? <a href={`${mountPath}/d/${slug}/edit/`}>Change</a> : null}
      </div>
    </div>
  );
}

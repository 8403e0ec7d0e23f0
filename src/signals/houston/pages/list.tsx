/** @jsxImportSource hono/jsx */
/** The list of dashboards, and how a new one is made. */
import { Headline, Mark, Section, Table } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf } from "../../../kit/pages/quantity.ts";
import type { ListView } from "./view.ts";

/** The whole body. */
export function List(view: ListView): Html {
  const { dashboards, mountPath, sourceTrouble } = view;
  const bad = dashboards.filter(({ problems }) => problems.length > 0).length + view.troubles.length;
  return (
    <>
      <Headline
        title="Houston"
        tone={sourceTrouble !== undefined ? "bad" : bad > 0 ? "warn" : "good"}
        sentence={
          sourceTrouble === undefined
            ? `${countOf(dashboards.length, "dashboard")}, drawn from ${view.sourceName}${bad > 0 ? `; ${countOf(bad, "file")} cannot be used as ${bad === 1 ? "it stands" : "they stand"}` : ""}.`
            : `${view.sourceName} does not answer: ${sourceTrouble}.`
        }
      />
      {view.troubles.map((trouble) => (
        <p class="flash flash-warn">
          <Mark tone="warn" word="left out" /> {trouble}
        </p>
      ))}
      <Section
        title="Dashboards"
        note={
          <>
            Files in <code>{view.folder}</code> are read again when they change.
          </>
        }
      >
        <Table
          caption="Dashboards"
          rows={dashboards}
          empty="There are no dashboards."
          toneOf={({ problems }) => (problems.length > 0 ? "warn" : undefined)}
          columns={[
            {
              title: "Title",
              kind: "main",
              cell: ({ note, slug, title }) => (
                <>
                  <a href={`${mountPath}/d/${slug}/`}>{title}</a>
                  {note === undefined ? null : <small>{note}</small>}
                </>
              ),
            },
            { title: "Graphs", kind: "number", cell: ({ graphs }) => String(graphs) },
            {
              title: "From",
              kind: "wide",
              cell: ({ from, problems }) => (
                <>
                  {from}
                  {problems.length === 0 ? null : (
                    <ul class="problems">
                      {problems.map((problem) => (
                        <li>
                          <Mark tone="warn" word={problem} />
                        </li>
                      ))}
                    </ul>
                  )}
                </>
              ),
            },
            {
              title: "Change",
              cell: ({ canChange, slug }) =>
                canChange && view.mayWrite ? <a href={`${mountPath}/d/${slug}/edit/`}>Change</a> : undefined,
            },
          ]}
        />
      </Section>
      {view.mayWrite ? (
        <Section title="New dashboard" note="An empty one, saved as a file of its own.">
          <form class="form form-line" method="post" action={`${mountPath}/new`}>
            <label for="new-title" class="unseen">
              Title
            </label>
            <input id="new-title" name="title" required maxlength={200} autocomplete="off" placeholder="Title" />
            <button type="submit">Make it</button>
          </form>
        </Section>
      ) : null}
      <Section title="Status page" note="Whether the checks of Chimney that were chosen are well, day by day.">
        {view.statusPage === "none" ? (
          <p class="empty">
            No checks are chosen: name them in <code>status_checks</code> of <code>[houston]</code>.
          </p>
        ) : (
          <p>
            <a href={`${mountPath}/status`}>Status page</a>,{" "}
            {view.statusPage === "public" ? "which everybody may see" : "for those who may read here"}.
          </p>
        )}
      </Section>
    </>
  );
}

/** @jsxImportSource hono/jsx */
/** Changing a dashboard by hand: its charts and sections, one chart, or the whole file as text. All of it works without script. */
import { Headline, Mark, Section } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import type { DifferenceLine } from "../difference.ts";
import { formOf } from "../editing.ts";
import { entryOf } from "../shown.ts";
import { kinds, units, type WrittenDashboard } from "../written.ts";

/** What the pages that change a dashboard show. */
export interface EditView {
  mountPath: string;
  slug: string;
  file: string;
  etag: string;
  written: WrittenDashboard;
  /** Why the last change was not made. */
  failure: string | undefined;
  /** The file holds remarks, which are lost when it is written anew. */
  hasRemarks: boolean;
  /** The form that was refused, if one was. */
  draft?: URLSearchParams;
  /** Somebody else saved meanwhile: what is saved now beside what was typed. */
  clash?: Clash;
}

/** Two versions to choose from. */
export interface Clash {
  /** Of the file as it is saved now. */
  etag: string;
  /** The form that came too late. */
  fields: readonly (readonly [string, string])[];
  /** The file as it is saved now first, with what was typed second. None when they are the same. */
  lines: readonly DifferenceLine[];
}

const areaModes = ["", "none", "first", "all", "stacked"] as const;
const lineModes = ["", "slope", "staircase", "connected"] as const;

function Failure(props: { failure: string | undefined }) {
  return props.failure === undefined ? null : (
    <p class="flash flash-bad" role="alert">
      <Mark tone="bad" word="Not saved" /> {props.failure}
    </p>
  );
}

/** What was typed into a form and refused, or what stands there; beside two versions to choose from, what is saved. */
function typed(view: EditView, action: string, name: string, saved: string | undefined, section?: number): string {
  const { clash, draft } = view;
  const isThis = draft?.get("action") === action && (section === undefined || draft.get("section") === String(section));
  return (isThis && !clash ? draft.get(name) : null) ?? saved ?? "";
}

const signs = { both: " ", first: "-", second: "+", skipped: "" };

function Choosing(props: { clash: Clash | undefined; here: string }) {
  const { clash, here } = props;
  if (clash === undefined) return null;
  if (clash.lines.length === 0)
    return (
      <p class="flash flash-warn">
        <span>
          What is saved now says the same as yours. <a href={here}>Go on with it</a>
        </span>
      </p>
    );
  return (
    <Section
      title="Which of the two shall count?"
      note="Lines with - are in the file as somebody else saved it; lines with + come with yours."
    >
      <pre class="difference" tabindex={0} aria-label="What differs">
        {clash.lines.map(({ of, text }) => (
          <span class={`difference-${of}`}>{of === "skipped" ? `… ${text}\n` : `${signs[of]} ${text}\n`}</span>
        ))}
      </pre>
      <form method="post" class="form-line">
        {clash.fields.map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <button type="submit" name="over" value={clash.etag}>
          Save mine over theirs
        </button>{" "}
        <a href={here}>Keep theirs, and drop mine</a>
      </form>
    </Section>
  );
}

function Hidden(props: { etag: string; action: string; more?: Record<string, string | number> }) {
  return (
    <>
      <input type="hidden" name="etag" value={props.etag} />
      <input type="hidden" name="action" value={props.action} />
      {Object.entries(props.more ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={String(value)} />
      ))}
    </>
  );
}

function Press(props: {
  view: EditView;
  action: string;
  more: Record<string, string | number>;
  words: string;
  label: string;
}) {
  return (
    <form method="post">
      <Hidden etag={props.view.etag} action={props.action} more={props.more} />
      <button type="submit" class="button-quiet" aria-label={props.label}>
        {props.words}
      </button>
    </form>
  );
}

/** The body of the page with all charts. */
export function Edit(view: EditView): Html {
  const { etag, failure, file, hasRemarks, mountPath, slug, written } = view;
  const path = `${mountPath}/d/${slug}`;
  return (
    <>
      <Headline
        title={`Change ${written.title}`}
        sentence={
          <>
            Saved to <code>{file}</code>. <a href={`${path}/`}>Show it</a>, or{" "}
            <a href={`${path}/text/`}>change the file as text</a>.
          </>
        }
      />
      <Failure failure={failure} />
      <Choosing clash={view.clash} here={`${path}/edit/`} />
      {hasRemarks ? (
        <p class="flash flash-warn">
          <Mark tone="warn" word="The file has remarks" /> A change made here writes it anew, without them. As text they
          stay.
        </p>
      ) : null}
      <Section title="Charts" note="In the order in which they are shown.">
        {written.sections.length === 0 ? <p class="empty">There are none yet.</p> : null}
        {written.sections.map((section, at) => (
          <div>
            <div class="edit-row">
              <h3>{section.label}</h3>
              <Press
                view={view}
                action="move-section"
                more={{ section: at, by: -1 }}
                words="Up"
                label={`Move ${section.label} up`}
              />
              <Press
                view={view}
                action="move-section"
                more={{ section: at, by: 1 }}
                words="Down"
                label={`Move ${section.label} down`}
              />
              <Press
                view={view}
                action="remove-section"
                more={{ section: at }}
                words="Remove"
                label={`Remove ${section.label}`}
              />
            </div>
            {section.graphs.map((entry, position) => {
              const { name } = entryOf(entry);
              const more = { section: at, entry: position };
              return (
                <div class="edit-row">
                  <span>
                    <a href={`${path}/edit/${name}/`}>{written.graphs[name]?.title ?? name}</a> <code>{entry}</code>
                  </span>
                  <Press
                    view={view}
                    action="move-entry"
                    more={{ ...more, by: -1 }}
                    words="Up"
                    label={`Move ${entry} up`}
                  />
                  <Press
                    view={view}
                    action="move-entry"
                    more={{ ...more, by: 1 }}
                    words="Down"
                    label={`Move ${entry} down`}
                  />
                  <Press view={view} action="remove-entry" more={more} words="Remove" label={`Remove ${entry}`} />
                </div>
              );
            })}
            <details>
              <summary>Section {section.label}</summary>
              <form method="post" class="edit-grid">
                <Hidden etag={etag} action="save-section" more={{ section: at }} />
                <Field name="label" words="Label" value={typed(view, "save-section", "label", section.label, at)} />
                <Field name="note" words="Note" value={typed(view, "save-section", "note", section.note, at)} />
                <Field
                  name="each"
                  words="Once for each value of"
                  value={typed(view, "save-section", "each", section.each, at)}
                />
                <Field
                  name="needs"
                  words="Only if this pattern finds something"
                  value={typed(view, "save-section", "needs", section.needs, at)}
                />
                <button type="submit">Save section</button>
              </form>
            </details>
          </div>
        ))}
        <form method="post" class="form-line">
          <Hidden etag={etag} action="add-section" />
          <label for="new-section" class="unseen">
            Label of the new section
          </label>
          <input id="new-section" name="label" placeholder="Label" autocomplete="off" required />
          <button type="submit">Add section</button>
        </form>
      </Section>
      <Section title="New chart" note="One target a line; put a chart together in the explorer and copy its targets.">
        <GraphForm view={view} name={undefined} />
      </Section>
      <Section title="Dashboard">
        <form method="post" class="edit-grid">
          <Hidden etag={etag} action="settings" />
          <Field name="title" words="Title" value={typed(view, "settings", "title", written.title)} />
          <Field name="note" words="Note" value={typed(view, "settings", "note", written.note)} />
          <Field
            name="range"
            words="Time to begin with, such as -6h"
            value={typed(view, "settings", "range", written.range)}
          />
          <Field
            name="refresh"
            words="Refresh, such as 30s"
            value={typed(view, "settings", "refresh", written.refresh)}
          />
          <Field name="tz" words="Clocks, such as Europe/Berlin" value={typed(view, "settings", "tz", written.tz)} />
          <button type="submit">Save</button>
        </form>
        <details>
          <summary>Remove this dashboard</summary>
          <form method="post" action={`${path}/remove`}>
            <Hidden etag={etag} action="remove" />
            <p>
              The file <code>{file}</code> is deleted. <button type="submit">Remove it</button>
            </p>
          </form>
        </details>
      </Section>
    </>
  );
}

/** The body of the page of one chart. */
export function EditGraph(view: EditView & { name: string }): Html {
  const { failure, mountPath, name, slug, written } = view;
  return (
    <>
      <Headline
        title={`Change ${written.graphs[name]?.title ?? name}`}
        sentence={
          <>
            A chart of <a href={`${mountPath}/d/${slug}/edit/`}>{written.title}</a>.
          </>
        }
      />
      <Failure failure={failure} />
      <Choosing clash={view.clash} here={`${mountPath}/d/${slug}/edit/${name}/`} />
      <GraphForm view={view} name={name} />
    </>
  );
}

/** The body of the page with the whole file. */
export function EditText(
  view: Omit<EditView, "written"> & { title: string; text: string; problems: readonly string[] },
): Html {
  const { etag, failure, file, mountPath, problems, slug, text, title } = view;
  return (
    <>
      <Headline
        title={`${title} as text`}
        sentence={
          <>
            The file <code>{file}</code>. <a href={`${mountPath}/d/${slug}/`}>Show the dashboard</a>.
          </>
        }
      />
      <Failure failure={failure} />
      <Choosing clash={view.clash} here={`${mountPath}/d/${slug}/text/`} />
      {problems.length === 0 ? null : (
        <ul class="problems" role="alert">
          {problems.map((problem) => (
            <li>
              <Mark tone="bad" word={problem} />
            </li>
          ))}
        </ul>
      )}
      <form method="post" class="text-edit">
        <input type="hidden" name="etag" value={etag} />
        <label for="text" class="unseen">
          The file
        </label>
        <textarea id="text" name="text" rows={30} spellcheck={false}>
          {text}
        </textarea>
        <p>
          <button type="submit">Save</button>
        </p>
      </form>
    </>
  );
}

function draftOf(own: ReturnType<typeof formOf>, draft: URLSearchParams): ReturnType<typeof formOf> {
  const word = (name: keyof typeof own & string, fallback: string) => draft.get(name) ?? fallback;
  const unit = units.find((each) => each === draft.get("unit")) ?? own.unit;
  return {
    ...own,
    unit,
    title: word("title", own.title),
    note: word("note", own.note),
    kind: word("kind", own.kind),
    parents: word("parents", own.parents),
    targets: word("targets", own.targets),
    areaMode: word("areaMode", own.areaMode),
    lineMode: word("lineMode", own.lineMode),
    yMin: word("yMin", own.yMin),
    yMax: word("yMax", own.yMax),
    attrs: word("attrs", own.attrs),
    thresholds: word("thresholds", own.thresholds),
  };
}

function GraphForm(props: { view: EditView; name: string | undefined }) {
  const { name, view } = props;
  const { etag, written } = view;
  const own = formOf(written, name ?? "");
  const sections = written.sections.length === 0 ? [{ label: "Charts" }] : written.sections;
  const [action, words] = name === undefined ? ["add-graph", "Add chart"] : ["save-graph", "Save chart"];
  // What was typed and refused stands there again, so that nobody types it twice.
  const form = view.draft?.get("action") === action ? draftOf(own, view.draft) : own;
  return (
    <form method="post" class="edit-grid">
      <Hidden etag={etag} action={action} {...(name === undefined ? {} : { more: { name } })} />
      <Field name="title" words="Title" value={form.title} />
      {name === undefined ? (
        <Choice
          name="section"
          words="Section"
          of={sections.map(({ label }, at) => [String(at), label])}
          value={String(sections.length - 1)}
        />
      ) : null}
      <Choice
        name="kind"
        words="Shown as"
        of={["", ...kinds].map((kind) => [kind, kind === "" ? "as inherited" : kind])}
        value={form.kind}
      />
      <Choice name="unit" words="Unit" of={units.map((unit) => [unit, unit])} value={form.unit} />
      <Choice
        name="areaMode"
        words="Areas"
        of={areaModes.map((mode) => [mode, mode === "" ? "as inherited" : mode])}
        value={form.areaMode}
      />
      <Choice
        name="lineMode"
        words="Lines"
        of={lineModes.map((mode) => [mode, mode === "" ? "as inherited" : mode])}
        value={form.lineMode}
      />
      <Field name="yMin" words="Lowest value shown" value={form.yMin} />
      <Field name="yMax" words="Highest value shown" value={form.yMax} />
      <Field name="parents" words="Inherits from" value={form.parents} />
      <Field name="note" words="Note" value={form.note} />
      <Area name="targets" words="Targets, one a line" value={form.targets} rows={4} />
      {form.inheritedTargets.length === 0 ? null : (
        <p class="edit-broad soft">
          Inherited: <code>{form.inheritedTargets.join(" ")}</code>
        </p>
      )}
      <Area
        name="thresholds"
        words="Thresholds, one a line: 80 warn Nearly full, or below 10 bad Empty"
        value={form.thresholds}
        rows={2}
      />
      <Area name="attrs" words="Other attributes of Graphite, one a line: height = 200" value={form.attrs} rows={3} />
      <button type="submit">{words}</button>
    </form>
  );
}

function Field(props: { name: string; words: string; value: string }) {
  return (
    <label>
      {props.words}
      <input name={props.name} value={props.value} autocomplete="off" spellcheck={false} />
    </label>
  );
}

function Area(props: { name: string; words: string; value: string; rows: number }) {
  return (
    <label class="edit-broad">
      {props.words}
      <textarea name={props.name} rows={props.rows} spellcheck={false}>
        {props.value}
      </textarea>
    </label>
  );
}

function Choice(props: { name: string; words: string; of: readonly (readonly [string, string])[]; value: string }) {
  return (
    <label>
      {props.words}
      <select name={props.name}>
        {props.of.map(([value, words]) => (
          <option value={value} selected={value === props.value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

/** @jsxImportSource hono/jsx */
/** The first page: one sentence, a strip with a box for each rule, and the table of rules, worst first. */
import {
  Age,
  Flash,
  Headline,
  Link,
  ListPagination,
  Live,
  Mark,
  SearchForm,
  Section,
  Table,
  type Tone,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSpan } from "../../../kit/pages/quantity.ts";
import type { RuleStanding } from "../standing.ts";
import { comparisonOf, Graph, muteWord, toneOfState } from "./states.tsx";
import { alertPath, type OverviewView, titleOf } from "./view.ts";

/** Boxes in the strip; more could not be told apart. */
const boxesMax = 1000;

function verdictOf({ boxes, counts, failing, sight }: OverviewView): { tone: Tone; sentence: string } {
  const all = boxes.length;
  if (all === 0) return { tone: "idle", sentence: "There are no rules yet." };
  if (sight.blind) {
    return { tone: "bad", sentence: `Blind: ${sight.source ?? "nothing"} cannot be read. ${sight.blind.reason}.` };
  }
  const troubled = counts.Error + counts.NoData;
  const aside = troubled === 0 ? "" : ` ${countOf(troubled, "rule")} cannot be judged.`;
  if (counts.Failed > 0) {
    const more = counts.Failed > failing.length ? ` and ${formatCount(counts.Failed - failing.length)} more` : "";
    const areWarnings = boxes.every(({ grade, state }) => state !== "Failed" || grade === "warning");
    return {
      tone: areWarnings ? "warn" : "bad",
      sentence: `${formatCount(counts.Failed)} of ${countOf(all, "rule")} failed: ${failing.join(", ")}${more}.${aside}`,
    };
  }
  if (troubled > 0)
    return { tone: "warn", sentence: `${formatCount(troubled)} of ${countOf(all, "rule")} cannot be judged.` };
  if (counts.Pending > 0) {
    return {
      tone: "warn",
      sentence: `${countOf(counts.Pending, "rule")} over the threshold, not for long enough to count.`,
    };
  }
  if (counts.Unknown > 0)
    return { tone: "idle", sentence: `${formatCount(counts.Unknown)} of ${countOf(all, "rule")} not judged yet.` };
  return { tone: "good", sentence: all === 1 ? "The one rule is OK." : `All ${formatCount(all)} rules are OK.` };
}

const example = `[[hound.rules]]
name = "Load of web"
target = "servers.web.load.1"
above = 8
to = "ops@example.org"`;

function Empty() {
  return (
    <>
      <p>
        Say in <code>warren.toml</code> what is too much or too little, and start again; or name a file of rules with{" "}
        <code>file</code>, the predecessor's <code>config.json</code> among them.
      </p>
      <pre class="example">{example}</pre>
    </>
  );
}

function Strip({ view }: { view: OverviewView }) {
  if (view.boxes.length === 0) return null;
  const onPage = new Set(view.rows.map(({ id }) => id));
  return (
    <>
      <ul class="boxes">
        {view.boxes.slice(0, boxesMax).map(({ grade, id, name, state }) => {
          const { tone, word } = toneOfState(state, grade);
          const href = onPage.has(id) ? `#alert-${id}` : `${view.mountPath}${alertPath(id)}`;
          return (
            <li>
              <a class={`box-${tone}`} href={href} title={name}>
                <Mark tone={tone} word={`${name}: ${word}`} />
              </a>
            </li>
          );
        })}
      </ul>
      {view.boxes.length > boxesMax ? (
        <p class="soft">{`The first ${formatCount(boxesMax)} of ${formatCount(view.boxes.length)}.`}</p>
      ) : null}
    </>
  );
}

function Troubles({ view }: { view: OverviewView }) {
  const { deliveries, mountPath, sight } = view;
  return (
    <div class="troubles">
      {sight.fileTrouble === undefined ? null : (
        <Flash tone="warn">{`The file of rules is not in effect as it stands. ${sight.fileTrouble}.`}</Flash>
      )}
      {sight.source === undefined ? (
        <Flash tone="warn">There is nowhere to read measurements from: name a source, or switch series on.</Flash>
      ) : null}
      {deliveries.failed === 0 ? null : (
        <Flash tone="bad">
          {`${countOf(deliveries.failed, "notice")} did not reach whom they were for. `}
          <a href={`${mountPath}/deliveries/?state=failed`}>See which, and send them again</a>
        </Flash>
      )}
    </div>
  );
}

function Rows({ view }: { view: OverviewView }) {
  const { mountPath, now } = view;
  return (
    <Table<RuleStanding>
      caption="Rules"
      rows={view.rows}
      empty={view.boxes.length === 0 ? <Empty /> : "No rule has that in its name or target."}
      toneOf={({ grade, state }) => {
        const { tone } = toneOfState(state, grade);
        return tone === "bad" || tone === "warn" ? tone : undefined;
      }}
      columns={[
        {
          title: "Metric",
          kind: "main",
          cell: (row) => (
            <a id={`alert-${row.id}`} href={`${mountPath}${alertPath(row.id)}`}>
              {titleOf(row)}
            </a>
          ),
        },
        {
          title: "State",
          kind: "state",
          cell: (row) => <Mark {...toneOfState(row.state, row.grade)} note={row.message} />,
        },
        { title: "Kind", kind: "time", cell: ({ rule }) => (rule.kind === "Alert" ? "alert" : "notice") },
        { title: "Value", kind: "number", cell: comparisonOf },
        {
          title: "Since",
          kind: "time",
          cell: (row) => (row.state === "Unknown" ? undefined : <Age at={row.sinceAt} now={now} />),
        },
        {
          title: "Told",
          kind: "time",
          cell: (row) => muteWord(row) ?? (row.toldCount > 0 ? `${row.toldCount}×` : undefined),
        },
        {
          title: "Runbook",
          kind: "time",
          cell: ({ rule }) => (rule.runbookUrl === undefined ? undefined : <Link to={rule.runbookUrl}>open</Link>),
        },
        { title: "Target", kind: "wide", cell: ({ rule }) => <span class="target">{rule.target}</span> },
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const verdict = verdictOf(view);
  const { roundAt, roundMs, source } = view.sight;
  return {
    verdict: <Headline title="Hound" tone={verdict.tone} sentence={verdict.sentence} />,
    troubles: <Troubles view={view} />,
    strip: <Strip view={view} />,
    round: (
      <p class="soft">
        {source === undefined ? null : `Read from ${source}. `}
        {roundAt === undefined ? (
          "No round has ended yet."
        ) : (
          <>
            {"Last judged "}
            <Age at={roundAt} now={view.now} />
            {roundMs === undefined ? "." : `, in ${formatSpan(roundMs)}.`}
          </>
        )}
      </p>
    ),
    rules: (
      <>
        <Rows view={view} />
        <ListPagination
          label="Pages of rules"
          path={`${view.mountPath}/`}
          search={view.search}
          page={view.page}
          pages={view.pages}
          count={countOf(view.found, "rule")}
        />
      </>
    ),
  };
}

/** The page. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  const live = (name: string) => <Live name={name}>{parts[name]}</Live>;
  return (
    <>
      {live("verdict")}
      {live("troubles")}
      {view.boxes.length === 0 ? null : (
        <Section title="At a glance" note="A box for each rule, in the order of the rules.">
          {live("strip")}
          {live("round")}
        </Section>
      )}
      {view.hasOwnGraphs && view.boxes.length > 0 ? (
        <Section title="Course" note="Rules with errors, OK and failed, one on the other.">
          <Graph src={`${view.mountPath}/own/day.svg`} title="The last day" height={150} />
          <Graph src={`${view.mountPath}/own/week.svg`} title="The last week" height={75} />
        </Section>
      ) : null}
      <Section title="Rules" note="Worst first.">
        {view.boxes.length <= 10 ? null : <SearchForm label="Part of a name or target" value={view.search} />}
        {live("rules")}
      </Section>
    </>
  );
}

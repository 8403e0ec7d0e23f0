/** @jsxImportSource hono/jsx */
/** The page of one rule: how it stands and why, its two graphs, who was told, what happened before, and what can be done. */
import { Age, Facts, Headline, KeyText, Link, Live, Mark, Section, Table } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { formatInstant, formatSpan } from "../../../kit/pages/quantity.ts";
import type { HistoryEntry, RuleStanding } from "../standing.ts";
import { SilenceTable } from "./silences.tsx";
import { comparisonOf, Graph, muteWord, shownValue, toneOfState } from "./states.tsx";
import { SpanChoice } from "./span-choice.tsx";
import { alertPath, type AlertView, titleOf } from "./view.ts";

function sentenceOf({ now, standing }: AlertView): string {
  const { grade, gradeSinceAt = 0, message, sinceAt, state } = standing;
  if (state === "Unknown") return "Not judged yet.";
  const why = state === "OK" || message === "" ? "" : `${message.replace(/\.$/, "")}. `;
  const word = toneOfState(state, grade).word;
  const capital = `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
  if (state !== "Failed" || grade === undefined || gradeSinceAt <= sinceAt)
    return `${why}${capital} for ${formatSpan(now - sinceAt)}.`;
  return `${why}${capital} for ${formatSpan(now - gradeSinceAt)}, failed for ${formatSpan(now - sinceAt)}.`;
}

function Told({ standing, now }: { standing: RuleStanding; now: number }) {
  const rows: [string, Html][] = [];
  const mute = muteWord(standing);
  if (mute !== undefined) rows.push(["Not told, because", mute]);
  if (standing.silencedUntilAt !== undefined)
    rows.push(["Silenced until", `${formatInstant(standing.silencedUntilAt)} UTC`]);
  if (standing.acknowledged) {
    rows.push([
      "Acknowledged",
      <>
        {`by ${standing.acknowledged.by}, `}
        <Age at={standing.acknowledged.at} now={now} />
      </>,
    ]);
  }
  if (standing.isFlapping) rows.push(["Flapping", "it changes too often to be told each time"]);
  if (standing.toldCount > 0) rows.push(["Told", `${standing.toldCount}×`]);
  if (standing.lastToldAt !== undefined) rows.push(["Last told", <Age at={standing.lastToldAt} now={now} />]);
  if (standing.nextToldAt !== undefined && mute === undefined) {
    rows.push(["Told again", `${formatInstant(standing.nextToldAt)} UTC, if nothing changes`]);
  }
  if (standing.judgedAt !== undefined) rows.push(["Judged", <Age at={standing.judgedAt} now={now} />]);
  return rows.length === 0 ? <p class="empty">Nothing was told.</p> : <Facts of={rows} />;
}

function boundsOf({ criticalThreshold, direction, threshold }: RuleStanding["rule"]): string {
  const bound = `${direction} ${shownValue(threshold)}`;
  return criticalThreshold === undefined ? bound : `${bound}, critical from ${shownValue(criticalThreshold)}`;
}

function Rule({ standing: { rule } }: { standing: RuleStanding }) {
  const labels = Object.entries(rule.labels);
  const rows: [string, Html][] = [
    ["Target", <KeyText text={rule.target} copy />],
    ["Fails", `${boundsOf(rule)}${rule.forMs > 0 ? `, for ${formatSpan(rule.forMs)}` : ""}`],
    ["Looks at", `the last ${formatSpan(rule.windowMs)}`],
    [
      "Kind",
      `${rule.kind === "Alert" ? "alert" : "notice"}, ${rule.criticalThreshold === undefined ? rule.severity : "warning or critical"}`,
    ],
  ];
  if (rule.runbookUrl !== undefined) rows.push(["Runbook", <Link to={rule.runbookUrl}>{rule.runbookUrl}</Link>]);
  if (labels.length > 0) rows.push(["Labels", labels.map(([name, value]) => `${name}=${value}`).join(", ")]);
  rows.push([
    "Tells",
    rule.recipients.length === 0 ? "whom the routes name, or everybody" : rule.recipients.join(", "),
  ]);
  if (rule.dependsOn.length > 0) rows.push(["Depends on", rule.dependsOn.join(", ")]);
  rows.push(["Id", <code>{rule.id}</code>]);
  return <Facts of={rows} />;
}

function History({ view }: { view: AlertView }) {
  const toneOf = (event: HistoryEntry["event"]) =>
    event === "told" || event === "recovery told" || event === "acknowledged" || event === "calm"
      ? { tone: "idle" as const, word: event }
      : event === "flapping"
        ? { tone: "warn" as const, word: event }
        : event === "warning" || event === "critical"
          ? toneOfState("Failed", event)
          : toneOfState(event);
  return (
    <Table<HistoryEntry>
      caption="What happened"
      rows={view.history}
      empty="Nothing has happened yet."
      columns={[
        { title: "At (UTC)", kind: "time", cell: ({ at }) => formatInstant(at) },
        { title: "Event", kind: "state", cell: ({ event }) => <Mark {...toneOf(event)} /> },
        {
          title: "Value",
          kind: "number",
          cell: ({ value }) => (value === undefined ? undefined : shownValue(value)),
        },
        {
          title: "Because",
          kind: "wide",
          cell: ({ message, series }) =>
            view.standing.series === undefined && series !== undefined ? (
              <>
                {message}
                <div class="soft">{series}</div>
              </>
            ) : (
              message
            ),
        },
      ]}
    />
  );
}

function Siblings({ view }: { view: AlertView }) {
  return (
    <Table<RuleStanding>
      caption="Series of the rule"
      rows={view.siblings}
      empty="No series yet."
      columns={[
        {
          title: "Series",
          kind: "main",
          cell: (row) => <a href={`${view.mountPath}${alertPath(row.id)}`}>{row.series ?? "the rule as a whole"}</a>,
        },
        { title: "State", kind: "state", cell: ({ grade, state }) => <Mark {...toneOfState(state, grade)} /> },
        { title: "Value", kind: "number", cell: comparisonOf },
      ]}
    />
  );
}

/** What can be done: acknowledge while it fails, silence at any time. */
function Deeds({ view }: { view: AlertView }) {
  const { mayWrite, mountPath, standing } = view;
  if (!mayWrite) return <p class="soft">Acknowledging and silencing takes a token that may write.</p>;
  const here = `${mountPath}${alertPath(standing.id)}`;
  const canAcknowledge = standing.state === "Failed" && !standing.acknowledged;
  return (
    <>
      {canAcknowledge ? (
        <form method="post" action={`${here}acknowledge`}>
          <button type="submit">Acknowledge</button>
        </form>
      ) : null}
      <form class="row-form" method="post" action={`${here}silence`}>
        <SpanChoice />
        <label>
          Why
          <input name="comment" maxlength={500} autocomplete="off" />
        </label>
        <button type="submit">Silence</button>
      </form>
    </>
  );
}

/** The page's live parts, by name. */
export function alertParts(view: AlertView): Record<string, Html> {
  const { standing } = view;
  return {
    verdict: (
      <Headline
        title={titleOf(standing)}
        tone={toneOfState(standing.state, standing.grade).tone}
        sentence={sentenceOf(view)}
      />
    ),
    value: <Facts figures of={[["Value and threshold", comparisonOf(standing)]]} />,
    told: <Told standing={standing} now={view.now} />,
    silences: view.silences.length === 0 ? null : <SilenceTable view={view} />,
    history: <History view={view} />,
    siblings: view.siblings.length === 0 ? null : <Siblings view={view} />,
  };
}

/** The page. */
export function Alert(view: AlertView) {
  const { mountPath, standing } = view;
  const parts = alertParts(view);
  const live = (name: string) => <Live name={name}>{parts[name]}</Live>;
  const here = `${mountPath}${alertPath(standing.id)}`;
  return (
    <>
      {live("verdict")}
      <Section title="Now">{live("value")}</Section>
      {view.canDraw ? (
        <Section
          title="Course"
          note={
            standing.rule.criticalThreshold === undefined
              ? "The line across is the threshold."
              : "The lines across are the thresholds."
          }
        >
          <Graph src={`${here}day.svg`} title="The last day" height={150} />
          <Graph src={`${here}week.svg`} title="The last week" height={75} />
        </Section>
      ) : null}
      <Section title="Who knows">
        {live("told")}
        {live("silences")}
        <Deeds view={view} />
      </Section>
      {view.siblings.length === 0 ? null : <Section title="Series">{live("siblings")}</Section>}
      <Section title="Rule">
        <Rule standing={standing} />
      </Section>
      <Section title="History" note="Newest first.">
        {live("history")}
      </Section>
    </>
  );
}

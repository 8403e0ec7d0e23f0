/** @jsxImportSource hono/jsx */
/** The page of one check: how it stands and why, what failed by name, how long answers take, and its times of up and down. */
import {
  Age,
  Facts,
  Headline,
  KeyText,
  Link,
  Live,
  Mark,
  Section,
  Sparkline,
  Table,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatInstant, formatShare, formatSpan } from "../../../kit/pages/quantity.ts";
import { kindWord, toneOf } from "./overview.tsx";
import { Strip } from "./strip.tsx";
import { type CheckPageView, checkPath } from "./view.ts";

type Spell = CheckPageView["spells"][number];
type Result = CheckPageView["results"][number];

function sentenceOf({ now, row }: CheckPageView): string {
  if (row.lastAt === undefined) return row.kind === "heartbeat" ? "No beat has come yet." : "Not asked yet.";
  const reason = row.reason.replace(/\.$/, "");
  const since =
    row.level === "unknown" ? "" : ` ${row.level === "up" ? "Up" : "Down"} for ${formatSpan(now - row.sinceAt)}.`;
  return `${reason}.${since}`;
}

const share = (value: number | undefined): string => (value === undefined ? "–" : formatShare(value));

function Figures({ view }: { view: CheckPageView }) {
  const [day, week, month] = view.shares;
  const [half, most, nearlyAll] = view.percentilesMs;
  const span = (value: number | undefined) => (value === undefined ? "–" : formatSpan(value));
  return (
    <Facts
      figures
      of={[
        ["Good, one day", share(day)],
        ["Seven days", share(week)],
        ["Thirty days", share(month)],
        ...(view.row.kind === "heartbeat"
          ? []
          : ([
              ["Took", span(half), `half of a day's; 95 of 100 within ${span(most)}, 99 within ${span(nearlyAll)}`],
            ] as const)),
      ]}
    />
  );
}

function Failing({ view }: { view: CheckPageView }) {
  const { excerpt, row, tests } = view;
  return (
    <>
      {row.failing.length === 0 ? null : (
        <Section title="Failing tests" note={countOf(row.failing.length, "test")}>
          <ul class="failing">
            {row.failing.map((entry) => (
              <li>
                <Mark tone="bad" word={entry} />
              </li>
            ))}
          </ul>
        </Section>
      )}
      {tests === undefined ? null : (
        <Section title="Last run">
          <Facts
            figures
            of={[
              ["Run", formatCount(tests.run), countOf(tests.classes, "class", "classes")],
              ["Passed", formatCount(tests.passed)],
              ["Failed", formatCount(tests.failed)],
              ["Errored", formatCount(tests.errored)],
              ["Time", formatSpan(tests.timeMs), "as the application says"],
            ]}
          />
        </Section>
      )}
      {excerpt === undefined || excerpt === "" ? null : (
        <Section title={row.kind === "heartbeat" ? "Message" : "Answer"} note="As it came, shortened.">
          <pre class="answer">{excerpt}</pre>
        </Section>
      )}
    </>
  );
}

function About({ view }: { view: CheckPageView }) {
  const { now, row } = view;
  const rows: [string, Html][] = [["Kind", kindWord(row.kind)]];
  if (row.target !== "") rows.push(["Target", <Link to={row.target}>{row.target}</Link>]);
  if (view.finalUrl !== undefined) rows.push(["Answered by", <Link to={view.finalUrl}>{view.finalUrl}</Link>]);
  if (view.address !== undefined) rows.push(["Address", <code>{view.address}</code>]);
  if (view.status !== undefined) rows.push(["Status", String(view.status)]);
  if (view.expiresAt !== undefined) rows.push(["Certificate ends", `${formatInstant(view.expiresAt)} UTC`]);
  if (row.kind === "heartbeat") {
    rows.push(["Beats", `every ${formatSpan(view.everyMs)}, ${formatSpan(view.graceMs)} of grace`]);
    rows.push(["Last beat", view.lastBeatAt === undefined ? "none yet" : <Age at={view.lastBeatAt} now={now} />]);
    if (view.nextAt !== undefined) rows.push(["Missed at", `${formatInstant(view.nextAt)} UTC`]);
    rows.push([
      "Its address",
      view.beatUrl === undefined ? "shown to those who may change things" : <KeyText text={view.beatUrl} copy />,
    ]);
  } else {
    rows.push(["Asked", `every ${formatSpan(view.intervalMs)}`]);
    if (row.lastAt !== undefined) rows.push(["Last", <Age at={row.lastAt} now={now} />]);
  }
  return <Facts of={rows} />;
}

function Spells({ view }: { view: CheckPageView }) {
  return (
    <Table<Spell>
      caption="Times of up and down"
      rows={view.spells}
      empty="It has always been as it is."
      columns={[
        {
          title: "State",
          kind: "state",
          cell: ({ level }) => <Mark tone={level === "up" ? "good" : "bad"} word={level} />,
        },
        { title: "From (UTC)", kind: "time", cell: ({ fromAt }) => formatInstant(fromAt) },
        {
          title: "For",
          kind: "number",
          cell: ({ fromAt, untilAt }) => formatSpan((untilAt ?? view.now) - fromAt),
        },
        {
          title: "Because",
          kind: "wide",
          cell: ({ failing, reason }) => (
            <>
              {reason}
              {failing.slice(0, 3).map((entry) => (
                <div class="soft">{entry.slice(0, 200)}</div>
              ))}
            </>
          ),
        },
      ]}
    />
  );
}

function Results({ view }: { view: CheckPageView }) {
  return (
    <Table<Result>
      caption="Newest outcomes"
      rows={view.results}
      empty="None yet."
      toneOf={({ isGood }) => (isGood ? undefined : "bad")}
      columns={[
        { title: "At (UTC)", kind: "time", cell: ({ at }) => formatInstant(at) },
        {
          title: "Outcome",
          kind: "state",
          cell: ({ isGood }) => <Mark tone={isGood ? "good" : "bad"} word={isGood ? "good" : "failed"} />,
        },
        { title: "Status", kind: "number", cell: ({ status }) => status },
        { title: "Took", kind: "number", cell: ({ latencyMs }) => formatSpan(latencyMs) },
        { title: "Why", kind: "wide", cell: ({ reason }) => reason },
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function checkParts(view: CheckPageView): Record<string, Html> {
  const { row } = view;
  const { tone } = toneOf(row);
  return {
    verdict: <Headline title={row.name} tone={tone} sentence={sentenceOf(view)} />,
    figures: <Figures view={view} />,
    failing: <Failing view={view} />,
    course: (
      <Section title="Course" note="Thirty days, one bar a day; below it the newest answers.">
        <Strip label={`${row.name}, thirty days`} hours={view.days} long />
        {view.latencies.length < 2 || row.kind === "heartbeat" ? null : (
          <Sparkline
            label={`How long the last ${view.latencies.length} answers took`}
            values={view.latencies}
            words={`${formatSpan(Math.max(...view.latencies))} at most, of the last ${view.latencies.length}`}
          />
        )}
      </Section>
    ),
    about: <About view={view} />,
    spells: <Spells view={view} />,
    results: <Results view={view} />,
  };
}

/** The page. */
export function CheckPage(view: CheckPageView) {
  const parts = checkParts(view);
  const live = (name: string) => <Live name={name}>{parts[name]}</Live>;
  return (
    <>
      {live("verdict")}
      <Section title="Good answers" note="The share of all.">
        {live("figures")}
      </Section>
      {live("failing")}
      {live("course")}
      <Section title="About">
        {live("about")}
        {view.row.kind === "heartbeat" ? null : (
          <form class="form" method="post" action={`${view.mountPath}${checkPath(view.row.name)}ask`}>
            <button type="submit">Ask now</button>
          </form>
        )}
      </Section>
      <Section title="Up and down">{live("spells")}</Section>
      <Section title="Outcomes" note="The newest first.">
        {live("results")}
      </Section>
    </>
  );
}

/** @jsxImportSource hono/jsx */
/** The first page: one sentence about all checks, then each with its last day; or, without any, how to add one. */
import {
  Age,
  Flash,
  Headline,
  ListPagination,
  Live,
  Mark,
  SearchForm,
  Section,
  Table,
  type Tone,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatShare, formatSpan } from "../../../kit/pages/quantity.ts";
import { Strip } from "./strip.tsx";
import { type CheckRow, checkPath, type Counts, type OverviewView } from "./view.ts";

const kindWords: Record<CheckRow["kind"], string> = {
  smoketest: "smoke test",
  http: "HTTP",
  tls: "certificate",
  tcp: "TCP",
  dns: "DNS",
  heartbeat: "heartbeat",
};

/** A kind of check in words. */
export function kindWord(kind: CheckRow["kind"]): string {
  return kindWords[kind];
}

/** The state of a check as shape and word. */
export function toneOf(row: Pick<CheckRow, "level" | "isShaky">): { tone: Tone; word: string } {
  if (row.level === "down") return { tone: "bad", word: "down" };
  if (row.isShaky) return { tone: "warn", word: row.level === "up" ? "failing" : "not up yet" };
  return row.level === "up" ? { tone: "good", word: "up" } : { tone: "idle", word: "not known" };
}

function verdictOf({ all, down, downNames, shaky, unknown }: Counts): { tone: Tone; sentence: string } {
  if (all === 0) return { tone: "idle", sentence: "Nothing is asked yet." };
  if (down > 0) {
    const more = down > downNames.length ? ` and ${down - downNames.length} more` : "";
    return { tone: "bad", sentence: `${down} of ${countOf(all, "check")} down: ${downNames.join(", ")}${more}.` };
  }
  if (shaky > 0) {
    return {
      tone: "warn",
      sentence: `${countOf(shaky, "check")} failed the last time, not often enough to be down.`,
    };
  }
  if (unknown > 0) return { tone: "idle", sentence: `${countOf(unknown, "check")} of ${all} not asked yet.` };
  return { tone: "good", sentence: all === 1 ? "The one check is up." : `All ${all} checks are up.` };
}

const example = `[[chimney.checks]]
name = "shop"
target = "https://shop.example/"
contains = "Basket"

[[chimney.checks]]
name = "backup"
kind = "heartbeat"
every = "1d"
grace = "2h"`;

function Empty() {
  return (
    <>
      <p>
        Say in <code>warren.toml</code> what is to be asked, and start again; or name a file of checks with{" "}
        <code>file</code>, which is read again whenever it changes.
      </p>
      <pre class="example">{example}</pre>
      <p>
        A first look without any set-up: <code>warren chimney check https://shop.example/</code>
      </p>
    </>
  );
}

function Rows({ view }: { view: OverviewView }) {
  const { mountPath, now } = view;
  return (
    <Table<CheckRow>
      caption="Checks"
      rows={view.rows}
      empty={view.counts.all === 0 ? <Empty /> : "No check has that in its name."}
      toneOf={(row) => (row.level === "down" ? "bad" : row.isShaky ? "warn" : undefined)}
      columns={[
        {
          title: "Check",
          kind: "main",
          cell: (row) => <a href={`${mountPath}${checkPath(row.name)}`}>{row.name}</a>,
        },
        { title: "State", kind: "state", cell: (row) => <Mark {...toneOf(row)} note={row.reason} /> },
        { title: "Kind", kind: "time", cell: (row) => kindWord(row.kind) },
        {
          title: "Last 24 hours",
          kind: "wide",
          cell: (row) => <Strip label={`${row.name}, last 24 hours`} hours={row.hours} />,
        },
        {
          title: "Good",
          kind: "number",
          cell: (row) => (row.goodShare === undefined ? undefined : formatShare(row.goodShare)),
        },
        {
          title: "Took",
          kind: "number",
          cell: (row) =>
            row.latencyMs === undefined || row.kind === "heartbeat" ? undefined : formatSpan(row.latencyMs),
        },
        {
          title: "Said",
          kind: "wide",
          cell: ({ reason }) => (reason === "" ? undefined : <span class="soft">{reason}</span>),
        },
        {
          title: "Asked",
          kind: "time",
          cell: (row) => (row.lastAt === undefined ? undefined : <Age at={row.lastAt} now={now} />),
        },
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const verdict = verdictOf(view.counts);
  return {
    verdict: <Headline title="Chimney" tone={verdict.tone} sentence={verdict.sentence} />,
    checks: (
      <>
        {view.trouble === undefined ? null : (
          <Flash tone="warn">{`The file of checks is not in effect as it stands. ${view.trouble}.`}</Flash>
        )}
        <Rows view={view} />
        <ListPagination
          label="Pages of checks"
          path={`${view.mountPath}/`}
          search={view.search}
          page={view.page}
          pages={view.pages}
          count={countOf(view.found, "check")}
        />
      </>
    ),
  };
}

/** The page. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section
        title="Checks"
        note={
          <>
            {view.file === undefined ? null : (
              <>
                Also those in <code>{view.file}</code>.{" "}
              </>
            )}
            For programs: <a href={`${view.mountPath}/status.json`}>status.json</a>
          </>
        }
      >
        {view.counts.all <= 10 ? null : <SearchForm label="Part of a name" value={view.search} />}
        <Live name="checks">{parts["checks"]}</Live>
      </Section>
    </>
  );
}

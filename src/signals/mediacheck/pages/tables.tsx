/** @jsxImportSource hono/jsx */
/** The tables that several pages show: resources with what is wrong with them, and runs. */
import { Age, Mark, Table, type Tone } from "../../../kit/pages/components.tsx";
import { linkTo } from "../../../kit/pages/html.ts";
import { formatCount, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import type { ResourceReport, Verdict } from "../report.ts";
import { runPath, type ShownRun, sitePath } from "./view.ts";

const marks: Record<Verdict, { tone: Tone; word: string }> = {
  good: { tone: "good", word: "good" },
  warn: { tone: "warn", word: "needs a look" },
  bad: { tone: "bad", word: "bad" },
  skipped: { tone: "idle", word: "left alone" },
};

function Address({ resource: { finalUrl, url } }: { resource: ResourceReport }) {
  const href = linkTo(url);
  return (
    <>
      <span class="address">{href === undefined ? url : <a href={href}>{url}</a>}</span>
      {finalUrl === undefined ? null : <span class="below">led to {finalUrl}</span>}
    </>
  );
}

function Wrong({ resource: { troubles, url, useCount, uses } }: { resource: ResourceReport }) {
  const [first] = uses;
  return (
    <>
      {troubles.length === 0 ? null : (
        <ul class="troubles">
          {troubles.map(({ sentence }) => (
            <li>{sentence}</li>
          ))}
        </ul>
      )}
      {first === undefined || first.page === url ? null : (
        <span class="below">
          in {first.via ?? first.page} ({first.how}){useCount > 1 ? ` and ${formatCount(useCount - 1)} more` : ""}
        </span>
      )}
    </>
  );
}

/** Resources, worst first. */
export function Resources({ empty, resources }: { resources: readonly ResourceReport[]; empty: string }) {
  return (
    <Table<ResourceReport>
      caption="Resources"
      rows={resources}
      empty={empty}
      toneOf={({ verdict }) => (verdict === "bad" || verdict === "warn" ? verdict : undefined)}
      columns={[
        {
          title: "Address",
          kind: "main",
          cell: (resource) => <Address resource={resource} />,
        },
        { title: "State", kind: "state", cell: ({ verdict }) => <Mark {...marks[verdict]} /> },
        {
          title: "What is wrong, and where",
          kind: "wide",
          cell: (resource) => <Wrong resource={resource} />,
        },
        { title: "As", kind: "time", cell: ({ kinds }) => kinds.join(", ") },
        { title: "Status", kind: "number", cell: ({ status }) => status },
        {
          title: "Size",
          kind: "number",
          cell: ({ sizeBytes }) => (sizeBytes === undefined ? undefined : formatSize(sizeBytes)),
        },
        {
          title: "Took",
          kind: "number",
          cell: ({ elapsedMs }) => (elapsedMs === undefined ? undefined : formatSpan(elapsedMs)),
        },
      ]}
    />
  );
}

/** How a run stands, as shape and word. */
export function markOf(run: ShownRun): { tone: Tone; word: string } {
  if (run.result)
    return run.result.isGood ? { tone: "good", word: "good" } : { tone: "bad", word: `${run.result.counts.bad} bad` };
  return run.isRunning ? { tone: "busy", word: "under way" } : { tone: "idle", word: "waiting" };
}

const causes = { interval: "by the clock", asked: "asked for", deploy: "after a deploy" } as const;

/** Runs, newest first. */
export function Runs(props: { mountPath: string; now: number; runs: readonly ShownRun[]; withSite: boolean }) {
  const { mountPath, now, runs, withSite } = props;
  return (
    <Table<ShownRun>
      caption="Runs"
      rows={runs}
      empty="Nothing was checked yet."
      columns={[
        {
          title: "Run",
          kind: "main",
          cell: ({ id, site, target }) => (
            <a href={`${mountPath}${runPath(id)}`}>{withSite ? (site ?? target) : `Run ${id}`}</a>
          ),
        },
        { title: "State", kind: "state", cell: (run) => <Mark {...markOf(run)} /> },
        {
          title: "Why",
          kind: "wide",
          cell: ({ cause, deploy }) => (
            <span class="soft">{deploy === undefined ? causes[cause] : `${causes[cause]}: ${deploy}`}</span>
          ),
        },
        { title: "Addresses", kind: "number", cell: ({ result }) => result && formatCount(result.counts.checked) },
        { title: "Warnings", kind: "number", cell: ({ result }) => result && formatCount(result.counts.warn) },
        { title: "Took", kind: "number", cell: ({ result }) => result && formatSpan(result.elapsedMs) },
        { title: "When", kind: "time", cell: ({ askedAt }) => <Age at={askedAt} now={now} /> },
      ]}
    />
  );
}

/** A link to a site's page. */
export function SiteLink({ mountPath, name }: { mountPath: string; name: string }) {
  return <a href={`${mountPath}${sitePath(name)}`}>{name}</a>;
}

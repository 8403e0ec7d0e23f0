/** @jsxImportSource hono/jsx */
/**
 * The first page of a node: one sentence on how it fares, then its services, what wants attention, background work and
 * what happened lately. The parts are also sent one by one to pages that are open.
 */
import { EventList, Facts, Headline, Live, Mark, Section, Table, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatInstant, formatNamed, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import type { Finding } from "../../../kit/service.ts";
import type { NodeView, ServiceView, WorkerView } from "../view.ts";

const serviceTones: Record<ServiceView["state"], Tone> = {
  starting: "busy",
  running: "good",
  stopping: "busy",
  stopped: "idle",
  failed: "bad",
  off: "idle",
};

const workerTones: Record<WorkerView["state"], Tone> = {
  working: "busy",
  waiting: "idle",
  idle: "idle",
  failing: "bad",
  paused: "warn",
  stopped: "idle",
};

const findingTones: Record<Finding["state"], Tone> = { ok: "good", degraded: "warn", failed: "bad" };

interface PlacedFinding extends Finding {
  service: string;
}

function placed({ name, state, sentence }: Finding, service: string): PlacedFinding {
  return { name, state, sentence, service };
}

function findingsOf(view: NodeView): PlacedFinding[] {
  const order: Finding["state"][] = ["failed", "degraded", "ok"];
  return [
    ...(view.findings ?? []).map((finding) => placed(finding, "node")),
    ...view.services.flatMap((service) => service.findings.map((finding) => placed(finding, service.name))),
  ].sort((left, right) => order.indexOf(left.state) - order.indexOf(right.state));
}

/** How the node fares, in one sentence, and the tone of it. */
export function verdictOf(view: NodeView): { tone: Tone; sentence: string } {
  const running = view.services.filter((service) => service.state === "running").length;
  const failed = view.services.filter((service) => service.state === "failed").map((service) => service.name);
  const starting = view.services.filter((service) => service.state === "starting").length;
  const findings = findingsOf(view);
  const broken = findings.filter((finding) => finding.state === "failed").length;
  const degraded = findings.filter((finding) => finding.state === "degraded").length;
  const failing = view.services
    .flatMap((service) => service.workers)
    .filter((worker) => worker.state === "failing").length;
  if (failed.length + broken > 0) {
    const parts = [
      ...(failed.length > 0 ? [`${failed.join(", ")} failed to start`] : []),
      ...(broken > 0 ? [`${countOf(broken, "finding wants", "findings want")} you now`] : []),
    ];
    return { tone: "bad", sentence: `${parts.join("; ")}. ${countOf(running, "service runs", "services run")}.` };
  }
  if (degraded + failing > 0) {
    const parts = [
      ...(degraded > 0 ? [countOf(degraded, "finding")] : []),
      ...(failing > 0 ? [`${countOf(failing, "piece", "pieces")} of background work failing`] : []),
    ];
    return { tone: "warn", sentence: `It works, with ${parts.join(" and ")} worth a look.` };
  }
  if (starting > 0)
    return { tone: "busy", sentence: `Starting: ${countOf(running, "service runs", "services run")} already.` };
  if (running === 0) return { tone: "idle", sentence: "No service is switched on." };
  return {
    tone: "good",
    sentence: `All is well: ${countOf(running, "service runs", "services run")} and nothing is failing.`,
  };
}

function factsLine(facts: Record<string, string>): Html {
  return Object.entries(facts).map(([name, value], position) => (
    <>
      {position > 0 ? ", " : ""}
      <span class="fact">
        <span class="fact-name">{name}</span> {value}
      </span>
    </>
  ));
}

function namedFacts(progress: WorkerView["progress"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(progress).map(([name, value]) => {
      const shown = formatNamed(name, value);
      return [shown.name, shown.text];
    }),
  );
}

function ServicesTable(props: { view: NodeView }) {
  return (
    <Table
      caption="Services of this node"
      rows={props.view.services}
      empty="This node knows no services."
      toneOf={(service) => (service.state === "failed" ? "bad" : undefined)}
      columns={[
        {
          title: "Service",
          kind: "main",
          cell: (service) => (
            <>
              {service.href === undefined ? service.name : <a href={service.href}>{service.name}</a>}
              <small>{service.summary}</small>
            </>
          ),
        },
        {
          title: "State",
          kind: "state",
          cell: (service) => <Mark tone={serviceTones[service.state]} word={service.state} />,
        },
        {
          title: "Address and facts",
          kind: "wide",
          cell: (service) => {
            const facts = Object.keys(service.facts).length === 0 ? undefined : factsLine(service.facts);
            if (service.address === undefined) return service.failure ?? facts;
            return (
              <>
                <code>{service.address}</code>
                <small>{service.failure ?? facts}</small>
              </>
            );
          },
        },
      ]}
    />
  );
}

function FindingsTable(props: { view: NodeView }) {
  return (
    <Table
      caption="Findings on the health of this node"
      rows={findingsOf(props.view)}
      empty="Nothing has been looked at yet."
      columns={[
        {
          title: "What",
          kind: "main",
          cell: (finding) => (
            <>
              {finding.name} <span class="aside">of {finding.service}</span>
            </>
          ),
        },
        {
          title: "State",
          kind: "state",
          cell: (finding) => <Mark tone={findingTones[finding.state]} word={finding.state} />,
        },
        { title: "Finding", kind: "wide", cell: (finding) => finding.sentence },
      ]}
    />
  );
}

function WorkersTable(props: { view: NodeView }) {
  const rows = props.view.services.flatMap((service) =>
    service.workers.map((worker) => ({ service: service.name, worker })),
  );
  return (
    <Table
      caption="Background work"
      rows={rows}
      empty="No service of this node works in the background."
      columns={[
        {
          title: "Work",
          kind: "main",
          cell: (row) => (
            <>
              {row.worker.name} <span class="aside">of {row.service}</span>
              <small>{row.worker.summary}</small>
            </>
          ),
        },
        {
          title: "State",
          kind: "state",
          cell: (row) => <Mark tone={workerTones[row.worker.state]} word={row.worker.state} />,
        },
        {
          title: "Progress",
          kind: "wide",
          cell: (row) =>
            row.worker.failures.count > 0
              ? `${countOf(row.worker.failures.count, "failure")} in a row: ${row.worker.failures.reason}`
              : Object.keys(row.worker.progress).length === 0
                ? undefined
                : factsLine(namedFacts(row.worker.progress)),
        },
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: NodeView, now: number): Record<string, Html> {
  const verdict = verdictOf(view);
  return {
    verdict: <Headline title={view.name} tone={verdict.tone} sentence={verdict.sentence} />,
    services: <ServicesTable view={view} />,
    health: <FindingsTable view={view} />,
    workers: <WorkersTable view={view} />,
    events: <EventList events={view.events} now={now} empty="Nothing has happened since the start." />,
    node: (
      <Facts
        of={[
          [
            "Running for",
            view.uptimeMs < 60_000 ? "under a minute" : formatSpan(Math.floor(view.uptimeMs / 60_000) * 60_000),
            `since ${formatInstant(view.startedAt)} UTC`,
          ],
          ["Version", view.version],
          ["Memory", formatSize(view.memoryBytes)],
          ...view.addresses.map(({ purpose, address }) => [purpose, <code>{address}</code>] as const),
        ]}
      />
    ),
  };
}

/** The page's body. */
export function Overview(props: { view: NodeView; now: number }) {
  const parts = overviewParts(props.view, props.now);
  const live = (name: string) => <Live name={name}>{parts[name]}</Live>;
  return (
    <>
      {live("verdict")}
      <Section title="Services" id="services">
        {live("services")}
      </Section>
      <Section title="Health" id="health" note="What each part finds about itself">
        {live("health")}
      </Section>
      <Section title="Background" id="background" note="Work that goes on unasked">
        {live("workers")}
      </Section>
      <Section title="Events" id="events" note="Newest first, times in UTC">
        {live("events")}
      </Section>
      <Section title="This node" id="node">
        {live("node")}
      </Section>
    </>
  );
}

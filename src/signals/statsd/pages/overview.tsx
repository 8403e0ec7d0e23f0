/** @jsxImportSource hono/jsx */
/**
 * The page of statsd: what comes in and how fast, what goes out, which names are busiest and who makes them, what was no
 * metric. Its parts are also sent one by one to pages that are open.
 */
import {
  Age,
  Facts,
  Headline,
  Live,
  Mark,
  Section,
  Sparkline,
  Table,
  type Tone,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import type { Finding } from "../../../kit/service.ts";
import type { NodeState } from "../cluster/cluster.ts";
import type { OutputState } from "../output.ts";
import type { Maker } from "../makers.ts";
import type { BusyName, Remembered } from "../statsd.ts";
import type { SentCheck, SentEvent } from "../sink.ts";
import type { WayIn } from "../ways-in.ts";

/** What the page shows. */
export interface OverviewView {
  now: number;
  findings: readonly Finding[];
  /** Per second, oldest first. */
  packetRates: readonly number[];
  lineRates: readonly number[];
  names: number;
  maxNames: number;
  bad: number;
  drops: number;
  flushMs: number;
  lastFlush: { at: number; stats: number; points: number; tookMs: number } | undefined;
  waysIn: readonly WayIn[];
  outputs: readonly OutputState[];
  /** Those who share the metrics; empty when they are counted here. */
  nodes: readonly NodeState[];
  busiest: readonly BusyName[];
  makers: readonly Maker[];
  senders: readonly Maker[];
  badLines: readonly { at: number; line: string; reason: string; sender: string }[];
  events: readonly Remembered<SentEvent>[];
  checks: readonly Remembered<SentCheck>[];
}

/** Only where something is wrong. */
const whyColumn = {
  title: "Why",
  kind: "wide" as const,
  cell: ({ failure }: { failure: string | undefined }) => failure ?? "",
};
/** Of what is sent to. */
const takesColumn = {
  title: "State",
  kind: "state" as const,
  cell: ({ isUp }: { isUp: boolean }) => <Mark tone={isUp ? "good" : "bad"} word={isUp ? "takes" : "away"} />,
};
const checkTones: Record<SentCheck["status"], Tone> = { 0: "good", 1: "warn", 2: "bad", 3: "idle" };
const checkWords: Record<SentCheck["status"], string> = { 0: "fine", 1: "warning", 2: "critical", 3: "unknown" };

/** The whole body. */
export function Overview(view: OverviewView): Html {
  const parts = overviewParts(view);
  return (
    <>
      <Live name="state">{parts.state}</Live>
      <Section title="Traffic" note="Now, and over the last minute.">
        <Live name="traffic">{parts.traffic}</Live>
      </Section>
      <Section
        title="Ways in"
        note="Where metrics are taken, and what the kernel had to drop before they could be read."
      >
        <Live name="ways">{parts.ways}</Live>
      </Section>
      {view.nodes.length > 0 && (
        <Section title="Nodes" note="Each line goes to one of them by its name; nothing is counted here.">
          <Live name="nodes">{parts.nodes ?? <></>}</Live>
        </Section>
      )}
      <Section title="Targets" note="Each gets every flush. What one does not take waits on disk.">
        <Live name="targets">{parts.targets}</Live>
      </Section>
      {view.nodes.length === 0 && (
        <>
          <Section title="Busiest names" note="By updates between the two newest flushes.">
            <Live name="busiest">{parts.busiest}</Live>
          </Section>
          <Section title="Who makes names" note="Since the start; refused are those beyond the limit, every attempt.">
            <Live name="makers">{parts.makers}</Live>
          </Section>
          <Section title="Bad lines" note="The newest lines that are no metric.">
            <Live name="bad">{parts.bad}</Live>
          </Section>
          <Section title="Events and checks">
            <Live name="told">{parts.told}</Live>
          </Section>
        </>
      )}
    </>
  );
}

/** The parts that change, by the names of their Live components. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const worst = view.findings.find(({ state }) => state !== "ok");
  const rate = (rates: readonly number[]) => `${formatCount(rates.at(-1) ?? 0)}/s`;
  return {
    state: (
      <Headline
        title="statsd"
        tone={worst ? (worst.state === "failed" ? "bad" : "warn") : "good"}
        sentence={`${(worst ?? view.findings[0])?.sentence ?? ""}.`}
      />
    ),
    traffic: (
      <Facts
        figures
        of={[
          ["packets", rate(view.packetRates), <Sparkline label="packets a second" values={view.packetRates} />],
          ["metrics", rate(view.lineRates), <Sparkline label="metrics a second" values={view.lineRates} />],
          ["names", formatCount(view.names), `of ${formatCount(view.maxNames)}`],
          ["bad lines", formatCount(view.bad)],
          ["dropped by the kernel", formatCount(view.drops)],
          [
            "last flush",
            view.lastFlush ? <Age at={view.lastFlush.at} now={view.now} /> : "none yet",
            view.lastFlush
              ? `${countOf(view.lastFlush.points, "value")} in ${formatSpan(view.lastFlush.tookMs)}`
              : `every ${formatSpan(view.flushMs)}`,
          ],
        ]}
      />
    ),
    ways: (
      <Table
        caption="Ways in"
        rows={view.waysIn}
        empty="No way in is configured: set udp, tcp or unix in [statsd]."
        columns={[
          { title: "Way", kind: "main", cell: ({ purpose }) => purpose },
          {
            title: "State",
            kind: "state",
            cell: ({ failure }) => (
              <Mark tone={failure === undefined ? "good" : "bad"} word={failure === undefined ? "open" : "closed"} />
            ),
          },
          { title: "Address", kind: "time", cell: ({ address }) => address },
          {
            title: "Dropped",
            kind: "number",
            cell: ({ drops, purpose }) => (purpose === "udp" ? formatCount(drops) : ""),
          },
          {
            title: "Buffer",
            kind: "number",
            cell: ({ grantedBytes }) => (grantedBytes === undefined ? "" : formatSize(grantedBytes)),
          },
          ...(view.waysIn.some(({ failure }) => failure !== undefined) ? [whyColumn] : []),
        ]}
      />
    ),
    nodes: (
      <Table
        caption="Nodes"
        rows={view.nodes}
        empty="No node is configured."
        columns={[
          { title: "Node", kind: "main", cell: ({ name }) => name },
          takesColumn,
          { title: "Lines", kind: "number", cell: ({ lines }) => formatCount(lines) },
          { title: "Dropped", kind: "number", cell: ({ dropped }) => (dropped ? formatCount(dropped) : "") },
          ...(view.nodes.some(({ failure }) => failure !== "") ? [whyColumn] : []),
        ]}
      />
    ),
    targets: (
      <Table
        caption="Targets"
        rows={view.outputs}
        empty="Values go nowhere: run series beside this, or set graphite in [statsd]."
        columns={[
          { title: "Target", kind: "main", cell: ({ name }) => name },
          takesColumn,
          { title: "Kind", kind: "time", cell: ({ kind }) => kind },
          { title: "Values", kind: "number", cell: ({ sentPoints }) => formatCount(sentPoints) },
          {
            title: "Last",
            kind: "time",
            cell: ({ lastSentAt }) => (lastSentAt ? <Age at={lastSentAt} now={view.now} /> : ""),
          },
          {
            title: "Waiting",
            kind: "number",
            cell: ({ spooledBytes }) => (spooledBytes ? formatSize(spooledBytes) : ""),
          },
          {
            title: "Lost",
            kind: "number",
            cell: ({ droppedPoints }) => (droppedPoints ? formatCount(droppedPoints) : ""),
          },
          ...(view.outputs.some(({ failure }) => failure !== "") ? [whyColumn] : []),
        ]}
      />
    ),
    busiest: (
      <Table
        caption="Busiest names"
        rows={view.busiest}
        empty="Nothing came between the two newest flushes. Try: warren stats count hello 1"
        columns={[
          { title: "Name", kind: "main", cell: ({ name }) => name },
          { title: "Kind", cell: ({ kind }) => kind },
          { title: "Updates", kind: "number", cell: ({ updates }) => formatCount(updates) },
        ]}
      />
    ),
    makers: (
      <>
        {makersTable("By the beginning of the name", view.makers)}
        {makersTable("By sender", view.senders)}
      </>
    ),
    bad: (
      <Table
        caption="Bad lines"
        rows={view.badLines}
        empty="Every line so far was a metric."
        columns={[
          { title: "Line", kind: "main", cell: ({ line }) => <code class="key">{line}</code> },
          { title: "Why", kind: "wide", cell: ({ reason }) => reason },
          { title: "Sender", cell: ({ sender }) => sender },
          { title: "When", kind: "time", cell: ({ at }) => <Age at={at} now={view.now} /> },
        ]}
      />
    ),
    told: (
      <>
        <Table
          caption="Service checks"
          rows={view.checks}
          empty="No service check came."
          columns={[
            { title: "Check", kind: "main", cell: ({ name }) => name },
            {
              title: "State",
              kind: "state",
              cell: ({ status }) => <Mark tone={checkTones[status]} word={checkWords[status]} />,
            },
            { title: "Message", kind: "wide", cell: ({ message }) => message },
            { title: "When", kind: "time", cell: ({ at }) => <Age at={at} now={view.now} /> },
          ]}
        />
        <Table
          caption="Events"
          rows={view.events}
          empty="No event came."
          columns={[
            { title: "Event", kind: "main", cell: ({ title }) => title },
            { title: "Kind", cell: ({ kind }) => kind },
            { title: "Text", kind: "wide", cell: ({ text }) => text },
            { title: "When", kind: "time", cell: ({ at }) => <Age at={at} now={view.now} /> },
          ]}
        />
      </>
    ),
  };
}

function makersTable(title: string, rows: readonly Maker[]): Html {
  return (
    <Table
      caption={title}
      rows={rows}
      empty="No name was made yet."
      columns={[
        { title, kind: "main", cell: ({ who }) => who },
        { title: "Made", kind: "number", cell: ({ made }) => formatCount(made) },
        { title: "Refused", kind: "number", cell: ({ refused }) => (refused ? formatCount(refused) : "") },
      ]}
    />
  );
}

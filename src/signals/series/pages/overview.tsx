/** @jsxImportSource hono/jsx */
/** The page of series: how much it keeps and in how little, where points come in, and what was not taken and why. */
import { Facts, Headline, Mark, Section, Table } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { formatCount, formatSize } from "../../../kit/pages/quantity.ts";
import type { Finding } from "../../../kit/service.ts";
import type { BadLine } from "../../../lib/graphite/line.ts";
import type { ForwardState } from "../forward/forwards.ts";
import { refusalReasons, type SeriesFigures } from "../store.ts";
import type { WayIn } from "../ways-in.ts";

/** What the page shows. */
export interface OverviewView {
  now: number;
  findings: readonly Finding[];
  figures: SeriesFigures;
  waysIn: readonly WayIn[];
  connections: number;
  badCount: number;
  badLines: readonly BadLine[];
  unwanted: number;
  forwards: readonly ForwardState[];
}

const reasons = {
  late: "older than what is kept",
  future: "too far ahead of this machine's clock",
  invalid: "no name or no number",
  "new-series": "of new series past the bound",
  memory: "came faster than the disk takes them",
} as const;

/** The whole body. */
export function Overview({
  badCount,
  badLines,
  connections,
  figures,
  findings,
  forwards,
  unwanted,
  waysIn,
}: OverviewView): Html {
  const worst = findings.find(({ state }) => state !== "ok");
  const each = figures.filePoints > 0 ? (figures.fileBytes / figures.filePoints).toFixed(2) : undefined;
  return (
    <>
      <Headline
        title="series"
        tone={worst ? (worst.state === "failed" ? "bad" : "warn") : "good"}
        sentence={`${(worst ?? findings[0])?.sentence ?? ""}.`}
      />
      <Facts
        figures
        of={[
          ["series", formatCount(figures.series), `${formatCount(figures.created)} new since the start`],
          ["points taken", formatCount(figures.pointsAccepted), "since the start"],
          ["points in memory", formatCount(figures.memoryPoints), "and in the log"],
          ["points in files", formatCount(figures.filePoints), each === undefined ? "" : `${each} bytes each`],
          ["on disk", formatSize(figures.fileBytes), `${formatCount(figures.files)} files`],
          ["connections", formatCount(connections)],
        ]}
      />
      <Section title="Ways in" note="Where points are taken, beside requests to /write.">
        <Table
          caption="Ways in"
          rows={waysIn}
          empty="No way in is configured: set line or pickle in [series]."
          columns={[
            { title: "Way", kind: "main", cell: ({ purpose }) => purpose },
            {
              title: "State",
              kind: "state",
              cell: ({ failure }) => (
                <Mark tone={failure === undefined ? "good" : "bad"} word={failure === undefined ? "open" : "closed"} />
              ),
            },
            { title: "Address", kind: "key", cell: ({ address }) => address },
            { title: "Why", kind: "wide", cell: ({ failure }) => failure ?? "" },
          ]}
        />
      </Section>
      {forwards.length > 0 ? (
        <Section title="Handed on" note="Where points go as well. What is away has them wait on disk.">
          <Table
            caption="Handed on"
            rows={forwards}
            empty=""
            columns={[
              { title: "Target", kind: "main", cell: ({ name }) => name },
              {
                title: "State",
                kind: "state",
                cell: ({ isUp }) => <Mark tone={isUp ? "good" : "bad"} word={isUp ? "takes them" : "away"} />,
              },
              { title: "Points", kind: "number", cell: ({ sentPoints }) => formatCount(sentPoints) },
              { title: "Waiting", kind: "number", cell: ({ waitingBytes }) => formatSize(waitingBytes) },
              {
                title: "Lost",
                kind: "number",
                cell: ({ droppedPoints, refusals }) => formatCount(droppedPoints + refusals.points),
              },
              { title: "Why", kind: "wide", cell: ({ failure, refusals }) => failure || refusals.words },
            ]}
          />
        </Section>
      ) : undefined}
      <Section
        title="Not taken"
        note={`Points since the start that were refused, by reason. The lists of names kept out ${formatCount(unwanted)} more.`}
      >
        <Table
          caption="Not taken"
          rows={refusalReasons.filter((reason) => figures.refused[reason] > 0)}
          empty="Every point was taken."
          columns={[
            { title: "Reason", kind: "main", cell: (reason) => reasons[reason] },
            { title: "Points", kind: "number", cell: (reason) => formatCount(figures.refused[reason]) },
            {
              title: "Such as",
              kind: "wide",
              cell: (reason) => (reason === "new-series" ? figures.refusedNames.slice(-5).join(", ") : ""),
            },
          ]}
        />
      </Section>
      <Section title="Bad lines" note={`The newest of ${formatCount(badCount)} that are no points.`}>
        <Table
          caption="Bad lines"
          rows={badLines}
          empty="Every line was a point."
          columns={[
            { title: "Line", kind: "key", cell: ({ line }) => line },
            { title: "Why", kind: "wide", cell: ({ reason }) => reason },
          ]}
        />
      </Section>
    </>
  );
}

/** @jsxImportSource hono/jsx */
/** The first page: how much goes through, which topics are busy, who is connected, and a form to publish with. */
import {
  Age,
  describedBy,
  Facts,
  Field,
  Flash,
  Headline,
  Live,
  Section,
  Table,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSize } from "../../../kit/pages/quantity.ts";
import type { ConnectionRow, OverviewView } from "./view.ts";

function sentenceOf(view: OverviewView): string {
  if (view.clients === 0 && view.publications === 0) return "Nobody is connected, and nothing was published yet.";
  const heard = view.perMinute === 0 ? "nothing in the last minute" : `${countOf(view.perMinute, "message")} a minute`;
  return `${view.clients === 0 ? "Nobody is" : countOf(view.clients, "client")} connected, ${heard}.`;
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const { mountPath, now } = view;
  return {
    verdict: <Headline title="Windsock" tone={view.clients > 0 ? "good" : "idle"} sentence={sentenceOf(view)} />,
    figures: (
      <Facts
        figures
        of={[
          ["Clients", formatCount(view.clients)],
          ["Published", formatCount(view.publications), "since the start"],
          ["Delivered", formatCount(view.deliveries)],
          ["Kept", formatCount(view.keptCount), `${formatSize(view.keptBytes)}, to go back to`],
          ["Gaps", formatCount(view.gaps), view.gaps > 0 ? "listeners were told" : undefined],
        ]}
      />
    ),
    topics: (
      <Table<OverviewView["topics"][number]>
        caption="Busiest topics"
        rows={view.topics}
        empty="Nothing was published in the last minutes."
        columns={[
          {
            title: "Address",
            kind: "main",
            cell: ({ address }) =>
              view.mayTap ? (
                <a href={`${mountPath}/tap?topic=${encodeURIComponent(address)}`}>{address || "(empty)"}</a>
              ) : (
                address || "(empty)"
              ),
          },
          { title: "Listeners", kind: "number", cell: ({ listeners }) => formatCount(listeners) },
          { title: "Messages a minute", kind: "number", cell: ({ perMinute }) => formatCount(perMinute) },
        ]}
      />
    ),
    connections: (
      <Table<ConnectionRow>
        caption="Connections"
        rows={view.connections}
        empty={
          view.mayTap ? (
            <>
              Nobody is connected. The <a href={`${mountPath}/chat/lobby`}>chat room</a> shows how a page connects.
            </>
          ) : (
            "Who is connected is for tokens with scope windsock:admin."
          )
        }
        columns={[
          { title: "User", kind: "main", cell: ({ user }) => user || <span class="aside">nobody in particular</span> },
          { title: "By", kind: "time", cell: ({ transport }) => transport },
          { title: "From", cell: ({ address }) => <span class="from">{address}</span> },
          { title: "Hears", kind: "wide", cell: ({ topics }) => topicsCell(topics) },
          {
            title: "Waiting",
            kind: "number",
            cell: ({ waitingBytes }) => (waitingBytes === undefined ? undefined : formatSize(waitingBytes)),
          },
          {
            title: "Since",
            kind: "time",
            cell: ({ since }) => (since === undefined ? undefined : <Age at={since} now={now} />),
          },
        ]}
      />
    ),
  };
}

function topicsCell(topics: readonly string[]): Html {
  const shown = topics.slice(0, 4).join(", ");
  return topics.length > 4 ? `${shown} and ${topics.length - 4} more` : shown;
}

/** The page. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  const { mountPath } = view;
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section
        title="Traffic"
        note={
          <>
            For pages of yours: <a href={`${mountPath}/client.js`}>client.js</a>
          </>
        }
      >
        <Live name="figures">{parts["figures"]}</Live>
      </Section>
      <Section title="Busiest topics">
        <Live name="topics">{parts["topics"]}</Live>
      </Section>
      <Section title="Publish" id="publish" note="To try things out: every listener of the address hears it.">
        {view.flash === undefined ? null : <Flash tone={view.flash.tone}>{view.flash.words}</Flash>}
        {view.mayPublish ? (
          <form class="form" method="post" action={`${mountPath}/say`}>
            <Field name="address" label="Address" hint="Such as room.1; parts stand between dots.">
              <input
                id="address"
                name="address"
                required
                maxlength={1000}
                value={view.draft.address}
                autocomplete="off"
                autocapitalize="none"
                aria-describedby={describedBy("address")}
              />
            </Field>
            <Field name="content" label="Content" hint="Any text; by custom it is JSON.">
              <textarea id="content" name="content" rows={3} aria-describedby={describedBy("content")}>
                {view.draft.content}
              </textarea>
            </Field>
            <button type="submit">Publish</button>
          </form>
        ) : (
          <p class="empty">Publishing needs a token with scope windsock:write.</p>
        )}
      </Section>
      <Section title="Connections" note={view.connections.length === 100 ? "The first 100." : undefined}>
        <Live name="connections">{parts["connections"]}</Live>
      </Section>
    </>
  );
}

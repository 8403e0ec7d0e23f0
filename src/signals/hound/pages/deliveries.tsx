/** @jsxImportSource hono/jsx */
/** The page of deliveries: what waits, what arrived, what was given up and can be sent again. */
import {
  Age,
  Facts,
  Headline,
  Live,
  Mark,
  Pagination,
  Section,
  Table,
  type Tone,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatInstant, formatSpan } from "../../../kit/pages/quantity.ts";
import type { DeliveryRow, DeliveryState } from "../delivery/queue.ts";
import type { DeliveriesView } from "./view.ts";

const tones: Record<DeliveryState, Tone> = { waiting: "busy", sent: "good", failed: "bad" };

function verdictOf({ counts, now }: DeliveriesView): { tone: Tone; sentence: string } {
  const { failed, oldestWaitingAt, sent, waiting } = counts;
  const waits =
    waiting === 0
      ? ""
      : ` ${formatCount(waiting)} on the way, the oldest for ${formatSpan(now - (oldestWaitingAt ?? now))}.`;
  if (failed > 0) return { tone: "bad", sentence: `${countOf(failed, "delivery", "deliveries")} given up.${waits}` };
  if (waiting > 0) return { tone: "busy", sentence: waits.trim() };
  return sent === 0
    ? { tone: "idle", sentence: "Nothing was sent yet." }
    : { tone: "good", sentence: "Everything arrived." };
}

function Choices({ view }: { view: DeliveriesView }) {
  const all: readonly (readonly [string, DeliveryState | undefined])[] = [
    ["All", undefined],
    ["Waiting", "waiting"],
    ["Sent", "sent"],
    ["Failed", "failed"],
  ];
  return (
    <ul class="choices">
      {all.map(([word, state]) => (
        <li>
          <a
            href={`${view.mountPath}/deliveries/${state === undefined ? "" : `?state=${state}`}`}
            aria-current={view.state === state ? "true" : undefined}
          >
            {word}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Rows({ view }: { view: DeliveriesView }) {
  const { mountPath, now } = view;
  return (
    <Table<DeliveryRow>
      caption="Deliveries"
      rows={view.rows}
      empty={view.state === undefined ? "Nothing was sent yet." : `None is ${view.state}.`}
      toneOf={({ state }) => (state === "failed" ? "bad" : undefined)}
      columns={[
        {
          title: "Subject",
          kind: "main",
          cell: ({ recipient, subject }) => (
            <>
              {subject}
              <div class="soft">{`to ${recipient}`}</div>
            </>
          ),
        },
        { title: "State", kind: "state", cell: ({ state }) => <Mark tone={tones[state]} word={state} /> },
        {
          title: "From",
          kind: "time",
          cell: ({ createdAt }) => <Age at={createdAt} now={now} />,
        },
        { title: "Attempts", kind: "number", cell: ({ attempts }) => formatCount(attempts) },
        {
          title: "Said",
          kind: "wide",
          cell: ({ attempts, nextAt, said, state }) => (
            <>
              <span class="soft">{said}</span>
              {state === "waiting" && attempts > 0 ? (
                <div class="soft">{`Again at ${formatInstant(nextAt)} UTC`}</div>
              ) : null}
            </>
          ),
        },
        ...(view.mayWrite && view.rows.some(({ state }) => state === "failed")
          ? [
              {
                title: "Again",
                kind: "time" as const,
                cell: ({ id, state }: DeliveryRow) =>
                  state === "failed" ? (
                    <form method="post" action={`${mountPath}/deliveries/${id}/retry`}>
                      <button type="submit" class="button-quiet">
                        Send again
                      </button>
                    </form>
                  ) : undefined,
              },
            ]
          : []),
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function deliveriesParts(view: DeliveriesView): Record<string, Html> {
  const { counts, mayWrite, mountPath, rows, state } = view;
  const verdict = verdictOf(view);
  const words = new URLSearchParams(state === undefined ? {} : { state });
  const query = (before?: number) => {
    const own = new URLSearchParams(words);
    if (before !== undefined) own.set("before", String(before));
    return own.size === 0 ? "" : `?${own}`;
  };
  return {
    verdict: <Headline title="Deliveries" tone={verdict.tone} sentence={verdict.sentence} />,
    figures: (
      <Facts
        figures
        of={[
          ["Waiting", formatCount(counts.waiting)],
          ["Given up", formatCount(counts.failed)],
          ["Sent", formatCount(counts.sent), "of those still remembered"],
        ]}
      />
    ),
    rows: (
      <>
        {counts.failed > 0 && mayWrite ? (
          <form method="post" action={`${mountPath}/deliveries/retry`}>
            <button type="submit">{`Send ${counts.failed === 1 ? "the one" : `all ${formatCount(counts.failed)}`} that failed again`}</button>
          </form>
        ) : null}
        <Rows view={view} />
        <Pagination
          label="Pages of deliveries"
          newer={view.isFirst ? undefined : `${mountPath}/deliveries/${query()}`}
          older={view.hasMore ? `${mountPath}/deliveries/${query(rows.at(-1)?.id)}` : undefined}
          words={view.isFirst ? "The newest" : "Older ones"}
        />
      </>
    ),
  };
}

/** The page. */
export function Deliveries(view: DeliveriesView) {
  const parts = deliveriesParts(view);
  const live = (name: string) => <Live name={name}>{parts[name]}</Live>;
  const channels = view.channels.map(({ kind, name }) => (kind === "mail" ? "mail" : `${name} (${kind})`));
  return (
    <>
      {live("verdict")}
      <Section
        title="Numbers"
        note={
          channels.length === 0
            ? "No way out is configured: neither a mail server nor a channel."
            : `Ways out: ${channels.join(", ")}.`
        }
      >
        {live("figures")}
      </Section>
      <Section title="Log" note="Newest first.">
        <Choices view={view} />
        {live("rows")}
      </Section>
    </>
  );
}

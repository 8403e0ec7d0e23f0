/** @jsxImportSource hono/jsx */
/** The page of silences: those that have not ended, and a form for another one. */
import { describedBy, Field, Headline, Live, Section, Table } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatInstant, formatSpan } from "../../../kit/pages/quantity.ts";
import type { Silence } from "../standing.ts";
import { SpanChoice } from "./span-choice.tsx";
import type { Frame, SilencesView } from "./view.ts";

/** Silences, each with its button. */
export function SilenceTable({ view }: { view: Frame & { silences: readonly Silence[] } }) {
  return (
    <Table<Silence>
      caption="Silences"
      rows={view.silences}
      empty="Nothing is silenced."
      columns={[
        {
          title: "Covers",
          kind: "main",
          cell: ({ by, matcher }) => (
            <>
              <span class="target">{matcher}</span>
              <div class="soft">{`by ${by}`}</div>
            </>
          ),
        },
        { title: "Until (UTC)", kind: "time", cell: ({ untilAt }) => formatInstant(untilAt) },
        { title: "Left", kind: "number", cell: ({ untilAt }) => formatSpan(Math.max(0, untilAt - view.now)) },
        { title: "Why", kind: "wide", cell: ({ comment }) => comment },
        ...(view.mayWrite
          ? [
              {
                title: "End",
                kind: "time" as const,
                cell: ({ id }: Silence) => (
                  <form method="post" action={`${view.mountPath}/silences/${id}/end`}>
                    <button type="submit" class="button-quiet">
                      End now
                    </button>
                  </form>
                ),
              },
            ]
          : []),
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function silencesParts(view: SilencesView): Record<string, Html> {
  const count = view.silences.length;
  return {
    verdict: (
      <Headline
        title="Silences"
        tone="idle"
        sentence={count === 0 ? "Nothing is silenced." : `${countOf(count, "silence")} in effect.`}
      />
    ),
    silences: <SilenceTable view={view} />,
  };
}

/** The page. */
export function Silences(view: SilencesView) {
  const parts = silencesParts(view);
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section title="In effect" note="What they cover is judged and shown, but not told.">
        <Live name="silences">{parts["silences"]}</Live>
      </Section>
      {view.mayWrite ? (
        <Section title="Another" note="For work that will make rules fail.">
          <form class="form" method="post" action={`${view.mountPath}/silences/`}>
            <Field
              name="matcher"
              label="Covers"
              hint={
                <>
                  Labels, <code>name</code>, <code>severity</code>, <code>kind</code>, <code>series</code>,{" "}
                  <code>id</code>; <code>*</code> stands for anything: <code>severity=warning,host=web-*</code>
                </>
              }
            >
              <input
                id="matcher"
                name="matcher"
                required
                maxlength={2000}
                autocomplete="off"
                autocapitalize="none"
                aria-describedby={describedBy("matcher")}
              />
            </Field>
            <div class="row-form">
              <SpanChoice />
              <label>
                Why
                <input name="comment" maxlength={500} autocomplete="off" />
              </label>
              <button type="submit">Silence</button>
            </div>
          </form>
        </Section>
      ) : null}
    </>
  );
}

/** @jsxImportSource hono/jsx */
/**
 * The page that tells which nodes hold a key, and when each of them last verified it. A plain GET form.
 */
import {
  Age,
  Facts,
  Field,
  Flash,
  Headline,
  KeyText,
  Link,
  Mark,
  Section,
  Table,
  type Tone,
  describedBy,
} from "../../../kit/pages/components.tsx";
import { countOf, formatInstant, formatSize } from "../../../kit/pages/quantity.ts";
import { type HolderRow, type LookupOutcome, type LookupView, filePath, lookupPath } from "./view.ts";

const holderTones: Record<HolderRow["has"], Tone> = {
  verified: "good",
  held: "warn",
  missing: "idle",
  unreachable: "bad",
};
const holderWords: Record<HolderRow["has"], string> = {
  verified: "verified",
  held: "not verified yet",
  missing: "has none",
  unreachable: "no answer",
};

function copiesSentence(found: Extract<LookupOutcome, { kind: "found" }>): { tone: "good" | "warn"; sentence: string } {
  const had = found.holders.filter((holder) => holder.has === "verified" || holder.has === "held").length;
  return {
    tone: had >= found.wanted ? "good" : "warn",
    sentence: `${countOf(had, "copy", "copies")} of ${found.wanted} wanted`,
  };
}

function Outcome(props: { view: LookupView; outcome: LookupOutcome }) {
  const { view, outcome } = props;
  if (outcome.kind === "invalid") return null;
  if (outcome.kind === "missing") {
    return (
      <Section title="Not found">
        <Flash tone={outcome.unreachable > 0 ? "warn" : "bad"}>
          <p>
            No copy of <code>{outcome.key}</code> was found: {countOf(outcome.asked, "node was", "nodes were")} asked
            {outcome.unreachable > 0
              ? `, and ${countOf(outcome.unreachable, "node", "nodes")} did not answer and may hold one`
              : ""}
            .
          </p>
        </Flash>
        <p>Compare the key with the answer its upload gave; a single different digit is another file.</p>
      </Section>
    );
  }
  const link = filePath(view.mountPath, outcome.key);
  const copies = copiesSentence(outcome);
  return (
    <>
      <Section title="File">
        <Facts
          of={[
            ["Key", <KeyText text={outcome.key} copy />],
            ["Size", formatSize(outcome.sizeBytes), `${outcome.sizeBytes} bytes`],
            ["Copies", <Mark tone={copies.tone} word={copies.sentence} />],
            ...(outcome.storedAt === undefined
              ? []
              : [["Stored here", `${formatInstant(outcome.storedAt)} UTC`] as const]),
            [
              "Bytes",
              <a href={link} download>
                <code>{link}</code>
              </a>,
            ],
          ]}
        />
      </Section>
      <Section title="Nodes" note="In the order of the ring">
        <Table
          caption="Nodes and what they hold of this key"
          rows={outcome.holders}
          empty="No node answered."
          columns={[
            {
              title: "Node",
              kind: "main",
              cell: (holder) => (
                <>
                  <Link to={holder.url === undefined || holder.self ? undefined : lookupPath(holder.url, outcome.key)}>
                    {holder.node}
                  </Link>
                  {holder.self ? <span class="aside"> this node</span> : null}
                </>
              ),
            },
            {
              title: "Copy",
              kind: "state",
              cell: (holder) => (
                <Mark
                  tone={holder.owner && holder.has === "missing" ? "warn" : holderTones[holder.has]}
                  word={holderWords[holder.has]}
                />
              ),
            },
            { title: "Owner", cell: (holder) => (holder.owner ? "yes" : "no") },
            {
              title: "Last verified",
              kind: "time",
              cell: (holder) =>
                holder.verifiedAt === undefined ? undefined : <Age at={holder.verifiedAt} now={view.now} />,
            },
          ]}
        />
      </Section>
    </>
  );
}

/** The page's body. */
export function Lookup(view: LookupView) {
  const failure = view.outcome?.kind === "invalid" ? view.outcome.reason : undefined;
  return (
    <>
      <Headline title="Look up" sentence="Which nodes hold a file, and when each last read it again." />
      <Section title="Find">
        <form class="form form-broad" method="get">
          <Field
            name="key"
            label="Key"
            failure={failure}
            hint={
              <>
                As the upload answered it: <code>sha256:</code> and 64 digits, or <code>sha1:</code> and 40.
              </>
            }
          >
            <div class="form-line">
              <input
                id="key"
                name="key"
                value={view.query}
                required
                autofocus={view.query === ""}
                autocomplete="off"
                autocapitalize="none"
                aria-invalid={failure === undefined ? undefined : "true"}
                aria-describedby={describedBy("key")}
              />
              <button type="submit">Look up</button>
            </div>
          </Field>
        </form>
      </Section>
      {view.outcome === undefined ? null : <Outcome view={view} outcome={view.outcome} />}
    </>
  );
}

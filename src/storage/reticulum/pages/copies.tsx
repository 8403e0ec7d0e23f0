/** @jsxImportSource hono/jsx */
/**
 * The report on the copies of one original: which nodes should have it, which have it, and when each last read it again.
 * Those that should come first. Cask is asked, so what is shown is what each node says now.
 */
import {
  Age,
  Facts,
  Headline,
  KeyText,
  Link,
  Mark,
  Section,
  Table,
  type Tone,
} from "../../../kit/pages/components.tsx";
import { countOf, formatSize } from "../../../kit/pages/quantity.ts";
import { Picture } from "./picture.tsx";
import { type CopiesView, type CopyRow, showPath } from "./view.ts";

function stateOf(row: CopyRow): { tone: Tone; word: string } {
  if (row.held === undefined) return { tone: "bad", word: "no answer" };
  if (!row.held) return row.owner ? { tone: "warn", word: "missing" } : { tone: "idle", word: "has none" };
  return row.verifiedAt === undefined ? { tone: "warn", word: "not verified yet" } : { tone: "good", word: "verified" };
}

/** The page's body. */
export function Copies(view: CopiesView) {
  const held = view.copies.filter((row) => row.held === true).length;
  const silent = view.copies.filter((row) => row.held === undefined).length;
  const tone: Tone = held >= view.wanted ? "good" : held === 0 ? "bad" : "warn";
  const beside = silent === 0 ? "" : `; ${countOf(silent, "node")} did not answer`;
  return (
    <>
      <Headline
        title="Copies"
        tone={tone}
        sentence={`${countOf(held, "copy", "copies")} of ${view.wanted} wanted${beside}.`}
      />
      <Section title="Image">
        {view.picture === undefined ? null : (
          <a href={showPath(view.mountPath, view.hash)}>
            <Picture of={view.picture} alt={view.name === "" ? "The image" : view.name} class="shown" />
          </a>
        )}
        <Facts
          of={[
            ["Name", view.name === "" ? "none was given" : view.name],
            ["Key", <KeyText text={view.key} href={showPath(view.mountPath, view.hash)} copy />],
            ["Size", formatSize(view.bytes)],
          ]}
        />
      </Section>
      <Section title="Nodes" note="Of Cask, which keeps the originals">
        <Table
          caption="Nodes and whether they have the original"
          rows={view.copies}
          empty="No node answered."
          columns={[
            {
              title: "Node",
              kind: "main",
              cell: (row) => (
                <>
                  <Link to={row.self ? view.caskPages && `${view.caskPages}/` : row.url}>{row.node}</Link>
                  {row.self ? <span class="aside"> this node</span> : null}
                  <small>{row.id}</small>
                </>
              ),
            },
            {
              title: "State",
              kind: "state",
              cell: (row) => <Mark {...stateOf(row)} />,
            },
            { title: "Should have it", cell: (row) => (row.owner ? "yes" : "no") },
            { title: "Has it", cell: (row) => (row.held === undefined ? "not known" : row.held ? "yes" : "no") },
            {
              title: "Last verified",
              kind: "time",
              cell: (row) => (row.verifiedAt === undefined ? undefined : <Age at={row.verifiedAt} now={view.now} />),
            },
          ]}
        />
      </Section>
    </>
  );
}

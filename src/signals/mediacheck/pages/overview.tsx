/** @jsxImportSource hono/jsx */
/** The first page: one sentence about all sites, each with its newest run, a form for any page, and the newest runs. */
import { Age, Headline, Live, Mark, Section, Table, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import type { SiteView } from "../runner.ts";
import { Runs, SiteLink } from "./tables.tsx";
import type { OverviewView } from "./view.ts";

function verdictOf(sites: readonly SiteView[]): { tone: Tone; sentence: string } {
  const bad = sites.filter(({ last }) => last?.result !== undefined && !last.result.isGood);
  const unknown = sites.filter(({ last }) => last?.result === undefined);
  if (sites.length === 0) return { tone: "idle", sentence: "No site is configured; any page can be checked below." };
  if (bad.length > 0) {
    const names = bad.slice(0, 4).map(({ site }) => site.name);
    const more = bad.length > names.length ? ` and ${bad.length - names.length} more` : "";
    return {
      tone: "bad",
      sentence: `${bad.length} of ${countOf(sites.length, "site")} lacking something: ${names.join(", ")}${more}.`,
    };
  }
  if (unknown.length > 0)
    return { tone: "idle", sentence: `${countOf(unknown.length, "site")} of ${sites.length} not looked at yet.` };
  if (sites.some(({ last }) => (last?.result?.counts.warn ?? 0) > 0)) {
    return { tone: "warn", sentence: "All that pages ask for is there; something is worth a look." };
  }
  return { tone: "good", sentence: "All that pages ask for is there." };
}

/** How a site stands, as shape and word. */
export function siteMark({ isRunning, last }: SiteView): { tone: Tone; word: string } {
  if (last?.result === undefined)
    return isRunning ? { tone: "busy", word: "under way" } : { tone: "idle", word: "not known" };
  const { counts, isGood } = last.result;
  if (!isGood) return { tone: "bad", word: `${counts.bad} bad` };
  return counts.warn > 0 ? { tone: "warn", word: countOf(counts.warn, "warning") } : { tone: "good", word: "good" };
}

const example = `[[mediacheck.sites]]
name = "shop"
url = "https://shop.example/"
depth = 1

[[mediacheck.sites]]
name = "docs"
sitemap = "https://docs.example/sitemap.xml"
interval = "6h"`;

function Sites({ view }: { view: OverviewView }) {
  const rank = (site: SiteView) => ({ bad: 0, warn: 1, idle: 2, busy: 2, good: 3 })[siteMark(site).tone];
  return (
    <Table<SiteView>
      caption="Sites"
      rows={view.sites.toSorted((one, other) => rank(one) - rank(other))}
      empty={
        <>
          <p>
            Say in <code>warren.toml</code> which sites are to be checked:
          </p>
          <pre class="example">{example}</pre>
        </>
      }
      toneOf={(site) => {
        const { tone } = siteMark(site);
        return tone === "bad" || tone === "warn" ? tone : undefined;
      }}
      columns={[
        { title: "Site", kind: "main", cell: ({ site }) => <SiteLink mountPath={view.mountPath} name={site.name} /> },
        { title: "State", kind: "state", cell: (site) => <Mark {...siteMark(site)} /> },
        { title: "Pages", kind: "number", cell: ({ last }) => last?.result && formatCount(last.result.counts.pages) },
        {
          title: "Addresses",
          kind: "number",
          cell: ({ last }) => last?.result && formatCount(last.result.counts.checked),
        },
        { title: "Size", kind: "number", cell: ({ last }) => last?.result && formatSize(last.result.counts.bytes) },
        { title: "Took", kind: "number", cell: ({ last }) => last?.result && formatSpan(last.result.elapsedMs) },
        { title: "Checked", kind: "time", cell: ({ last }) => last && <Age at={last.askedAt} now={view.now} /> },
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const verdict = verdictOf(view.sites);
  return {
    verdict: <Headline title="Mediacheck" tone={verdict.tone} sentence={verdict.sentence} />,
    sites: <Sites view={view} />,
    runs: <Runs mountPath={view.mountPath} now={view.now} runs={view.runs} withSite />,
  };
}

/** The page. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section
        title="Sites"
        note={
          <>
            For programs: <a href={`${view.mountPath}/status.json`}>status.json</a>
          </>
        }
      >
        <Live name="sites">{parts["sites"]}</Live>
      </Section>
      {view.mayAsk ? (
        <Section
          title="Any page"
          id="once"
          note={view.guard ? "Addresses that are not on the public Internet are refused." : undefined}
        >
          <form class="row-form" method="post" action={`${view.mountPath}/check`}>
            <label>
              Address
              <input name="url" type="url" required placeholder="https://shop.example/" autocomplete="off" />
            </label>
            <button type="submit">Check</button>
          </form>
        </Section>
      ) : null}
      <Section title="Newest runs" id="runs">
        <Live name="runs">{parts["runs"]}</Live>
      </Section>
    </>
  );
}

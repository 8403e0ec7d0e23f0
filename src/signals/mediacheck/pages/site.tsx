/** @jsxImportSource hono/jsx */
/** The page of one site: how it stands, what it lacks and who asks for it, and its runs. */
import { Age, Facts, Headline, Live, Section, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSpan } from "../../../kit/pages/quantity.ts";
import { shownUrl } from "../reference.ts";
import { Resources, Runs } from "./tables.tsx";
import { runPath, type SitePageView, sitePath } from "./view.ts";

function verdictOf({ view: { isRunning, last } }: SitePageView): { tone: Tone; sentence: string } {
  if (last?.result === undefined) {
    return isRunning
      ? { tone: "busy", sentence: "The first look is under way." }
      : { tone: "idle", sentence: "Not looked at yet." };
  }
  const { counts, isGood } = last.result;
  const of = countOf(counts.checked, "address", "addresses");
  if (!isGood) return { tone: "bad", sentence: `${counts.bad} of ${of} bad.` };
  if (counts.warn > 0)
    return { tone: "warn", sentence: `All there; ${countOf(counts.warn, "address", "addresses")} worth a look.` };
  return { tone: "good", sentence: `${of}, all there.` };
}

function State({ view }: { view: SitePageView }) {
  const { last, nextAt, site } = view.view;
  const start = [...site.pages, ...site.sitemaps];
  return (
    <Facts
      of={[
        [
          "Begins at",
          shownUrl(start[0] ?? ""),
          start.length > 1 ? `and ${formatCount(start.length - 1)} more` : undefined,
        ],
        ["Rhythm", site.intervalMs === undefined ? "only when asked" : `every ${formatSpan(site.intervalMs)}`],
        [
          "Checked",
          last === undefined ? (
            "not yet"
          ) : (
            <>
              <a href={`${view.mountPath}${runPath(last.id)}`}>Run {last.id}</a>,{" "}
              <Age at={last.askedAt} now={view.now} />
            </>
          ),
        ],
        ...(nextAt === undefined
          ? []
          : [["Next", nextAt <= view.now ? "now" : `in ${formatSpan(nextAt - view.now)}`] as const]),
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function siteParts(view: SitePageView): Record<string, Html> {
  const verdict = verdictOf(view);
  return {
    verdict: <Headline title={view.view.site.name} tone={verdict.tone} sentence={verdict.sentence} />,
    state: <State view={view} />,
    troubled: (
      <>
        <Resources resources={view.troubled} empty={view.view.last ? "Nothing: all is there." : "Not looked at yet."} />
        {view.view.last?.result?.limits.map((limit) => (
          <p class="empty">{limit}.</p>
        ))}
      </>
    ),
    runs: <Runs mountPath={view.mountPath} now={view.now} runs={view.runs} withSite={false} />,
  };
}

/** The page. */
export function SitePage(view: SitePageView) {
  const parts = siteParts(view);
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section title="Site">
        <Live name="state">{parts["state"]}</Live>
        {view.mayAsk ? (
          <form class="actions" method="post" action={`${view.mountPath}${sitePath(view.view.site.name)}check`}>
            <button type="submit">Check now</button>
          </form>
        ) : null}
      </Section>
      <Section title="What is wrong" id="troubled">
        <Live name="troubled">{parts["troubled"]}</Live>
      </Section>
      <Section title="Runs" id="runs">
        <Live name="runs">{parts["runs"]}</Live>
      </Section>
    </>
  );
}

/** @jsxImportSource hono/jsx */
/** The page of one run: its sums, and every resource with who asks for it; fills itself while the run goes on. */
import { Facts, Headline, Live, Section, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatInstant, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import { Resources, SiteLink } from "./tables.tsx";
import type { RunView } from "./view.ts";

function verdictOf({ run }: RunView): { tone: Tone; sentence: string } {
  if (!run.result) {
    return run.isRunning
      ? { tone: "busy", sentence: "Under way; this page shows when it is over." }
      : { tone: "idle", sentence: "Waiting for its turn." };
  }
  const { counts, isGood } = run.result;
  const of = countOf(counts.checked, "address", "addresses");
  if (!isGood) return { tone: "bad", sentence: `${counts.bad} of ${of} bad.` };
  return counts.warn > 0
    ? { tone: "warn", sentence: `All ${of} there, ${counts.warn} worth a look.` }
    : { tone: "good", sentence: `${of}, all there.` };
}

function Sums({ view: { mountPath, run } }: { view: RunView }) {
  const { result } = run;
  return (
    <>
      <Facts
        of={[
          ["Of", run.site === undefined ? run.target : <SiteLink mountPath={mountPath} name={run.site} />],
          [
            "Asked for",
            `${formatInstant(run.askedAt)} UTC`,
            run.deploy === undefined ? undefined : `after a deploy: ${run.deploy}`,
          ],
        ]}
      />
      {result ? (
        <Facts
          figures
          of={[
            ["Pages", formatCount(result.counts.pages)],
            ["Addresses", formatCount(result.counts.checked), `${formatCount(result.counts.skipped)} left alone`],
            ["Size", formatSize(result.counts.bytes), countOf(result.counts.requests, "request")],
            ["Took", formatSpan(result.elapsedMs)],
          ]}
        />
      ) : null}
    </>
  );
}

function All({ view: { resources, run } }: { view: RunView }) {
  const { result } = run;
  if (!result) return <p class="empty">What is found is shown when the run is over.</p>;
  const { bad, checked, good, skipped } = result.counts;
  const hidden = checked + skipped - resources.length;
  return (
    <>
      <Resources
        resources={resources}
        empty={good > 0 && bad === 0 ? "All was good; addresses are kept of the newest run." : "Nothing was looked at."}
      />
      {result.limits.map((limit) => (
        <p class="empty">{limit}.</p>
      ))}
      {hidden > 0 && resources.length > 0 ? (
        <p class="empty">{countOf(hidden, "address is", "addresses are")} not shown here.</p>
      ) : null}
    </>
  );
}

/** The page's live parts, by name. */
export function runParts(view: RunView): Record<string, Html> {
  const verdict = verdictOf(view);
  return {
    verdict: <Headline title={`Run ${view.run.id}`} tone={verdict.tone} sentence={verdict.sentence} />,
    sums: <Sums view={view} />,
    resources: <All view={view} />,
  };
}

/** The page. */
export function RunPage(view: RunView) {
  const parts = runParts(view);
  const at = `${view.mountPath}/run/${view.run.id}`;
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section title="Run">
        <Live name="sums">{parts["sums"]}</Live>
      </Section>
      <Section
        title="Addresses"
        id="resources"
        note={
          <>
            For programs: <a href={`${at}.json`}>JSON</a>, <a href={`${at}.xml`}>JUnit</a>
          </>
        }
      >
        <Live name="resources">{parts["resources"]}</Live>
      </Section>
    </>
  );
}

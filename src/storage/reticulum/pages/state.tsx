/** @jsxImportSource hono/jsx */
/**
 * How the node fares: where the bytes of answers came from, what is kept on disk and in memory, the processes that decode
 * and what waits for them, and the work in the background. All of it is live.
 */
import { Facts, Headline, Live, Mark, Meter, Section, Table, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatShare, formatSize } from "../../../kit/pages/quantity.ts";
import type { StateView } from "./view.ts";

function Answers({ view }: { view: StateView }) {
  const { kept, made, original, ready } = view.served;
  const sized = ready + kept + made;
  return (
    <Facts
      figures
      of={[
        [
          "Ready share",
          sized === 0 ? "–" : formatShare((ready + kept) / sized),
          sized === 0 ? "nothing was asked for yet" : `of ${countOf(sized, "answer")} in some size`,
        ],
        ["From memory", formatCount(ready)],
        ["From disk", formatCount(kept)],
        ["Made anew", formatCount(made), `${formatCount(view.making.joined)} more waited for the same`],
        ["Originals", formatCount(original)],
      ]}
    />
  );
}

function Kept({ view }: { view: StateView }) {
  const { memory, results } = view;
  return (
    <Facts
      of={[
        [
          "On disk",
          <Meter
            label="Results on disk"
            value={results.bytes}
            max={results.maxBytes}
            words={`${formatSize(results.bytes)} of ${formatSize(results.maxBytes)}`}
          />,
          `${countOf(results.count, "result")}, ${countOf(results.contents, "file")}; ${formatCount(results.evicted)} dropped to make room${results.torn > 0 ? `, ${formatCount(results.torn)} found damaged and made again` : ""}`,
        ],
        [
          "In memory",
          <Meter
            label="Answers in memory"
            value={memory.bytes}
            max={memory.maxBytes}
            words={`${formatSize(memory.bytes)} of ${formatSize(memory.maxBytes)}`}
          />,
          countOf(memory.answers, "answer"),
        ],
      ]}
    />
  );
}

function Engine({ view }: { view: StateView }) {
  const { busy, done, failed, processes, refused, restarts, waiting, waitingMax } = view.engine;
  const queueTone: Tone = waiting === 0 ? "good" : waiting * 2 < waitingMax ? "busy" : "warn";
  return (
    <Facts
      of={[
        [
          "Processes",
          <Meter label="Processes at work" value={busy} max={processes} words={`${busy} of ${processes} at work`} />,
          restarts === 0 ? "none was started again" : `${countOf(restarts, "restart")}`,
        ],
        [
          "Queue",
          <Meter
            label="Jobs that wait"
            value={waiting}
            max={waitingMax}
            tone={queueTone}
            words={`${formatCount(waiting)} of at most ${formatCount(waitingMax)} wait`}
          />,
          refused === 0 ? "nobody was sent away" : `${countOf(refused, "job")} refused`,
        ],
        ["Jobs", `${formatCount(done)} done`, failed === 0 ? undefined : `${formatCount(failed)} failed`],
        ["Results under way", formatCount(view.making.underWay)],
      ]}
    />
  );
}

const workerTones: Record<string, Tone> = { working: "busy", waiting: "good", failing: "bad", paused: "warn" };

function Work({ view }: { view: StateView }) {
  return (
    <Table
      caption="Work in the background"
      rows={view.workers}
      empty="There is none."
      columns={[
        {
          title: "Work",
          kind: "main",
          cell: (worker) => (
            <>
              {worker.name}
              <small>{worker.summary}</small>
            </>
          ),
        },
        {
          title: "State",
          kind: "state",
          cell: (worker) => (
            <>
              <Mark
                tone={worker.failure === undefined ? (workerTones[worker.state] ?? "idle") : "bad"}
                word={worker.state}
              />
              {worker.failure === undefined ? null : <small>{worker.failure}</small>}
            </>
          ),
        },
      ]}
    />
  );
}

function Health({ view }: { view: StateView }) {
  return <Facts of={view.findings.map((one) => [one.name, <Mark tone={one.tone} word={one.sentence} />] as const)} />;
}

/** The page's live parts, by name. */
export function stateParts(view: StateView): Record<string, Html> {
  return {
    verdict: <Headline title="Reticulum status" tone={view.verdict.tone} sentence={view.verdict.sentence} />,
    answers: <Answers view={view} />,
    kept: <Kept view={view} />,
    engine: <Engine view={view} />,
    work: <Work view={view} />,
    health: <Health view={view} />,
  };
}

/** The page's body. */
export function State(view: StateView) {
  const parts = stateParts(view);
  return (
    <>
      <Live name="verdict">{parts.verdict}</Live>
      <Section title="Answers" id="answers" note="Since the start">
        <Live name="answers">{parts.answers}</Live>
      </Section>
      <Section title="Results" id="results" note="What was unused for longest goes first">
        <Live name="kept">{parts.kept}</Live>
      </Section>
      <Section title="Engine" id="engine" note="Decodes in processes of its own">
        <Live name="engine">{parts.engine}</Live>
      </Section>
      <Section title="Background" id="background">
        <Live name="work">{parts.work}</Live>
      </Section>
      <Section title="Health" id="health">
        <Live name="health">{parts.health}</Live>
      </Section>
      <Section title="Storage" id="storage" note="Where the originals are">
        <Facts
          of={[
            ["Cask", <code>{view.cask}</code>],
            [
              "Images",
              `${formatCount(view.images.uploaded)} came in through this node`,
              `${formatCount(view.images.known)} were seen${view.images.refused === 0 ? "" : `, ${formatCount(view.images.refused)} refused since the start`}`,
            ],
            ["New images are named by", view.algorithm === "sha1" ? "SHA-1" : "SHA-256"],
            ["Sizes", view.urls],
          ]}
        />
      </Section>
    </>
  );
}

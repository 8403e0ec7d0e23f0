/** @jsxImportSource hono/jsx */
/**
 * Cask's first page: whether every blob has its copies, which nodes there are and how full, how far the scrub is and what
 * was mended. Its parts are also sent one by one to pages that are open.
 */
import {
  Age,
  Facts,
  Headline,
  KeyText,
  Link,
  Live,
  Mark,
  Meter,
  Section,
  Sentence,
  Table,
  type Tone,
} from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatShare, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import { type NodeRow, type OverviewView, type RepairRow, type ScrubView, lookupPath } from "./view.ts";

const nodeTones: Record<NodeRow["state"], Tone> = { alive: "good", suspect: "warn", dead: "bad", left: "idle" };
const nodeWords: Record<NodeRow["state"], string> = {
  alive: "alive",
  suspect: "suspected",
  dead: "gone",
  left: "left",
};
const scrubTones: Record<ScrubView["state"], Tone> = {
  working: "busy",
  waiting: "idle",
  idle: "idle",
  failing: "bad",
  paused: "warn",
  stopped: "idle",
};
const repairTones: Record<RepairRow["what"], Tone> = {
  fetched: "good",
  sent: "good",
  "put aside": "bad",
  dropped: "idle",
};

/** How the cluster fares, in one sentence, and the tone of it. */
export function verdictOf(view: OverviewView): { tone: Tone; sentence: string } {
  const { copies, store } = view;
  const expected = view.nodes.filter((node) => node.state !== "left");
  const gone = expected.filter((node) => node.state === "dead");
  const takers = expected.filter((node) => node.state === "alive" && node.writeable).length;
  const missing = copies.wanted === undefined || copies.had === undefined ? 0 : Math.max(0, copies.wanted - copies.had);
  if (takers < copies.quorum) {
    return {
      tone: "bad",
      sentence: `No file can be stored: ${countOf(takers, "node takes", "nodes take")} writes, ${copies.quorum} must.`,
    };
  }
  if (!store.writeable) return { tone: "warn", sentence: "This node takes no writes; others do." };
  if (gone.length === 0 && takers < copies.perBlob) {
    return {
      tone: "warn",
      sentence: `${countOf(takers, "node takes", "nodes take")} writes, so a blob gets ${formatCount(takers)} of the ${copies.perBlob} copies that are wanted: add a node.`,
    };
  }
  if (missing > 0 || gone.length > 0) {
    const parts = [
      ...(gone.length > 0
        ? [`${gone.map((node) => node.name).join(", ")} ${gone.length === 1 ? "is" : "are"} gone`]
        : []),
      ...(missing > 0 ? [`${countOf(missing, "copy is", "copies are")} missing`] : []),
    ];
    return { tone: "warn", sentence: `${parts.join("; ")}.` };
  }
  if (store.blobs === 0) return { tone: "good", sentence: "Ready, and empty: upload a file to begin." };
  return { tone: "good", sentence: `Every blob known here has its ${countOf(copies.perBlob, "copy", "copies")}.` };
}

/** The key space as one strip, each node's part as long as its share. */
function RingStrip(props: { nodes: readonly NodeRow[] }) {
  const placed = props.nodes.filter((node) => node.share !== undefined && node.share > 0);
  if (placed.length < 2) return null;
  const whole = placed.reduce((sum, node) => sum + (node.share ?? 0), 0);
  let start = 0;
  return (
    <svg class="ring" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="Shares of the ring">
      {placed.map((node) => {
        const width = ((node.share ?? 0) / whole) * 1000;
        const x = start;
        start += width;
        return (
          <rect
            class={`ring-${node.state}`}
            x={x.toFixed(1)}
            y="0"
            width={Math.max(1, width - 3).toFixed(1)}
            height="10"
          >
            <title>{`${node.name}: ${formatShare(node.share ?? 0)}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

function spaceOf(node: NodeRow): Html {
  const { freeBytes, totalBytes } = node;
  if (freeBytes === undefined || totalBytes === undefined) return undefined;
  if (totalBytes === Infinity) return "no limit";
  const used = totalBytes - freeBytes;
  const share = totalBytes > 0 ? used / totalBytes : 0;
  return (
    <Meter
      label={`Space used on ${node.name}`}
      value={used}
      max={totalBytes}
      tone={share > 0.95 ? "bad" : share > 0.85 ? "warn" : undefined}
      words={`${formatSize(freeBytes)} free of ${formatSize(totalBytes)}`}
    />
  );
}

function NodesTable(props: { view: OverviewView }) {
  const { now } = props.view;
  return (
    <>
      <RingStrip nodes={props.view.nodes} />
      <Table
        caption="Nodes of the cluster"
        rows={props.view.nodes}
        empty="No node is known, not even this one: the membership is still starting."
        columns={[
          {
            title: "Node",
            kind: "main",
            cell: (node) => (
              <>
                <Link to={node.url === undefined || node.self ? undefined : `${node.url}/`}>{node.name}</Link>
                {node.self ? <span class="aside"> this node</span> : null}
                <small>{node.url === undefined ? node.id : node.url.replace(/^https?:\/\//, "")}</small>
              </>
            ),
          },
          {
            title: "State",
            kind: "state",
            cell: (node) => (
              <>
                <Mark tone={nodeTones[node.state]} word={nodeWords[node.state]} />
                {node.state === "alive" && !node.writeable ? <small>read-only</small> : null}
                {node.state === "alive" ? null : (
                  <small>
                    <Age at={node.stateSince} now={now} />
                  </small>
                )}
              </>
            ),
          },
          {
            title: "Ring share",
            kind: "number",
            cell: (node) => (node.share === undefined ? undefined : formatShare(node.share)),
          },
          {
            title: "Blobs",
            kind: "number",
            cell: (node) => (node.blobs === undefined ? undefined : formatCount(node.blobs)),
          },
          { title: "Space", kind: "wide", cell: spaceOf },
        ]}
      />
    </>
  );
}

function Figures(props: { view: OverviewView }) {
  const { copies, handOff, store, now } = props.view;
  const missing = copies.wanted === undefined || copies.had === undefined ? undefined : copies.wanted - copies.had;
  return (
    <Facts
      figures
      of={[
        [
          "Copies had",
          copies.had === undefined ? "–" : formatCount(copies.had),
          copies.wanted === undefined
            ? `${copies.perBlob} wanted of each blob`
            : `of ${formatCount(copies.wanted)} wanted, ${copies.perBlob} each`,
        ],
        [
          "Missing",
          missing === undefined ? "–" : formatCount(Math.max(0, missing)),
          `an upload waits for ${copies.quorum}`,
        ],
        [
          "Hand-off queue",
          formatCount(handOff.waiting),
          handOff.failure ??
            (handOff.oldestSince === undefined ? (
              handOff.waiting > 0 ? (
                "owed to other nodes"
              ) : (
                "nothing owed"
              )
            ) : (
              <>
                oldest <Age at={handOff.oldestSince} now={now} />
              </>
            )),
        ],
        ["Blobs here", formatCount(store.blobs), formatSize(store.bytes)],
      ]}
    />
  );
}

function Scrub(props: { scrub: ScrubView | undefined }) {
  const { scrub } = props;
  if (scrub === undefined)
    return <p class="empty">The scrub is switched off: copies are verified only when they are read.</p>;
  return (
    <>
      <Meter
        label="This round of the scrub"
        value={scrub.done}
        max={1}
        words={`${formatShare(scrub.done)}, ${scrub.position}`}
      />
      <Facts
        figures
        of={[
          ["State", <Mark tone={scrubTones[scrub.state]} word={scrub.state} />, scrub.failure],
          ["Speed", `${formatSize(scrub.bytesPerSecond)}/s`, `all bytes every ${formatSpan(scrub.targetMs)}`],
          scrub.done >= 1
            ? ["Round", "done", "the next begins when it is time"]
            : ["Round ends in", scrub.etaMs === undefined ? "–" : formatSpan(scrub.etaMs), "at this speed"],
          [
            "Behind by",
            scrub.lagMs > 0 ? <Mark tone="warn" word={formatSpan(scrub.lagMs)} /> : "nothing",
            scrub.lagMs > 0 ? "it reads as fast as it may" : "it keeps up",
          ],
          ["Bad copies", formatCount(scrub.bad), "since the start"],
        ]}
      />
    </>
  );
}

function Repairs(props: { view: OverviewView }) {
  return (
    <Table
      caption="Recent repairs"
      rows={props.view.repairs}
      empty="Nothing had to be mended since this node started."
      columns={[
        {
          title: "Key",
          kind: "main",
          cell: (repair) => <KeyText text={repair.key} href={lookupPath(props.view.mountPath, repair.key)} short />,
        },
        { title: "What", kind: "state", cell: (repair) => <Mark tone={repairTones[repair.what]} word={repair.what} /> },
        {
          title: "Why",
          kind: "wide",
          cell: (repair) => (
            <>
              {repair.node === undefined ? null : (
                <span class="aside">
                  {repair.what === "fetched" ? "from" : "to"} {repair.node}:{" "}
                </span>
              )}
              <Sentence text={repair.reason} />
            </>
          ),
        },
        { title: "When", kind: "time", cell: (repair) => <Age at={repair.at} now={props.view.now} /> },
      ]}
    />
  );
}

function Store(props: { view: OverviewView }) {
  const { store } = props.view;
  return (
    <Facts
      of={[
        ["Kind", store.kind],
        ["Place", <code>{store.place}</code>],
        ["Takes writes", store.writeable ? <Mark tone="good" word="yes" /> : <Mark tone="warn" word="no, read-only" />],
        [
          "Space",
          store.totalBytes === Infinity
            ? "no limit"
            : `${formatSize(store.freeBytes)} free of ${formatSize(store.totalBytes)}`,
        ],
        [
          "Put aside",
          store.quarantined > 0 ? (
            <Mark tone="warn" word={countOf(store.quarantined, "bad copy", "bad copies")} />
          ) : (
            "nothing"
          ),
        ],
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const verdict = verdictOf(view);
  return {
    verdict: <Headline title="Cask" tone={verdict.tone} sentence={verdict.sentence} />,
    figures: <Figures view={view} />,
    nodes: <NodesTable view={view} />,
    scrub: <Scrub scrub={view.scrub} />,
    repairs: <Repairs view={view} />,
    store: <Store view={view} />,
  };
}

/** The page's body. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  const live = (name: string) => <Live name={name}>{parts[name]}</Live>;
  return (
    <>
      {live("verdict")}
      <Section title="Copies" id="copies" note="Of the blobs this node answers for">
        {live("figures")}
      </Section>
      <Section title="Nodes" id="nodes" note="The strip is the ring, parted by share">
        {live("nodes")}
      </Section>
      <Section title="Scrub" id="scrub" note="Reads every byte again and compares it with its key">
        {live("scrub")}
      </Section>
      <Section title="Repairs" id="repairs" note="What was mended lately">
        {live("repairs")}
      </Section>
      <Section title="Store" id="store" note="Where this node keeps its bytes">
        {live("store")}
      </Section>
    </>
  );
}

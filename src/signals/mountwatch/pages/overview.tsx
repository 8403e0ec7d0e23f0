/** @jsxImportSource hono/jsx */
/** The page: one sentence about all disks, then each with what is used of it, how it answers, and what is wrong. */
import { Age, Headline, Live, Mark, Meter, Section, Table, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatShare, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import type { FolderView } from "../rounds.ts";
import type { Condition } from "../verdict.ts";

/** What the page shows. */
export interface OverviewView {
  mountPath: string;
  now: number;
  folders: readonly FolderView[];
  intervalMs: number;
}

const marks: Record<Condition, { tone: Tone; word: string }> = {
  good: { tone: "good", word: "well" },
  warn: { tone: "warn", word: "needs a look" },
  bad: { tone: "bad", word: "not well" },
};
const notYet = { tone: "idle", word: "not known" } as const;

const conditionOf = ({ verdict }: FolderView): Condition | undefined => verdict?.condition;

function verdictOf(folders: readonly FolderView[]): { tone: Tone; sentence: string } {
  const named = (condition: Condition) =>
    folders.filter((folder) => conditionOf(folder) === condition).map(({ watched }) => watched.path);
  const [bad, warn] = [named("bad"), named("warn")];
  if (folders.length === 0) return { tone: "idle", sentence: "Nothing is watched." };
  if (bad.length > 0)
    return {
      tone: "bad",
      sentence: `${bad.length} of ${countOf(folders.length, "folder")} not well: ${bad.slice(0, 4).join(", ")}${bad.length > 4 ? " and others" : ""}.`,
    };
  if (warn.length > 0)
    return {
      tone: "warn",
      sentence: `${warn.slice(0, 4).join(", ")}${warn.length > 4 ? " and others" : ""}: worth a look.`,
    };
  if (folders.some((folder) => conditionOf(folder) === undefined))
    return { tone: "idle", sentence: "The first look is on its way." };
  return {
    tone: "good",
    sentence: folders.length === 1 ? "The one disk is well." : `All ${folders.length} are mounted and answer.`,
  };
}

/** What was seen of the folder's own disk: what lies below an unmounted folder is another's. */
function ownAnswer({ answer, verdict }: FolderView): Extract<FolderView["answer"], { kind: "seen" }> | undefined {
  return answer?.kind !== "seen" || (verdict?.isBroken === true && verdict.isMounted === false) ? undefined : answer;
}

function space(folder: FolderView): Html {
  const { watched } = folder;
  const answer = ownAnswer(folder);
  if (!answer) return undefined;
  const room = answer.usedBytes + answer.availableBytes;
  if (room === 0) return "no size";
  const share = answer.usedBytes / room;
  const tone: Tone = share >= watched.fullShare ? "bad" : share >= watched.nearlyFullShare ? "warn" : "good";
  const words = `${formatShare(share)}, ${formatSize(answer.availableBytes)} left`;
  return (
    <Meter label={`Space used on ${watched.path}`} value={answer.usedBytes} max={room} tone={tone} words={words} />
  );
}

function inodes(folder: FolderView): Html {
  const answer = ownAnswer(folder);
  if (!answer || answer.inodes === 0) return undefined;
  return (
    <span title={`${formatCount(answer.freeInodes)} left`}>{formatShare(1 - answer.freeInodes / answer.inodes)}</span>
  );
}

function on({ mount, under }: FolderView): Html {
  const of = mount ?? under;
  if (!of) return undefined;
  const words = `${of.fsType}, ${of.source}${of.isReadOnly ? ", read-only" : ""}`;
  return <span class="soft">{mount ? words : `on ${of.mountPoint} (${words})`}</span>;
}

function Rows({ view }: { view: OverviewView }) {
  const order: Record<Condition, number> = { bad: 0, warn: 1, good: 2 };
  const rank = (folder: FolderView) => order[conditionOf(folder) ?? "good"];
  return (
    <Table<FolderView>
      caption="Folders"
      rows={view.folders.toSorted((one, other) => rank(one) - rank(other))}
      empty={
        <>
          Say in <code>warren.toml</code> which folders are to be watched, as <code>[[mountwatch.mounts]]</code> with a{" "}
          <code>path</code>; or let <code>find</code> look for them.
        </>
      }
      toneOf={(folder) => {
        const condition = conditionOf(folder);
        return condition === "bad" || condition === "warn" ? condition : undefined;
      }}
      columns={[
        { title: "Folder", kind: "main", cell: ({ watched }) => watched.path },
        {
          title: "State",
          kind: "state",
          cell: (folder) => <Mark {...(folder.verdict ? marks[folder.verdict.condition] : notYet)} />,
        },
        { title: "Space", cell: space },
        { title: "Inodes", kind: "number", cell: inodes },
        {
          title: "Answered in",
          kind: "number",
          cell: ({ answer }) => (answer?.kind === "seen" ? formatSpan(answer.latencyMs) : undefined),
        },
        {
          title: "What is seen",
          kind: "wide",
          cell: (folder) => (
            <>
              {folder.verdict?.reasons.join(". ")}
              <div>{on(folder)}</div>
            </>
          ),
        },
        {
          title: "Since",
          kind: "time",
          cell: ({ sinceAt, verdict }) => verdict && <Age at={sinceAt} now={view.now} />,
        },
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const verdict = verdictOf(view.folders);
  return {
    verdict: <Headline title="Mountwatch" tone={verdict.tone} sentence={verdict.sentence} />,
    folders: <Rows view={view} />,
  };
}

/** The page. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section
        title="Folders"
        note={
          <>
            {`Each is looked at every ${formatSpan(view.intervalMs)}, in a process of its own. For programs: `}
            <a href={`${view.mountPath}/status.json`}>status.json</a>
          </>
        }
      >
        <Live name="folders">{parts["folders"]}</Live>
      </Section>
    </>
  );
}

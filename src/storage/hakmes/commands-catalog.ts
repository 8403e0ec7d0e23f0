/**
 * `warren hakmes reindex`, `serialize` and `ingest`: the catalog of a node. It can be made again from Cask alone, and its
 * records go to and come from other nodes, and the predecessor, as lines of JSON.
 */
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { countOf, formatCount } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { SearchState } from "./client.ts";
import type { VerbContext } from "./commands.ts";

const lookEveryMs = 300;

/** Has the node look through all of Cask, and watches; exit code 1 when it could not see everything. */
export async function reindexVerb(
  { client, screen }: VerbContext,
  flags: { wait: boolean; json: boolean; quiet: boolean },
): Promise<number> {
  let state = await client.reindex();
  if (!flags.wait) {
    if (!flags.quiet) screen.note("The node looks for files; it goes on by itself");
    return 0;
  }
  const progress = flags.quiet
    ? undefined
    : startProgress({ screen, clock: systemClock, label: "reindex", total: state.buckets, unit: "blobs" });
  while (state.isRunning) {
    progress?.expect(state.buckets);
    progress?.at(state.bucketsDone, `${countOf(state.filesFound, "file")} found`);
    await Bun.sleep(lookEveryMs);
    state = await client.searchState();
  }
  progress?.end();
  if (flags.json) screen.print(JSON.stringify(state));
  else if (!flags.quiet || !state.isComplete) screen.note(verdictOf(state));
  return state.isComplete ? 0 : 1;
}

function verdictOf(state: SearchState): string {
  const found = `${countOf(state.filesFound, "file")} found in ${countOf(state.blobsLookedAt, "blob")} looked at`;
  if (state.listing === "no") return `${found}: this Cask does not list what it has`;
  return state.isComplete
    ? `${found}: all of Cask was seen`
    : `${found}: not all of Cask could be seen; the node tries again by itself`;
}

/** Writes all records to standard output. */
export async function serializeVerb({ client, screen }: VerbContext): Promise<number> {
  let last: number | undefined;
  for await (const chunk of client.records()) {
    await screen.write(chunk);
    last = chunk.at(-1) ?? last;
  }
  // Every line ends in a line break; otherwise it is not the end.
  if (last !== undefined && last !== 10) {
    throw new Fault("unavailable", "hakmes/cut-short", "The records broke off in the middle of a line");
  }
  return 0;
}

/** Enters the records of a file, or of standard input; exit code 1 when lines were skipped. */
export async function ingestVerb(
  { client, screen }: VerbContext,
  path: string,
  flags: { json: boolean; quiet: boolean },
): Promise<number> {
  if (path !== "-" && !(await Bun.file(path).exists())) {
    throw new Fault("invalid", "hakmes/input", `Cannot read "${path}": it is no file`);
  }
  const sizeBytes = path === "-" ? undefined : Bun.file(path).size;
  const progress = flags.quiet
    ? undefined
    : startProgress({ screen, clock: systemClock, label: "ingest", total: sizeBytes });
  let sent = 0;
  const lines = async function* (): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of path === "-" ? Bun.stdin.stream() : Bun.file(path).stream()) {
      sent += chunk.byteLength;
      progress?.at(sent);
      yield chunk;
    }
  };
  const result = await client.enter(lines());
  progress?.end();
  if (flags.json) screen.print(JSON.stringify(result));
  else if (!flags.quiet) {
    screen.note(
      `${countOf(result.lines, "line")}: ${formatCount(result.entered)} entered, ${formatCount(result.existed)} were here, ${formatCount(result.skipped)} skipped`,
    );
  }
  for (const { line, reason } of result.problems) screen.note(`line ${line}: ${plainLine(reason)}`);
  return result.skipped === 0 ? 0 : 1;
}

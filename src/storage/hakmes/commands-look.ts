/**
 * `warren hakmes info`, `list` and `verify`: what is known of files, and whether their bytes are still those of their
 * keys. Names come from whoever uploaded them, so on a terminal they are shown without what could move its cursor.
 */
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { countOf, formatAge, formatCount, formatInstant, formatSize } from "../../kit/pages/quantity.ts";
import { formatColumns } from "../../kit/terminal/columns.ts";
import { plainLine, plainText } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import { type Key, requireKey } from "../cask/client.ts";
import type { FileRecord, ListedFile } from "./client.ts";
import type { VerbContext } from "./commands.ts";
import type { ListQuery } from "./hakmes.ts";

/** Prints what Hakmes knows of files; exit code 1 when one is not known. */
export async function infoVerb(
  { client, screen }: VerbContext,
  texts: readonly string[],
  flags: { json: boolean; chunks: boolean },
): Promise<number> {
  let missing = 0;
  for (const [index, key] of texts.map(requireKey).entries()) {
    const record = await client.info(key);
    if (record === undefined) {
      missing++;
      screen.note(`${key}: no node knows this file`);
    } else if (flags.json) screen.print(JSON.stringify(record));
    else {
      if (index > 0) screen.print("");
      for (const line of recordLines(record, systemClock.now())) screen.print(line);
      if (flags.chunks) for (const chunk of record.chunks) screen.print(chunk);
    }
  }
  return missing === 0 ? 0 : 1;
}

function recordLines(record: FileRecord, now: number): string[] {
  const rows: string[][] = [
    ["key", record.key],
    ["size", `${formatSize(record.size)} (${formatCount(record.size)} bytes)`],
    ["type", plainLine(record.mimetype)],
  ];
  for (const { name } of record.names) if (name !== "") rows.push(["name", plainLine(name)]);
  if (record.createdAt !== undefined) {
    rows.push(["stored", `${formatInstant(record.createdAt)} UTC, ${formatAge(record.createdAt, now)}`]);
  }
  const count = record.chunks.length;
  const average = count > 1 ? `, ${formatSize(record.size / count)} on average` : "";
  rows.push(["chunks", `${formatCount(count)}${average}`]);
  return formatColumns(rows);
}

/** Prints a page of the list, or all of it. */
export async function listVerb(
  { client, screen }: VerbContext,
  query: ListQuery,
  flags: { json: boolean; all: boolean; quiet: boolean },
): Promise<number> {
  const now = systemClock.now();
  const show = (files: readonly ListedFile[], withHead: boolean): void => {
    if (flags.json) for (const file of files) screen.print(JSON.stringify(file));
    else for (const line of listLines(files, now, withHead && !flags.quiet)) screen.print(line);
  };
  let after = query.after;
  let shown = 0;
  while (true) {
    const page = await client.list({ ...query, ...(after === undefined ? {} : { after }) });
    if (page.files.length > 0) show(page.files, shown === 0);
    shown += page.files.length;
    if (page.next === undefined || !flags.all) {
      if (!flags.quiet) {
        const total = page.total === undefined ? "" : ` of ${formatCount(page.total)}`;
        const more = page.next === undefined ? "" : `; --all shows the rest, --after ${page.next} the next page`;
        screen.note(`${countOf(shown, "file")}${shown === page.total ? "" : total}${more}`);
      }
      return 0;
    }
    if (page.next === after) throw new Fault("unavailable", "hakmes/nonsense", "The list does not get on");
    after = page.next;
  }
}

function listLines(files: readonly ListedFile[], now: number, withHead: boolean): string[] {
  const rows = files.map((file) => [
    file.key,
    formatSize(file.size),
    file.createdAt === undefined ? "–" : formatAge(file.createdAt, now),
    namesOf(file),
  ]);
  return formatColumns([...(withHead ? [["KEY", "SIZE", "STORED", "NAME"]] : []), ...rows], { right: [1] });
}

function namesOf(file: ListedFile): string {
  const names = file.names.map(({ name }) => plainLine(name)).filter((name) => name !== "");
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return names.length === 0 ? "–" : `${names.slice(0, 3).join(", ")}${more}`;
}

/** What reading a file to its end gave. */
type Verdict = "good" | "bad" | "absent" | "unreadable";

/** Reads every byte from the server and compares it with the key; exit code 1 unless all are good. */
export async function verifyVerb(
  context: VerbContext,
  texts: readonly string[],
  flags: { all: boolean; json: boolean; quiet: boolean; parallel: number },
): Promise<number> {
  const { client, screen } = context;
  if (flags.all === texts.length > 0)
    throw new Fault("invalid", "command/flag", "Cannot tell what to verify: wanted keys, or --all");
  const total = flags.all ? (await client.list({ limit: 1 })).total : texts.length;
  const progress = flags.quiet
    ? undefined
    : startProgress({ screen, clock: systemClock, label: "verify", total: undefined });
  const counts: Record<Verdict, number> = { good: 0, bad: 0, absent: 0, unreadable: 0 };
  let read = 0;
  let done = 0;
  const wanted = flags.all ? client.walk({ sort: "name" }) : named(texts.map(requireKey));
  const worker = async (): Promise<void> => {
    for (let next = await wanted.next(); next.done !== true; next = await wanted.next()) {
      const { key, name } = shortOf(next.value);
      const { reason, verdict } = await verdictOf(context, key, (bytes) => {
        read += bytes;
        progress?.at(read, `${done} of ${total ?? "?"} files`);
      });
      done++;
      counts[verdict]++;
      if (flags.json) screen.print(JSON.stringify({ key, name, verdict, ...(reason === "" ? {} : { reason }) }));
      else if (!flags.quiet || verdict !== "good")
        screen.print(`${key}  ${verdict}${name === "" ? "" : `  ${plainLine(name)}`}`);
      if (reason !== "" && verdict === "unreadable" && !flags.json) screen.note(`${key}: ${plainText(reason)}`);
    }
  };
  await Promise.all(Array.from({ length: flags.parallel }, worker));
  progress?.end();
  if (done !== 1 && !flags.quiet) {
    const rest = (["bad", "absent", "unreadable"] as const).map((verdict) => `${counts[verdict]} ${verdict}`);
    screen.note(`${countOf(done, "file")} read, ${formatSize(read)}: ${counts.good} good, ${rest.join(", ")}`);
  }
  return counts.good === done ? 0 : 1;
}

async function* named(keys: readonly Key[]): AsyncGenerator<Key, void, void> {
  yield* keys;
}

function shortOf(file: Key | ListedFile): { key: Key; name: string } {
  return typeof file === "string" ? { key: file, name: "" } : { key: file.key, name: file.names[0]?.name ?? "" };
}

async function verdictOf(
  { client }: VerbContext,
  key: Key,
  onRead: (bytes: number) => void,
): Promise<{ verdict: Verdict; reason: string }> {
  try {
    for await (const chunk of (await client.get(key)).bytes) onRead(chunk.byteLength);
    return { verdict: "good", reason: "" };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const verdict = thrown.kind === "missing" ? "absent" : thrown.code === "hakmes/wrong-bytes" ? "bad" : "unreadable";
    // Nobody can say anything of any file.
    if (thrown.code === "hakmes/unreachable" || ["unauthorized", "forbidden"].includes(thrown.kind)) throw thrown;
    return { verdict, reason: thrown.message };
  }
}

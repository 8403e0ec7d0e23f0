/** What a round enters into the history of rules, and what of its memories is worth being written. Pure. */
import { stateOf } from "./level.ts";
import type { Memory } from "./memory.ts";
import type { Watched } from "./muted.ts";
import type { HistoryEntry } from "./standing.ts";
import type { Told } from "./telling.ts";

/** An entry that has no number yet. */
export type NewEntry = Omit<HistoryEntry, "number">;

/** Whether a restart with the one would differ from one with the other. */
export function isWorthKeeping(before: Memory, after: Memory): boolean {
  // When they were judged last says whether what they wait for goes on without a gap.
  if (after.level === "Pending" || after.turnSinceAt !== undefined) return true;
  const { judgedAt: _, value: __, ...was } = before;
  const { judgedAt: ___, value: ____, ...is } = after;
  return !Bun.deepEquals(was, is);
}

/** What a verdict changed. */
export function changesOf(watched: Watched, was: Memory, is: Memory, at: number): NewEntry[] {
  const entries: NewEntry[] = [];
  const then = { ...watched, memory: is };
  const [before, after] = [stateOf(was), stateOf(is)];
  if (before !== after || (after === "Failed" && was.grade !== is.grade)) {
    const message = is.trouble?.message ?? (after === "OK" ? "" : is.message);
    entries.push(entryOf(then, at, (after === "Failed" ? is.grade : undefined) ?? after, message));
  }
  if ((was.flappingSinceAt === undefined) !== (is.flappingSinceAt === undefined))
    entries.push(entryOf(then, at, is.flappingSinceAt === undefined ? "calm" : "flapping", ""));
  return entries;
}

/** What was told. */
export function deedsOf(told: Told, at: number): NewEntry[] {
  return told.deeds.map(({ event, to, watched }) =>
    entryOf(watched, at, event, to.length === 0 ? "to nobody" : `to ${to.join(", ")}`),
  );
}

/** An entry about a rule or a series. */
export function entryOf(
  { id, memory, rule, series }: Watched,
  at: number,
  event: HistoryEntry["event"],
  message: string,
): NewEntry {
  return { at, standingId: id, ruleId: rule.id, name: rule.name, series, event, value: memory.value, message };
}

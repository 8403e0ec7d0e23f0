/**
 * What is watched: a place for each rule, or for each of its series, with what is remembered of it. New rules take the
 * place of old ones; what is remembered of those that stay, stays, and a rule that measures something else under the same
 * name goes on with it. What belongs to no rule waits, for a file may be mended.
 */
import type { KeptMemory } from "./kept.ts";
import { freshMemory, type Memory } from "./memory.ts";
import type { Rule } from "./rule.ts";
import { shortHash } from "./rule-file.ts";
import { seriesMax, type Verdict } from "./verdict.ts";

/** A rule, or one of its series, with what is remembered now. */
export interface Slot {
  readonly id: string;
  readonly rule: Rule;
  readonly series: string | undefined;
  memory: Memory;
}

/** The id of a rule, or of one series of it. */
export function standingId(ruleId: string, series: string | undefined): string {
  return series === undefined ? ruleId : `${ruleId}:${shortHash(series, 8)}`;
}

/** A slot as it is kept. */
export function keptOf({ id, memory, rule, series }: Slot): KeptMemory {
  return { id, ruleId: rule.id, name: rule.name, series, memory };
}

/** What is remembered of one rule and its series. */
interface Heritage {
  readonly ruleId: string;
  readonly name: string | undefined;
  readonly all: KeptMemory[];
}

/** Which rule goes on with what: first what has its id and its name, then what has its name, then what has its id. */
function heirsOf(rules: readonly Rule[], before: ReadonlyMap<string, Heritage>): Map<Rule, Heritage> {
  const heirs = new Map<Rule, Heritage>();
  const taken = new Set<Heritage>();
  const byName = new Map<string, Heritage[]>();
  for (const heritage of before.values()) {
    if (heritage.name === undefined) continue;
    const same = byName.get(heritage.name);
    if (same) same.push(heritage);
    else byName.set(heritage.name, [heritage]);
  }
  const give = (choose: (rule: Rule) => Heritage | undefined): void => {
    for (const rule of rules) {
      if (heirs.has(rule)) continue;
      const chosen = choose(rule);
      if (!chosen || taken.has(chosen)) continue;
      taken.add(chosen);
      heirs.set(rule, chosen);
    }
  };
  give(({ id, name }) => {
    const own = before.get(id);
    return own?.name === name || own?.name === undefined ? own : undefined;
  });
  give(({ name }) => byName.get(name)?.find((heritage) => !taken.has(heritage)));
  give(({ id }) => before.get(id));
  return heirs;
}

/** Everything that is watched. */
export class Slots {
  readonly #startedAt: number;
  /** By rule, then by series; the rule itself is the empty series. */
  readonly #slots = new Map<string, Map<string, Slot>>();
  readonly #orphans = new Map<string, KeptMemory>();
  #rules: readonly Rule[] = [];

  constructor(kept: readonly KeptMemory[], startedAt: number) {
    this.#startedAt = startedAt;
    for (const one of kept) this.#orphans.set(one.id, one);
  }

  /** The rules, in their order. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** Makes these the rules. Returns what moved: to be kept, and ids under which nothing is any more. */
  setRules(rules: readonly Rule[]): { memories: KeptMemory[]; forgotten: string[] } {
    const before = this.#remembered();
    const heirs = heirsOf(rules, before);
    this.#slots.clear();
    this.#orphans.clear();
    this.#rules = rules;
    const memories: KeptMemory[] = [];
    const left = new Set<string>();
    const used = new Set<string>();
    for (const rule of rules) {
      const own = new Map<string, Slot>();
      this.#slots.set(rule.id, own);
      const heritage = heirs.get(rule);
      if (heritage) before.delete(heritage.ruleId);
      for (const { id: oldId, memory, name, series } of heritage?.all ?? []) {
        const slot: Slot = { id: standingId(rule.id, series), rule, series, memory };
        own.set(series ?? "", slot);
        used.add(slot.id);
        if (slot.id !== oldId || name !== rule.name) memories.push(keptOf(slot));
        if (slot.id !== oldId) left.add(oldId);
      }
    }
    // What has given its id to another cannot be kept beside it.
    for (const { all } of before.values()) for (const one of all) if (!used.has(one.id)) this.#orphans.set(one.id, one);
    return { memories, forgotten: [...left].filter((id) => !used.has(id)) };
  }

  /** Everything that is remembered, by the rule that it was of. */
  #remembered(): Map<string, Heritage> {
    const found = new Map<string, Heritage>();
    const add = (one: KeptMemory): void => {
      const heritage = found.get(one.ruleId);
      if (heritage) heritage.all.push(one);
      else found.set(one.ruleId, { ruleId: one.ruleId, name: one.name, all: [one] });
    };
    for (const slots of this.#slots.values()) for (const slot of slots.values()) add(keptOf(slot));
    for (const one of this.#orphans.values()) add(one);
    return found;
  }

  /** Lets go of what belongs to no rule and was not judged since an instant; the ids. */
  forgetOrphans(beforeAt: number): string[] {
    const old = [...this.#orphans.values()].filter(
      ({ memory }) => Math.max(memory.levelAt, memory.judgedAt ?? 0) < beforeAt,
    );
    for (const { id } of old) this.#orphans.delete(id);
    return old.map(({ id }) => id);
  }

  /** The slots of a rule, by series; undefined when there is no such rule. */
  ofRule(ruleId: string): Map<string, Slot> | undefined {
    return this.#slots.get(ruleId);
  }

  /** The slot of a rule or a series, made where there is none. */
  obtain(rule: Rule, series: string | undefined, at: number): Slot {
    const slots = this.#slots.get(rule.id) ?? new Map<string, Slot>();
    const key = series ?? "";
    const found = slots.get(key);
    if (found) return found;
    const made: Slot = { id: standingId(rule.id, series), rule, series, memory: freshMemory(at) };
    slots.set(key, made);
    return made;
  }

  /** Takes a slot away. */
  remove({ rule, series }: Slot): void {
    this.#slots.get(rule.id)?.delete(series ?? "");
  }

  /** All, in the order of the rules; series by name. A rule that was never judged is there, too. */
  all(): Slot[] {
    const all: Slot[] = [];
    for (const rule of this.#rules) {
      const slots = this.#slots.get(rule.id);
      if (!slots) continue;
      if (slots.size === 0) all.push({ id: rule.id, rule, series: undefined, memory: freshMemory(this.#startedAt) });
      else if (slots.size === 1) all.push(...slots.values());
      else all.push(...[...slots.values()].sort((one, other) => ((one.series ?? "") < (other.series ?? "") ? -1 : 1)));
    }
    return all;
  }

  /** All of a rule, or the one of a standing's id. */
  byId(id: string): Slot[] {
    const ruleId = id.split(":")[0] ?? "";
    const slots = [...(this.#slots.get(ruleId)?.values() ?? [])];
    if (slots.length === 0 && id === ruleId) return this.all().filter((slot) => slot.id === id);
    return id === ruleId ? slots : slots.filter((slot) => slot.id === id);
  }
}

/**
 * A verdict for everything that is watched of a rule: also for its series that are gone, and for the rule itself, which
 * stands for its series only as long as there are none. `isWarmingUp`: no data is left alone.
 */
export function spreadVerdicts(
  rule: Rule,
  slots: ReadonlyMap<string, Slot>,
  verdicts: readonly Verdict[],
  isWarmingUp: boolean,
): Verdict[] {
  const settled = isWarmingUp ? verdicts.filter(({ outcome }) => outcome !== "no-data") : [...verdicts];
  const [first] = verdicts;
  if (!rule.isPerSeries) return settled;
  if (first && first.series === undefined) {
    // An error is one of all that is known.
    return slots.size > 0 ? [...slots.values()].map(({ series }) => ({ ...first, series })) : settled;
  }
  if (isWarmingUp) return settled;
  const present = new Set(verdicts.map(({ series }) => series ?? ""));
  for (const { series } of slots.values()) {
    if (series === undefined || present.has(series)) continue;
    settled.push({ series, outcome: "no-data", value: undefined, message: "It is gone" });
  }
  if (settled.length === 0)
    settled.push({ series: undefined, outcome: "no-data", value: undefined, message: "There are no series" });
  else if (slots.has("")) settled.push({ series: undefined, outcome: "good", value: undefined, message: "" });
  return settled;
}

/**
 * Series that are gone and too many to be kept, for the names of a target may change all the time: those that owe no
 * word first, then those that are gone for longest.
 */
export function surplusOf(slots: ReadonlyMap<string, Slot>, verdicts: readonly Verdict[]): Slot[] {
  const surplus = slots.size - 2 * seriesMax;
  // An error says nothing about which series there are.
  if (surplus <= 0 || verdicts.some(({ series }) => series === undefined)) return [];
  const present = new Set(verdicts.map(({ series }) => series));
  const rankOf = ({ memory }: Slot) => (memory.toldCount > 0 || memory.missed !== undefined ? 1 : 0);
  const goneAt = ({ memory }: Slot) => memory.trouble?.sinceAt ?? memory.levelAt;
  return [...slots.values()]
    .filter(({ series }) => series !== undefined && !present.has(series))
    .sort((one, other) => rankOf(one) - rankOf(other) || goneAt(one) - goneAt(other))
    .slice(0, surplus);
}

/** Whether nothing is left to watch: a series is gone for long (as of `at`, a time to be believed), or the rule itself has series again. */
export function isGone(
  { memory, rule, series }: Slot,
  verdict: Verdict,
  { at, forgetSeriesMs, siblings }: { at: number; forgetSeriesMs: number; siblings: number },
): boolean {
  if (!rule.isPerSeries) return false;
  const owes = memory.toldCount > 0 || memory.missed !== undefined;
  if (series === undefined) return siblings > 1 && memory.level === "OK" && !memory.trouble && !owes;
  if (verdict.outcome !== "no-data") return false;
  if (rule.noData === "ok" && memory.level === "OK" && !owes) return true;
  return at - (memory.trouble?.sinceAt ?? memory.levelAt) >= forgetSeriesMs;
}

/**
 * All rules over time: a round asks, judges, tells and keeps, in this order, and what is kept and what is told become
 * durable together. Between rounds people acknowledge and silence. New rules take the place of old ones while it runs;
 * a rule that measures something else under the same name goes on with what was remembered of it.
 * Leaves out when rounds happen and where words go.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { MetricSource } from "../../kit/metric-source/source.ts";
import { askAll } from "./answers.ts";
import type { Kept, KeptFile } from "./kept.ts";
import { judged, type LevelLimits, sinceOf, stateOf } from "./level.ts";
import { parseMatcher } from "./matcher.ts";
import { freshMemory, type Memory } from "./memory.ts";
import { downTeller, isQuiet, mutedBy, type Muting, silencedUntil, type Watched } from "./muted.ts";
import type { NoticeSink } from "./notice.ts";
import { afterBlindRound, afterSeeingRound, type OwnTrouble, type OwnTroubleOptions } from "./own-trouble.ts";
import { dueAt } from "./repeat.ts";
import type { Rule } from "./rule.ts";
import { shortHash } from "./rule-file.ts";
import type { HistoryEntry, HoundSight, HoundView, RuleStanding, Silence } from "./standing.ts";
import { tell, type TellingOptions, type Told } from "./telling.ts";
import { type Verdict, verdictsOf } from "./verdict.ts";

/** How all rules are judged and told, from the configuration. */
export interface HoundPolicy
  extends Omit<TellingOptions, "at" | "silences" | "isDown">, Omit<OwnTroubleOptions, "at" | "everybody" | "source"> {
  level: LevelLimits;
  /** A series that is gone for so long is forgotten. */
  forgetSeriesMs: number;
  /** The source stood still while this program did: rules without data are left alone until their grace has passed. */
  warmsUp: boolean;
}

/** What a round came to. */
export interface RoundReport {
  at: number;
  tookMs: number;
  /** Undefined when it was judged. */
  blind: string | undefined;
  counts: { failed: number; good: number; errors: number };
  alertsSent: number;
  recoveriesSent: number;
  /** What began to fail, or is good again. */
  changes: readonly { watched: Watched; to: "Failed" | "OK" }[];
}

/** What hound stands on. */
export interface HoundParts {
  clock: Clock;
  log: Logger;
  source: MetricSource | undefined;
  kept: KeptFile;
  sink: NoticeSink;
  policy: HoundPolicy;
  /** Targets of one question, and how long it may take. @default 1000, 10 s */
  askBatch?: number;
  askTimeoutMs?: number;
  /** Makes eight digits for a silence. */
  makeId(): string;
}

interface Slot {
  readonly id: string;
  readonly rule: Rule;
  readonly series: string | undefined;
  memory: Memory;
}

const handBatch = 100;

/** The rules of a node, over time. */
export class Hound implements HoundView {
  readonly #parts: HoundParts;
  readonly #startedAt: number;
  /** By rule, then by series; the rule itself is the empty series. */
  readonly #slots = new Map<string, Map<string, Slot>>();
  /** What is remembered of rules that are not there: a file may be mended. */
  readonly #orphans = new Map<string, { ruleId: string; series: string | undefined; memory: Memory }>();
  #rules: readonly Rule[] = [];
  #own: OwnTrouble;
  #lastRound: { at: number; tookMs: number } | undefined;
  #silences: { silence: Silence; matcher: ReturnType<typeof parseMatcher> }[] = [];
  fileTrouble: string | undefined;

  constructor(parts: HoundParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    this.#own = parts.kept.own();
    for (const { id, memory, ruleId, series } of parts.kept.memories())
      this.#orphans.set(id, { ruleId, series, memory });
    this.#loadSilences();
  }

  /** The rules, in their order. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** The step of the schedule by which errors are told, 0 to 7. */
  get errorsTold(): number {
    return this.#own.errors?.toldCount ?? 0;
  }

  /** Makes these the rules. What is remembered of those that stay, stays. */
  setRules(rules: readonly Rule[]): void {
    const wanted = new Set(rules.map(({ id }) => id));
    const before = new Map(this.#slots);
    const renamed = new Map<string, Map<string, Slot>>();
    for (const rule of this.#rules) {
      const slots = before.get(rule.id);
      if (slots && !wanted.has(rule.id)) renamed.set(rule.name, slots);
    }
    this.#slots.clear();
    this.#rules = rules;
    const moved: Kept = { memories: [], forgotten: [], history: [], notices: [], own: undefined };
    const memories: { id: string; ruleId: string; series: string | undefined; memory: Memory }[] = [];
    const forgotten: string[] = [];
    const orphans = new Map<string, [string, { series: string | undefined; memory: Memory }][]>();
    for (const [id, orphan] of this.#orphans) {
      const list = orphans.get(orphan.ruleId) ?? [];
      list.push([id, orphan]);
      orphans.set(orphan.ruleId, list);
    }
    for (const rule of rules) {
      const own = new Map<string, Slot>();
      this.#slots.set(rule.id, own);
      const known = before.get(rule.id) ?? renamed.get(rule.name);
      if (known) {
        const isRenamed = !before.has(rule.id);
        for (const [key, slot] of known) {
          const id = standingId(rule.id, slot.series);
          own.set(key, { id, rule, series: slot.series, memory: slot.memory });
          if (!isRenamed) continue;
          memories.push({ id, ruleId: rule.id, series: slot.series, memory: slot.memory });
          forgotten.push(slot.id);
        }
        if (isRenamed) renamed.delete(rule.name);
        continue;
      }
      for (const [id, { memory, series }] of orphans.get(rule.id) ?? []) {
        own.set(series ?? "", { id, rule, series, memory });
        this.#orphans.delete(id);
      }
    }
    for (const slots of renamed.values()) {
      for (const { id, memory, rule, series } of slots.values())
        this.#orphans.set(id, { ruleId: rule.id, series, memory });
    }
    this.#parts.kept.keep({ ...moved, memories, forgotten });
  }

  /** One round. Throws what the disk throws; nothing is remembered of such a round. */
  async round(signal: AbortSignal): Promise<RoundReport> {
    const { clock, policy, source } = this.#parts;
    const beganMs = clock.monotonicMs();
    const at = clock.now();
    const rules = this.#rules;
    const idle: RoundReport = {
      at,
      tookMs: 0,
      blind: undefined,
      counts: { failed: 0, good: 0, errors: 0 },
      alertsSent: 0,
      recoveriesSent: 0,
      changes: [],
    };
    if (!source || rules.length === 0) return idle;
    const { askBatch: batch = 1000, askTimeoutMs: timeoutMs = 10_000 } = this.#parts;
    const answers = await askAll(source, rules, Math.floor(at / 1000), { clock, signal, batch, timeoutMs });
    const own: OwnTroubleOptions = { ...policy, at, everybody: policy.everybody, source: source.name };
    let report: RoundReport;
    if (answers.blind !== undefined) {
      const { notices, trouble } = afterBlindRound(this.#own, answers.blind, own);
      this.#parts.kept.keep({ memories: [], forgotten: [], history: [], notices, own: trouble });
      this.#own = trouble;
      report = { ...idle, blind: answers.blind };
    } else {
      report = this.#judge(at, (rule) => verdictsOf(rule, answers.of(rule), Math.floor(at / 1000)), own);
    }
    const tookMs = clock.monotonicMs() - beganMs;
    this.#lastRound = { at: clock.now(), tookMs };
    await this.handOn();
    return { ...report, tookMs };
  }

  /** Hands on what is to be told. What cannot be handed on stays for the next time. */
  async handOn(): Promise<void> {
    const { kept, log, sink } = this.#parts;
    for (;;) {
      const batch = kept.outbox(handBatch);
      for (const { notice, number } of batch) {
        try {
          if (notice.recipients.length > 0) await sink.take(notice);
        } catch (thrown) {
          log.error("A notice could not be handed on; it is tried again", {
            notice: notice.id,
            reason: reasonOf(thrown),
          });
          return;
        }
        kept.handedOn(number);
      }
      if (batch.length < handBatch) return;
    }
  }

  standings(): readonly RuleStanding[] {
    const muting = this.#muting(this.#parts.clock.now());
    return this.#all().map((slot) => this.#standing(slot, muting));
  }

  find(id: string): RuleStanding | undefined {
    // The id of a rule of many series means the worst of them.
    const slots = this.#slotsOf(id);
    const slot =
      slots.find((one) => one.id === id) ?? slots.find(({ memory }) => memory.level === "Failed") ?? slots[0];
    return slot && this.#standing(slot, this.#muting(this.#parts.clock.now()));
  }

  history(options: { of?: string; limit: number }): readonly HistoryEntry[] {
    return this.#parts.kept.history(options);
  }

  sight(): HoundSight {
    const { source } = this.#parts;
    const { blind } = this.#own;
    return {
      source: source?.name,
      language: source?.language ?? "graphite",
      roundAt: this.#lastRound?.at,
      roundMs: this.#lastRound?.tookMs,
      blind: blind && { sinceAt: blind.sinceAt, reason: blind.reason },
      fileTrouble: this.fileTrouble,
    };
  }

  acknowledge(id: string, by: string): boolean {
    const at = this.#parts.clock.now();
    const failing = this.#slotsOf(id).filter(
      ({ memory }) => (memory.level === "Failed" || memory.flappingSinceAt !== undefined) && !memory.acknowledged,
    );
    const memories = failing.map((slot) => ({
      slot,
      memory: { ...slot.memory, acknowledged: { by: by.slice(0, 200), at } },
    }));
    this.#parts.kept.keep({
      memories: memories.map(({ memory, slot }) => ({
        id: slot.id,
        ruleId: slot.rule.id,
        series: slot.series,
        memory,
      })),
      forgotten: [],
      history: failing.map((slot) => entryOf(slot, at, "acknowledged", `by ${by.slice(0, 200)}`)),
      notices: [],
      own: undefined,
    });
    for (const { memory, slot } of memories) slot.memory = memory;
    return failing.length > 0;
  }

  silence(wanted: { matcher: string; untilAt: number; by: string; comment: string }): Silence {
    const { clock, kept, makeId } = this.#parts;
    const fromAt = clock.now();
    let matcher: ReturnType<typeof parseMatcher>;
    try {
      matcher = parseMatcher(wanted.matcher);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      throw new Fault("invalid", "hound/silence", thrown.message);
    }
    if (!(wanted.untilAt > fromAt) || !Number.isSafeInteger(wanted.untilAt))
      throw new Fault("invalid", "hound/silence", "Cannot silence: wanted an end that is later than now");
    const silence: Silence = {
      id: makeId(),
      matcher: wanted.matcher,
      fromAt,
      untilAt: wanted.untilAt,
      by: wanted.by.slice(0, 200),
      comment: wanted.comment.slice(0, 1000),
    };
    kept.putSilence(silence);
    this.#silences.push({ silence, matcher });
    this.#silences.sort((one, other) => one.silence.untilAt - other.silence.untilAt);
    return silence;
  }

  unsilence(id: string, by: string): boolean {
    const at = this.#parts.clock.now();
    const found = this.#silences.find(({ silence }) => silence.id === id && silence.untilAt > at);
    if (!found) return false;
    this.#parts.kept.putSilence({ ...found.silence, untilAt: at });
    this.#silences = this.#silences.filter((one) => one !== found);
    this.#parts.log.info("A silence was ended", { silence: id, by });
    return true;
  }

  silences(): readonly Silence[] {
    const at = this.#parts.clock.now();
    this.#silences = this.#silences.filter(({ silence }) => silence.untilAt > at);
    return this.#silences.map(({ silence }) => silence);
  }

  #judge(at: number, verdictsFor: (rule: Rule) => readonly Verdict[], own: OwnTroubleOptions): RoundReport {
    const { kept, policy } = this.#parts;
    const forgotten: string[] = [];
    const before = new Map<Slot, Memory>();
    for (const rule of this.#rules) {
      const slots = this.#slots.get(rule.id);
      if (!slots) continue;
      for (const { series, verdict } of this.#spread(rule, slots, verdictsFor(rule), at)) {
        const key = series ?? "";
        let slot = slots.get(key);
        if (!slot) {
          slot = { id: standingId(rule.id, series), rule, series, memory: freshMemory(at) };
          slots.set(key, slot);
        }
        before.set(slot, slot.memory);
        slot.memory = judged(slot.memory, verdict, rule, at, policy.level);
        if (this.#isGone(slot, verdict, slots.size, at)) {
          slots.delete(key);
          forgotten.push(slot.id);
        }
      }
    }
    try {
      const all = this.#all();
      const told = tell(all, { ...policy, ...this.#muting(at) });
      const troubled = all.filter(({ memory }) => memory.trouble);
      const { notices, trouble } = afterSeeingRound(this.#own, troubled, own);
      const changes: { watched: Watched; to: "Failed" | "OK" }[] = [];
      const history: Omit<HistoryEntry, "number">[] = [];
      const memories: { id: string; ruleId: string; series: string | undefined; memory: Memory }[] = [];
      for (const slot of all) {
        const was = before.get(slot);
        const judgedMemory = slot.memory;
        slot.memory = told.memories.get(slot.id) ?? judgedMemory;
        if (was === undefined) {
          if (slot.memory !== judgedMemory) memories.push(keptOf(slot));
          continue;
        }
        if (isWorthKeeping(was, slot.memory)) memories.push(keptOf(slot));
        history.push(...changesOf(slot, was, judgedMemory, at));
        if (judgedMemory.level === "Failed" && was.level !== "Failed")
          changes.push({ watched: { ...slot }, to: "Failed" });
        if (judgedMemory.level === "OK" && was.level === "Failed") changes.push({ watched: { ...slot }, to: "OK" });
      }
      history.push(...deedsOf(told, at));
      kept.keep({
        memories,
        forgotten,
        history,
        notices: [...told.notices, ...notices],
        own: Bun.deepEquals(trouble, this.#own) ? undefined : trouble,
      });
      this.#own = trouble;
      const failed = all.filter(({ memory }) => stateOf(memory) === "Failed").length;
      return {
        at,
        tookMs: 0,
        blind: undefined,
        counts: { failed, good: all.length - failed - troubled.length, errors: troubled.length },
        alertsSent: told.alertsSent,
        recoveriesSent: told.recoveriesSent,
        changes,
      };
    } catch (thrown) {
      // What could not be kept did not happen: the next round judges from where this one began.
      for (const [slot, memory] of before) slot.memory = memory;
      throw thrown;
    }
  }

  /** A verdict for everything that is watched of a rule: also for its series that are gone, and for the rule itself. */
  #spread(
    rule: Rule,
    slots: ReadonlyMap<string, Slot>,
    verdicts: readonly Verdict[],
    at: number,
  ): { series: string | undefined; verdict: Verdict }[] {
    const isWarmingUp = this.#parts.policy.warmsUp && at - this.#startedAt < rule.graceMs;
    const settled = isWarmingUp ? verdicts.filter(({ outcome }) => outcome !== "no-data") : verdicts;
    if (!rule.isPerSeries) return settled.map((verdict) => ({ series: undefined, verdict }));
    const [first] = verdicts;
    if (first && first.series === undefined) {
      // An error is one of all that is known.
      const known = [...slots.values()].map(({ series }) => ({ series, verdict: first }));
      return known.length > 0 ? known : [{ series: undefined, verdict: first }];
    }
    const spread = settled.map((verdict) => ({ series: verdict.series, verdict }));
    if (isWarmingUp) return spread;
    const present = new Set(verdicts.map(({ series }) => series ?? ""));
    for (const { series } of slots.values()) {
      if (series === undefined || present.has(series)) continue;
      spread.push({ series, verdict: { series, outcome: "no-data", value: undefined, message: "It is gone" } });
    }
    // The rule itself stands for its series only as long as there are none.
    const isBare = spread.length === 0;
    if (isBare) {
      const message = "There are no series";
      spread.push({ series: undefined, verdict: { series: undefined, outcome: "no-data", value: undefined, message } });
    } else if (slots.has("")) {
      spread.push({
        series: undefined,
        verdict: { series: undefined, outcome: "good", value: undefined, message: "" },
      });
    }
    return spread;
  }

  #isGone({ memory, rule, series }: Slot, verdict: Verdict, slotCount: number, at: number): boolean {
    const owes = memory.toldCount > 0 || memory.missed !== undefined;
    if (!rule.isPerSeries) return false;
    if (series === undefined) return slotCount > 1 && memory.level === "OK" && !memory.trouble && !owes;
    if (verdict.outcome !== "no-data") return false;
    if (rule.noData === "ok" && memory.level === "OK" && !owes) return true;
    const goneAt = memory.trouble?.sinceAt ?? memory.levelAt;
    return at - goneAt >= this.#parts.policy.forgetSeriesMs;
  }

  #standing(slot: Slot, muting: Muting): RuleStanding {
    const { id, memory, rule, series } = slot;
    const isTold = memory.level === "Failed" || memory.flappingSinceAt !== undefined;
    const muted = isTold ? mutedBy(slot, muting) : undefined;
    const stillHeld =
      memory.toldCount > 0 && memory.level === "OK" && isQuiet(slot, muting) ? "quiet hours" : undefined;
    return {
      id,
      rule,
      series,
      state: stateOf(memory),
      sinceAt: sinceOf(memory),
      judgedAt: memory.judgedAt,
      value: memory.value,
      message:
        memory.trouble?.message ?? (memory.level === "Failed" || memory.level === "Pending" ? memory.message : ""),
      toldCount: memory.toldCount,
      lastToldAt: memory.lastToldAt,
      nextToldAt: isTold && muted === undefined ? dueAt(memory, muting.at) : undefined,
      acknowledged: memory.acknowledged,
      silencedUntilAt: silencedUntil(slot, muting),
      mutedBy: muted ?? (memory.flappingSinceAt === undefined ? stillHeld : "flapping"),
      isFlapping: memory.flappingSinceAt !== undefined,
    };
  }

  #muting(at: number): Muting {
    const { policy } = this.#parts;
    return {
      at,
      quiet: policy.quiet,
      maintenance: policy.maintenance,
      silences: this.#silences.map(({ matcher, silence }) => ({ matcher, untilAt: silence.untilAt })),
      isDown: downTeller(this.#all()),
    };
  }

  #all(): Slot[] {
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

  #slotsOf(id: string): Slot[] {
    const ruleId = id.split(":")[0] ?? "";
    const slots = [...(this.#slots.get(ruleId)?.values() ?? [])];
    if (slots.length === 0 && id === ruleId) return this.#all().filter((slot) => slot.id === id);
    return id === ruleId ? slots : slots.filter((slot) => slot.id === id);
  }

  #loadSilences(): void {
    const { clock, kept } = this.#parts;
    this.#silences = kept.silences(clock.now()).map((silence) => ({ silence, matcher: parseMatcher(silence.matcher) }));
  }
}

/** The id of a rule, or of one series of it. */
export function standingId(ruleId: string, series: string | undefined): string {
  return series === undefined ? ruleId : `${ruleId}:${shortHash(series, 8)}`;
}

function keptOf({ id, memory, rule, series }: Slot) {
  return { id, ruleId: rule.id, series, memory };
}

/** Whether a restart with the one would differ from one with the other. */
function isWorthKeeping(before: Memory, after: Memory): boolean {
  if (after.level === "Pending") return true;
  const { judgedAt: _, value: __, ...was } = before;
  const { judgedAt: ___, value: ____, ...is } = after;
  return !Bun.deepEquals(was, is);
}

function changesOf(slot: Slot, was: Memory, is: Memory, at: number): Omit<HistoryEntry, "number">[] {
  const entries: Omit<HistoryEntry, "number">[] = [];
  const [before, after] = [stateOf(was), stateOf(is)];
  if (before !== after) {
    const message = is.trouble?.message ?? (after === "OK" ? "" : is.message);
    entries.push(entryOf({ ...slot, memory: is }, at, after, message));
  }
  if ((was.flappingSinceAt === undefined) !== (is.flappingSinceAt === undefined))
    entries.push(entryOf({ ...slot, memory: is }, at, is.flappingSinceAt === undefined ? "calm" : "flapping", ""));
  return entries;
}

function deedsOf(told: Told, at: number): Omit<HistoryEntry, "number">[] {
  return told.deeds.map(({ event, to, watched }) =>
    entryOf(watched, at, event, to.length === 0 ? "to nobody" : `to ${to.join(", ")}`),
  );
}

function entryOf(
  { id, memory, rule, series }: Watched,
  at: number,
  event: HistoryEntry["event"],
  message: string,
): Omit<HistoryEntry, "number"> {
  return { at, standingId: id, ruleId: rule.id, name: rule.name, series, event, value: memory.value, message };
}

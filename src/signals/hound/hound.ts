/**
 * All rules over time: a round asks, judges, tells and keeps, in this order, and what is kept and what is told become
 * durable together. Between rounds people acknowledge and silence, and rules may change.
 * Leaves out when rounds happen and where words go.
 */
import { BelievedTime } from "../../kit/believed-time.ts";
import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { MetricSource } from "../../kit/metric-source/source.ts";
import { askAll } from "./answers.ts";
import { changesOf, deedsOf, entryOf, isWorthKeeping, type NewEntry } from "./entries.ts";
import type { KeptFile, KeptMemory } from "./kept.ts";
import { severityOf } from "./grade.ts";
import { judged, type LevelLimits, sinceOf, stateOf } from "./level.ts";
import type { Memory } from "./memory.ts";
import { downTeller, isQuiet, mutedBy, type Muting, silencedUntil, type Watched } from "./muted.ts";
import type { Notice, NoticeSink } from "./notice.ts";
import { afterBlindRound, afterSeeingRound, type OwnTrouble, type OwnTroubleOptions } from "./own-trouble.ts";
import type { Rule } from "./rule.ts";
import { shortHash } from "./rule-file.ts";
import { SilenceList } from "./silence-list.ts";
import { isGone, keptOf, type Slot, Slots, spreadVerdicts, surplusOf } from "./slots.ts";
import type { HistoryEntry, HoundSight, HoundView, RuleStanding, Silence } from "./standing.ts";
import { tell, type TellingOptions, wordDueAt } from "./telling.ts";
import { type Verdict, verdictsOf } from "./verdict.ts";
import { type ChangeTo, silenceWords } from "./words.ts";

/** How all rules are judged and told, from the configuration. */
export interface HoundPolicy
  extends Omit<TellingOptions, "at" | "silences" | "isDown">, Omit<OwnTroubleOptions, "at" | "everybody" | "source"> {
  level: LevelLimits;
  /** Whether everybody is told of silences. */
  tellsSilences: boolean;
  /** A series that is gone for so long is forgotten. */
  forgetSeriesMs: number;
  /** The source stood still while this program did: rules without data are left alone until their grace has passed. */
  warmsUp: boolean;
}

/** A change that is worth an event. */
export interface Change {
  watched: Watched;
  to: ChangeTo;
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
  /** What began to fail, or is good again, or went from one of its two levels to the other. */
  changes: readonly Change[];
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

const handBatch = 50;

/** The rules of a node, over time. */
export class Hound implements HoundView {
  readonly #parts: HoundParts;
  readonly #startedAt: number;
  readonly #believed: BelievedTime;
  readonly #slots: Slots;
  readonly #silences: SilenceList;
  #own: OwnTrouble;
  #lastRound: { at: number; tookMs: number } | undefined;
  /** Why the file of rules does not count as it is now. */
  fileTrouble: string | undefined;

  constructor(parts: HoundParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    this.#believed = new BelievedTime(parts.clock, parts.kept.newestAt());
    this.#own = parts.kept.own();
    this.#slots = new Slots(parts.kept.memories(), this.#startedAt);
    this.#silences = new SilenceList({ ...parts, believed: this.#believed });
  }

  /** The rules, in their order. */
  get rules(): readonly Rule[] {
    return this.#slots.rules;
  }

  /** How often errors were told, for as long as there are any. */
  get errorsTold(): number {
    return this.#own.errors?.toldCount ?? 0;
  }

  /** Makes these the rules. What is remembered of those that stay, stays. */
  setRules(rules: readonly Rule[]): void {
    const moved = this.#slots.setRules(rules);
    this.#parts.kept.keep({ ...moved, history: [], notices: [], own: undefined });
  }

  /** Forgets history, ended silences and rules that are gone for longer, some at a time; whether there is more. */
  forget(keepMs: number): boolean {
    const { kept } = this.#parts;
    const beforeAt = this.#believed.now() - keepMs;
    const forgotten = this.#slots.forgetOrphans(beforeAt);
    kept.keep({ memories: [], forgotten, history: [], notices: [], own: undefined });
    return kept.forget(beforeAt);
  }

  /** One round. Throws what the disk throws; nothing is remembered of such a round. */
  async round(signal: AbortSignal): Promise<RoundReport> {
    const { clock, policy, source } = this.#parts;
    const beganMs = clock.monotonicMs();
    const at = clock.now();
    const { rules } = this.#slots;
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
    // Rules that came meanwhile were not asked for: a round over nothing would pass for one in which all is well.
    if (rules !== this.#slots.rules) return this.round(signal);
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
      // Each takes its time on the disk: of thousands others have their turn between.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  standings(): readonly RuleStanding[] {
    const muting = this.#muting(this.#parts.clock.now());
    return this.#slots.all().map((slot) => standingOf(slot, muting));
  }

  find(id: string): RuleStanding | undefined {
    // The id of a rule of many series means the worst of them.
    const slots = this.#slots.byId(id);
    const failing = slots.find(({ memory }) => memory.level === "Failed");
    const slot = slots.find((one) => one.id === id) ?? failing ?? slots[0];
    return slot && standingOf(slot, this.#muting(this.#parts.clock.now()));
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
    const who = by.slice(0, 200);
    const failing = this.#slots
      .byId(id)
      .filter(
        ({ memory }) => (memory.level === "Failed" || memory.flappingSinceAt !== undefined) && !memory.acknowledged,
      );
    const after = failing.map((slot) => {
      const { grade } = slot.memory;
      const acknowledged = { by: who, at, ...(grade === undefined ? {} : { grade }) };
      return { ...slot, memory: { ...slot.memory, acknowledged } };
    });
    this.#parts.kept.keep({
      memories: after.map(keptOf),
      forgotten: [],
      history: failing.map((slot) => entryOf(slot, at, "acknowledged", `by ${who}`)),
      notices: [],
      own: undefined,
    });
    for (const [position, slot] of failing.entries()) slot.memory = after[position]?.memory ?? slot.memory;
    return failing.length > 0;
  }

  silence(wanted: { matcher: string; untilAt: number; by: string; comment: string }): Silence {
    const silence = this.#silences.add(wanted);
    this.#tellSilence(silence, silence.by, false);
    return silence;
  }

  unsilence(id: string, by: string): boolean {
    const ended = this.#silences.end(id);
    if (!ended) return false;
    this.#parts.log.info("A silence was ended", { silence: id, by });
    this.#tellSilence(ended, by, true);
    return true;
  }

  silences(): readonly Silence[] {
    return this.#silences.lasting();
  }

  /** It goes out with the next round. */
  #tellSilence(silence: Silence, by: string, isEnded: boolean): void {
    const { clock, kept, policy } = this.#parts;
    if (!policy.tellsSilences) return;
    const notice: Notice = {
      id: shortHash(`silence\n${silence.id}\n${silence.fromAt}\n${isEnded ? "ended" : "made"}`, 20),
      kind: "silence",
      createdAt: clock.now(),
      recipients: policy.everybody,
      ...silenceWords(silence, by, isEnded),
      rules: [],
      graphs: [],
      actions: [],
    };
    kept.keep({ memories: [], forgotten: [], history: [], notices: [notice], own: undefined });
  }

  #judge(at: number, verdictsFor: (rule: Rule) => readonly Verdict[], own: OwnTroubleOptions): RoundReport {
    const { kept, policy } = this.#parts;
    const believedAt = this.#believed.now();
    const gone = new Set<Slot>();
    const before = new Map<Slot, Memory>();
    for (const rule of this.#slots.rules) {
      const slots = this.#slots.ofRule(rule.id) ?? new Map<string, Slot>();
      const isWarmingUp = policy.warmsUp && at - this.#startedAt < rule.graceMs;
      const verdicts = verdictsFor(rule);
      for (const verdict of spreadVerdicts(rule, slots, verdicts, isWarmingUp)) {
        const slot = this.#slots.obtain(rule, verdict.series, at);
        before.set(slot, slot.memory);
        slot.memory = judged(slot.memory, verdict, rule, at, policy.level);
        const { forgetSeriesMs } = policy;
        if (isGone(slot, verdict, { at: believedAt, forgetSeriesMs, siblings: slots.size })) gone.add(slot);
      }
      if (rule.isPerSeries) for (const slot of surplusOf(slots, verdicts)) gone.add(slot);
    }
    try {
      const all = this.#slots.all().filter((slot) => !gone.has(slot));
      const told = tell(all, { ...policy, ...this.#muting(at) });
      const troubled = all.filter(({ memory }) => memory.trouble);
      const { notices, trouble } = afterSeeingRound(this.#own, troubled, own);
      const changes: Change[] = [];
      const history: NewEntry[] = [];
      const memories: KeptMemory[] = [];
      for (const slot of all) {
        const is = slot.memory;
        const was = before.get(slot) ?? is;
        slot.memory = told.memories.get(slot.id) ?? is;
        if (isWorthKeeping(was, slot.memory)) memories.push(keptOf(slot));
        if (was === is) continue;
        history.push(...changesOf(slot, was, is, at));
        const [begins, ends] = [is.level === "Failed", was.level === "Failed"];
        if (begins && !ends) changes.push({ watched: { ...slot }, to: "Failed" });
        else if (is.level === "OK" && ends) changes.push({ watched: { ...slot }, to: "OK" });
        else if (begins && is.grade !== was.grade) changes.push({ watched: { ...slot }, to: "another level" });
      }
      history.push(...deedsOf(told, at));
      kept.keep({
        memories,
        forgotten: [...gone].map(({ id }) => id),
        history,
        notices: [...told.notices, ...notices],
        own: Bun.deepEquals(trouble, this.#own) ? undefined : trouble,
      });
      this.#own = trouble;
      for (const slot of gone) this.#slots.remove(slot);
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

  #muting(at: number): Muting {
    const { maintenance, quiet } = this.#parts.policy;
    const isDown = downTeller(this.#slots.all());
    return { at, quiet, maintenance, silences: this.#silences.matchers(at), isDown };
  }
}

function standingOf(slot: Slot, muting: Muting): RuleStanding {
  const { id, memory, rule, series } = slot;
  const isTold = memory.level === "Failed" || memory.flappingSinceAt !== undefined;
  const muted = isTold ? mutedBy(slot, muting) : undefined;
  const stillHeld = memory.toldCount > 0 && memory.level === "OK" && isQuiet(slot, muting) ? "quiet hours" : undefined;
  return {
    id,
    rule,
    series,
    state: stateOf(memory),
    grade: rule.criticalThreshold === undefined ? undefined : memory.grade,
    severity: severityOf(slot),
    sinceAt: sinceOf(memory),
    gradeSinceAt: memory.level === "Failed" ? memory.gradeAt : undefined,
    judgedAt: memory.judgedAt,
    value: memory.value,
    message: memory.trouble?.message ?? (memory.level === "Failed" || memory.level === "Pending" ? memory.message : ""),
    toldCount: memory.toldCount,
    lastToldAt: memory.lastToldAt,
    nextToldAt: isTold && muted === undefined ? wordDueAt(slot, muting.at) : undefined,
    acknowledged: memory.acknowledged,
    silencedUntilAt: silencedUntil(slot, muting),
    mutedBy: muted ?? (memory.flappingSinceAt === undefined ? stillHeld : "flapping"),
    isFlapping: memory.flappingSinceAt !== undefined,
  };
}

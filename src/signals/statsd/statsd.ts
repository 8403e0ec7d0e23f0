/**
 * The rules put together: packets go in, values come out at each flush. Over a clock and with targets given to it, so that
 * it runs the same in a test of simulated weeks. Knows no sockets.
 *
 * Flushes come at the start plus whole multiples of the interval, however long each takes; one that is still being written
 * when the next is due has that one skipped, not doubled.
 */
import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { Buckets, type CounterBucket, nameMaxLength } from "./buckets.ts";
import { detached } from "./detached.ts";
import { type FlushResult, writeFlush } from "./flush.ts";
import { createNaming, type Naming } from "./naming.ts";
import type { FlushWriter, Output } from "./output.ts";
import { createReader, type PacketReader, textOf } from "./packet.ts";
import type { Repeater } from "./repeater.ts";
import type { StatsdSettings } from "./settings.ts";
import type { SentCheck, SentEvent, Sink } from "./sink.ts";
import { Taps } from "./taps.ts";

/** The settings that the rules look at. */
export type RuleSettings = Pick<
  StatsdSettings,
  "reading" | "naming" | "timers" | "idle" | "limits" | "flushMs" | "dumps"
>;

/** What a statsd is made of. */
export interface StatsdParts {
  settings: RuleSettings;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Told of each event, but for those of a flood. */
  happened?(event: SentEvent): void;
}

/** Something that was said in words, with when it came. */
export type Remembered<T> = T & { readonly at: number };

/** What happened since the start. */
export interface StatsdCounts {
  packets: number;
  lines: number;
  bad: number;
  events: number;
  /** Events that were not passed on, because too many came. */
  eventsKeptBack: number;
  checks: number;
  flushes: number;
  /** Flushes that were left out because the one before was still being written. */
  skipped: number;
  points: number;
}

/** The most used names of the interval before. */
export interface BusyName {
  readonly kind: "counter" | "timer" | "gauge" | "set";
  readonly name: string;
  readonly updates: number;
}

const rememberedMax = 100;
/** The longest text of an event or check that is remembered for the page, and the most of its tags. */
const rememberedLength = 4000;
const rememberedTags = 100;
const stampedMax = 100_000;
/** Each event that is passed on costs a write to a disk: so many at once, and so many a second after them. */
const eventsAtOnce = 100;
const eventsPerSecond = 5;

/** A statsd without its sockets. */
export class Statsd implements Sink {
  readonly buckets: Buckets;
  readonly taps = new Taps();
  readonly counts: StatsdCounts = {
    packets: 0,
    lines: 0,
    bad: 0,
    events: 0,
    eventsKeptBack: 0,
    checks: 0,
    flushes: 0,
    skipped: 0,
    points: 0,
  };
  /** The newest bad lines, events and checks, oldest first. */
  readonly badLines: { at: number; line: string; reason: string; sender: string }[] = [];
  readonly events: Remembered<SentEvent>[] = [];
  readonly checks = new Map<string, Remembered<SentCheck>>();
  readonly startedAt: number;
  outputs: readonly Output[] = [];
  /** No flush begins by itself; what comes waits for the next one after it. */
  isHeld = false;
  repeaters: readonly Repeater[] = [];
  /** Others that share what comes, which then is not counted here. */
  cluster: Cluster | undefined;
  /** Epoch ms of the last packet, the start before there was one. */
  lastPacketAt: number;
  lastFlush: (FlushResult & { at: number }) | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #happened: ((event: SentEvent) => void) | undefined;
  readonly #startedMs: number;
  #settings: RuleSettings;
  #read: PacketReader;
  #naming: Naming;
  #packetsReceived!: CounterBucket;
  #linesReceived!: CounterBucket;
  #badLinesSeen!: CounterBucket;
  #stamped: { path: string; value: number; atSeconds: number }[] = [];
  #eventsLeft = eventsAtOnce;
  #eventsAtMs: number;
  #lastFlushSeconds = 0;
  #cancel = () => {};
  #isRunning = false;
  /** Bad lines of the packet at hand, while somebody looks on. */
  readonly #badNow = new Map<string, string>();
  #writing: Promise<void> | undefined;

  constructor({ settings, clock, random, log, happened }: StatsdParts) {
    this.#clock = clock;
    this.#log = log;
    this.#happened = happened;
    this.#settings = settings;
    this.startedAt = clock.now();
    this.lastPacketAt = this.startedAt;
    this.#startedMs = clock.monotonicMs();
    this.#eventsAtMs = this.#startedMs;
    this.buckets = new Buckets(settings.idle, settings.limits, random);
    this.#read = createReader(settings.reading);
    this.#naming = createNaming(settings.naming);
    this.#openOwn();
  }

  get naming(): Naming {
    return this.#naming;
  }

  get settings(): RuleSettings {
    return this.#settings;
  }

  /** Changes the rules; what was counted stays. Limits stay as they were at the start. */
  configure(settings: RuleSettings): void {
    const ownBefore = this.#settings.naming.own;
    this.#settings = settings;
    this.buckets.idle = settings.idle;
    this.#read = createReader(settings.reading);
    this.#naming = createNaming(settings.naming);
    if (ownBefore !== settings.naming.own) {
      for (const figure of ["bad_lines_seen", "packets_received", "metrics_received"])
        this.buckets.remove("counters", `${ownBefore}.${figure}`);
      this.buckets.remove("gauges", `${ownBefore}.timestamp_lag`);
      this.#openOwn();
    }
    if (this.#isRunning) this.start();
  }

  /** A packet as bytes, from an address. Never throws. */
  receive(packet: Buffer, sender: string): void {
    for (const repeater of this.repeaters) repeater.pass(packet);
    if (!this.cluster) {
      this.receiveText(textOf(packet), sender);
      return;
    }
    this.#came(sender);
    this.#held(this.cluster.pass(packet));
    if (this.#isShown) this.#show(textOf(packet), sender);
  }

  /** A packet as text. */
  receiveText(text: string, sender: string): void {
    this.#came(sender);
    this.#held(this.cluster ? this.cluster.pass(Buffer.from(text)) : this.#read(text, this));
    if (this.#isShown) this.#show(text, sender);
  }

  count(name: string, value: number, rate: number): void {
    this.buckets.count(name, value, rate);
  }

  time(name: string, value: number, rate: number): void {
    this.buckets.time(name, value, rate);
  }

  gauge(name: string, value: number, isDelta: boolean): void {
    this.buckets.gauge(name, value, isDelta);
  }

  member(name: string, member: string): void {
    this.buckets.member(name, member);
  }

  stamped(kind: "count" | "gauge", name: string, value: number, atSeconds: number): void {
    if (this.#stamped.length >= stampedMax) {
      this.buckets.refused.timerValues++;
      return;
    }
    if (name.length > nameMaxLength) {
      this.buckets.refused.names++;
      return;
    }
    const path = detached(kind === "gauge" ? this.#naming.gauge(name) : this.#naming.counterCount(name));
    this.#stamped.push({ path, value, atSeconds });
  }

  event(event: SentEvent): void {
    this.counts.events++;
    this.events.push({ ...kept(event), at: this.#clock.now() });
    if (this.events.length > rememberedMax) this.events.shift();
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#eventsAtMs) / 1000) * eventsPerSecond;
    this.#eventsLeft = Math.min(eventsAtOnce, this.#eventsLeft + earned);
    this.#eventsAtMs = nowMs;
    if (this.#eventsLeft < 1) {
      this.counts.eventsKeptBack++;
      return;
    }
    this.#eventsLeft--;
    this.#happened?.(event);
  }

  check(check: SentCheck): void {
    this.counts.checks++;
    this.buckets.gauge(`service_checks.${check.name}`, check.status, false);
    if (check.name.length > nameMaxLength) return;
    const own = kept(check);
    this.checks.delete(own.name);
    this.checks.set(own.name, { ...own, at: this.#clock.now() });
    const [oldest] = this.checks.keys();
    if (this.checks.size > rememberedMax && oldest !== undefined) this.checks.delete(oldest);
  }

  bad(line: string, reason: string): void {
    this.counts.bad++;
    this.#badLinesSeen.value++;
    this.#badLinesSeen.total++;
    const { sender } = this.buckets;
    this.badLines.push({ at: this.#clock.now(), line: detached(line.slice(0, 200)), reason, sender });
    if (this.badLines.length > rememberedMax) this.badLines.shift();
    if (this.taps.isOpen) this.#badNow.set(line, reason);
    this.#log.debug("A line is no metric", { line: line.slice(0, 200), reason, sender });
  }

  /** Begins to flush at the start plus multiples of the interval. */
  start(): void {
    this.#flushAfter(-Infinity);
  }

  /**
   * Flushes at the first multiple after now and after `doneMs`, that of the flush before. A timer may fire a little early,
   * and a second flush for the same second would take the place of the first wherever one value counts for a time.
   */
  #flushAfter(doneMs: number): void {
    this.#cancel();
    this.#isRunning = true;
    const { flushMs } = this.#settings;
    // From the whole second nearest to the start, so that flushes fall on whole seconds where the interval allows it.
    const sinceSecondMs = this.startedAt - Math.round(this.startedAt / 1000) * 1000;
    const elapsedMs = () => this.#clock.monotonicMs() - this.#startedMs + sinceSecondMs;
    const dueMs = (Math.floor(Math.max(elapsedMs(), doneMs) / flushMs) + 1) * flushMs;
    this.#cancel = this.#clock.schedule(dueMs - elapsedMs(), () => {
      if (this.#writing || this.isHeld) this.counts.skipped++;
      else void this.flush(elapsedMs() - dueMs);
      if (this.#isRunning) this.#flushAfter(dueMs);
    });
  }

  /**
   * Flushes now; resolves when all targets have been given everything. One that is `lateMs` late is told for the time at
   * which it was due: otherwise it might fall into the time of the next, which would take its place.
   */
  flush(lateMs = 0): Promise<void> {
    this.#writing ??= this.#flush(lateMs).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Resolves when no flush is being written. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** Ends with a last flush of what came since the one before. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#cancel();
    await this.#writing;
    await this.flush();
  }

  /** The names with the most updates in the interval before, most first. */
  busiest(count: number): BusyName[] {
    const found: BusyName[] = [];
    let least = 0;
    const look = (kind: BusyName["kind"], map: ReadonlyMap<string, { closedTouched: number; own?: boolean }>) => {
      for (const [name, { closedTouched, own }] of map) {
        if (closedTouched <= least || own) continue;
        found.push({ kind, name, updates: closedTouched });
        if (found.length < count * 4) continue;
        found.sort((left, right) => right.updates - left.updates).splice(count);
        least = found.at(-1)?.updates ?? 0;
      }
    };
    look("counter", this.buckets.counters);
    look("timer", this.buckets.timers);
    look("gauge", this.buckets.gauges);
    look("set", this.buckets.sets);
    return found.sort((left, right) => right.updates - left.updates).slice(0, count);
  }

  /** One of our own counters, which nobody may remove. */
  isOwn(name: string): boolean {
    return this.buckets.counters.get(name)?.idle === -Infinity;
  }

  async #flush(lateMs: number): Promise<void> {
    const { flushMs, naming, timers } = this.#settings;
    const at = this.#clock.now();
    const nowSeconds = Math.round(at / 1000);
    // After longer than an interval the machine slept, and what it knows of lateness is little.
    const isJustLate = lateMs > 0 && lateMs < flushMs;
    const atSeconds = isJustLate ? Math.round((at - lateMs) / 1000) : nowSeconds;
    const intervalSeconds = flushMs / 1000;
    if (this.#lastFlushSeconds > 0) {
      const lag = nowSeconds - this.#lastFlushSeconds - intervalSeconds;
      this.buckets.gauge(`${naming.own}.timestamp_lag`, lag, false, true);
    }
    this.#lastFlushSeconds = nowSeconds;
    this.buckets.close();
    const stamped = this.#stamped;
    this.#stamped = [];
    const writers: FlushWriter[] = [];
    try {
      for (const output of this.outputs) writers.push(output.begin(atSeconds));
      for (const point of stamped) for (const writer of writers) writer.addAt(point.path, point.value, point.atSeconds);
      const { buckets } = this;
      const result = await writeFlush({
        buckets,
        naming: this.#naming,
        timers,
        intervalSeconds,
        writers,
        clock: this.#clock,
      });
      this.counts.flushes++;
      this.counts.points += result.points + stamped.length;
      this.lastFlush = { ...result, at };
    } catch (thrown) {
      this.#log.error("A flush could not be written", { reason: reasonOf(thrown) });
    }
  }

  /** A packet came. */
  #came(sender: string): void {
    this.counts.packets++;
    this.#packetsReceived.value++;
    this.#packetsReceived.total++;
    this.buckets.sender = sender;
    this.lastPacketAt = this.#clock.now();
  }

  /** It held so many lines. */
  #held(lines: number): void {
    this.counts.lines += lines;
    this.#linesReceived.value += lines;
    this.#linesReceived.total += lines;
  }

  /** Somebody looks on, or the log does. */
  get #isShown(): boolean {
    return this.taps.isOpen || this.#settings.dumps;
  }

  #openOwn(): void {
    const own = (figure: string) =>
      this.buckets.counter(`${this.#settings.naming.own}.${figure}`, true) as CounterBucket;
    this.#badLinesSeen = own("bad_lines_seen");
    this.#packetsReceived = own("packets_received");
    this.#linesReceived = own("metrics_received");
  }

  #show(text: string, sender: string): void {
    for (const line of text.split("\n")) {
      if (line === "") continue;
      if (this.#settings.dumps) this.#log.info("A line came", { line: line.slice(0, 8192), sender });
      const reason = this.#badNow.get(line);
      this.taps.offer({ line: line.slice(0, 8192), sender, ...(reason === undefined ? {} : { reason }) });
    }
    this.#badNow.clear();
  }
}

/** What is told, fit to be remembered: nothing in it is long, or holds the packet it came in. */
function kept<Told extends SentEvent | SentCheck>(told: Told): Told {
  const own = { ...told };
  for (const [key, value] of Object.entries(own)) {
    if (typeof value === "string") Object.assign(own, { [key]: detached(value.slice(0, rememberedLength)) });
  }
  if ("tags" in own) {
    own.tags = own.tags.slice(0, rememberedTags).map((tag) => detached(tag.slice(0, rememberedLength)));
  }
  return own;
}

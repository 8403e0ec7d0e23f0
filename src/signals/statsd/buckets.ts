/**
 * What has been counted since the last flush, by kind and name. Maps only: a name may be any text. {@link Buckets.close}
 * ends an interval in one go, without making text, so that values which arrive while a flush is written belong to the next
 * one; the flush then reads what was set aside. Buckets that nothing touches are told as idle for as long as their kind is
 * kept, then forgotten.
 *
 * Bounded: names in all kinds together, values of a timer and members of a set in one interval.
 */
import type { Random } from "../../kit/random.ts";
import { detached } from "./detached.ts";
import { Makers } from "./makers.ts";

/** How many flushes a bucket that nothing touches is still told of, by kind. Infinity is for ever. */
export interface IdleFlushes {
  counters: number;
  timers: number;
  gauges: number;
  sets: number;
}

/** The most that is held. */
export interface BucketLimits {
  names: number;
  /** Of one timer in an interval; beyond it each value has the same chance to be among those kept. */
  timerValues: number;
  /** Of all sets together in an interval. */
  setMembers: number;
}

/** A longer name is taken by no store, and two hundred thousand of them would fill the memory. */
export const nameMaxLength = 1000;
/** Longer members are held by their hash. */
const memberMaxLength = 100;

/** What every bucket has. */
export interface Bucket {
  /** Since the last flush. */
  touched: number;
  /** Flushes since it was touched. */
  idle: number;
  /** It was touched so often in the interval that was closed; -1 while it was not there. */
  closedTouched: number;
}

/** A number that is added to. */
export interface CounterBucket extends Bucket {
  value: number;
  closed: number;
  /** Of all intervals. */
  total: number;
}

/** Values, and how many they stand for. */
export interface TimerBucket extends Bucket {
  values: number[];
  count: number;
  closed: number[];
  closedCount: number;
  /** How many values came in this interval, those not kept included. */
  seen: number;
  totalCount: number;
  totalSum: number;
  /** The figures `upper_<p>` of the last flush that had values: p and the value in turn. */
  quantiles: number[];
}

/** A number that stays. */
export interface GaugeBucket extends Bucket {
  value: number;
  closed: number;
  /** Our own, which is never forgotten. */
  own: boolean;
}

/** Distinct texts. */
export interface SetBucket extends Bucket {
  /** A list while they are few: a Set of one costs four times as much. */
  members: string[] | Set<string>;
  closed: number;
}

/** The lists of those that have none; nothing is ever put in them. */
const noValues: number[] = [];
const noMembers: string[] = [];
/** A list that was longer is not kept for the next interval. */
const reusedMax = 64;
/** More members than these are found quicker in a Set. */
const listMembersMax = 8;

/** The kinds of buckets that can be listed and removed. */
export type BucketKind = "counters" | "timers" | "gauges" | "sets";

/** Ends the use of what a timer set aside. */
export function written(bucket: TimerBucket): void {
  bucket.closed = reusable(bucket.closed);
}

/** All buckets. */
export class Buckets {
  readonly counters = new Map<string, CounterBucket>();
  readonly timers = new Map<string, TimerBucket>();
  readonly gauges = new Map<string, GaugeBucket>();
  readonly sets = new Map<string, SetBucket>();
  readonly makers = new Makers();
  /** Values and names that were not kept, since the start. */
  readonly refused = { names: 0, timerValues: 0, setMembers: 0 };
  /** Who sends the packet that is being read; the owner sets it. */
  sender = "";
  idle: IdleFlushes;
  readonly #limits: BucketLimits;
  readonly #random: Random;
  /** In all sets since the last flush. */
  #members = 0;

  constructor(idle: IdleFlushes, limits: BucketLimits, random: Random) {
    this.idle = idle;
    this.#limits = limits;
    this.#random = random;
  }

  /** How many names there are. */
  get names(): number {
    return this.counters.size + this.timers.size + this.gauges.size + this.sets.size;
  }

  /** The counter of a name, made when it is not there; undefined when there are enough names. `own` is always made. */
  counter(name: string, own = false): CounterBucket | undefined {
    const found = this.counters.get(name);
    if (found) return found;
    if (!own && !this.#mayMake(name)) return undefined;
    const made = { value: 0, closed: 0, total: 0, touched: 0, idle: own ? -Infinity : 0, closedTouched: -1 };
    this.counters.set(own ? name : detached(name), made);
    return made;
  }

  count(name: string, value: number, rate: number): void {
    const bucket = this.counter(name);
    if (!bucket) return;
    const amount = value / rate;
    bucket.value += amount;
    bucket.total += amount;
    bucket.touched++;
  }

  time(name: string, value: number, rate: number): void {
    let bucket = this.timers.get(name);
    if (!bucket) {
      if (!this.#mayMake(name)) return;
      bucket = {
        values: noValues,
        count: 0,
        closed: noValues,
        closedCount: 0,
        seen: 0,
        totalCount: 0,
        totalSum: 0,
        quantiles: noValues,
        touched: 0,
        idle: 0,
        closedTouched: -1,
      };
      this.timers.set(detached(name), bucket);
    }
    const weight = 1 / rate;
    bucket.touched++;
    bucket.count += weight;
    bucket.totalCount += weight;
    bucket.totalSum += value * weight;
    bucket.seen++;
    if (bucket.values === noValues) bucket.values = [value];
    else if (bucket.values.length < this.#limits.timerValues) bucket.values.push(value);
    else {
      this.refused.timerValues++;
      const place = Math.floor(this.#random() * bucket.seen);
      if (place < bucket.values.length) bucket.values[place] = value;
    }
  }

  gauge(name: string, value: number, isDelta: boolean, own = false): void {
    let bucket = this.gauges.get(name);
    if (!bucket) {
      if (!own && !this.#mayMake(name)) return;
      bucket = { value: 0, closed: 0, touched: 0, idle: 0, closedTouched: -1, own };
      this.gauges.set(own ? name : detached(name), bucket);
    }
    bucket.value = isDelta ? bucket.value + value : value;
    bucket.touched++;
  }

  member(name: string, member: string): void {
    let bucket = this.sets.get(name);
    if (!bucket) {
      if (!this.#mayMake(name)) return;
      bucket = { members: noMembers, closed: 0, touched: 0, idle: 0, closedTouched: -1 };
      this.sets.set(detached(name), bucket);
    }
    bucket.touched++;
    const held = member.length > memberMaxLength ? `#${Bun.hash(member).toString(36)}` : member;
    const { members } = bucket;
    if (Array.isArray(members) ? members.includes(held) : members.has(held)) return;
    if (this.#members >= this.#limits.setMembers) {
      this.refused.setMembers++;
      return;
    }
    this.#members++;
    bucket.members = withMember(members, detached(held));
  }

  /** Forgets a bucket; false when there is none. */
  remove(kind: BucketKind, name: string): boolean {
    return this[kind].delete(name);
  }

  /** Ends the interval: sets aside what it holds, begins the next, and forgets what was idle for too long. */
  close(): void {
    closeAll(this.counters, this.idle.counters, (bucket) => {
      bucket.closed = bucket.value;
      bucket.value = 0;
    });
    closeAll(this.timers, this.idle.timers, (bucket) => {
      // The two lists take turns. Fresh ones for each interval would outlive the collector's quick rounds, and pile up.
      const { closed, values } = bucket;
      bucket.closed = values;
      bucket.closedCount = bucket.count;
      bucket.values = values.length === 0 ? noValues : reusable(closed);
      bucket.count = 0;
      bucket.seen = 0;
    });
    closeAll(this.gauges, this.idle.gauges, (bucket) => {
      bucket.closed = bucket.value;
      if (bucket.own) bucket.idle = 0;
    });
    this.#members = 0;
    closeAll(this.sets, this.idle.sets, (bucket) => {
      const { members } = bucket;
      bucket.closed = Array.isArray(members) ? members.length : members.size;
      if (bucket.closed === 0 || !Array.isArray(members)) bucket.members = noMembers;
      else members.length = 0;
    });
  }

  #mayMake(name: string): boolean {
    const isRefused = this.names >= this.#limits.names || name.length > nameMaxLength;
    if (isRefused) this.refused.names++;
    this.makers.note(name, this.sender, isRefused);
    return !isRefused;
  }
}

function closeAll<B extends Bucket>(buckets: Map<string, B>, idleMax: number, close: (bucket: B) => void): void {
  for (const [name, bucket] of buckets) {
    bucket.idle = bucket.touched > 0 ? Math.min(0, bucket.idle) : bucket.idle + 1;
    if (bucket.idle > idleMax) {
      buckets.delete(name);
      continue;
    }
    bucket.closedTouched = bucket.touched;
    bucket.touched = 0;
    close(bucket);
  }
}

/** The members with one more; changes the list, or the Set, where there is one already. */
function withMember(members: string[] | Set<string>, member: string): string[] | Set<string> {
  if (members === noMembers) return [member];
  if (!Array.isArray(members)) return members.add(member);
  members.push(member);
  return members.length > listMembersMax ? new Set(members) : members;
}

/** The list, emptied, for other values; or none, where it was large. */
function reusable(values: number[]): number[] {
  if (values.length > reusedMax) return noValues;
  if (values !== noValues) values.length = 0;
  return values;
}

/**
 * How often an address may be wrong about a secret. A bucket for each address fills again with time; the number of
 * buckets is bounded, the one unused for longest goes first. IPv6 counts by /64, which is what one customer gets.
 */
import { isIP } from "node:net";

import type { Clock } from "../clock.ts";
import { plainAddress } from "./address.ts";

/** Counts wrong answers. */
export interface FailureLimit {
  /** How long this address has to wait until it may be wrong again, ms; 0 when it may try now. */
  waitMs(address: string): number;
  /** Counts one wrong answer. */
  record(address: string): void;
}

/** How much is forgiven. */
export interface FailureLimitOptions {
  clock: Clock;
  /** Wrong answers in a row before waiting begins. @default 10 */
  burst?: number;
  /** Time after which one wrong answer is forgotten. @default 6000 */
  forgetMs?: number;
  /** How many addresses are remembered. @default 10_000 */
  maxAddresses?: number;
}

/** A limit under which nobody has been wrong yet. */
export function createFailureLimit(options: FailureLimitOptions): FailureLimit {
  const { clock, burst = 10, forgetMs = 6000, maxAddresses = 10_000 } = options;
  const buckets = new Map<string, { count: number; atMs: number }>();

  const countOf = (key: string): number => {
    const bucket = buckets.get(key);
    return bucket ? Math.max(0, bucket.count - (clock.monotonicMs() - bucket.atMs) / forgetMs) : 0;
  };
  return {
    waitMs(address) {
      const over = countOf(keyOf(address)) - (burst - 1);
      return over <= 0 ? 0 : Math.ceil(over * forgetMs);
    },
    record(address) {
      const key = keyOf(address);
      // More than full would make the wait grow with every try made while waiting.
      const count = Math.min(burst, countOf(key) + 1);
      buckets.delete(key);
      buckets.set(key, { count, atMs: clock.monotonicMs() });
      if (buckets.size <= maxAddresses) return;
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest);
        break;
      }
    },
  };
}

function keyOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups =
    tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return groups.slice(0, 4).join(":");
}

/**
 * What one asking gave. Never thrown: a target that cannot be reached is an outcome like any other.
 */
import type { SmoketestReport } from "./smoketest.ts";

/** The outcome of one check. */
export interface Outcome {
  isGood: boolean;
  /** One sentence without a final period: why it is bad, or what was seen. */
  reason: string;
  /** From asking to the end of the answer. */
  latencyMs: number;
  /** Of an HTTP answer. */
  status?: number;
  /** Where an HTTP answer came from after redirects, where there were some. */
  finalUrl?: string;
  /** The address that was connected to. */
  address?: string;
  report?: SmoketestReport;
  /** When the certificate ends, epoch ms. */
  expiresAt?: number;
  /** The beginning of a bad answer's body, for whoever has to find the cause. */
  excerpt?: string;
}

/** Names of tests that failed, where the outcome is of a smoke test. */
export function failingOf(outcome: Outcome | undefined): readonly string[] {
  return outcome?.report?.failing ?? [];
}

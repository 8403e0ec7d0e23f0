/** What came of a run: every resource with its verdict and who uses it, and the sums. Plain values, fit for JSON. */
import type { ResourceKind } from "./reference.ts";

/** How a resource fares. `skipped` was left alone because a rule says so. */
export type Verdict = "good" | "warn" | "bad" | "skipped";

/** Somebody who mentions a resource. */
export interface Use {
  page: string;
  /** The style sheet or script that names it, where that is not the page. */
  via?: string;
  how: string;
  kind: ResourceKind;
}

/** Something to be said against a resource. */
export interface Trouble {
  isHard: boolean;
  sentence: string;
  /** Plain HTTP within a page that came by HTTPS. */
  isMixed?: boolean;
}

/** One resource. */
export interface ResourceReport {
  url: string;
  kinds: ResourceKind[];
  verdict: Verdict;
  troubles: Trouble[];
  /** The first of those who use it. */
  uses: Use[];
  useCount: number;
  status?: number;
  type?: string;
  sizeBytes?: number;
  /** Set where more would have come than was read. */
  isCut?: boolean;
  elapsedMs?: number;
  attempts?: number;
  /** Where redirects led. */
  finalUrl?: string;
}

/** The sums of a run. */
export interface Counts {
  pages: number;
  checked: number;
  good: number;
  warn: number;
  bad: number;
  skipped: number;
  bytes: number;
  requests: number;
}

/** A whole run. */
export interface SiteReport {
  /** Epoch ms. */
  startedAt: number;
  elapsedMs: number;
  isGood: boolean;
  counts: Counts;
  /** Why not everything was looked at, if so. */
  limits: string[];
  /** Bad first, then warnings, then in order of their first mention. */
  resources: ResourceReport[];
}

const order: Record<Verdict, number> = { bad: 0, warn: 1, skipped: 2, good: 3 };

/** Resources with the worst first. */
export function worstFirst(resources: readonly ResourceReport[]): ResourceReport[] {
  return resources.toSorted((one, other) => order[one.verdict] - order[other.verdict]);
}

/** Adds up. */
export function countsOf(resources: readonly ResourceReport[], requests: number): Counts {
  const of = (verdict: Verdict) => resources.filter((resource) => resource.verdict === verdict).length;
  return {
    pages: resources.filter(({ kinds, verdict }) => kinds.includes("page") && verdict !== "skipped").length,
    checked: resources.length - of("skipped"),
    good: of("good"),
    warn: of("warn"),
    bad: of("bad"),
    skipped: of("skipped"),
    bytes: resources.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    requests,
  };
}

/**
 * A dashboard as it is shown now: its variables have their values from the source, and sections are there or not. What
 * the source found is remembered for a moment, and for as long as it does not answer.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { inParallel } from "../../kit/in-parallel.ts";
import type { FoundNode } from "../../kit/metric-source/source.ts";
import type { WatchedSource } from "./answers.ts";
import type { ShownVariable } from "./pages/view.ts";
import {
  fill,
  isPlainValue,
  neededPatterns,
  presentValues,
  type ShownGraph,
  type ShownSection,
  shownSections,
} from "./shown.ts";
import type { WrittenDashboard, WrittenVariable } from "./written.ts";

/** A dashboard as it is shown now. */
export interface Staged {
  readonly sections: readonly ShownSection[];
  readonly variables: readonly ShownVariable[];
  /** Why the source could not say what there is. */
  readonly trouble: string | undefined;
}

const freshMs = 15_000;
const keptMax = 2000;
const valuesMax = 1000;
/** Patterns that are looked up for one page, and how many of them at a time. */
const patternsMax = 2000;
const parallel = 8;
/** A page does not wait longer for what there is; charts ask for their figures by themselves. */
const patienceMs = 5000;

/** Puts dashboards on. */
export class Stage {
  readonly #source: WatchedSource;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { at: number; nodes: readonly FoundNode[] }>();

  constructor(source: WatchedSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The dashboard with what a reader chose (variables by name). */
  async put(written: WrittenDashboard, chosen: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Staged> {
    const late = new AbortController();
    const cancel = this.#clock.schedule(patienceMs, () => late.abort());
    try {
      return await this.#put(written, chosen, signal, late.signal);
    } finally {
      cancel();
    }
  }

  async #put(
    written: WrittenDashboard,
    chosen: Readonly<Record<string, string>>,
    gone: AbortSignal,
    late: AbortSignal,
  ): Promise<Staged> {
    const signal = AbortSignal.any([gone, late]);
    let trouble: string | undefined;
    const find = async (pattern: string): Promise<readonly FoundNode[]> => {
      try {
        // A source that is away is not asked for each of very many patterns.
        if (!isAway) return await this.#find(pattern, signal);
      } catch (thrown) {
        gone.throwIfAborted();
        if (late.aborted) trouble = `${this.#source.source.name} gives no answer within ${patienceMs / 1000} s`;
        else if (thrown instanceof Fault) trouble = thrown.message;
        else throw thrown;
        isAway = late.aborted || this.#source.trouble !== undefined;
      }
      return this.#kept.get(pattern)?.nodes ?? [];
    };
    let isAway = false;
    const values: Record<string, readonly string[]> = {};
    const valuesOf = async (name: string, { find: pattern = "", values: own }: WrittenVariable) => {
      // Only present values get into the pattern, never what an address says.
      const all = own ?? (await find(fill(pattern, [], presentValues(written, { values, chosen })))).map(textOf);
      values[name] = [...new Set(all)].filter(isPlainValue).slice(0, valuesMax);
    };
    // Those that name others come after all that do not, in the order of the file.
    const [plain, leaning] = [false, true].map((leans) =>
      Object.entries(written.variables).filter(([, variable]) => (variable.find ?? "").includes("$") === leans),
    );
    await inParallel(plain ?? [], parallel, (each) => valuesOf(...each));
    for (const each of leaning ?? []) await valuesOf(...each);
    const present = presentValues(written, { values, chosen });
    const patterns = neededPatterns(written, present, values);
    const found = new Map<string, boolean>();
    await inParallel(patterns.slice(0, patternsMax), parallel, async (pattern) => {
      found.set(pattern, (await find(pattern)).length > 0);
    });
    const sections = shownSections(written, { values, chosen, has: (pattern) => found.get(pattern) ?? false });
    const variables = Object.entries(written.variables)
      .filter(([name]) => (values[name]?.length ?? 0) > 1)
      .map(([name, { all = false, label }]) => {
        const isEach = written.sections.some(({ each }) => each === name);
        return {
          name,
          label: label ?? name,
          values: values[name] ?? [],
          present: isEach && !values[name]?.includes(chosen[name] ?? "") ? "*" : (present[name] ?? ""),
          all: all || isEach,
        };
      });
    return { sections, variables, trouble };
  }

  async #find(pattern: string, signal: AbortSignal): Promise<readonly FoundNode[]> {
    const now = this.#clock.now();
    const kept = this.#kept.get(pattern);
    if (kept && now - kept.at < freshMs && now >= kept.at) return kept.nodes;
    const nodes = await this.#source.find(pattern, signal);
    if (this.#kept.size >= keptMax) this.#kept.clear();
    this.#kept.set(pattern, { at: now, nodes });
    return nodes;
  }
}

function textOf({ text }: FoundNode): string {
  return text;
}

/** The graph of that name on the stage. Fault `houston/no-such-graph`. */
export function graphOn(staged: Staged, id: string): ShownGraph {
  const all = staged.sections.flatMap(({ graphs }) => graphs);
  const found = all.find((graph) => graph.id === id) ?? all.find((graph) => graph.name === id);
  if (found) return found;
  throw new Fault(
    "missing",
    "houston/no-such-graph",
    `Cannot find graph "${id.slice(0, 100)}": the dashboard shows none of that name`,
  );
}

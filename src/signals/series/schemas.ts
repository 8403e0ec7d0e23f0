/**
 * What is kept for how long, by pattern of path: Graphite's `storage-schemas.conf` and `storage-aggregation.conf`, read
 * as carbon reads them, with the rules that everybody copies for statsd's names as the default. The first pattern that
 * is found in a path decides. Patterns are Python's, matched in time linear in the path.
 */
import { Pattern } from "../../lib/graphite/pattern.ts";
import { type Archive, parseRetentions, reachSeconds } from "../../lib/whisper/retention.ts";
import { type Aggregation, aggregations } from "../../lib/whisper/rollup.ts";

/** How the points of one series are kept. Equal schemas are one object, see {@link Schemas.schemaOf}. */
export interface Schema {
  readonly archives: readonly Archive[];
  readonly aggregation: Aggregation;
  /** Which share of finer points, 0 to 1, makes a coarser one. */
  readonly xFilesFactor: number;
}

/** One section of a file in Graphite's form. */
interface ConfSection {
  name: string;
  line: number;
  values: Map<string, string>;
}

/** Used where no section fits. */
export const defaultRetentions = "60s:7d";

/** The default of `storage-schemas.conf`: ten seconds for a day, a minute for a month, ten minutes for two years. */
export const defaultSchemas = "[everything]\npattern = .*\nretentions = 10s:1d,1m:30d,10m:2y\n";

/** The default of `storage-aggregation.conf`: the rules that statsd's documentation asks for. */
export const defaultAggregation = `[lowest]
pattern = \\.(lower|min)(_\\d+)?$
xFilesFactor = 0.1
aggregationMethod = min
[highest]
pattern = \\.(upper|max)(_\\d+)?$
xFilesFactor = 0.1
aggregationMethod = max
[sums]
pattern = \\.(sum|sum_squares|count)(_\\d+)?$
xFilesFactor = 0
aggregationMethod = sum
[counts]
pattern = ^stats_counts\\.
xFilesFactor = 0
aggregationMethod = sum
[everything]
pattern = .*
xFilesFactor = 0.3
aggregationMethod = average
`;

function sectionsOf(text: string, file: string): ConfSection[] {
  const sections: ConfSection[] = [];
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const head = /^\[(.+)\]$/.exec(line);
    if (head) {
      sections.push({ name: (head[1] as string).trim(), line: at + 1, values: new Map() });
      continue;
    }
    const pair = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line);
    const section = sections.at(-1);
    if (!pair || !section) {
      throw new SyntaxError(`Cannot read ${file}, line ${at + 1}: wanted [section] or name = value`);
    }
    section.values.set((pair[1] as string).toLowerCase(), (pair[2] as string).trim());
  }
  return sections;
}

/** Says whether a pattern is found in a path. */
type Finder = Pick<Pattern, "occursIn">;

/** The patterns of our own defaults: known to take no time, so that the runtime's own expressions may do them. */
const ownPatterns = new Set(
  [...`${defaultSchemas}${defaultAggregation}`.matchAll(/^pattern = (.*)$/gm)].map(([, pattern]) => pattern),
);

function finderOf(pattern: string): Finder {
  if (!ownPatterns.has(pattern)) return new Pattern(pattern);
  const own = new RegExp(pattern);
  return { occursIn: (path) => own.test(path) };
}

function patternOf(section: ConfSection, file: string): Finder {
  const pattern = section.values.get("pattern");
  if (pattern === undefined) {
    throw new SyntaxError(`Cannot read ${file}, section [${section.name}] at line ${section.line}: pattern is missing`);
  }
  return within(section, file, () => finderOf(pattern));
}

function within<T>(section: ConfSection, file: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new SyntaxError(`Cannot read ${file}, section [${section.name}] at line ${section.line}: ${reason}`, {
      cause: thrown,
    });
  }
}

interface RetentionRule {
  /** Undefined for what no section is for. */
  readonly pattern: Finder | undefined;
  readonly archives: Archive[];
  /** What came of it with each rule of aggregation so far. */
  readonly schemas: Map<AggregationRule | undefined, Schema>;
}

interface AggregationRule {
  pattern: Finder;
  aggregation: Aggregation | undefined;
  xFilesFactor: number | undefined;
}

/** Which schema a path gets. */
export class Schemas {
  readonly #retentions: RetentionRule[];
  readonly #aggregations: AggregationRule[];
  readonly #others: RetentionRule;
  /** Those that keep points alike are one. */
  readonly #shared = new Map<string, Schema>();

  /**
   * Reads both files' texts. Throws SyntaxError with file, section and line for what cannot be read.
   */
  constructor(schemasText: string = defaultSchemas, aggregationText: string = defaultAggregation) {
    const schemaFile = "storage-schemas.conf";
    this.#retentions = sectionsOf(schemasText, schemaFile).map((section) => ({
      pattern: patternOf(section, schemaFile),
      archives: within(section, schemaFile, () => parseRetentions(section.values.get("retentions") ?? "")),
      schemas: new Map(),
    }));
    this.#others = { pattern: undefined, archives: parseRetentions(defaultRetentions), schemas: new Map() };
    const file = "storage-aggregation.conf";
    this.#aggregations = sectionsOf(aggregationText, file).map((section) =>
      within(section, file, () => aggregationRule(section, patternOf(section, file))),
    );
  }

  /** The schema of a canonical path. */
  schemaOf(path: string): Schema {
    const { archives, schemas } = this.#retentions.find(({ pattern }) => pattern?.occursIn(path)) ?? this.#others;
    const rule = this.#aggregations.find(({ pattern }) => pattern.occursIn(path));
    const known = schemas.get(rule);
    if (known) return known;
    const made = { archives, aggregation: rule?.aggregation ?? "average", xFilesFactor: rule?.xFilesFactor ?? 0.5 };
    const print = fingerprint(made);
    const schema = this.#shared.get(print) ?? made;
    this.#shared.set(print, schema);
    schemas.set(rule, schema);
    return schema;
  }
}

function aggregationRule(section: ConfSection, pattern: Finder): AggregationRule {
  const method = section.values.get("aggregationmethod");
  const factor = section.values.get("xfilesfactor");
  const aggregation = method === undefined ? undefined : aggregations.find((each) => each === method);
  if (method !== undefined && aggregation === undefined) {
    throw new SyntaxError(`aggregationMethod "${method}" is unknown: wanted ${aggregations.join(", ")}`);
  }
  const xFilesFactor = factor === undefined || factor === "" ? undefined : Number(factor);
  if (xFilesFactor !== undefined && !(xFilesFactor >= 0 && xFilesFactor <= 1)) {
    throw new SyntaxError(`xFilesFactor "${factor}" must be a number from 0 to 1`);
  }
  return { pattern, aggregation, xFilesFactor };
}

/** A text that two schemas share when they keep points alike. */
export function fingerprint({ archives, aggregation, xFilesFactor }: Schema): string {
  return `${archives.map(({ stepSeconds, points }) => `${stepSeconds}:${points}`).join(",")} ${aggregation} ${xFilesFactor}`;
}

/** Seconds that a schema reaches back. */
export function schemaReach({ archives }: Schema): number {
  const coarsest = archives.at(-1);
  return coarsest ? reachSeconds(coarsest) : 0;
}

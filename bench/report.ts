/**
 * What a bench is and how its figures are shown: as a table in the terminal and as a page of Markdown with the date, the
 * machine, the versions and the command, so that a figure never stands without what it was measured on.
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

/** One table of figures. */
export interface BenchTable {
  readonly title: string;
  readonly rows: Record<string, string | number>[];
  readonly notes: string[];
}

/** How much to do: `smoke` takes moments and only shows that a bench runs, `quick` a first impression, `full` counts. */
export type Effort = "smoke" | "quick" | "full";

/** A bench that can be run by name. */
export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(effort: Effort): Promise<BenchTable[]>;
}

/** What the figures were measured on and beside. */
export interface Conditions {
  readonly date: string;
  readonly command: string;
  readonly machine: string;
  readonly versions: readonly string[];
  /** Processes that wanted to run, on average over a minute, before and after. */
  readonly load: readonly [number, number];
}

/** The machine as a reader would describe it. */
export function machineText(): string {
  const { model = "unknown processor" } = cpus()[0] ?? {};
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores of ${model.trim()}, ${memoryGiB} GiB, Linux ${release()}, ${diskText()}`;
}

/** What the machine is busy with now. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

function diskText(): string {
  // Longest mount point first: the temporary folder's own file system, which is where benches write.
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, at]) => at === "/tmp" || at === "/")
    .toSorted((left, right) => (right[1] ?? "").length - (left[1] ?? "").length);
  const [device = "?", , kind = "?"] = mounts[0] ?? [];
  return `${kind} on ${device}`;
}

/** The table as text in columns, or as Markdown. */
export function tableText(rows: BenchTable["rows"], form: "text" | "markdown"): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => (line[at] ?? "").length)));
  const lines = cells.map((line) => line.map((cell, at) => cell.padEnd(widths[at] ?? 0)));
  if (form === "text") return lines.map((line) => line.join("  ").trimEnd()).join("\n");
  const rule = widths.map((width) => "-".repeat(width));
  return [lines[0] ?? [], rule, ...lines.slice(1)].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** The page that is kept. */
export function pageText(
  bench: Pick<Bench, "name" | "summary">,
  tables: readonly BenchTable[],
  on: Conditions,
): string {
  const parts = [
    `# ${bench.name}: ${bench.summary}`,
    [
      `- Date: ${on.date}`,
      `- Command: \`${on.command}\``,
      `- Machine: ${on.machine}`,
      `- Versions: ${on.versions.join(", ")}`,
      `- Load average before and after: ${on.load.map((load) => load.toFixed(1)).join(" and ")}`,
    ].join("\n"),
    ...tables.flatMap(({ title, rows, notes }) => [
      `## ${title}`,
      tableText(rows, "markdown"),
      ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join("\n")] : []),
    ]),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Bytes as people say them. */
export function sizeText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** step;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[step]}`;
}

/** `met` or `missed`, with the goal. */
export function verdict(reached: boolean, goal: string): string {
  return `${goal}: ${reached ? "met" : "missed"}`;
}

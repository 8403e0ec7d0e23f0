/**
 * `warren config`: the values in effect and where each came from, as a table or as JSON. Secrets are shown as `***`.
 */
import { loadConfig, type LoadRequest, type Origin } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import type { VerbResult } from "./check.ts";

/** Shows a configuration. With problems they are shown too, and the exit code is 1. */
export async function configVerb(request: LoadRequest, options: { json: boolean }): Promise<VerbResult> {
  const { origins, problems, warnings } = await loadConfig(request);
  const exitCode = problems.length > 0 ? 1 : 0;
  const rows = [...origins.values()];
  if (options.json) {
    const values = rows.map((row) => ({ ...row, value: jsonValue(row.value) }));
    return { text: JSON.stringify({ options: values, problems, warnings }, undefined, 2), exitCode };
  }
  const sections = [...new Set(rows.map(({ section }) => section))];
  const tables = sections.map((section) =>
    table(
      section,
      rows.filter((row) => row.section === section),
    ),
  );
  const wrong = problems.map((problem) => `problem: ${formatProblem(problem)}`);
  const warned = warnings.map((warning) => `warning: ${formatProblem(warning)}`);
  const notes = [...wrong, ...warned].join("\n");
  return { text: [...tables, ...(notes === "" ? [] : [notes])].join("\n\n"), exitCode };
}

/** Long values get a line of their own width; the column does not grow with them. */
const valueWidthMax = 40;

function table(section: string, rows: readonly Origin[]): string {
  const keyWidth = Math.max(...rows.map(({ key }) => key.length));
  const widths = rows.map(({ value }) => value.length).filter((width) => width <= valueWidthMax);
  const valueWidth = Math.max(...widths, 5);
  const lines = rows.map(({ key, value, unset, from }) => {
    const shown = value === "" ? "-" : value;
    return `  ${key.padEnd(keyWidth)}  ${shown.padEnd(valueWidth)}  ${from}${unset === "" ? "" : ` (${unset})`}`;
  });
  return [`[${section}]`, ...lines].join("\n");
}

/** TOML text as a JSON value; null for what is unset. All forms that fields show are JSON as well, but for `***`. */
function jsonValue(value: string): unknown {
  if (value === "") return null;
  return value === "***" ? value : JSON.parse(value);
}

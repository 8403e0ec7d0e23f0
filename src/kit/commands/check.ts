/**
 * `warren check [file]`: reads the configuration as a start would, and says that it is good or everything that is wrong.
 */
import { configFileName } from "../config/config-file.ts";
import { loadConfig, type LoadRequest } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";

/** What a verb has to say: text without a last line end, and the exit code. */
export interface VerbResult {
  readonly text: string;
  readonly exitCode: number;
}

/** Checks a configuration. Exit code 1 when it has problems; warnings leave it 0. */
export async function checkVerb(request: LoadRequest): Promise<VerbResult> {
  const { problems, warnings, origins } = await loadConfig(request);
  const warned = warnings.map((warning) => `warning: ${formatProblem(warning)}`);
  if (problems.length > 0) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    return { text: [...problems.map(formatProblem), ...warned, count].join("\n"), exitCode: 1 };
  }
  const set = [...origins.values()].filter(({ from }) => from !== "default").length;
  const file = typeof request.file === "string" ? request.file : request.file?.path;
  const options = set === 1 ? "1 option set" : `${set} options set`;
  const elsewhere = set === 0 ? "every option has its default" : `${options} elsewhere`;
  const verdict = file === undefined ? `ok: no ${configFileName} here, ${elsewhere}` : `${file}: ok, ${options}`;
  return { text: [verdict, ...warned].join("\n"), exitCode: 0 };
}

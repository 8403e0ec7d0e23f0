/**
 * What is wrong with a configuration, for people: where it stands, which option, the value as it was written, and the
 * form that is wanted. A problem of a secret never holds its value.
 */
import { Fault } from "../fault.ts";

/** One thing that is wrong. */
export interface Problem {
  /** `warren.toml:12`, `environment WARREN_NODE_LISTEN`, `flag --listen`; the file or `configuration` for relations between options. */
  readonly place: string;
  /** Such as `cask.keep_free`; empty when it is about the file as such. */
  readonly key: string;
  /** What is wrong and what is wanted, without a final period. */
  readonly message: string;
}

/** A problem on one line. Control characters in what the operator wrote are escaped. */
export function formatProblem(problem: Problem): string {
  const line = [problem.place, problem.key, problem.message].filter((part) => part !== "").join(": ");
  // eslint-disable-next-line no-control-regex
  return line.replaceAll(/[\u0000-\u001f\u007f]/g, (character) => JSON.stringify(character).slice(1, -1));
}

/** All problems of a configuration as one Fault, or undefined when there are none. */
export function faultOf(problems: readonly Problem[]): Fault | undefined {
  if (problems.length === 0) return undefined;
  const lines = problems.map((problem) => `  ${formatProblem(problem)}`).join("\n");
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new Fault("invalid", "config/invalid", `Cannot use the configuration: ${count}\n${lines}`, {
    details: { problems },
  });
}

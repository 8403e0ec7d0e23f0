/**
 * Where the rules come from: those of the configuration, and those of a file that is looked at again and again. A file
 * that cannot be read, or says something wrong, changes nothing: the rules stay as they were and the trouble is told.
 */
import { WatchedFile } from "../../kit/watched-file.ts";
import type { Rule } from "./rule.ts";
import { readRules, RuleProblems } from "./rule-file.ts";
import type { RuleDefaults } from "./rule-shape.ts";

/** Rules that may change. */
export type RuleSource = WatchedFile<readonly Rule[]>;

/** The rules of the configuration (`own`) with those of the file at `path`, if there is one. Fault `hound/file`. */
export function ruleSource(own: readonly unknown[], path: string | undefined, defaults: RuleDefaults): RuleSource {
  return new WatchedFile({
    path,
    code: "hound/file",
    read: (text) =>
      readRules(own, text === undefined || path === undefined ? undefined : { text, name: path }, defaults),
    wrongIn: (thrown) =>
      thrown instanceof RuleProblems
        ? `Cannot use the rules in "${path}": ${thrown.problems.slice(0, 20).join("; ")}`
        : undefined,
  });
}

/**
 * `warren hound check`: reads rules as the service would and says all that is wrong, and what is wrong with their targets
 * besides. Needs no server.
 */
import { findConfigFile, openConfigFile } from "../../kit/config/config-file.ts";
import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { formatProblem } from "../../kit/config/problem.ts";
import { serviceSection } from "../../kit/config/service-section.ts";
import { type FileMistake, readToml } from "../../kit/config/toml-file.ts";
import { reasonOf } from "../../kit/fault.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { houndSection } from "./config.ts";
import { readPlacedRules, RuleProblems } from "./rule-file.ts";
import { absentChannels, ruleDefaults, sourceOptions } from "./settings.ts";
import { targetProblem } from "./target-check.ts";

/** Checks files, or the configuration where none is named; the exit code. */
export async function checkVerb(screen: Screen, files: readonly string[], flags: { config?: string }): Promise<number> {
  const file = findConfigFile({}, flags.config);
  const loaded = await loadConfig({
    sections: [nodeSection, serviceSection(houndSection, true)],
    // What the file says of other services is not looked at here.
    otherSections: [...(await openConfigFile(file)).sections.keys()],
    file,
  });
  if (loaded.problems.length > 0) {
    for (const problem of loaded.problems) screen.note(plainLine(formatProblem(problem)));
    return 1;
  }
  const options = loaded.get(houndSection);
  const configured = options.file === undefined ? [] : [options.file];
  const wanted = files.length > 0 ? files : configured;
  const problems: string[] = [];
  const placed: ReturnType<typeof readPlacedRules> = [];
  const attempt = (read: () => ReturnType<typeof readPlacedRules>) => {
    try {
      placed.push(...read());
    } catch (thrown) {
      if (!(thrown instanceof RuleProblems)) throw thrown;
      problems.push(...thrown.problems);
    }
  };
  const own = files.length > 0 ? [] : options.rules;
  if (wanted.length === 0) attempt(() => readPlacedRules(own, undefined, ruleDefaults(options)));
  for (const name of wanted) {
    const text = await textOf(name, problems);
    if (text === undefined) continue;
    const mistakes = name.endsWith(".toml") ? await tomlMistakes(text) : [];
    if (mistakes.length > 0) problems.push(...mistakes.map(({ line, message }) => `${name}:${line}: ${message}`));
    else attempt(() => readPlacedRules(own, { text, name }, ruleDefaults(options)));
  }
  const { kind } = sourceOptions(options);
  for (const { place, rule } of placed) {
    const problem = await targetProblem(rule.target, kind);
    if (problem !== undefined) problems.push(`${place}: target: ${problem}`);
  }
  const rules = placed.map(({ rule }) => rule);
  // A file that is looked at by itself may be for another configuration.
  const knowsChannels = files.length === 0 || options.channels.length > 0;
  if (problems.length === 0 && knowsChannels) problems.push(...absentChannels(options, rules, []));
  for (const problem of problems) screen.note(plainLine(problem));
  if (problems.length > 0) return 1;
  screen.note(`${countOf(rules.length, "rule")}, nothing wrong`);
  return 0;
}

/** Where a file is no TOML; nothing of one that the service reads. */
async function tomlMistakes(text: string): Promise<readonly FileMistake[]> {
  try {
    Bun.TOML.parse(text);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return (await readToml(text)).mistakes;
  }
}

async function textOf(path: string, problems: string[]): Promise<string | undefined> {
  try {
    return await Bun.file(path).text();
  } catch (thrown) {
    problems.push(`${path}: ${reasonOf(thrown)}`);
    return undefined;
  }
}

/**
 * Where the rules come from: those of the configuration, and those of a file that is looked at again and again. A file
 * that cannot be read, or says something wrong, changes nothing: the rules stay as they were and the trouble is told.
 */
import { stat } from "node:fs/promises";

import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Rule } from "./rule.ts";
import { readRules, RuleProblems } from "./rule-file.ts";
import type { RuleDefaults } from "./rule-shape.ts";

/** Rules that may change. */
export class RuleSource {
  readonly #own: readonly unknown[];
  readonly #path: string | undefined;
  readonly #defaults: RuleDefaults;
  #seen = "";
  #trouble: string | undefined;

  /** `path` undefined: only `own`. */
  constructor(own: readonly unknown[], path: string | undefined, defaults: RuleDefaults) {
    this.#own = own;
    this.#path = path;
    this.#defaults = defaults;
  }

  /** Where the file is, if there is one. */
  get path(): string | undefined {
    return this.#path;
  }

  /** Why the file as it is now does not count; undefined when it does. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** All rules, for the start. Fault `hound/file` (invalid) when the file cannot be used. */
  async first(): Promise<readonly Rule[]> {
    const found = await this.changed();
    if (this.#trouble !== undefined) throw new Fault("invalid", "hound/file", this.#trouble);
    return found ?? readRules(this.#own, undefined, this.#defaults);
  }

  /** All rules when the file has changed since the last look and can be used; undefined otherwise. */
  async changed(): Promise<readonly Rule[] | undefined> {
    const path = this.#path;
    if (path === undefined) return undefined;
    try {
      const { ino, mtimeMs, size } = await stat(path);
      const seen = `${ino} ${mtimeMs} ${size}`;
      if (seen === this.#seen) return undefined;
      const text = await Bun.file(path).text();
      this.#seen = seen;
      const rules = readRules(this.#own, { text, name: path }, this.#defaults);
      this.#trouble = undefined;
      return rules;
    } catch (thrown) {
      // A bug is no trouble with a file.
      if (!(thrown instanceof RuleProblems) && codeOf(thrown) === undefined) throw thrown;
      this.#trouble =
        thrown instanceof RuleProblems
          ? `Cannot use the rules in "${path}": ${thrown.problems.slice(0, 20).join("; ")}`
          : `Cannot read "${path}": ${reasonOf(thrown)}`;
      return undefined;
    }
  }
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

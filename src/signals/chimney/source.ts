/**
 * Where the checks come from: those of the configuration, and those of a file that is looked at again and again. A file
 * that cannot be read, or says something wrong, changes nothing: the checks stay as they were and the trouble is told.
 */
import { stat } from "node:fs/promises";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { type CheckFile, readCheckFile } from "./check-file.ts";
import type { Plan, PlanDefaults } from "./plan.ts";

/** Checks that may change. */
export class CheckSource {
  readonly #own: readonly Plan[];
  readonly #path: string | undefined;
  readonly #defaults: PlanDefaults;
  #seen = "";
  #trouble: string | undefined;

  /** `path` undefined: only `own`. */
  constructor(own: readonly Plan[], path: string | undefined, defaults: PlanDefaults) {
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

  /** All checks, for the start. Fault `chimney/file` (invalid) when the file cannot be used. */
  async first(): Promise<CheckFile> {
    const found = await this.changed();
    if (this.#trouble !== undefined) throw new Fault("invalid", "chimney/file", this.#trouble);
    return found ?? { plans: this.#own, graphite: undefined };
  }

  /** All checks when the file has changed since the last look and can be used; undefined otherwise. */
  async changed(): Promise<CheckFile | undefined> {
    const path = this.#path;
    if (path === undefined) return undefined;
    try {
      const { ino, mtimeMs, size } = await stat(path);
      const seen = `${ino} ${mtimeMs} ${size}`;
      if (seen === this.#seen) return undefined;
      const read = readCheckFile(await Bun.file(path).text(), path, this.#defaults);
      const names = new Set(this.#own.map(({ name }) => name));
      const twice = read.plans.find(({ name }) => names.has(name));
      this.#seen = seen;
      if (twice) throw new SyntaxError(`Cannot use check "${twice.name}": its name stands in the configuration, too`);
      this.#trouble = undefined;
      return { ...read, plans: [...this.#own, ...read.plans] };
    } catch (thrown) {
      // A bug is no trouble with a file.
      if (!(thrown instanceof SyntaxError) && codeOf(thrown) === undefined) throw thrown;
      this.#trouble = thrown instanceof SyntaxError ? thrown.message : `Cannot read "${path}": ${reasonOf(thrown)}`;
      return undefined;
    }
  }
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

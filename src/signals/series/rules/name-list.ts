/**
 * Carbon's whitelist and blacklist: one regular expression a line, looked for anywhere in a path. A whitelist without any
 * lets everything pass. Expressions are matched in time linear in the path.
 */
import { Pattern } from "../../../lib/graphite/pattern.ts";
import { KnownPaths } from "./known-paths.ts";

/** Most expressions of one file, since each path is looked at with all of them. */
export const rulesMax = 1000;

/** Expressions of a file. */
export class NameList {
  readonly #patterns: readonly Pattern[];
  readonly #known = new KnownPaths((path) => this.#patterns.some((pattern) => pattern.occursIn(path)));

  /** Throws SyntaxError with file and line for what cannot be read. */
  constructor(text: string, file: string) {
    this.#patterns = linesOf(text).map(({ line, at }) => patternAt(line, file, at));
    if (this.#patterns.length > rulesMax)
      throw new SyntaxError(`Cannot read ${file}: more than ${rulesMax} expressions`);
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  has(path: string): boolean {
    return this.#known.of(path);
  }
}

/** Lines that say something, with their numbers from 1. */
export function linesOf(text: string): { line: string; at: number }[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const line = raw.trim();
    return line === "" || line.startsWith("#") ? [] : [{ line, at: index + 1 }];
  });
}

/** An expression of a file. Throws SyntaxError with file and line. */
export function patternAt(text: string, file: string, at: number): Pattern {
  try {
    return new Pattern(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new SyntaxError(`Cannot read ${file}, line ${at}: ${thrown.message}`, { cause: thrown });
  }
}

/** What stands for the groups of an expression. Throws SyntaxError with file and line when it names one that is not there. */
export function checkReplacement(pattern: Pattern, replacement: string, file: string, at: number): void {
  try {
    pattern.checkReplacement(replacement);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new SyntaxError(`Cannot read ${file}, line ${at}: ${thrown.message}`, { cause: thrown });
  }
}

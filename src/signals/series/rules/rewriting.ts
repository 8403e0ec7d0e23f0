/**
 * Carbon's rewrite-rules.conf: `expression = replacement`, those below `[pre]` before points are aggregated, those below
 * `[post]` after. All of a section are applied in order, each to what the one before made. Source: carbon/rewrite.py.
 */
import type { Pattern } from "../../../lib/graphite/pattern.ts";
import { KnownPaths } from "./known-paths.ts";
import { checkReplacement, linesOf, patternAt, rulesMax } from "./name-list.ts";

interface Rewrite {
  pattern: Pattern;
  replacement: string;
}

const longestPath = 4096;

/** The rules of a file. */
export class Rewriting {
  readonly #sections: Readonly<Record<"pre" | "post", Rewrite[]>> = { pre: [], post: [] };
  readonly #known = {
    pre: new KnownPaths((path) => rewritten(this.#sections.pre, path)),
    post: new KnownPaths((path) => rewritten(this.#sections.post, path)),
  };

  /** Throws SyntaxError with file and line for what cannot be read. */
  constructor(text: string, file: string) {
    let section: Rewrite[] | undefined;
    for (const { line, at } of linesOf(text)) {
      const name = /^\[(.+)\]$/.exec(line)?.[1]?.toLowerCase();
      if (name !== undefined) {
        if (name !== "pre" && name !== "post")
          throw new SyntaxError(`Cannot read ${file}, line ${at}: a section must be [pre] or [post]`);
        section = this.#sections[name];
        continue;
      }
      const equals = line.indexOf("=");
      if (equals < 0)
        throw new SyntaxError(`Cannot read ${file}, line ${at}: wanted [pre], [post] or expression = replacement`);
      if (!section)
        throw new SyntaxError(`Cannot read ${file}, line ${at}: wanted [pre] or [post] above the first rule`);
      const pattern = patternAt(line.slice(0, equals).trim(), file, at);
      const replacement = line.slice(equals + 1).trim();
      checkReplacement(pattern, replacement, file, at);
      section.push({ pattern, replacement });
      if (section.length > rulesMax) throw new SyntaxError(`Cannot read ${file}: more than ${rulesMax} rules`);
    }
  }

  has(section: "pre" | "post"): boolean {
    return this.#sections[section].length > 0;
  }

  /** What a path becomes. One that grows past 4,096 characters stays as it was before that rule. */
  apply(section: "pre" | "post", path: string): string {
    return this.#known[section].of(path);
  }
}

function rewritten(rules: readonly Rewrite[], path: string): string {
  let current = path;
  for (const { pattern, replacement } of rules) {
    if (!pattern.occursIn(current)) continue;
    try {
      const next = pattern.replaceAll(current, replacement);
      if (next.length <= longestPath) current = next;
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
    }
  }
  return current;
}

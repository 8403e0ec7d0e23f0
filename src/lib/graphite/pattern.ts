/**
 * Regular expressions that come from outside, matched in time linear in the text whatever they say.
 *
 * They are Python's, as Graphite's users write them, read by RE2: no look-around and no back-references inside the pattern.
 * A replacement says groups as `\1` or `\g<name>`.
 */
import { RE2JS } from "re2js";

const maxResult = 65_536;
/** What stands for something else in a replacement. */
const reference = /\\(?:g<(\w+)>|(\d{1,2})|(.))/g;

/** A compiled expression. */
export class Pattern {
  readonly #compiled: RE2JS;

  /** @throws SyntaxError when it cannot be read, with the reason. */
  constructor(text: string) {
    if (text.length > 4096) throw new SyntaxError("Cannot read regular expression: more than 4096 characters");
    try {
      this.#compiled = RE2JS.compile(text.replace(/\\Z/g, "\\z"));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SyntaxError(`Cannot read regular expression "${text.slice(0, 200)}": ${reason}`);
    }
  }

  /** Whether it occurs anywhere in the text. */
  occursIn(text: string): boolean {
    return this.#compiled.matcher(text).find();
  }

  /** Whether it occurs at the beginning of the text. */
  begins(text: string): boolean {
    return this.#compiled.matcher(text).lookingAt();
  }

  /**
   * Whether a replacement can be used with this expression.
   * @throws SyntaxError when it names a group that there is not.
   */
  checkReplacement(replacement: string): void {
    for (const [, name, digits] of replacement.matchAll(reference)) {
      const key = name ?? digits;
      if (key === undefined) continue;
      const isThere = /^\d+$/.test(key)
        ? Number(key) <= this.#compiled.groupCount()
        : Object.hasOwn(this.#compiled.namedGroups(), key);
      if (!isThere) throw new SyntaxError(`Cannot replace by "${replacement.slice(0, 200)}": there is no group ${key}`);
    }
  }

  /**
   * The text with each occurrence replaced.
   * @throws RangeError when it becomes longer than 65536 characters, SyntaxError as {@link checkReplacement}.
   */
  replaceAll(text: string, replacement: string): string {
    this.checkReplacement(replacement);
    const matcher = this.#compiled.matcher(text);
    let result = "";
    let from = 0;
    while (matcher.find()) {
      result += text.slice(from, matcher.start());
      result += replacement.replace(reference, (_, name?: string, digits?: string, char?: string) => {
        if (char !== undefined) return char === "n" ? "\n" : char === "t" ? "\t" : char === "\\" ? "\\" : `\\${char}`;
        const key = name ?? digits ?? "0";
        return (/^\d+$/.test(key) ? matcher.group(Number(key)) : matcher.group(key)) ?? "";
      });
      if (result.length > maxResult) throw new RangeError(`Cannot replace in text: more than ${maxResult} characters`);
      from = matcher.end();
    }
    return result + text.slice(from);
  }
}

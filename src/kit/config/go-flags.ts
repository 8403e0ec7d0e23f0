/**
 * Flags as the predecessors took them. They were written in Go, where a long flag has one dash (two are ours) and its
 * value stands behind it or after `=`; from the first word that is no flag on, nothing is one.
 */

/** Turns the predecessor's flags among `words` into ours; `flags` tells for each, by name, the words that take its place. */
export function fromGoFlags(
  words: readonly string[],
  flags: Readonly<Record<string, (value: string) => readonly string[]>>,
): { words: string[]; isOriginal: boolean } {
  const out: string[] = [];
  let isOriginal = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [, name = "", joined] = /^-([a-z][a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const turn = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (turn === undefined) {
      out.push(word);
      continue;
    }
    isOriginal = true;
    out.push(...turn(joined ?? words[++at] ?? ""));
  }
  return { words: out, isOriginal };
}

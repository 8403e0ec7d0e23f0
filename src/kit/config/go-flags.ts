/**
 * Flags as the predecessors took them. They were written in Go, where a long flag has one dash (two are ours) and its
 * value stands behind it or after `=`; from the first word that is no flag on, nothing is one. A flag whose value is
 * missing is told by its name: Go would have taken the next flag for the value, which nobody ever meant.
 */
import { Fault } from "../fault.ts";

/**
 * Turns the predecessor's flags among `words` into ours; `flags` tells for each, by name, the words that take its place.
 * Throws a Fault when one has no value, at the end or before another flag; a value that looks like one of these flags
 * can be given after `=`.
 */
export function fromGoFlags(
  words: readonly string[],
  flags: Readonly<Record<string, (value: string) => readonly string[]>>,
): { words: string[]; isOriginal: boolean } {
  const out: string[] = [];
  let isOriginal = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const { joined, name } = partsOf(word);
    const turn = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (turn === undefined) {
      out.push(word);
      continue;
    }
    isOriginal = true;
    const value = joined ?? words[++at];
    if (value === undefined) throw withoutValue(name, "nothing");
    if (joined === undefined && isFlag(value, flags)) throw withoutValue(name, `the flag ${JSON.stringify(value)}`);
    out.push(...turn(value));
  }
  return { words: out, isOriginal };
}

function partsOf(word: string): { name: string; joined: string | undefined } {
  const [, name = "", joined] = /^-([a-z][a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
  return { name, joined };
}

/** One of the predecessor's or of ours, long or short. `-`, `-5` and what nobody knows may be values. */
function isFlag(word: string, flags: object): boolean {
  return /^--[a-z]|^-[a-z]$/i.test(word) || Object.hasOwn(flags, partsOf(word).name);
}

function withoutValue(name: string, found: string): Fault {
  return new Fault(
    "invalid",
    "warren/flag-without-value",
    `Cannot read flag "-${name}": wanted its value behind it or after "=", found ${found}`,
  );
}

/**
 * How this program starts itself again, for work that must not share a process with the rest: something that may crash,
 * or that an outsider's bytes may bring to crash. Such an inner program is named by a first word that nobody types; `main.ts`
 * hands it to `inner.ts` before anything of the command line is loaded. Whoever starts one speaks with it over its standard
 * input and output, and it ends when its input does.
 */
import { join } from "node:path";

/** What the first word of an inner program begins with. */
const innerPrefix = "inner:";

/**
 * The words that start this very program again as its inner program `name`, for `Bun.spawn`. On Linux the running file
 * itself is named, so that an executable that was replaced meanwhile still starts processes that speak its own language.
 */
export function innerCommand(name: string, ...words: readonly string[]): string[] {
  const program = process.platform === "linux" ? "/proc/self/exe" : process.execPath;
  return [
    program,
    ...(Bun.isStandaloneExecutable ? [] : [join(import.meta.dir, "..", "main.ts")]),
    `${innerPrefix}${name}`,
    ...words,
  ];
}

/** The name that {@link innerCommand} was given, or undefined when a command line asks for something else. */
export function innerName(word: string | undefined): string | undefined {
  return word?.startsWith(innerPrefix) ? word.slice(innerPrefix.length) : undefined;
}

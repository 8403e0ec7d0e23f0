/**
 * Finding and opening the configuration file. Without one Warren runs on its defaults; one that was named must be there.
 */
import { existsSync, readFileSync, statSync } from "node:fs";

import type { Environment } from "./declaration.ts";
import type { Problem } from "./problem.ts";
import { exposure } from "./secret-file.ts";
import { type FileEntry, readToml } from "./toml-file.ts";

/** The name that is looked for in the working directory. */
export const configFileName = "warren.toml";

/** An opened file; without one everything is empty. */
export interface ConfigFile {
  /** As the operator named it; empty without a file. */
  readonly name: string;
  readonly entries: readonly FileEntry[];
  /** Tables with the line of their first mention. */
  readonly sections: ReadonlyMap<string, number>;
  readonly problems: readonly Problem[];
  /** Who may read the file, if that is everybody: a sentence; matters once it holds a secret. */
  readonly exposed: string | undefined;
}

const none: ConfigFile = { name: "", entries: [], sections: new Map(), problems: [], exposed: undefined };
const sizeBytesMax = 1_048_576;

/** The file to read: the one named by the flag, by `WARREN_CONFIG`, or `warren.toml` in the working directory if it is there. */
export function findConfigFile(environment: Environment, named?: string): string | undefined {
  if (named !== undefined) return named;
  const variable = environment["WARREN_CONFIG"];
  if (variable !== undefined && variable !== "") return variable;
  return existsSync(configFileName) ? configFileName : undefined;
}

/** Reads a file by path, or takes the text that is given with it. What is wrong is in the result. */
export async function openConfigFile(
  file: string | { readonly path: string; readonly text: string } | undefined,
): Promise<ConfigFile> {
  if (file === undefined) return none;
  const name = typeof file === "string" ? file : file.path;
  let text: string;
  let exposed: string | undefined;
  try {
    if (typeof file === "string") {
      const facts = statSync(file);
      if (!facts.isFile()) return unreadable(name, "wanted a plain file");
      if (facts.size > sizeBytesMax) return unreadable(name, "it is larger than 1 MiB");
      text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
      exposed = exposure(facts.mode, JSON.stringify(name));
    } else {
      text = file.text;
    }
  } catch (thrown) {
    return unreadable(name, reasonFor(thrown));
  }
  const { entries, sections, mistakes } = await readToml(text);
  const problems = mistakes.map(({ line, column, message }) => ({
    place: `${name}:${line}`,
    key: "",
    message: `Cannot read column ${column}: ${message}`,
  }));
  return { name, entries, sections, problems, exposed };
}

function unreadable(name: string, reason: string): ConfigFile {
  return { ...none, name, problems: [{ place: name, key: "", message: `Cannot read the file: ${reason}` }] };
}

function reasonFor(thrown: unknown): string {
  if (thrown instanceof TypeError) return "wanted text in UTF-8";
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "permission denied";
  if (typeof code === "string") return code;
  throw thrown;
}

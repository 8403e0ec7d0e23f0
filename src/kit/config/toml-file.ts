/**
 * A configuration file as entries with the line each stands on. A mistake in one line does not hide those in others:
 * the line is reported, set aside, and the rest is read. Where that cannot work (an open bracket or quote), the mistake
 * is the only thing reported. What a broken line says is never repeated in a message, for it may hold a secret.
 * The parser is loaded when the first file is read; without a file it costs nothing.
 */
import type { AST } from "toml-eslint-parser";

/** One key of the file. */
export interface FileEntry {
  /** The table it stands in; empty for a key above the first table. */
  readonly section: string;
  readonly key: string;
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
}

/** A place where the file is not TOML. */
export interface FileMistake {
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** What is wrong, without a final period. */
  readonly message: string;
}

/** What a file says. */
export interface TomlFile {
  readonly entries: readonly FileEntry[];
  /** Every table with the line of its first mention. */
  readonly sections: ReadonlyMap<string, number>;
  readonly mistakes: readonly FileMistake[];
}

/** Files with more mistakes than this are probably something else; the rest is not looked for. */
const mistakesMax = 20;
const setting = /^\s*(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*\s*=/;
const header = /^(\s*\[\s*)([\w-]+)(\s*\]\s*(?:#.*)?)$/;

/** Reads a file's text. Mistakes are in the result; nothing is thrown. */
export async function readToml(text: string): Promise<TomlFile> {
  const { parseTOML, getStaticTOMLValue, ParseError } = await import("toml-eslint-parser");
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const mistakes: FileMistake[] = [];
  // A table that stands twice is read under a name of its own, then counted to the first.
  const again = new Map<string, string>();
  for (;;) {
    try {
      const program = parseTOML(lines.join("\n"), { tomlVersion: "1.0" });
      return { ...entriesOf(program, getStaticTOMLValue(program), again), mistakes };
    } catch (thrown) {
      if (!(thrown instanceof ParseError)) throw thrown;
      const index = thrown.lineNumber - 1;
      const line = lines[index] ?? "";
      const table = header.exec(line);
      mistakes.push({
        line: thrown.lineNumber,
        column: thrown.column + 1,
        message: wordsFor(thrown.message, table !== null),
      });
      if (mistakes.length >= mistakesMax) break;
      if (table !== null && thrown.message.includes("multiple times")) {
        const name = `${table[2]} ${again.size + 2}`;
        again.set(name, table[2] ?? "");
        lines[index] = `${table[1]}"${name}"${table[3]}`;
      } else if (setting.test(line)) {
        lines[index] = "";
      } else {
        break;
      }
    }
  }
  return { entries: [], sections: new Map(), mistakes };
}

function entriesOf(program: AST.TOMLProgram, root: object, again: ReadonlyMap<string, string>) {
  const positions = new Map<string, { path: readonly string[]; line: number }>();
  const sections = new Map<string, number>();
  const visit = (path: readonly string[], node: AST.TOMLContentNode | undefined, line: number) => {
    // A table written `cask = { ... }` or `[cask]` is a section; whatever is deeper belongs to the value of its key.
    if (path.length === 1 && (node === undefined || node.type === "TOMLInlineTable")) {
      const name = again.get(path[0] ?? "") ?? path[0] ?? "";
      if (!sections.has(name)) sections.set(name, line);
      for (const inner of node?.body ?? []) visit([...path, ...namesOf(inner.key)], inner.value, inner.loc.start.line);
      return;
    }
    const entry = path.length === 1 ? ["", ...path] : path.slice(0, 2);
    const id = JSON.stringify(entry);
    if (!positions.has(id)) positions.set(id, { path: entry, line });
    const name = again.get(entry[0] ?? "") ?? entry[0] ?? "";
    if (path.length > 1 && !sections.has(name)) sections.set(name, line);
  };
  for (const block of program.body[0].body) {
    if (block.type === "TOMLKeyValue") {
      visit(namesOf(block.key), block.value, block.loc.start.line);
      continue;
    }
    const table = namesOf(block.key);
    if (block.kind === "array" && table.length === 1)
      positions.set(JSON.stringify(["", ...table]), { path: ["", ...table], line: block.loc.start.line });
    else visit(table, undefined, block.loc.start.line);
    if (block.kind === "array" && table.length === 1) continue;
    for (const inner of block.body) visit([...table, ...namesOf(inner.key)], inner.value, inner.loc.start.line);
  }
  const entries = [...positions.values()].map(({ path: [section = "", key = ""], line }) => ({
    section: again.get(section) ?? section,
    key,
    value: own(section === "" ? root : own(root, section), key),
    line,
  }));
  return { entries, sections };
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}

/** A property of its own, so that `__proto__` and the like in a file are plain unknown keys. */
function own(container: unknown, name: string): unknown {
  if (typeof container !== "object" || container === null) return undefined;
  return Object.getOwnPropertyDescriptor(container, name)?.value;
}

function wordsFor(message: string, table: boolean): string {
  if (message.includes("multiple times")) return table ? "this section stands twice" : "this key is set twice";
  if (message.includes("newline") || message === "Unexpected token")
    return "wanted a value that is text in quotes, a number, true or false, or a list in brackets";
  return `wanted TOML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

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
/** Each mistake takes another look at the whole, up to a second for a megabyte: in longer texts the first is told alone. */
const patientLength = 64 * 1024;
const setting = /^\s*(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*\s*=/;
const header = /^(\s*\[\s*)([\w-]+)(\s*\]\s*(?:#.*)?)$/;

/** No configuration has longer lines; the parser takes seconds for a dotted key of that size. */
const lineLengthMax = 16_384;

/**
 * Reads a file's text. Mistakes are in the result; nothing is thrown. Of a text above 64 Ki characters only the first
 * mistake is told that the parser comes upon.
 */
export async function readToml(text: string): Promise<TomlFile> {
  const { parseTOML, ParseError } = await import("toml-eslint-parser");
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const long = lines.findIndex((line) => line.length > lineLengthMax);
  if (long !== -1) return nothing({ line: long + 1, column: 1, message: "wanted lines of at most 16 KiB" });
  const mistakes: FileMistake[] = [];
  // A table that stands twice is read under a name of its own, then counted to the first.
  const again = new Map<string, string>();
  for (;;) {
    try {
      const program = parseTOML(lines.join("\n"), { tomlVersion: "1.0" });
      return { ...entriesOf(program, again), mistakes: mistakes.sort((one, other) => one.line - other.line) };
    } catch (thrown) {
      if (thrown instanceof RangeError)
        return nothing({ line: 1, column: 1, message: "wanted fewer levels of brackets than there are" });
      if (!(thrown instanceof ParseError)) throw thrown;
      const index = thrown.lineNumber - 1;
      const line = lines[index] ?? "";
      const table = header.exec(line);
      const duplicate = thrown.message.includes("multiple times");
      mistakes.push({
        line: thrown.lineNumber,
        column: thrown.column + 1,
        message: wordsFor(thrown.message, table !== null),
      });
      if (mistakes.length >= mistakesMax || text.length > patientLength) break;
      if (table !== null && duplicate) {
        const name = `${table[2]} ${again.size + 2}`;
        again.set(name, table[2] ?? "");
        lines[index] = `${table[1]}"${name}"${table[3]}`;
      } else if (duplicate || thrown.column >= (setting.exec(line)?.[0].length ?? Number.POSITIVE_INFINITY)) {
        // The mistake is in the value on this very line. Before it, the line would only be where an open bracket shows.
        lines[index] = "";
      } else {
        break;
      }
    }
  }
  return nothing(...mistakes);
}

function nothing(...mistakes: FileMistake[]): TomlFile {
  return { entries: [], sections: new Map(), mistakes };
}

/** Where a key stands; numbers count the tables of an array. */
type Path = readonly (string | number)[];

function entriesOf(program: AST.TOMLProgram, again: ReadonlyMap<string, string>) {
  const entries = new Map<string, FileEntry>();
  const sections = new Map<string, number>();
  const tableAt = (name: string, line: number) => void (sections.has(name) || sections.set(name, line));

  const visit = (path: Path, node: AST.TOMLContentNode | undefined, line: number) => {
    const [first = "", second, ...deeper] = path;
    const name = again.get(String(first)) ?? String(first);
    // A table written `[cask]` or `cask = { ... }` is a section; whatever is deeper belongs to the value of its key.
    if (second === undefined && (node === undefined || node.type === "TOMLInlineTable")) {
      tableAt(name, line);
      for (const inner of node?.body ?? []) visit([...path, ...namesOf(inner.key)], inner.value, inner.loc.start.line);
      return;
    }
    const isSetting = second !== undefined && typeof second === "string";
    if (isSetting) tableAt(name, line);
    const [section, key] = isSetting ? [name, second] : ["", name];
    const id = JSON.stringify([section, key]);
    const before = entries.get(id);
    const rest = isSetting ? deeper : path.slice(1);
    const value = node === undefined ? {} : valueOf(node);
    entries.set(id, { section, key, value: placed(before?.value, rest, value), line: before?.line ?? line });
  };

  for (const block of program.body[0].body) {
    const { line } = block.loc.start;
    if (block.type === "TOMLKeyValue") {
      visit(namesOf(block.key), block.value, line);
      continue;
    }
    visit(block.resolvedKey, undefined, line);
    for (const inner of block.body)
      visit([...block.resolvedKey, ...namesOf(inner.key)], inner.value, inner.loc.start.line);
  }
  return { entries: [...entries.values()], sections };
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}

/** The value of a node. Integers that a number cannot hold become big ones, so that no field takes a rounded one. */
function valueOf(node: AST.TOMLContentNode): unknown {
  if (node.type === "TOMLArray") return node.elements.map(valueOf);
  if (node.type === "TOMLValue")
    return node.kind === "integer" && !Number.isSafeInteger(node.value) ? node.bigint : node.value;
  let table: unknown = {};
  for (const inner of node.body) table = placed(table, namesOf(inner.key), valueOf(inner.value));
  return table;
}

/**
 * `container` with `value` at `path` inside, made where it is missing. Properties are defined, never assigned, so that
 * `__proto__` in a file is a key like any other.
 */
function placed(container: unknown, path: Path, value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return container !== undefined && isEmptyTable(value) ? container : value;
  const target = typeof container === "object" && container !== null ? container : typeof name === "number" ? [] : {};
  const before: unknown = Object.getOwnPropertyDescriptor(target, name)?.value;
  const property = { value: placed(before, rest, value), writable: true, enumerable: true, configurable: true };
  return Object.defineProperty(target, name, property);
}

/** A table that is only mentioned by its header adds nothing to what stands there already. */
function isEmptyTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function wordsFor(message: string, table: boolean): string {
  if (message.includes("multiple times")) return table ? "this section stands twice" : "this key is set twice";
  if (message.includes("newline") || message === "Unexpected token")
    return "wanted a value that is text in quotes, a number, true or false, or a list in brackets";
  return `wanted TOML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

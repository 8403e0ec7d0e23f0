/**
 * The file of a dashboard, TOML or JSON, read whole: every problem at once, each with its line (TOML) and the keys that
 * lead to it. A file with any problem gives no dashboard. Writing gives back a file that reads to the same.
 */
import type { AST } from "toml-eslint-parser";
import type { z } from "zod";

import { nearest } from "../../kit/config/nearest.ts";
import { readToml } from "../../kit/config/toml-file.ts";
import { relationProblems } from "./shown.ts";
import { dashboardShape, type WrittenDashboard } from "./written.ts";

/** What is wrong in a file, and where. */
export interface FileProblem {
  /** From 1; undefined where the form of the file tells no lines. */
  readonly line: number | undefined;
  /** Keys with dots between; empty for the whole file. */
  readonly place: string;
  readonly message: string;
}

/** A file that was read: a dashboard, or why there is none. */
export type ReadDashboard =
  | { readonly written: WrittenDashboard; readonly problems?: undefined }
  | { readonly written?: undefined; readonly problems: readonly FileProblem[] };

/** The most that is read of a file. */
export const fileMaxBytes = 1024 * 1024;

const levelsMax = 20;
/** The parser takes seconds for a dotted key of that size. */
const lineLengthMax = 16_384;

type Path = readonly (string | number)[];
type AnyPath = readonly PropertyKey[];

/** Reads a file's text; `name` tells its form by its ending. */
export async function readDashboard(text: string, name: string): Promise<ReadDashboard> {
  if (Buffer.byteLength(text) > fileMaxBytes)
    return { problems: [{ line: undefined, place: "", message: "wanted a file of at most 1 MiB" }] };
  const parsed = name.endsWith(".json") ? parsedJson(text) : await parsedToml(text);
  if (parsed.problems) return { problems: parsed.problems };
  const { lineOf, value } = parsed;
  if (isDeep(value))
    return { problems: [{ line: undefined, place: "", message: "wanted fewer levels of brackets than there are" }] };
  const problem = (path: Path, message: string): FileProblem => ({ line: lineOf(path), place: placeOf(path), message });
  const shaped = dashboardShape.safeParse(value);
  const problems = shaped.success ? [] : shaped.error.issues.flatMap((issue) => wordsOf(issue, value, problem));
  // What is wrong between the parts is told as well, of what is left when the wrong parts are set aside.
  const usable = shaped.success ? shaped : dashboardShape.safeParse(without(value, shaped.error.issues));
  if (usable.success) {
    for (const { message, path } of relationProblems(usable.data)) problems.push(problem(path, message));
  }
  problems.sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
  if (problems.length > 0 || !shaped.success) return { problems };
  return { written: shaped.data };
}

/** Whether a value has more levels than any dashboard; what looks at it calls itself at each of them. */
function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levelsMax) return true;
    level = level.flatMap((each) =>
      typeof each === "object" && each !== null && !(each instanceof Date) ? (Object.values(each) as unknown[]) : [],
    );
  }
  return false;
}

/** A copy without the parts that are wrong; a title that is missing gets one. */
function without(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [issue.path.at(-1)];
    const above = issue.code === "unrecognized_keys" ? issue.path : issue.path.slice(0, -1);
    const holder = valueAt(copy, above);
    // A place in a list is not taken out, as that would move the others.
    if (typeof holder !== "object" || holder === null || Array.isArray(holder)) continue;
    for (const each of keys) if (each !== undefined) Reflect.deleteProperty(holder, each);
  }
  if (typeof copy === "object" && copy !== null && typeof Reflect.get(copy, "title") !== "string")
    Reflect.set(copy, "title", "x");
  return copy;
}

/** A problem as one line: `line 3, graphs.cpu.unit: wanted ...`. */
export function problemText({ line, message, place }: FileProblem): string {
  const where = [...(line === undefined ? [] : [`line ${line}`]), ...(place === "" ? [] : [place])].join(", ");
  return where === "" ? message : `${where}: ${message}`;
}

type Parsed =
  { problems: FileProblem[] } | { problems?: undefined; value: unknown; lineOf: (path: Path) => number | undefined };

function parsedJson(text: string): Parsed {
  try {
    return { value: JSON.parse(text) as unknown, lineOf: () => undefined };
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return { problems: [{ line: undefined, place: "", message: `it is no JSON: ${thrown.message}` }] };
  }
}

async function parsedToml(text: string): Promise<Parsed> {
  const { getStaticTOMLValue, ParseError, parseTOML } = await import("toml-eslint-parser");
  const plain = text.replace(/^\uFEFF/, "");
  const isShort = plain.split("\n").every(({ length }) => length <= lineLengthMax);
  let program: AST.TOMLProgram | undefined;
  try {
    if (isShort) program = parseTOML(plain, { tomlVersion: "1.0" });
  } catch (thrown) {
    if (!(thrown instanceof ParseError) && !(thrown instanceof RangeError)) throw thrown;
  }
  if (!program) {
    const { mistakes } = await readToml(text);
    return { problems: mistakes.map(({ column, line, message }) => ({ line, place: `column ${column}`, message })) };
  }
  const places = new Map<string, number>();
  const note = (path: Path, line: number) => void (places.has(key(path)) || places.set(key(path), line));
  const visit = (path: Path, node: AST.TOMLContentNode, line: number): void => {
    note(path, line);
    if (node.type === "TOMLArray") {
      for (const [at, element] of node.elements.entries()) visit([...path, at], element, element.loc.start.line);
    } else if (node.type === "TOMLInlineTable") {
      for (const inner of node.body) visit([...path, ...namesOf(inner.key)], inner.value, inner.loc.start.line);
    }
  };
  for (const block of program.body[0].body) {
    const { line } = block.loc.start;
    if (block.type === "TOMLKeyValue") visit(namesOf(block.key), block.value, line);
    else {
      note(block.resolvedKey, line);
      for (const inner of block.body)
        visit([...block.resolvedKey, ...namesOf(inner.key)], inner.value, inner.loc.start.line);
    }
  }
  return {
    value: getStaticTOMLValue(program),
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const line = places.get(key(path.slice(0, length)));
        if (line !== undefined) return line;
      }
      return 1;
    },
  };
}

function key(path: Path): string {
  return JSON.stringify(path.map(String));
}

function namesOf(node: AST.TOMLKey): string[] {
  return node.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}

function placeOf(path: Path): string {
  return path.map((part) => (typeof part === "number" ? part + 1 : part)).join(".");
}

function wordsOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  problem: (path: Path, message: string) => FileProblem,
): FileProblem[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((unknown) => {
      const near = nearest(unknown, known);
      return problem(
        [...path, unknown],
        `there is no such key${near === undefined ? "" : `: did you mean "${near}"?`}`,
      );
    });
  }
  if (issue.code === "invalid_key") {
    return [problem(path, issue.issues[0]?.message ?? issue.message)];
  }
  if (path.length > 0 && valueAt(value, path) === undefined) return [problem(path, "it is missing")];
  return [problem(path, issue.message)];
}

function valueAt(value: unknown, path: AnyPath): unknown {
  let found = value;
  for (const part of path) found = typeof found === "object" && found !== null ? Reflect.get(found, part) : undefined;
  return found;
}

const known = (
  "title note range refresh tz variables graphs sections kind parents targets attrs unit thresholds label each needs values find " +
  "default all value tone below"
).split(" ");

/** The text of a file; `name` tells its form by its ending. */
export function formatDashboard(written: WrittenDashboard, name: string): string {
  if (name.endsWith(".json"))
    return `${JSON.stringify(dashboardShape.safeParse(written).data ?? written, undefined, 2)}\n`;
  const { graphs, note, range, refresh, sections, title, tz, variables } = written;
  const blocks = [table("", { title, note, range, refresh, tz })];
  for (const [own, variable] of Object.entries(variables)) blocks.push(table(`[variables.${own}]`, variable));
  for (const [own, graph] of Object.entries(graphs)) {
    const { attrs, kind, note: remark, parents, targets, thresholds, title: heading, unit } = graph;
    // None at all is said, as parents may have some.
    const none = thresholds?.length === 0 ? { thresholds } : {};
    blocks.push(table(`[graphs.${own}]`, { title: heading, note: remark, kind, parents, targets, unit, ...none }));
    if (attrs && Object.keys(attrs).length > 0) blocks.push(table(`[graphs.${own}.attrs]`, attrs));
    for (const threshold of thresholds ?? []) blocks.push(table(`[[graphs.${own}.thresholds]]`, threshold));
  }
  for (const { each, graphs: entries, label, needs, note: remark } of sections)
    blocks.push(table("[[sections]]", { label, note: remark, each, needs, graphs: entries }));
  return `${blocks.join("\n\n")}\n`;
}

function table(header: string, values: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${/^[\w-]+$/.test(name) ? name : tomlText(name)} = ${tomlValue(value)}`);
  return [...(header === "" ? [] : [header]), ...lines].join("\n");
}

function tomlValue(value: unknown): string {
  if (Array.isArray(value)) {
    const parts = value.map(tomlValue);
    const flat = `[${parts.join(", ")}]`;
    return flat.length <= 100 ? flat : `[\n${parts.map((part) => `  ${part},\n`).join("")}]`;
  }
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "nan";
    return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
  }
  return typeof value === "boolean" ? String(value) : tomlText(String(value));
}

function tomlText(text: string): string {
  return JSON.stringify(text).replaceAll("\u007F", "\\u007F");
}

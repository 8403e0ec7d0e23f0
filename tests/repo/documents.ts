/**
 * The project's own documents taken apart: links, headings, code. Only the Markdown that they use is understood, which
 * is enough to hold them against the program.
 */
import { join, resolve } from "node:path";

/** The repository's folder. */
export const root = resolve(import.meta.dir, "../..");

/** A document, by its path from the root. */
export interface Document {
  path: string;
  text: string;
  /** Without fenced code. */
  prose: string;
  /** Code between fences, with the language that is named there. */
  fences: { language: string; code: string }[];
  /** Code within sentences. */
  spans: string[];
}

/** Every document that people wrote: those at the root, in `docs/`, and beside the code. */
export async function documents(): Promise<Document[]> {
  const paths: string[] = [];
  for (const pattern of ["*.md", "{docs,src,tests,bench,tools}/**/*.md"]) {
    for await (const path of new Bun.Glob(pattern).scan({ cwd: root })) {
      if (!/^docs\/reference\/|^bench\/results\/|\/testdata\//.test(path)) paths.push(path);
    }
  }
  return Promise.all(paths.sort().map(async (path) => takenApart(path, await Bun.file(join(root, path)).text())));
}

/** A document from its text. */
export function takenApart(path: string, text: string): Document {
  const fences: Document["fences"] = [];
  const prose = text.replaceAll(/^ *```(\w*)\n(.*?)^ *```$/gms, (_, language: string, code: string) => {
    fences.push({ language, code });
    return "";
  });
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map((match) => (match[1] as string).replaceAll(/\s+/g, " "));
  return { path, text, prose, fences, spans };
}

/** Targets of links and pictures, `#heading` included. */
export function linksOf(document: Document): string[] {
  const plain = document.prose.replaceAll(/`[^`]+`/g, "`code`");
  return [...plain.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
}

/** The names by which a document's headings are linked, as GitHub makes them. */
export function anchorsOf(document: Document): Set<string> {
  const headings = [...document.prose.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] as string);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Rows of a table below a heading, cell by cell, without its head. */
export function tableBelow(document: Document, heading: string): string[][] {
  const start = document.text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`There is no heading "${heading}" in ${document.path}`);
  const section = document.text.slice(start + heading.length + 2).split(/^#/m)[0] as string;
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What is typed in a shell, one command each: fenced `sh` without comments, continued lines joined, pipes parted. */
export function shellCommands(code: string): string[] {
  return code
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .flatMap((line) => line.split(/\s(?:\||&&|;)\s/))
    .map((command) => command.trim())
    .filter((command) => command !== "");
}

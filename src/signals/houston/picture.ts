/**
 * A graph as a picture: the address in Graphite's form that draws it. Targets first and in order, then attributes, as the
 * original wrote them; all of it escaped, which the original forgot. Also what is drawn where some targets cannot be.
 */
import { named } from "./answers.ts";
import type { ShownGraph } from "./shown.ts";

/** What a picture may be asked to be. */
export const pictureKinds = ["png", "svg"] as const;
/** One of {@link pictureKinds}. */
export type PictureKind = (typeof pictureKinds)[number];

/** What an address may say about a picture: time, size and looks; nothing else gets through. */
export const pictureWords = [
  "from",
  "until",
  "width",
  "height",
  "tz",
  "bgcolor",
  "fgcolor",
  "template",
  "title",
] as const;

/** The query of a render URL for a graph. `words` win over the graph's own attributes. */
export function pictureQuery(
  graph: Pick<ShownGraph, "targets" | "attrs" | "thresholds"> & { title?: string },
  words: Readonly<Record<string, string>> = {},
): URLSearchParams {
  const query = new URLSearchParams();
  for (const target of graph.targets) query.append("target", target);
  for (const { label, tone, value } of graph.thresholds) {
    query.append(
      "target",
      `threshold(${value},"${(label ?? String(value)).replaceAll('"', "'")}","${tone === "bad" ? "red" : "orange"}")`,
    );
  }
  const { title } = graph;
  const own = { ...(title === undefined || title === "" ? {} : { title }), ...graph.attrs };
  for (const [name, value] of Object.entries({ ...own, ...words })) query.set(name, value);
  return query;
}

/** Of what Graphite's letters measure; enough to break a line before it is cut. */
const letterPixels = 6.2;

/**
 * The query without the targets that failed, its title saying what is missing and why. Undefined where none failed, or none
 * is left.
 */
export function withoutTargets(
  query: URLSearchParams,
  failed: ReadonlyMap<string, string>,
): URLSearchParams | undefined {
  const all = query.getAll("target");
  const kept = all.filter((target) => !failed.has(target));
  if (kept.length === all.length || kept.length === 0) return undefined;
  const rest = new URLSearchParams(query);
  rest.delete("target");
  for (const target of kept) rest.append("target", target);
  // A picture of nothing but its lines has no place for words.
  if (isSet(rest.get("graphOnly"))) {
    rest.delete("graphOnly");
    for (const hidden of ["hideGrid", "hideAxes", "hideLegend"]) rest.set(hidden, "true");
    rest.set("margin", "2");
  }
  const width = Number(rest.get("width") ?? 330) || 330;
  const height = Number(rest.get("height") ?? 250) || 250;
  const letters = Math.max(20, Math.floor((width - 20) / letterPixels));
  const words = [...failed].map(([target, reason]) => `Left out: ${named(target, reason)}`);
  const lines = words.flatMap((sentence) => folded(sentence, letters));
  const most = Math.max(1, Math.floor(height / 60));
  const shown =
    lines.length > most
      ? [...lines.slice(0, most - 1), `${all.length - kept.length} of ${all.length} left out`]
      : lines;
  const title = rest.get("title") ?? "";
  rest.set("title", [...(title === "" ? [] : [title]), ...shown].join("\n"));
  return rest;
}

function isSet(text: string | null): boolean {
  return text !== null && ["true", "1", "yes", "on"].includes(text.toLowerCase());
}

/** Lines of at most so many letters, broken between words where that is possible. */
function folded(text: string, letters: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > letters) {
    const space = rest.lastIndexOf(" ", letters);
    const end = space > letters / 2 ? space : letters;
    lines.push(rest.slice(0, end).trim());
    rest = rest.slice(end).trim();
  }
  return [...lines, rest];
}

/** Those of `all` that a picture may be told. */
export function pictureWordsOf(all: URLSearchParams): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of pictureWords) {
    const value = all.get(name);
    if (value !== null && value !== "") found[name] = value.slice(0, 200);
  }
  return found;
}

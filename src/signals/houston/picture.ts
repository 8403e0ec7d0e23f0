/**
 * A graph as a picture: the address in Graphite's form that draws it. Targets first and in order, then attributes, as the
 * original wrote them; all of it escaped, which the original forgot.
 */
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

/** Those of `all` that a picture may be told. */
export function pictureWordsOf(all: URLSearchParams): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of pictureWords) {
    const value = all.get(name);
    if (value !== null && value !== "") found[name] = value.slice(0, 200);
  }
  return found;
}

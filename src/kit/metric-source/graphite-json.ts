/**
 * The JSON of Graphite's `/render` and `/metrics/find`, read and checked by hand, as there may be millions of points.
 * Everything throws SyntaxError for what is none.
 */
import { parseNumbersJson } from "./asking.ts";
import type { FoundNode, SourceSeries } from "./source.ts";

/** Series of a render answer. */
export function readRendered(text: string): SourceSeries[] {
  return checkRendered(parseNumbersJson(text));
}

/** Series of a render answer that was parsed already. */
export function checkRendered(body: unknown): SourceSeries[] {
  return listOf(body, "series").map((each) => {
    const { target, tags, datapoints } = fieldsOf(each);
    if (typeof target !== "string") throw new SyntaxError("a series has no name");
    const points = listOf(datapoints, "points");
    if (!points.every(isPoint)) throw new SyntaxError("a point is no pair of value and time");
    return { name: target, tags: tagsOf(tags), points };
  });
}

/** Nodes of a find answer. */
export function readNodes(text: string): FoundNode[] {
  return listOf(JSON.parse(text), "nodes").map((each) => {
    const { id, text: own, leaf } = fieldsOf(each);
    if (typeof id !== "string" || typeof own !== "string") throw new SyntaxError("a node has no name");
    return { id, text: own, isLeaf: Boolean(leaf) };
  });
}

function listOf(value: unknown, of: string): unknown[] {
  if (!Array.isArray(value)) throw new SyntaxError(`it is no list of ${of}`);
  return value;
}

function fieldsOf(value: unknown): Partial<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new SyntaxError("it holds something that is no object");
  return { ...value };
}

function isPoint(point: unknown): point is [number | null, number] {
  if (!Array.isArray(point) || point.length !== 2) return false;
  const [value, atSeconds]: unknown[] = point;
  return (value === null || typeof value === "number") && typeof atSeconds === "number";
}

function tagsOf(tags: unknown): Record<string, string> {
  if (tags === undefined || tags === null) return {};
  return Object.fromEntries(
    Object.entries(fieldsOf(tags)).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value ?? ""),
    ]),
  );
}

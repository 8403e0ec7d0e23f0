/** `/metrics/find`, `/metrics/expand` and `/metrics/index.json`, in the shapes that graphite-web gives them. */
import { Fault } from "../../kit/fault.ts";
import { encodePickleValue } from "../../lib/graphite/pickle-writer.ts";
import { allOf } from "./ask.ts";
import type { FoundNode } from "./name-tree.ts";
import type { SeriesStore } from "./store.ts";

type Node = FoundNode<{ path: string }>;

/** Branches first, each kind in order; one that is both stands in both. */
function ordered(nodes: readonly Node[]): { node: Node; leaf: boolean }[] {
  return [
    ...nodes.filter(({ branch }) => branch).map((node) => ({ node, leaf: false })),
    ...nodes.filter(({ held }) => held).map((node) => ({ node, leaf: true })),
  ];
}

/** The answer to `/metrics/find`. Fault `series/query` without a query. */
export function findNames(parameters: URLSearchParams, store: SeriesStore): Response {
  const query = parameters.get("query");
  if (query === null || query === "") {
    throw new Fault("invalid", "series/query", "Missing required parameter 'query'");
  }
  const format = parameters.get("format") || "treejson";
  const completing = format === "completer";
  const nodes = ordered(store.find(completing ? completed(query) : query));
  if (parameters.get("wildcards") === "1" && nodes.length > 1 && !completing) {
    return Response.json([wildcard(query), ...nodes.map(treeNode)]);
  }
  switch (format) {
    case "treejson":
      return Response.json(nodes.map(treeNode));
    case "nodelist":
      return Response.json({ nodes: [...new Set(nodes.map(({ node }) => node.path))] });
    case "json":
      return Response.json(nodes.map(({ node, leaf }) => ({ path: node.path, is_leaf: leaf })));
    case "pickle": {
      const rows = nodes.map(
        ({ node, leaf }) =>
          new Map<string, string | boolean>([
            ["path", node.path],
            ["is_leaf", leaf],
          ]),
      );
      return new Response(new Uint8Array(encodePickleValue(rows)), {
        headers: { "Content-Type": "application/pickle" },
      });
    }
    case "completer":
      return Response.json({
        metrics: nodes.map(({ node, leaf }) => ({
          path: leaf ? node.path : `${node.path}.`,
          name: node.text,
          is_leaf: leaf ? "1" : "0",
        })),
      });
    default:
      throw new Fault("invalid", "series/format", `Invalid value for 'format' parameter: "${format.slice(0, 50)}"`);
  }
}

function completed(query: string): string {
  const pattern = query.replaceAll("..", "*.");
  return pattern.endsWith("*") ? pattern : `${pattern}*`;
}

function treeNode({ node, leaf }: { node: Node; leaf: boolean }) {
  const open = leaf ? 0 : 1;
  return { text: node.text, id: node.path, allowChildren: open, expandable: open, leaf: leaf ? 1 : 0 };
}

function wildcard(query: string) {
  const id = `${query.slice(0, query.lastIndexOf(".") + 1)}*`;
  return { text: "*", id, allowChildren: 1, expandable: 1, leaf: 0 };
}

/** The answer to `/metrics/expand`: the paths that patterns stand for. */
export function expandNames(parameters: URLSearchParams, store: SeriesStore): Response {
  const flag = (name: string) => ["1", "true"].includes(parameters.get(name) ?? "");
  const expand = (query: string) =>
    store.find(query).flatMap(({ path, held }) => (flag("leavesOnly") && !held ? [] : [path]));
  const queries = allOf(parameters, "query");
  if (queries.length === 0) throw new Fault("invalid", "series/query", "Missing required parameter 'query'");
  if (flag("groupByExpr"))
    return Response.json({ results: Object.fromEntries(queries.map((query) => [query, expand(query)])) });
  return Response.json({ results: [...new Set(queries.flatMap(expand))].sort() });
}

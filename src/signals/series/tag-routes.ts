/** `/tags…`, in the shapes that graphite-web gives them. A series is registered by its first point; registering before makes it empty. */
import { Fault } from "../../kit/fault.ts";
import { canonicalPath } from "../../lib/graphite/path.ts";
import { allOf, numberOf } from "./ask.ts";
import type { SeriesStore } from "./store.ts";

const answersMax = 10_000;

function limited<T>(list: readonly T[], parameters: URLSearchParams, otherwise = answersMax): T[] {
  return list.slice(0, Math.max(0, numberOf(parameters, "limit") ?? otherwise));
}

function filtered(list: readonly string[], parameters: URLSearchParams): string[] {
  const filter = parameters.get("filter");
  return filter === null ? [...list] : list.filter((each) => each.includes(filter.replace(/^\^/, "")));
}

/** The answer to a path below `/tags`; undefined for one that there is not. */
export async function tagRoute(
  path: string,
  method: string,
  parameters: URLSearchParams,
  store: SeriesStore,
): Promise<Response | undefined> {
  switch (path) {
    case "/tags":
      return Response.json(limited(filtered(store.tags(), parameters), parameters).map((tag) => ({ tag })));
    case "/tags/findSeries": {
      const expressions = allOf(parameters, "expr");
      if (expressions.length === 0) throw new Fault("invalid", "series/tags", "no tag expressions specified");
      return Response.json(limited(store.pathsByTags(expressions), parameters, Infinity));
    }
    case "/tags/autoComplete/tags": {
      const prefix = parameters.get("tagPrefix") ?? "";
      const expressions = allOf(parameters, "expr");
      const used = new Set(expressions.map((each) => /^[^!=~]+/.exec(each)?.[0] ?? ""));
      const tags = expressions.length === 0 ? store.tags() : tagsIn(store.pathsByTags(expressions));
      return Response.json(
        limited(
          tags.filter((tag) => tag.startsWith(prefix) && !used.has(tag)),
          parameters,
          100,
        ),
      );
    }
    case "/tags/autoComplete/values": {
      const tag = parameters.get("tag");
      if (!tag) throw new Fault("invalid", "series/tags", "no tag specified");
      const prefix = parameters.get("valuePrefix") ?? "";
      const expressions = allOf(parameters, "expr");
      const values =
        expressions.length === 0
          ? store.tagValues(tag).map(({ value }) => value)
          : [...new Set(store.pathsByTags([...expressions, `${tag}!=`]).map((each) => valueIn(each, tag)))].sort();
      return Response.json(
        limited(
          values.filter((value) => value.startsWith(prefix)),
          parameters,
          100,
        ),
      );
    }
    case "/tags/tagSeries":
    case "/tags/tagMultiSeries": {
      if (method !== "POST")
        throw new Fault("invalid", "series/method", "Cannot do that here: wanted POST", { status: 405 });
      const paths = allOf(parameters, "path").map(canonical);
      if (paths.length === 0) throw new Fault("invalid", "series/tags", "no path specified");
      return Response.json(path.endsWith("tagSeries") ? paths[0] : paths);
    }
    case "/tags/delSeries": {
      if (method !== "POST")
        throw new Fault("invalid", "series/method", "Cannot do that here: wanted POST", { status: 405 });
      const paths = allOf(parameters, "path").map(canonical);
      if (paths.length === 0) throw new Fault("invalid", "series/tags", "no path specified");
      for (const each of paths) if (store.schemaOf(each)) await store.delete(each);
      return Response.json(true);
    }
    default: {
      const match = /^\/tags\/([^/]+)$/.exec(path);
      if (!match) return undefined;
      const tag = decoded(match[1] ?? "");
      const values = limited(store.tagValues(tag), parameters);
      return Response.json({ tag, values });
    }
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (thrown) {
    const sentence = "Cannot read the name of the tag: its percent signs are no UTF-8";
    throw new Fault("invalid", "series/tags", sentence, { cause: thrown });
  }
}

function canonical(path: string): string {
  try {
    return canonicalPath(path);
  } catch (thrown) {
    throw new Fault("invalid", "series/tags", thrown instanceof Error ? thrown.message : String(thrown), {
      cause: thrown,
    });
  }
}

function valueIn(path: string, tag: string): string {
  if (tag === "name") return path.split(";")[0] ?? "";
  const part = path.split(";").find((each) => each.startsWith(`${tag}=`));
  return part?.slice(tag.length + 1) ?? "";
}

function tagsIn(paths: readonly string[]): string[] {
  const tags = new Set<string>(["name"]);
  for (const path of paths) for (const part of path.split(";").slice(1)) tags.add(part.split("=")[0] ?? "");
  return [...tags].sort();
}

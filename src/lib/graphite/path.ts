/**
 * What a metric is called: a dotted name with tags, and the one canonical text of it.
 *
 * `disk.used;rack=a1;server=web01` is the canonical form: the name first, then the tags sorted by tag. The form
 * `disk.used{server="web01",rack="a1"}` is read as well. Two texts of one metric have the same canonical form, which is
 * therefore what a store keys by. A path without `;` and `{…="…"}` is its own canonical form.
 *
 * Rules of tags follow Graphite 1.1: a tag has at least one character and none of `;!^=`, a value has at least one
 * character, no `;` and no leading `~`; leading `~` of the name are removed when there are tags.
 */

/** One value at one moment. `path` is canonical; `atSeconds` is whole seconds since the epoch. */
export interface Point {
  readonly path: string;
  readonly value: number;
  readonly atSeconds: number;
}

/** A metric's name and its tags without the name, sorted by tag. */
export interface MetricPath {
  readonly name: string;
  readonly tags: ReadonlyMap<string, string>;
}

const bySmallest = ([left]: readonly [string, string], [right]: readonly [string, string]) =>
  left < right ? -1 : left > right ? 1 : 0;

function requireTag(tag: string, value: string, path: string): void {
  if (tag === "" || /[;!^=]/.test(tag)) {
    throw new SyntaxError(
      `Cannot parse metric path "${path}": tag "${tag}" must be 1 character or more without ; ! ^ =`,
    );
  }
  if (value === "" || value.startsWith("~") || value.includes(";")) {
    throw new SyntaxError(
      `Cannot parse metric path "${path}": the value of tag "${tag}" must be 1 character or more, not begin with ~ and not contain ;`,
    );
  }
}

function parseOpenMetrics(path: string, brace: number): MetricPath {
  const tags = new Map<string, string>();
  const inner = path.slice(brace + 1, -1);
  const pattern = /\s*([^=\s,"]+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/y;
  while (pattern.lastIndex < inner.length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(inner);
    if (found === null) {
      throw new SyntaxError(`Cannot parse metric path "${path}": expected tag="value" at character ${brace + 2 + at}`);
    }
    const [, tag = "", quoted = ""] = found;
    const value = quoted.replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
    requireTag(tag, value, path);
    tags.set(tag, value);
  }
  return { name: path.slice(0, brace), tags: new Map([...tags].sort(bySmallest)) };
}

/**
 * Reads a metric path in either form. A tag given twice has its last value.
 * @throws SyntaxError for an empty name and for tags against the rules.
 */
export function parsePath(path: string): MetricPath {
  const semicolon = path.indexOf(";");
  let found: MetricPath;
  if (semicolon < 0) {
    const brace = path.indexOf("{");
    const open = brace > 0 && path.endsWith("}") && path.includes('="');
    found = open ? parseOpenMetrics(path, brace) : { name: path, tags: new Map() };
  } else {
    const tags = new Map<string, string>();
    for (const part of path.slice(semicolon + 1).split(";")) {
      const equals = part.indexOf("=");
      const tag = equals < 0 ? part : part.slice(0, equals);
      const value = equals < 0 ? "" : part.slice(equals + 1);
      requireTag(tag, value, path);
      tags.set(tag, value);
    }
    found = { name: path.slice(0, semicolon), tags: new Map([...tags].sort(bySmallest)) };
  }
  const name = found.tags.size > 0 ? found.name.replace(/^~+/, "") : found.name;
  if (name === "") throw new SyntaxError(`Cannot parse metric path "${path}": the name is empty`);
  // A tag called "name" is only another way to say the name.
  if (found.tags.has("name")) {
    const rest = new Map(found.tags);
    rest.delete("name");
    return { name, tags: rest };
  }
  return { name, tags: found.tags };
}

/** The canonical text of a metric path: `name;tag=value;…`, tags sorted. */
export function formatPath(path: MetricPath): string {
  if (path.tags.size === 0) return path.name;
  const parts = [...path.tags].sort(bySmallest).map(([tag, value]) => `;${tag}=${value}`);
  return path.name + parts.join("");
}

/**
 * The canonical form of a path in any form.
 * @throws SyntaxError as {@link parsePath}.
 */
export function canonicalPath(path: string): string {
  if (!path.includes(";") && !path.includes("{")) {
    if (path === "") throw new SyntaxError('Cannot parse metric path "": the name is empty');
    return path;
  }
  return formatPath(parsePath(path));
}

/** The tags of a path with `name` among them, as Graphite's answers give them. A path against the rules has only a name. */
export function tagsOf(path: string): Record<string, string> {
  // Most paths have none.
  if (!path.includes(";") && !path.includes("{")) return { name: path };
  try {
    const { name, tags } = parsePath(path);
    return { name, ...Object.fromEntries(tags) };
  } catch (error) {
    if (error instanceof SyntaxError) return { name: path };
    throw error;
  }
}

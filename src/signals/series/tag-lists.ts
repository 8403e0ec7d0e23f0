/**
 * Series by their tags, for `seriesByTag`: for each tag its values, for each value the series that have it. Expressions
 * are Graphite's: `tag=value`, `tag!=value`, `tag=~pattern`, `tag!=~pattern`, where a pattern counts from the beginning
 * of the value and an empty value stands for the tag's absence. The name is the tag `name`. Every series is listed,
 * those without further tags too.
 */
import { Fault } from "../../kit/fault.ts";
import { tagsOf } from "../../lib/graphite/path.ts";
import { Pattern } from "../../lib/graphite/pattern.ts";

/** One condition on a tag. */
export interface TagExpression {
  tag: string;
  operator: "=" | "!=" | "=~" | "!=~";
  value: string;
  /** Whether a value, `""` where the tag is absent, satisfies it. */
  holds(value: string): boolean;
}

/** Reads an expression. Fault `series/tag-expression` for text that is none. */
export function parseTagExpression(text: string): TagExpression {
  const match = /^([^;!^=~]+)(!?=~?)([\s\S]*)$/.exec(text.trim());
  const refuse = (reason: string) =>
    new Fault("invalid", "series/tag-expression", `Cannot read tag expression "${text.slice(0, 200)}": ${reason}`);
  if (!match) throw refuse("wanted tag=value, tag!=value, tag=~pattern or tag!=~pattern");
  const tag = match[1] ?? "";
  const operator = (match[2] ?? "=") as TagExpression["operator"];
  const value = match[3] ?? "";
  if (operator === "=" || operator === "!=") {
    return { tag, operator, value, holds: (held) => (held === value) === (operator === "=") };
  }
  let pattern: Pattern;
  try {
    pattern = new Pattern(value);
  } catch (thrown) {
    throw refuse(thrown instanceof Error ? thrown.message : String(thrown));
  }
  return { tag, operator, value, holds: (held) => pattern.begins(held) === (operator === "=~") };
}

/** Which series have which tags. */
export class TagLists<T extends { path: string }> {
  /** Most values, names above all, belong to one series: those need no set of their own. */
  readonly #tags = new Map<string, Map<string, T | Set<T>>>();

  add(series: T): void {
    for (const [tag, value] of Object.entries(tagsOf(series.path))) {
      let values = this.#tags.get(tag);
      if (!values) this.#tags.set(tag, (values = new Map()));
      const list = values.get(value);
      if (list instanceof Set) list.add(series);
      else values.set(value, list === undefined ? series : new Set([list, series]));
    }
  }

  delete(series: T): void {
    for (const [tag, value] of Object.entries(tagsOf(series.path))) {
      const values = this.#tags.get(tag);
      const list = values?.get(value);
      if (!values || list === undefined) continue;
      if (list instanceof Set) {
        list.delete(series);
        if (list.size > 0) continue;
      } else if (list !== series) continue;
      values.delete(value);
      if (values.size === 0) this.#tags.delete(tag);
    }
  }

  /**
   * The series for which every expression holds, in order of their paths. Fault `series/tag-expression` also when none
   * of them wants a tag to be there: that would be every series.
   */
  find(expressions: readonly string[]): T[] {
    const parsed = expressions.map(parseTagExpression);
    const wanting = parsed.filter((each) => !each.holds(""));
    if (wanting.length === 0) {
      throw new Fault(
        "invalid",
        "series/tag-expression",
        "Cannot search by tags: at least one expression must want a value that is not empty",
      );
    }
    // The list that is shortest is looked through; the others are asked about its members.
    const lists = wanting.map((each) => this.#having(each)).sort((left, right) => left.size - right.size);
    const [shortest, ...others] = lists;
    const refusing = parsed.filter((each) => each.holds(""));
    return [...(shortest ?? [])]
      .filter((series) => others.every((list) => list.has(series)))
      .filter((series) => {
        if (refusing.length === 0) return true;
        const tags = tagsOf(series.path);
        return refusing.every((each) => each.holds(tags[each.tag] ?? ""));
      })
      .sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0));
  }

  /** All tags, in order. */
  tags(): string[] {
    return [...this.#tags.keys()].sort();
  }

  /** The values of a tag in order, each with how many series have it. */
  values(tag: string): { value: string; count: number }[] {
    return [...(this.#tags.get(tag) ?? [])]
      .map(([value, list]) => ({ value, count: list instanceof Set ? list.size : 1 }))
      .sort((left, right) => (left.value < right.value ? -1 : 1));
  }

  #having(expression: TagExpression): ReadonlySet<T> {
    const values = this.#tags.get(expression.tag);
    if (!values) return new Set();
    if (expression.operator === "=") {
      const list = values.get(expression.value);
      return list instanceof Set ? list : new Set(list === undefined ? [] : [list]);
    }
    const found = new Set<T>();
    for (const [value, list] of values) {
      if (!expression.holds(value)) continue;
      if (list instanceof Set) for (const series of list) found.add(series);
      else found.add(list);
    }
    return found;
  }
}

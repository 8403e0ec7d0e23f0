/** What is wrong with a table of a proxy, in words: the key, what was given, and what is wanted. */
import type { z } from "zod";

import { nearest } from "../../kit/config/nearest.ts";

type Issue = z.core.$ZodIssue;

/** The issues of a reading as sentences, each once. `known` are the keys of the table itself. */
export function problemsOf(issues: readonly Issue[], table: unknown, known: readonly string[]): string[] {
  return [...new Set(issues.flatMap((issue) => sentencesOf(issue, table, known)))];
}

function sentencesOf(issue: Issue, table: unknown, known: readonly string[]): string[] {
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // The branch that the value was meant for: one that does not refuse it as a whole.
    const meant = issue.errors.find(
      (branch) => !branch.some(({ code, path }) => code === "invalid_type" && isHere(path)),
    );
    const inside = (branch: readonly Issue[]) => branch.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
    if (meant) return problemsOf(inside(meant), table, known);
    const kinds = issue.errors.flat().map((one) => wantedOf(one));
    return [`${placeOf(issue.path)}: ${givenAt(table, issue.path)}: wanted ${[...new Set(kinds)].join(" or ")}`];
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const meant = issue.path.length === 0 ? nearest(key, known) : undefined;
      return `${placeOf(issue.path)}: there is no key "${key}"${meant === undefined ? "" : `: did you mean "${meant}"?`}`;
    });
  }
  const place = placeOf(issue.path);
  // Those of the readers of texts have all of it already.
  if (issue.code === "custom") return [`${place}: ${issue.message}`];
  return [`${place}: ${givenAt(table, issue.path)}: wanted ${wantedOf(issue)}`];
}

const isHere = (path: readonly PropertyKey[]) => path.length === 0;
const placeOf = (path: readonly PropertyKey[]) => path.join(".") || "it";

const kinds: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  object: "a table",
};

function wantedOf(issue: Issue): string {
  const parts = "origin" in issue && (issue.origin === "array" || issue.origin === "string");
  const unit = !parts ? "" : issue.origin === "array" ? " in the list" : " letters";
  if (issue.message.startsWith("wanted ")) return issue.message.slice("wanted ".length);
  switch (issue.code) {
    case "invalid_type":
      return kinds[issue.expected] ?? issue.expected;
    case "too_small":
      return `${String(issue.minimum)} or more${unit}`;
    case "too_big":
      return `${String(issue.maximum)} at most${unit}`;
    case "invalid_value":
      return `${issue.values.length > 1 ? "one of " : ""}${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    default:
      return issue.message;
  }
}

/** What was given, as it could stand in a file. */
function givenAt(table: unknown, path: readonly PropertyKey[]): string {
  let value = table;
  for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  if (value === undefined) return "it is missing";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return `cannot use ${text.length > 100 ? `${text.slice(0, 100)}…` : text}`;
}

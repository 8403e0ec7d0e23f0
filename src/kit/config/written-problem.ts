/** What is wrong with something that people wrote, in words: where, what is wanted there, and what was given. */
import type { z } from "zod";

import { nearest } from "./nearest.ts";

type Issue = z.core.$ZodIssue;

const kinds: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a table",
  record: "a table",
  string: "a text",
};
const givenMax = 60;

/** How problems are said. */
export interface ProblemOptions {
  /** Keys that there are, for those that were meant. */
  known?: Iterable<string>;
  /** What was given may be secret, and is not said. */
  isSecret?: boolean;
}

/** An issue with `written` as one line: `above: wanted a number, not "5"`. */
export function problemIn(issue: Issue, written: unknown, options: ProblemOptions = {}): string {
  const place = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  if (issue.code === "unrecognized_keys") {
    const words = issue.keys.map((key) => {
      const meant = nearest(key, options.known ?? []);
      return `there is no key "${key.slice(0, givenMax)}"${meant === undefined ? "" : `: did you mean "${meant}"?`}`;
    });
    return `${place}${words.join(", ")}`;
  }
  return `${place}${wantedBy(issue)}${options.isSecret ? "" : givenIn(written, issue)}`;
}

function wantedBy(issue: Issue): string {
  if (issue.message.startsWith("wanted ")) return issue.message;
  const unit =
    "origin" in issue ? (issue.origin === "string" ? " letters" : issue.origin === "array" ? " of them" : "") : "";
  switch (issue.code) {
    case "invalid_type":
      return `wanted ${kinds[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `wanted ${issue.values.length > 1 ? "one of " : ""}${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_big":
      return `wanted ${String(issue.maximum)}${unit} at most`;
    case "too_small":
      return `wanted ${String(issue.minimum)}${unit} or more`;
    default:
      return issue.message;
  }
}

/** What was given there, where it is short enough to be said. */
function givenIn(written: unknown, { code, message, path }: Issue): string {
  let value = written;
  for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  // Whole sentences, of whatever parses a text, say it by themselves.
  if (path.length === 0 || value === undefined || /^Cannot |, not /.test(message)) return "";
  // What is wrong between the parts of a table is said by name.
  if (code === "custom" && typeof value === "object" && !Array.isArray(value)) return "";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return `, not ${text.length > givenMax ? `${text.slice(0, givenMax)}…` : text}`;
}

/**
 * Conditions on tags, as `seriesByTag` takes them: `name=cpu`, `dc!=x`, `host=~web.*`, `host!=~y`.
 *
 * A series without a tag counts as having the empty value. Regular expressions are anchored at the beginning of the value, not at
 * its end. At least one condition must need a value, or all series would match.
 */
import { Pattern } from "./pattern.ts";

/** One condition. */
export interface TagExpression {
  readonly tag: string;
  readonly operator: "=" | "!=" | "=~" | "!=~";
  readonly value: string;
  /** Whether a value fits; an absent tag is the empty value. */
  accepts(value: string): boolean;
}

function isOperator(text: string | undefined): text is TagExpression["operator"] {
  return text === "=" || text === "!=" || text === "=~" || text === "!=~";
}

/** Reads one condition. @throws SyntaxError when it is none. */
export function parseTagExpression(text: string): TagExpression {
  const found = /^([^;!=]+)(!?=~?)([^;]*)$/s.exec(text);
  const [, tag = "", operator, value = ""] = found ?? [];
  if (!isOperator(operator)) {
    throw new SyntaxError(
      `Cannot parse tag expression "${text.slice(0, 200)}": expected tag=value, tag!=value, tag=~regex or tag!=~regex`,
    );
  }
  if (operator === "=") return { tag, operator, value, accepts: (given) => given === value };
  if (operator === "!=") return { tag, operator, value, accepts: (given) => given !== value };
  const pattern = new Pattern(value.startsWith("^") ? value : `^(?:${value})`);
  const wanted = operator === "=~";
  return { tag, operator, value, accepts: (given) => pattern.begins(given) === wanted };
}

/**
 * Reads all conditions of one query.
 * @throws SyntaxError when one cannot be read, or when none needs a value.
 */
export function parseTagExpressions(texts: readonly string[]): TagExpression[] {
  const expressions = texts.map(parseTagExpression);
  if (expressions.every((expression) => expression.accepts(""))) {
    throw new SyntaxError("Cannot search by tags: at least one expression must not match the empty value");
  }
  return expressions;
}

/** Whether tags (with `name` among them) fit all conditions. */
export function matchesTags(tags: Readonly<Record<string, string>>, expressions: readonly TagExpression[]): boolean {
  return expressions.every((expression) => expression.accepts(tags[expression.tag] ?? ""));
}

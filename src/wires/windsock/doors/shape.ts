/**
 * What clients and back ends say as JSON, by its shape: how a topic and an object are written, and in which words what has
 * another shape is refused.
 */
import { z } from "zod";

import { problemIn } from "../../../kit/config/written-problem.ts";

/** A topic: short, or said exactly. */
export const topicShape = z.union(
  [
    z.string(),
    z.strictObject({ prefix: z.string() }),
    z.strictObject({ address: z.string() }),
    z.strictObject({ pattern: z.string() }),
  ],
  { error: 'wanted a topic, a text or {"prefix": "…"}, {"address": "…"} or {"pattern": "…"}' },
);

/** An object of these keys and no others. */
export function objectShape<Keys extends z.ZodRawShape>(keys: Keys) {
  return z.strictObject(keys, {
    error: ({ code }) => (code === "invalid_type" ? "wanted an object" : undefined),
  });
}

const mostLetters = 300;

/** What is wrong with something that was said, on one line; values of `token` are not repeated. */
export function shapeWords(error: z.ZodError, said: unknown): string {
  const words = error.issues
    .slice(0, 5)
    .map((issue) => problemIn(issue, said, { isSecret: issue.path.includes("token") }))
    .join("; ")
    .replace(/\s+/g, " ");
  return words.length > mostLetters ? `${words.slice(0, mostLetters)}…` : words;
}

/**
 * What Mercure's subscribers and tokens say topics with: a topic itself, `*` for all, a URI template (`topic=` and the
 * claims of versions before 1), or a URL pattern (`matchURLPattern=`). All are matched in linear time, whatever strangers
 * ask for. Sources: the Mercure specification, RFC 6570.
 */
import { RE2JS } from "re2js";

import { urlMatcher } from "./url-pattern.ts";

/** How a matcher is to be read. */
export type MatchType = "Topic" | "Exact" | "URLPattern";

/** Says which topics are meant. */
export interface Matcher {
  readonly type: MatchType;
  readonly text: string;
  /** The one topic that is meant, where there is only one. */
  readonly exact: string | undefined;
  matches(topic: string): boolean;
}

/** The most that a matcher or a topic may have, in characters. */
export const maxTopicLength = 900;
const mostExpressions = 20;

/** Whether a text may be a topic: not too long, without control characters. */
export function isTopic(text: string): boolean {
  return (
    text !== "" && text.length <= maxTopicLength && Buffer.byteLength(text) <= maxTopicLength && !/[\p{Cc}]/u.test(text)
  );
}

/**
 * Reads a matcher. `base` is the hub's URL, against which relative patterns and topics are taken. Throws SyntaxError with
 * what is wrong.
 */
export function parseMatcher(type: MatchType, text: string, base: string): Matcher {
  if (!isTopic(text)) throw new SyntaxError(`a topic has 1 to ${maxTopicLength} bytes and no control characters`);
  if (text === "*") return { type, text, exact: undefined, matches: () => true };
  if (type === "URLPattern") return patternMatcher(text, base);
  if (type === "Topic" && text.includes("{")) return templateMatcher(text);
  return { type, text, exact: text, matches: (topic) => topic === text };
}

function patternMatcher(text: string, base: string): Matcher {
  // Hosts and ports are written in several ways, so nothing can be said of how topics begin.
  return { type: "URLPattern", text, exact: undefined, matches: urlMatcher(text, base) };
}

/** What stands for one expression of a template. */
const expressions: Readonly<Record<string, string>> = {
  "": "[^/?#]+",
  "+": ".+",
  "#": "(?:#.*)?",
  ".": "(?:\\.[^/?#]+)?",
  "/": "(?:/[^/?#]+)*",
  ";": "(?:;[^/?#]*)?",
  "?": "(?:\\?[^#]*)?",
  "&": "(?:&[^#]*)?",
};

function templateMatcher(text: string): Matcher {
  const pieces = text.split(/(\{[^{}]*\})/);
  if (pieces.length > mostExpressions * 2 + 1)
    throw new SyntaxError(`a template has at most ${mostExpressions} expressions`);
  const source = pieces.map((piece, index) => {
    if (index % 2 === 0) {
      if (/[{}]/.test(piece)) throw new SyntaxError("a brace of the template has no other");
      return RE2JS.quote(piece);
    }
    const match = /^\{([+#./;?&]?)[\w.%]+(?::\d{1,4}|\*)?(?:,[\w.%]+(?::\d{1,4}|\*)?)*\}$/.exec(piece);
    const kind = match && expressions[match[1] ?? ""];
    if (kind === undefined || kind === null) throw new SyntaxError(`the template's ${piece} is no expression`);
    return kind;
  });
  const whole = RE2JS.compile(source.join(""), RE2JS.DOTALL);
  // A template is its own topic, too: tokens name the selectors that subscribers may use.
  const matches = (topic: string) => topic === text || whole.matcher(topic).matches();
  return { type: "Topic", text, exact: undefined, matches };
}

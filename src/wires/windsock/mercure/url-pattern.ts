/**
 * URL patterns that match in linear time: the runtime's own reading of a pattern gives its parts in their normal form, which
 * are then matched by RE2 instead of backtracking. Groups with regular expressions of their own are refused. Source: the
 * URL Pattern standard, sections 1 and 2.
 */
import { RE2JS } from "re2js";

/** The parts of a URL that a pattern speaks of. */
const partNames = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;
type PartName = (typeof partNames)[number];

/** A test for URLs; relative ones are taken against `base`. Throws SyntaxError for what is no pattern, or not taken. */
export function urlMatcher(text: string, base: string): (url: string) => boolean {
  // A group in parentheses may be any regular expression.
  if (/[()]/.test(text)) throw new SyntaxError("patterns with regular expressions in parentheses are not taken");
  let pattern: URLPattern;
  try {
    pattern = new URLPattern(text, base);
  } catch (thrown) {
    if (thrown instanceof TypeError) throw new SyntaxError("it is no URL pattern");
    throw thrown;
  }
  const tests = partNames.flatMap((name) => {
    const part = pattern[name];
    return part === "*" ? [] : [{ name, test: RE2JS.compile(sourceOf(part, name), RE2JS.DOTALL) }];
  });
  return (topic) => {
    const url = URL.parse(topic, base);
    return url !== null && tests.every(({ name, test }) => test.matcher(partOf(url, name)).matches());
  };
}

/** A part as patterns see it: without the signs around it. */
function partOf(url: URL, name: PartName): string {
  if (name === "protocol") return url.protocol.slice(0, -1);
  if (name === "search" || name === "hash") return url[name].slice(1);
  return url[name];
}

/** The regular expression of a part of a pattern in its normal form. */
function sourceOf(part: string, name: PartName): string {
  const isPath = name === "pathname";
  const segment = isPath ? "[^/]+" : name === "hostname" ? "[^.]+" : ".+";
  const token =
    /\\(.)|\{([^{}]*)\}([?*+]?)|(\/?):[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*([?*+]?)|(\/?)\*([?*+]?)|([^])/gsuy;
  let source = "";
  for (const [, escaped, group, groupTimes = "", lead = "", times, starLead = "", starTimes, plain] of part.matchAll(
    token,
  )) {
    if (escaped !== undefined) source += RE2JS.quote(escaped);
    else if (group !== undefined) source += `(?:${sourceOf(group, name)})${groupTimes}`;
    else if (times !== undefined) source += repeated(isPath ? lead : "", isPath ? "" : lead, segment, times);
    else if (starTimes !== undefined)
      source += repeated(isPath ? starLead : "", isPath ? "" : starLead, ".*", starTimes);
    else if (plain !== undefined) source += RE2JS.quote(plain);
  }
  return source;
}

/** Something that may come several times or not at all; in paths, each time with the slash before it. */
function repeated(lead: string, before: string, inner: string, times: string): string {
  const first = `${lead}${inner}`;
  if (times === "") return `${before}${first}`;
  if (times === "?") return `${before}(?:${first})?`;
  return `${before}(?:${first}(?:${lead}${inner})*)${times === "*" ? "?" : ""}`;
}

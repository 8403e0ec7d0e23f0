/**
 * Which pages may come: the rule that every door holds an `Origin` against. A rule is an origin as browsers write it, or
 * `https://*.example` for all names below one; case and a slash at the end count for nothing.
 */

/** Whether a text is a rule that some page could meet: `app.example` and `*` would keep everybody out unseen. */
export function isOriginRule(text: string): boolean {
  if (/^https?:\/\/\*\.[^/*\s]+\/?$/i.test(text)) return true;
  // What pages without an origin send, such as those of files; to let them in has to be said.
  return text === "null" || (/^[a-z][a-z\d+.-]*:\/\/[^/*?#\s]+\/?$/i.test(text) && URL.canParse(text));
}

/** Whether an origin is the one, or one of those, that a rule allows. */
export function fitsOrigin(origin: string, allowed: string): boolean {
  if (origin.toLowerCase() === allowed.toLowerCase().replace(/\/$/, "")) return true;
  const match = /^(https?:\/\/)\*(\.[^/]+?)\/?$/i.exec(allowed);
  if (match?.[1] === undefined || match[2] === undefined) return false;
  const [, scheme, rest] = match;
  const lower = origin.toLowerCase();
  return (
    lower.startsWith(scheme.toLowerCase()) &&
    lower.endsWith(rest.toLowerCase()) &&
    /^[\w.-]+$/.test(lower.slice(scheme.length, lower.length - rest.length))
  );
}

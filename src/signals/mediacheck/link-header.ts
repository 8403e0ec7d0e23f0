/** The `Link` header: addresses with parameters, as a server may name style sheets, icons and what to load ahead. */

/** One link of a header. */
export interface HeaderLink {
  url: string;
  /** Parameters by name in lower case; the first of a name counts. */
  parameters: ReadonlyMap<string, string>;
}

const linksMax = 500;

/** The links of a header's value. What is broken ends the reading. Never throws. */
export function parseLinkHeader(value: string): HeaderLink[] {
  const links: HeaderLink[] = [];
  let at = 0;
  while (links.length < linksMax) {
    while (at < value.length && /[\s,]/.test(value[at] ?? "")) at++;
    if (value[at] !== "<") return links;
    const end = value.indexOf(">", at);
    if (end === -1) return links;
    const url = value.slice(at + 1, end);
    at = end + 1;
    const parameters = new Map<string, string>();
    for (;;) {
      const [whole, name = "", quoted, plain] =
        /^\s*;\s*([\w!#$%&'*+.^`|~-]{0,64})\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?/.exec(
          value.slice(at, at + 8192),
        ) ?? [];
      if (whole === undefined) break;
      at += whole.length;
      const key = name.toLowerCase();
      if (key !== "" && !parameters.has(key)) parameters.set(key, quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "");
    }
    links.push({ url, parameters });
    while (at < value.length && value[at] !== ",") at++;
  }
  return links;
}

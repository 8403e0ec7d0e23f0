/**
 * The candidates of a `srcset`, read as the HTML standard says: commas end a candidate only where one may end, so that
 * addresses with commas and `data:` addresses stay whole. Linear in its input; never throws.
 */

/** One candidate. */
export interface Candidate {
  url: string;
  /** `2x`, `480w`, or empty. */
  descriptor: string;
}

/** More candidates than anyone writes by hand or by program; so many are read at most. */
export const candidatesMax = 1000;

/** The candidates in order. Those with a descriptor that browsers refuse are left out, as browsers do. */
export function parseSrcset(text: string): Candidate[] {
  const found: Candidate[] = [];
  let at = 0;
  const isSpace = (character: string | undefined) =>
    character !== undefined && (character === " " || (character >= "\t" && character <= "\r" && character !== "\v"));
  while (found.length < candidatesMax) {
    while (isSpace(text[at]) || text[at] === ",") at++;
    if (at >= text.length) return found;
    const from = at;
    while (at < text.length && !isSpace(text[at])) at++;
    let url = text.slice(from, at);
    let descriptor = "";
    if (url.endsWith(",")) {
      let end = url.length;
      while (url[end - 1] === ",") end--;
      url = url.slice(0, end);
    } else {
      const start = at;
      let depth = 0;
      for (; at < text.length; at++) {
        const character = text[at];
        if (character === "(") depth++;
        else if (character === ")") depth = Math.max(0, depth - 1);
        else if (character === "," && depth === 0) break;
      }
      descriptor = text.slice(start, at).trim();
      at++;
    }
    if (url !== "" && isGood(descriptor)) found.push({ url, descriptor: descriptor.slice(0, 40) });
  }
  return found;
}

function isGood(descriptor: string): boolean {
  if (descriptor === "") return true;
  if (descriptor.length > 100) return false;
  return /^(?:\d+w(?:\s+\d+h)?|\d+h\s+\d+w|-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?x)$/.test(descriptor);
}

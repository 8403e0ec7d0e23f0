/**
 * Which statuses are good, worth a warning, bad, or none of our business: rules such as `403:warn`, the first that fits
 * counts. Without one that fits, 200 to 299 are good and the rest is bad.
 */

/** What a rule makes of an answer. */
export type Ruling = "ok" | "warn" | "error" | "skip";

/** One rule, for statuses from `from` to `to`. */
export interface StatusRule {
  from: number;
  to: number;
  ruling: Ruling;
}

/** Reads rules: `403:warn, 5xx:skip, 400-499:warn`. Throws SyntaxError. */
export function parseStatusRules(text: string): StatusRule[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
    .map((word) => {
      const [, from = "", to, ruling] = /^([1-5](?:\d\d|xx))(?:-([1-5]\d\d))?:(ok|warn|error|skip)$/i.exec(word) ?? [];
      if (ruling === undefined || (to !== undefined && (/x/i.test(from) || from > to))) {
        throw new SyntaxError(
          `Cannot use the status rule "${word.slice(0, 60)}": wanted a status, 4xx or 400-499, a colon and ok, warn, error or skip`,
        );
      }
      const isClass = /x/i.test(from);
      const first = Number(isClass ? `${from[0]}00` : from);
      return { from: first, to: isClass ? first + 99 : Number(to ?? from), ruling: ruling.toLowerCase() as Ruling };
    });
}

/** What the rules make of a status. */
export function ruleOn(status: number, rules: readonly StatusRule[]): Ruling {
  const rule = rules.find(({ from, to }) => status >= from && status <= to);
  return rule?.ruling ?? (status >= 200 && status < 300 ? "ok" : "error");
}

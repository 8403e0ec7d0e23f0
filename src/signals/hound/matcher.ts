/**
 * Which rules something is about: `severity=warning,host=web-*,team!=db`. All parts have to hold; `*` stands for any
 * text. No regular expressions, so no matcher can take long. What has not a label has it as the empty text.
 */
import { type Gradable, severityOf } from "./grade.ts";

/** One part of a matcher. */
interface Part {
  label: string;
  /** Pieces of the value, between the stars. */
  pieces: readonly string[];
  isEqual: boolean;
}

/** A matcher that was read. */
export type Matcher = readonly Part[];

/** What a matcher looks at. */
export type Attributes = Readonly<Record<string, string>>;

const form = /^\s*([A-Za-z_][\w.-]*)\s*(!?=)\s*(.*?)\s*$/;

/** Reads a matcher; values may stand in double quotes. Throws SyntaxError. */
export function parseMatcher(text: string): Matcher {
  const parts = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  if (parts.length === 0 || text.length > 2000)
    throw new SyntaxError(
      `Cannot read the matcher "${text.slice(0, 100)}": wanted one such as "severity=warning,host=web-*"`,
    );
  return parts.map((part) => {
    const [, label, sign, raw = ""] = form.exec(part) ?? [];
    if (label === undefined)
      throw new SyntaxError(
        `Cannot read "${part.trim().slice(0, 100)}" of the matcher: wanted a label, "=" or "!=", and a value`,
      );
    const value = /^"[^"]*"$/.test(raw) ? raw.slice(1, -1) : raw;
    return { label, pieces: value.split("*"), isEqual: sign === "=" };
  });
}

/** Whether all parts hold. */
export function matches(matcher: Matcher, attributes: Attributes): boolean {
  return matcher.every(({ isEqual, label, pieces }) => {
    const value = Object.hasOwn(attributes, label) ? (attributes[label] ?? "") : "";
    return fits(value, pieces) === isEqual;
  });
}

/** What a matcher sees of a rule, or of one series of it. Labels do not hide the names that are always there. */
export function attributesOf(watched: Gradable & { readonly series: string | undefined }): Attributes {
  const { rule, series } = watched;
  const { id, kind, labels, name } = rule;
  return { ...labels, id, kind: kind.toLowerCase(), name, severity: severityOf(watched), series: series ?? "" };
}

function fits(value: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  if (pieces.length === 1) return value === first;
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
  let at = first.length;
  const end = value.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

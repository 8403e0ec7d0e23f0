/**
 * Lines of a log as the predecessor's library wrote them: text with quoted values and sorted fields, or one JSON object a
 * line. Programs may read them, so the form counts to the letter.
 */

/** Levels in falling order of weight; what is at or above the chosen one is written. */
export const originalLevels = ["fatal", "error", "warn", "info"] as const;
/** One of {@link originalLevels}. */
export type OriginalLevel = (typeof originalLevels)[number];

/** One line, without its end. `at` in epoch ms. */
export function logrusLine(
  format: "text" | "json",
  level: OriginalLevel,
  message: string,
  fields: Readonly<Record<string, string | number>>,
  at: number,
): string {
  // RFC 3339 with whole seconds, in UTC.
  const time = `${new Date(at).toISOString().slice(0, 19)}Z`;
  const word = level === "warn" ? "warning" : level;
  const names = Object.keys(fields).toSorted();
  if (format === "json") {
    const all: Record<string, string | number> = { ...fields, level: word, msg: message, time };
    const sorted = Object.keys(all)
      .toSorted()
      .map((name) => `${JSON.stringify(name)}:${goJson(all[name] ?? "")}`);
    return `{${sorted.join(",")}}`;
  }
  const pairs = names.map((name) => ` ${name}=${quoted(String(fields[name]))}`).join("");
  return `time="${time}" level=${word} msg=${quoted(message)}${pairs}`;
}

function quoted(text: string): string {
  if (text !== "" && /^[\w\-./@^+]+$/.test(text)) return text;
  let out = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === '"' || character === "\\") out += `\\${character}`;
    else if (character === "\n") out += "\\n";
    else if (character === "\t") out += "\\t";
    else if (character === "\r") out += "\\r";
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else if ((code >= 0x80 && code < 0xa0) || code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code < 0xe000))
      out += `\\u${code.toString(16).padStart(4, "0")}`;
    else out += character;
  }
  return `"${out}"`;
}

/** JSON as Go writes it, fit for HTML. */
function goJson(value: string | number): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

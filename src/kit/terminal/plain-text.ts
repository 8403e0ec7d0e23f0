/**
 * Text of others on the way to a terminal: names of files, sentences of servers. Control characters could move the cursor,
 * retitle the window or forge a line, and marks of direction could show a name backwards, so both are written as codes.
 */

/** The text with control characters, line ends apart, and marks of direction as `\u001b`. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) =>
    character === "\n" ? character : codeOf(character),
  );
}

/** {@link plainText} for what has to stay on its line: line ends are codes, too. */
export function plainLine(text: string): string {
  return plainText(text).replaceAll("\n", codeOf);
}

function codeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

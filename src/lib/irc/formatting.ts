/**
 * The control characters by which clients write bold, italic and in colour (mIRC's and those that came later): taken out,
 * or turned into signs that plain text uses for the same.
 */

/** What becomes of formatting. */
export type FormattingChoice = "remove" | "marks" | "keep";

const [colourSign, hexColourSign] = [String.fromCharCode(3), String.fromCharCode(4)];
const colour = new RegExp(`${colourSign}(?:\\d{1,2}(?:,\\d{1,2})?)?`, "g");
const hexColour = new RegExp(`${hexColourSign}(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?`, "g");
const marks: Readonly<Record<string, string>> = {
  "\u0002": "*",
  "\u001d": "_",
  "\u001f": "_",
  "\u001e": "~",
  "\u0011": "`",
};

/** The text without any formatting, and without other control characters but the tab. */
export function withoutFormatting(text: string): string {
  return text
    .replaceAll(hexColour, "")
    .replaceAll(colour, "")
    .replaceAll(/\p{Cc}/gu, (control) => (control === "\t" ? control : ""));
}

/** The text with bold as `*`, italic and underlined as `_`, struck as `~` and fixed as a backtick; colours are gone. */
export function withMarks(text: string): string {
  const open: string[] = [];
  let made = "";
  for (const character of text.replaceAll(hexColour, "").replaceAll(colour, "")) {
    const mark = marks[character];
    if (mark !== undefined) {
      const at = open.lastIndexOf(mark);
      if (at < 0) open.push(mark);
      else open.splice(at, 1);
      made += mark;
    } else if (character === "\u000f") made += open.splice(0).toReversed().join("");
    else made += character;
  }
  return withoutFormatting(made + open.toReversed().join(""));
}

/** What a choice makes of a text. Kept formatting still loses what would end a line. */
export function formattedBy(choice: FormattingChoice, text: string): string {
  if (choice === "keep") return text.replaceAll(/[\0\r\n]/g, "");
  return choice === "marks" ? withMarks(text) : withoutFormatting(text);
}

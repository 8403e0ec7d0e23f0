/**
 * Where a text is no TOML, for a parser that does not tell: the first line after which what came before is none any more.
 * Tables are tried by halves, then the lines of the one that is wrong, so that long files take little longer than short ones.
 */

const header = /^\s*\[/;
/** Of a table with more lines only its beginning is told, and of a longer text nothing: each try reads all of it. */
const linesMax = 300;
const lengthMax = 256 * 1024;

/** The line, from 1, at which a text ceases to be TOML: where the part begins that cannot be read. Undefined for long ones. */
export function lineOfMistake(text: string): number | undefined {
  if (text.length > lengthMax) return undefined;
  const lines = text.split("\n");
  const isGood = (from: number, until: number) => isToml(lines.slice(from, until).join("\n"));
  // So many lines stand before each table; what stands before the last one that begins well is good.
  const starts = lines.flatMap((line, at) => (header.test(line) ? [at] : []));
  let [good, bad] = [0, starts.length];
  while (good < bad) {
    const middle = Math.ceil((good + bad) / 2);
    if (isGood(0, starts[middle - 1] ?? 0)) good = middle;
    else bad = middle - 1;
  }
  const first = starts[good - 1] ?? 0;
  const end = Math.min(lines.length, first + linesMax);
  let line = first;
  // A value of several lines is only whole at its last.
  for (let until = first + 1; until <= end; until++) if (isGood(first, until)) line = until;
  // A table that is good by itself, or as far as it is looked at, is told by its beginning.
  return line === end ? first + 1 : line + 1;
}

function isToml(text: string): boolean {
  try {
    Bun.TOML.parse(text);
    return true;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return false;
    throw thrown;
  }
}

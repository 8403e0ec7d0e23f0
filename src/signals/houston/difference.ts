/**
 * What differs between two texts, line by line, with a few lines around each place: shown to whoever has to choose between
 * two versions of a file. Pure, and bounded in time and length whatever the texts are.
 */

/** One line of the outcome: of both texts, only of the first, only of the second, or lines that are left out. */
export interface DifferenceLine {
  readonly of: "both" | "first" | "second" | "skipped";
  readonly text: string;
}

/** Lines around a place that differs. */
const around = 3;
/** Lines that are shown, and of each text where they have nothing in common. */
const linesMax = 400;
/** Steps of the exact comparison; longer stretches are told as one whole that was replaced. */
const stepsMax = 1_000_000;

/** The lines in which two texts differ, those of the first before those of the second. Empty when they are the same. */
export function differenceOf(first: string, second: string): DifferenceLine[] {
  if (first === second) return [];
  const [one, other] = [linesOf(first), linesOf(second)];
  let head = 0;
  while (head < one.length && head < other.length && one[head] === other[head]) head++;
  let tail = 0;
  while (tail < one.length - head && tail < other.length - head && one.at(-1 - tail) === other.at(-1 - tail)) tail++;
  const middle = compared(one.slice(head, one.length - tail), other.slice(head, other.length - tail));
  const both = (text: string): DifferenceLine => ({ of: "both", text });
  const all = [...one.slice(0, head).map(both), ...middle, ...one.slice(one.length - tail).map(both)];
  return cut(narrowed(all), linesMax);
}

function cut(lines: readonly DifferenceLine[], most: number): DifferenceLine[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), { of: "skipped", text: `${lines.length - most} more lines` }];
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

/** By the longest run of lines that both have in the same order. */
function compared(one: readonly string[], other: readonly string[]): DifferenceLine[] {
  const removed = (text: string): DifferenceLine => ({ of: "first", text });
  const added = (text: string): DifferenceLine => ({ of: "second", text });
  if (one.length * other.length > stepsMax)
    return [...cut(one.map(removed), linesMax / 2 - 10), ...cut(other.map(added), linesMax / 2 - 10)];
  const width = other.length + 1;
  const lengths = new Uint32Array((one.length + 1) * width);
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = one.length - 1; row >= 0; row--) {
    for (let column = other.length - 1; column >= 0; column--) {
      lengths[row * width + column] =
        one[row] === other[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: DifferenceLine[] = [];
  let [row, column] = [0, 0];
  while (row < one.length || column < other.length) {
    const [left = "", right = ""] = [one[row], other[column]];
    if (row < one.length && column < other.length && left === right) {
      found.push({ of: "both", text: left });
      row++;
      column++;
    } else if (row < one.length && (column === other.length || at(row + 1, column) >= at(row, column + 1))) {
      found.push(removed(left));
      row++;
    } else {
      found.push(added(right));
      column++;
    }
  }
  return found;
}

/** Without the lines that are far from any difference. */
function narrowed(all: readonly DifferenceLine[]): DifferenceLine[] {
  const isNear = new Uint8Array(all.length);
  for (const [at, line] of all.entries()) {
    if (line.of === "both") continue;
    isNear.fill(1, Math.max(0, at - around), at + around + 1);
  }
  const shown: DifferenceLine[] = [];
  for (const [at, line] of all.entries()) {
    if (isNear[at] === 1) shown.push(line);
    else if (shown.at(-1)?.of !== "skipped") shown.push({ of: "skipped", text: "" });
  }
  return shown;
}

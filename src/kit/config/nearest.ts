/**
 * The known name that an unknown one was probably meant to be: the one with the fewest typing mistakes between them
 * (a letter too many, too few, another one, or two swapped), if those are few for its length.
 */

/** The nearest of `known` to `name`, or undefined when none is near. The first of equally near ones. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wrong = name.toLowerCase().replaceAll("-", "_");
  let best: string | undefined;
  let bestDistance = wrong.length <= 4 ? 2 : wrong.length <= 8 ? 3 : 4;
  for (const candidate of known) {
    const distance = distanceBetween(wrong, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Typing mistakes between two words (optimal string alignment); `limit` or more is only known to be that. */
function distanceBetween(source: string, target: string, limit: number): number {
  if (Math.abs(source.length - target.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (let row = 1; row <= source.length; row++) {
    const current = [row];
    for (let column = 1; column <= target.length; column++) {
      const same = source[row - 1] === target[column - 1];
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      const swapped = source[row - 1] === target[column - 2] && source[row - 2] === target[column - 1];
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, target.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

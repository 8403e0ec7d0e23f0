/**
 * So many at a time, the others in line: who asks first goes first. A place is given back by calling what `take` gave.
 */

/** Gives out places. */
export interface Turns {
  /** Calls `enter` when there is a place, perhaps at once. The returned function leaves the line, if it still stands in it. */
  take(enter: (leave: () => void) => void): () => void;
  /** Places taken, and who waits. */
  counts(): { taken: number; waiting: number };
}

/** A line before `places` places. */
export function createTurns(places: number): Turns {
  const line = new Set<(leave: () => void) => void>();
  let taken = 0;
  const next = () => {
    for (const enter of line) {
      if (taken >= places) return;
      line.delete(enter);
      taken++;
      let isIn = true;
      enter(() => {
        if (!isIn) return;
        isIn = false;
        taken--;
        next();
      });
    }
  };
  return {
    take(enter) {
      line.add(enter);
      next();
      return () => void line.delete(enter);
    },
    counts: () => ({ taken, waiting: line.size }),
  };
}

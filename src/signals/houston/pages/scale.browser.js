/**
 * From where to where the axis of values goes. Whatever a graph says and whatever the figures are, the outcome is two finite
 * numbers with room between them, and both above nought where the axis is logarithmic: with anything else the chart would
 * look for the lines of its axis without end. Pure.
 */

/** Far enough from the largest number for sums and differences. */
const most = 1e300;

/** @param {number | null} value @param {number} fallback */
function finite(value, fallback) {
  return value === null || Number.isNaN(value) ? fallback : Math.min(most, Math.max(-most, value));
}

/** @param {number} low @param {number} high @returns {[number, number]} */
function apart(low, high) {
  const room = Math.max(1e-9, Math.abs(low) * 1e-6);
  return [low, high - low >= room ? high : low + (high > low ? room : Math.max(1, Math.abs(low) * 0.1))];
}

/**
 * @param {number | null} min of the figures @param {number | null} max
 * @param {{ low: number | undefined, high: number | undefined, isLog: boolean, isStacked: boolean }} wish what the graph says
 * @param {(min: number, max: number) => (number | null)[]} round gives numbers that read well around two others
 * @returns {[number, number]}
 */
export function valueRange(min, max, { high, isLog, isStacked, low }, round) {
  if (isLog) {
    const top = finite(max, 1) > 0 ? finite(max, 1) : 1;
    const bottom = finite(min, top) > 0 ? finite(min, top) : top / 1000;
    const from = Math.min(most / 10, Math.max(1e-30, low !== undefined && low > 0 ? low : bottom));
    const until = high !== undefined && high > from ? high : top;
    return [from, Math.min(most, until > from * 1.01 ? until : from * 10)];
  }
  const [bottom, top] = round(finite(min, 0), finite(max, 1));
  const floor = finite(bottom ?? null, 0);
  const from = low ?? (isStacked ? Math.min(0, floor) : floor);
  const until = high ?? finite(top ?? null, 1);
  const isCrossed = low !== undefined && high !== undefined && low > high;
  return isCrossed ? apart(finite(high, 0), finite(low, 1)) : apart(finite(from, 0), finite(until, 1));
}

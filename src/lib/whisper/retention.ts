/**
 * What is kept for how long: archives, each with a step and a number of points, finest first, and whisper's rules for
 * them. Text as in `storage-schemas.conf`: `10s:6h,1m:6d`, `60:1440`, or `1m:1000` where a bare number counts points.
 */

/** One archive: a point every `stepSeconds`, `points` of them. */
export interface Archive {
  stepSeconds: number;
  points: number;
}

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };
const unitNames = ["seconds", "minutes", "hours", "days", "weeks", "years"];

/** Seconds that an archive reaches back. */
export function reachSeconds(archive: Archive): number {
  return archive.stepSeconds * archive.points;
}

function duration(text: string, whole: string): { value: number; unit: number | undefined } {
  const match = /^(\d{1,12})([a-z]*)$/i.exec(text);
  if (!match) throw new SyntaxError(`Cannot parse retention "${whole}": wanted step:duration, as in 10s:6h`);
  const name = (match[2] ?? "").toLowerCase();
  if (name === "") return { value: Number(match[1]), unit: undefined };
  const full = unitNames.find((each) => each.startsWith(name));
  if (!full) throw new SyntaxError(`Cannot parse retention "${whole}": unit must be s, m, h, d, w or y`);
  return { value: Number(match[1]), unit: units[full[0] as string] as number };
}

/**
 * The archives of a retention, finest first. Throws SyntaxError for text that is none, RangeError for archives that do
 * not fit each other: a step twice, a coarser step that the finer does not divide, a coarser archive that reaches no
 * further, or a finer one too short to make one coarser point.
 */
export function parseRetentions(text: string): Archive[] {
  const archives = text.split(",").map((part) => {
    const [step, keep, ...rest] = part.trim().split(":");
    if (step === undefined || keep === undefined || rest.length > 0) {
      throw new SyntaxError(`Cannot parse retention "${part.trim()}": wanted step:duration, as in 10s:6h`);
    }
    const every = duration(step.trim(), part.trim());
    const stepSeconds = every.value * (every.unit ?? 1);
    const kept = duration(keep.trim(), part.trim());
    const points =
      kept.unit === undefined ? kept.value : Math.floor((kept.value * kept.unit) / Math.max(1, stepSeconds));
    return { stepSeconds, points };
  });
  return checkedArchives(archives);
}

/** The same archives, finest first, when whisper would take them. Throws RangeError as {@link parseRetentions} says. */
export function checkedArchives(list: readonly Archive[]): Archive[] {
  const archives = [...list].sort((left, right) => left.stepSeconds - right.stepSeconds);
  if (archives.length === 0) throw new RangeError("Cannot use retention: wanted at least one archive");
  for (const [at, archive] of archives.entries()) {
    const text = `${archive.stepSeconds}:${archive.points}`;
    const positive = (value: number) => Number.isInteger(value) && value > 0 && value < 2 ** 32;
    if (!positive(archive.stepSeconds) || !positive(archive.points)) {
      throw new RangeError(`Cannot use retention "${text}": step and points must be whole and above 0`);
    }
    const coarser = archives[at + 1];
    if (!coarser) break;
    const refuse = (reason: string): never => {
      throw new RangeError(
        `Cannot use retention "${text}" before "${coarser.stepSeconds}:${coarser.points}": ${reason}`,
      );
    };
    if (coarser.stepSeconds === archive.stepSeconds) refuse("the steps are the same");
    if (coarser.stepSeconds % archive.stepSeconds !== 0) refuse("the finer step must divide the coarser");
    if (reachSeconds(coarser) <= reachSeconds(archive)) refuse("the coarser must reach further back");
    if (archive.points < coarser.stepSeconds / archive.stepSeconds) {
      refuse("the finer must have the points of one coarser step");
    }
  }
  return archives;
}

/** As text, in seconds and points: `10:2160,60:8640`. */
export function formatRetentions(archives: readonly Archive[]): string {
  return archives.map(({ stepSeconds, points }) => `${stepSeconds}:${points}`).join(",");
}

/**
 * Whisper files, byte for byte as Graphite's own library reads and writes them: a header, then one ring of 12-byte
 * points for each archive, all big-endian. A file is held in memory whole; reading it from disk and putting it back are
 * the caller's. `update` and `fetch` follow whisper.py 1.1: a point goes to the finest archive that still covers it and
 * from there into the coarser ones; a fetch answers from the finest archive that covers its beginning.
 * Left out: compressed files (`cwhisper`) and merging.
 */
import { aggregate, type Aggregation, aggregations } from "./rollup.ts";
import { type Archive, checkedArchives, reachSeconds } from "./retention.ts";

const headerBytes = 16;
const archiveBytes = 12;
const pointBytes = 12;
/** The most archives a file may claim to have; whisper itself is used with two to five. */
const archivesMax = 64;

/** Points of an archive, oldest first. */
export interface WhisperPoints {
  /** Seconds since 1970, multiples of the step. */
  times: Float64Array;
  values: Float64Array;
}

/** A part of a series on its grid: values at `start`, `start + step` … before `end`; NaN where there is none. */
export interface WhisperRange {
  startSeconds: number;
  endSeconds: number;
  stepSeconds: number;
  values: Float64Array;
}

/** Which part of an archive a fetch answers with. */
export interface FetchPlan {
  /** Position of the archive, 0 being the finest. */
  archive: number;
  startSeconds: number;
  endSeconds: number;
  stepSeconds: number;
}

/**
 * Which archive whisper reads for (from, until] at the time `now`, and the exact grid of its answer; all in seconds.
 * Undefined when all of the range is in the future or older than what is kept. Throws RangeError when `from` is later
 * than `until`.
 */
export function planFetch(
  archives: readonly Archive[],
  from: number,
  until: number,
  now: number,
): FetchPlan | undefined {
  let [first, last] = [Math.floor(from), Math.floor(until)];
  if (first > last) throw new RangeError(`Cannot fetch from ${from} until ${until}: the end is before the beginning`);
  const coarsest = archives.at(-1);
  if (!coarsest) return undefined;
  const oldest = now - reachSeconds(coarsest);
  if (first > now || last < oldest) return undefined;
  first = Math.max(first, oldest);
  last = Math.min(last, now);
  const position = archives.findIndex((archive) => reachSeconds(archive) >= now - first);
  const archive = position < 0 ? archives.length - 1 : position;
  const { stepSeconds } = archives[archive] as Archive;
  const startSeconds = first - mod(first, stepSeconds) + stepSeconds;
  let endSeconds = last - mod(last, stepSeconds) + stepSeconds;
  if (endSeconds === startSeconds) endSeconds += stepSeconds;
  return { archive, startSeconds, endSeconds, stepSeconds };
}

/**
 * Which archive takes a point of this age in seconds: the finest that covers it. Undefined when none does, or when the point is of
 * the future.
 */
export function archiveFor(archives: readonly Archive[], ageSeconds: number): number | undefined {
  const coarsest = archives.at(-1);
  if (!coarsest || ageSeconds < 0 || ageSeconds >= reachSeconds(coarsest)) return undefined;
  return archives.findIndex((archive) => reachSeconds(archive) >= ageSeconds);
}

function mod(value: number, step: number): number {
  return ((value % step) + step) % step;
}

/** A whisper file in memory. */
export class WhisperFile {
  readonly archives: readonly Archive[];
  readonly aggregation: Aggregation;
  readonly xFilesFactor: number;
  /** All of the file. Changed by {@link update}. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #offsets: readonly number[];

  /** Reads a file; the bytes are used, not copied. Throws RangeError when they are no whisper file. */
  constructor(bytes: Uint8Array) {
    const refusal = (reason: string) => new RangeError(`Cannot read whisper file: ${reason}`);
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < headerBytes + archiveBytes) throw refusal(`${bytes.length} bytes are no header`);
    const aggregation = aggregations[this.#view.getUint32(0) - 1];
    if (!aggregation) throw refusal(`unknown aggregation ${this.#view.getUint32(0)}`);
    this.aggregation = aggregation;
    // Kept as 32 bits; 0.1 comes back as 0.10000000149011612, and whisper compares with just that.
    this.xFilesFactor = this.#view.getFloat32(8);
    if (!(this.xFilesFactor >= 0 && this.xFilesFactor <= 1))
      throw refusal(`x-files factor ${this.xFilesFactor} is not 0 to 1`);
    const count = this.#view.getUint32(12);
    if (count < 1 || count > archivesMax || headerBytes + count * archiveBytes > bytes.length) {
      throw refusal(`it says it has ${count} archives`);
    }
    const archives: Archive[] = [];
    const offsets: number[] = [];
    for (let at = 0; at < count; at++) {
      const start = headerBytes + at * archiveBytes;
      const archive = { stepSeconds: this.#view.getUint32(start + 4), points: this.#view.getUint32(start + 8) };
      const offset = this.#view.getUint32(start);
      if (archive.stepSeconds < 1 || archive.points < 1) throw refusal(`archive ${at} is empty`);
      if (offset < headerBytes + count * archiveBytes || offset + archive.points * pointBytes > bytes.length) {
        throw refusal(`archive ${at} does not lie within its ${bytes.length} bytes`);
      }
      archives.push(archive);
      offsets.push(offset);
    }
    this.archives = archives;
    this.#offsets = offsets;
  }

  /** A new, empty file. Throws RangeError for archives that whisper would not take. */
  static create(list: readonly Archive[], aggregation: Aggregation = "average", xFilesFactor = 0.5): WhisperFile {
    const archives = checkedArchives(list);
    let offset = headerBytes + archiveBytes * archives.length;
    const size = archives.reduce((sum, { points }) => sum + points * pointBytes, offset);
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, aggregations.indexOf(aggregation) + 1);
    view.setUint32(4, Math.max(...archives.map(reachSeconds)));
    view.setFloat32(8, xFilesFactor);
    view.setUint32(12, archives.length);
    for (const [at, { stepSeconds, points }] of archives.entries()) {
      const start = headerBytes + at * archiveBytes;
      view.setUint32(start, offset);
      view.setUint32(start + 4, stepSeconds);
      view.setUint32(start + 8, points);
      offset += points * pointBytes;
    }
    return new WhisperFile(bytes);
  }

  /** All points of an archive, oldest first. Those that the ring has begun to forget are still among them. */
  points(archive: number): WhisperPoints {
    const { offset, points, stepSeconds } = this.#ring(archive);
    const found: [number, number][] = [];
    for (let at = 0; at < points; at++) {
      const time = this.#view.getUint32(offset + at * pointBytes);
      // Damage may leave times off the grid; no point of ours has one.
      if (time === 0 || time % stepSeconds !== 0) continue;
      found.push([time, this.#view.getFloat64(offset + at * pointBytes + 4)]);
    }
    found.sort(([left], [right]) => left - right);
    const unique = found.filter(([time, value], at) => time !== found[at + 1]?.[0] && !Number.isNaN(value));
    return {
      times: Float64Array.from(unique, ([time]) => time),
      values: Float64Array.from(unique, ([, value]) => value),
    };
  }

  /** Puts points straight into one archive, past all roll-ups. Times are multiples of its step. */
  put(archive: number, { times, values }: WhisperPoints): void {
    for (let at = 0; at < times.length; at++) this.#write(archive, times[at] as number, values[at] as number);
  }

  /** Writes a point at the time `now` (seconds). False when no archive covers it, or when it is of the future. */
  update(value: number, timeSeconds: number, now: number): boolean {
    const archive = archiveFor(this.archives, now - timeSeconds);
    if (archive === undefined) return false;
    const { stepSeconds } = this.archives[archive] as Archive;
    const time = timeSeconds - (timeSeconds % stepSeconds);
    this.#write(archive, time, value);
    for (let coarser = archive + 1; coarser < this.archives.length; coarser++) {
      if (!this.#propagate(time, coarser)) break;
    }
    return true;
  }

  /** What whisper answers for (from, until] at the time `now`; see {@link planFetch}. */
  fetch(from: number, until: number, now: number): WhisperRange | undefined {
    const plan = planFetch(this.archives, from, until, now);
    if (!plan) return undefined;
    const { archive, startSeconds, endSeconds, stepSeconds } = plan;
    return { startSeconds, endSeconds, stepSeconds, values: this.#read(archive, startSeconds, endSeconds) };
  }

  #ring(archive: number) {
    const ring = this.archives[archive];
    const offset = this.#offsets[archive];
    if (!ring || offset === undefined) throw new RangeError(`Cannot read archive ${archive}: there is none`);
    return { ...ring, offset };
  }

  #place(archive: number, time: number): { at: number; empty: boolean } {
    const { offset, points, stepSeconds } = this.#ring(archive);
    const first = this.#view.getUint32(offset);
    if (first === 0) return { at: offset, empty: true };
    return { at: offset + mod(Math.floor((time - first) / stepSeconds), points) * pointBytes, empty: false };
  }

  #write(archive: number, time: number, value: number): void {
    const { at } = this.#place(archive, time);
    this.#view.setUint32(at, time);
    this.#view.setFloat64(at + 4, value);
  }

  #read(archive: number, start: number, end: number): Float64Array {
    const { stepSeconds } = this.#ring(archive);
    const values = new Float64Array((end - start) / stepSeconds).fill(NaN);
    for (let index = 0; index < values.length; index++) {
      const time = start + index * stepSeconds;
      const { at, empty } = this.#place(archive, time);
      if (empty) break;
      if (this.#view.getUint32(at) === time) values[index] = this.#view.getFloat64(at + 4);
    }
    return values;
  }

  #propagate(time: number, archive: number): boolean {
    const { stepSeconds } = this.#ring(archive);
    const start = time - (time % stepSeconds);
    const value = aggregate(this.aggregation, this.xFilesFactor, this.#read(archive - 1, start, start + stepSeconds));
    if (Number.isNaN(value)) return false;
    this.#write(archive, start, value);
    return true;
  }
}

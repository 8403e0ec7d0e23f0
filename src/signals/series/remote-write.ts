/**
 * Prometheus remote write 1.0 and 2.0: a Snappy block with a protobuf message in it becomes points. Labels become tags,
 * the name the name. What a path cannot hold in a label's value (blanks, `;`, a leading `~`) becomes `_`. Samples that
 * say "stale" (NaN) are understood and make no point; native histograms and exemplars are counted and not kept. The few
 * fields of the messages are read here; unknown ones are passed over. Everything is bounded, as a small block can hold
 * very much.
 *
 * 1.0: WriteRequest{ timeseries=1 { labels=1 { name=1, value=2 }, samples=2 { value=1 double, timestamp=2 int64 ms }, exemplars=3, histograms=4 } }
 * 2.0: Request{ symbols=4, timeseries=5 { labels_refs=1 uint32 in pairs, samples=2 as above, histograms=3, exemplars=4 } }
 */
import { Fault } from "../../kit/fault.ts";
import { formatPath, type Point } from "../../lib/graphite/path.ts";
import { type FieldBudget, fieldsOf, packedNumbers } from "./protobuf.ts";
import { uncompressed } from "./snappy.ts";

/** Which message a body is: 1.0's or 2.0's. */
export type RemoteWriteVersion = 1 | 2;

/** What a write request holds. */
export interface RemoteWrite {
  points: Point[];
  /** Samples that say that a series ends here. */
  stale: number;
  /** Samples of series that have no name, or more labels than a path holds. */
  nameless: number;
  histograms: number;
  exemplars: number;
}

const seriesMax = 1_000_000;
const samplesMax = 1_000_000;
const fieldsMax = 10_000_000;
/** In characters, name and labels together: no store of paths takes longer ones. */
const pathMax = 1024;

/**
 * Reads a body. Fault `series/remote-write` for bytes that are no write request, or one with more than a million series
 * or samples.
 */
export function decodeRemoteWrite(body: Uint8Array, version: RemoteWriteVersion = 1): RemoteWrite {
  try {
    const reading = new Reading();
    if (version === 1) reading.first(uncompressed(body));
    else reading.second(uncompressed(body));
    return reading.found;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault("invalid", "series/remote-write", `Cannot read the write request: ${reason}`, { cause: thrown });
  }
}

const text = new TextDecoder();

/** One request while it is read. */
class Reading {
  readonly found: RemoteWrite = { points: [], stale: 0, nameless: 0, histograms: 0, exemplars: 0 };
  readonly #budget: FieldBudget = { left: fieldsMax };
  #series = 0;
  #samples = 0;

  first(bytes: Uint8Array): void {
    for (const { number, bytes: each } of fieldsOf(bytes, this.#budget)) {
      if (number !== 1) continue;
      this.#countSeries();
      const labels = new Labels();
      const samples: Uint8Array[] = [];
      for (const field of fieldsOf(each, this.#budget)) {
        if (field.number === 1) this.#label(field.bytes, labels);
        else if (field.number === 2) samples.push(field.bytes);
        else if (field.number === 3) this.found.exemplars++;
        else if (field.number === 4) this.found.histograms++;
      }
      this.#take(labels, samples);
    }
  }

  second(bytes: Uint8Array): void {
    const symbols: string[] = [];
    const series: Uint8Array[] = [];
    for (const { number, bytes: each } of fieldsOf(bytes, this.#budget)) {
      if (number === 4) symbols.push(text.decode(each));
      else if (number === 5) {
        this.#countSeries();
        series.push(each);
      }
    }
    for (const each of series) {
      const refs: number[] = [];
      const samples: Uint8Array[] = [];
      for (const field of fieldsOf(each, this.#budget)) {
        if (field.number === 1 && field.hasLength)
          for (const ref of packedNumbers(field.bytes, this.#budget)) refs.push(ref);
        else if (field.number === 1) refs.push(field.value);
        else if (field.number === 2) samples.push(field.bytes);
        else if (field.number === 3) this.found.histograms++;
        else if (field.number === 4) this.found.exemplars++;
      }
      if (refs.length % 2 === 1) throw new RangeError("a label has a name and no value");
      const symbol = (at: number) => {
        const found = symbols[refs[at] ?? -1];
        if (found === undefined) throw new RangeError(`a label refers to symbol ${refs[at]} of ${symbols.length}`);
        return found;
      };
      const labels = new Labels();
      for (let at = 0; at < refs.length; at += 2) labels.add(symbol(at), symbol(at + 1));
      this.#take(labels, samples);
    }
  }

  #countSeries(): void {
    if (++this.#series > seriesMax) throw new RangeError(`it has more than ${seriesMax} series`);
  }

  #label(bytes: Uint8Array, labels: Labels): void {
    let name = "";
    let value = "";
    for (const field of fieldsOf(bytes, this.#budget)) {
      if (field.number === 1) name = text.decode(field.bytes);
      if (field.number === 2) value = text.decode(field.bytes);
    }
    labels.add(name, value);
  }

  #take(labels: Labels, samples: readonly Uint8Array[]): void {
    if (samples.length === 0) return;
    this.#samples += samples.length;
    if (this.#samples > samplesMax) throw new RangeError(`it has more than ${samplesMax} samples`);
    const path = labels.path();
    for (const bytes of samples) {
      let value = 0;
      let atMs = 0;
      for (const field of fieldsOf(bytes, this.#budget)) {
        if (field.number === 1) value = field.value;
        if (field.number === 2) atMs = field.value;
      }
      if (path === undefined) this.found.nameless++;
      else if (Number.isNaN(value)) this.found.stale++;
      else this.found.points.push({ path, value, atSeconds: Math.floor(atMs / 1000) });
    }
  }
}

/** The labels of one series. */
class Labels {
  readonly #tags = new Map<string, string>();
  #length = 0;

  /** One without a name or a value is none. What is too long for a path is not looked at any further. */
  add(name: string, value: string): void {
    if (name === "" || value === "") return;
    this.#length += name.length + value.length;
    if (this.#length <= pathMax) this.#tags.set(name.replace(/[;!^=\s~]/g, "_"), cleaned(value));
  }

  /** Undefined where there is no name, or too much. */
  path(): string | undefined {
    const name = this.#tags.get("__name__");
    if (name === undefined || this.#length > pathMax) return undefined;
    this.#tags.delete("__name__");
    // A tag called "name" would be taken for the name itself.
    const own = this.#tags.get("name");
    if (own !== undefined) {
      this.#tags.delete("name");
      this.#tags.set("label_name", own);
    }
    return formatPath({ name, tags: this.#tags });
  }
}

function cleaned(value: string): string {
  let clean = "";
  for (const char of value) clean += char <= " " || char === ";" || char === "\u007f" ? "_" : char;
  return clean.replace(/^~/, "_");
}

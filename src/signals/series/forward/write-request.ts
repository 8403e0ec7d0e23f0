/**
 * Points as a WriteRequest of Prometheus' remote write 1.0: one TimeSeries for each path, its samples oldest first, labels
 * in order, none of them empty. Names of Graphite have dots, which Prometheus does not take: they become `_`, or stay as
 * they are for a VictoriaMetrics.
 */
import { parsePath, type Point } from "../../../lib/graphite/path.ts";

/** What becomes of characters that Prometheus does not take in names. */
export type LabelNames = "underscores" | "as-is";

const text = new TextEncoder();

/** A message that grows. */
class Message {
  #bytes = new Uint8Array(1024);
  #end = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  clear(): void {
    this.#end = 0;
  }

  varint(value: number | bigint): void {
    this.#room(10);
    let left = BigInt(value);
    while (left > 127n) {
      this.#bytes[this.#end++] = Number(left & 127n) | 128;
      left >>= 7n;
    }
    this.#bytes[this.#end++] = Number(left);
  }

  field(number: number, bytes: Uint8Array): void {
    this.varint(number * 8 + 2);
    this.varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  sample(value: number, atMs: number): void {
    const times = BigInt(atMs);
    const inner = new Message();
    inner.varint(times);
    this.varint(2 * 8 + 2);
    this.varint(9 + 1 + inner.bytes.length);
    this.#room(30);
    this.#bytes[this.#end++] = 1 * 8 + 1;
    new DataView(this.#bytes.buffer).setFloat64(this.#end, value, true);
    this.#end += 8;
    this.#bytes[this.#end++] = 2 * 8;
    this.#bytes.set(inner.bytes, this.#end);
    this.#end += inner.bytes.length;
  }

  #room(more: number): void {
    if (this.#end + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + more));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}

/** The message. Points whose path cannot be read are left out. */
export function encodeWriteRequest(points: readonly Point[], names: LabelNames): Uint8Array {
  const byPath = Map.groupBy(points, ({ path }) => path);
  const request = new Message();
  const series = new Message();
  for (const [path, own] of byPath) {
    const labels = labelsOf(path, names);
    if (!labels) continue;
    series.clear();
    for (const [name, value] of labels) {
      const label = new Message();
      label.field(1, text.encode(name));
      label.field(2, text.encode(value));
      series.field(1, label.bytes);
    }
    for (const { value, atSeconds } of samplesOf(own)) series.sample(value, Math.floor(atSeconds * 1000));
    request.field(1, series.bytes);
  }
  return request.bytes;
}

/** One sample a time, the last that came, oldest first. */
function samplesOf(points: readonly Point[]): Point[] {
  const byTime = new Map(points.map((point) => [point.atSeconds, point]));
  return [...byTime.values()].sort((left, right) => left.atSeconds - right.atSeconds);
}

function labelsOf(path: string, names: LabelNames): [string, string][] | undefined {
  let parsed;
  try {
    parsed = parsePath(path);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  const labels: [string, string][] = [["__name__", names === "as-is" ? parsed.name : metricName(parsed.name)]];
  for (const [tag, value] of parsed.tags) if (value !== "") labels.push([labelName(tag), value]);
  return labels.sort(([left], [right]) => (left < right ? -1 : 1));
}

function metricName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d)/, "_");
}

function labelName(tag: string): string {
  return tag.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_");
}

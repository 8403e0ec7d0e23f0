/** Write requests as Prometheus makes them, and bytes that are none. */
import { expect, test } from "bun:test";

import fc from "fast-check";
import { compress } from "snappyjs";

import { Fault } from "../../kit/fault.ts";
import { decodeRemoteWrite } from "./remote-write.ts";
import { snappyBlock } from "./snappy.ts";

const utf8 = new TextEncoder();

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  while (left >= 128n) {
    bytes.push(Number(left & 127n) | 128);
    left >>= 7n;
  }
  return [...bytes, Number(left)];
}

const part = (number: number, bytes: readonly number[]) => [number * 8 + 2, ...varint(BigInt(bytes.length)), ...bytes];
const label = (name: string, value: string) =>
  part(1, [...part(1, [...utf8.encode(name)]), ...part(2, [...utf8.encode(value)])]);
const double = (value: number) => [...new Uint8Array(new Float64Array([value]).buffer)];
const sample = (value: number, atMs: number) => part(2, [9, ...double(value), 16, ...varint(BigInt(atMs))]);
const bodyOf = (...series: number[][]) => compress(Uint8Array.from(series.flatMap((each) => part(1, each))));

test("decodeRemoteWrite: labels become tags, milliseconds seconds, stale marks nothing", () => {
  const body = bodyOf(
    [
      ...label("__name__", "node_load1"),
      ...label("job", "my node"),
      ...label("instance", "a:9100"),
      ...sample(1.5, 1_700_000_000_999),
      ...sample(NaN, 1_700_000_010_000),
    ],
    [...label("job", "x"), ...sample(1, 1000)],
    [...label("__name__", "up"), ...label("name", "~n;1"), ...label("empty", ""), ...sample(-0.25, 1_700_000_000_000)],
  );
  expect(decodeRemoteWrite(body)).toEqual({
    points: [
      { path: "node_load1;instance=a:9100;job=my_node", value: 1.5, atSeconds: 1_700_000_000 },
      { path: "up;label_name=_n_1", value: -0.25, atSeconds: 1_700_000_000 },
    ],
    stale: 1,
    nameless: 1,
    histograms: 0,
    exemplars: 0,
  });
});

/** A request of 2.0 as the published numbers of its fields say. */
function secondOf(series: readonly { labels: readonly string[]; rest: readonly number[]; unpacked?: boolean }[]) {
  const symbols = [...new Set(["", ...series.flatMap(({ labels }) => labels)])];
  const messages = series.map(({ labels, rest, unpacked = false }) => {
    const refs = labels.map((each) => varint(BigInt(symbols.indexOf(each))));
    return part(5, [...(unpacked ? refs.flatMap((ref) => [1 * 8, ...ref]) : part(1, refs.flat())), ...rest]);
  });
  return Uint8Array.from([...symbols.flatMap((each) => part(4, [...utf8.encode(each)])), ...messages.flat()]);
}

test("decodeRemoteWrite: 2.0 has its texts in a table, and what is not kept is counted", () => {
  const startedAt = [3 * 8, ...varint(1_699_999_000_000n)];
  const metadata = part(5, [8, 2, 24, 0]);
  const body = secondOf([
    {
      labels: ["__name__", "node_load1", "instance", "a:9100", "job", "my node"],
      rest: [...metadata, ...sample(1.5, 1_700_000_000_999), ...sample(NaN, 1_700_000_010_000)],
    },
    {
      labels: ["__name__", "up", "job", "a:9100"],
      rest: [...part(2, [9, ...double(3), 16, ...varint(-1000n), ...startedAt]), ...part(4, [17, ...double(1)])],
      unpacked: true,
    },
    { labels: ["job", "up"], rest: sample(1, 1000) },
    { labels: ["__name__", "sizes"], rest: [...part(3, [8, 1]), ...part(3, [8, 1])] },
  ]);
  expect(decodeRemoteWrite(compress(body), 2)).toEqual({
    points: [
      { path: "node_load1;instance=a:9100;job=my_node", value: 1.5, atSeconds: 1_700_000_000 },
      { path: "up;job=a:9100", value: 3, atSeconds: -1 },
    ],
    stale: 1,
    nameless: 1,
    histograms: 2,
    exemplars: 1,
  });
  // One message taken for the other is empty, and no mistake of another kind.
  expect(decodeRemoteWrite(compress(body), 1).points).toEqual([]);
});

test("decodeRemoteWrite: references to texts must be pairs and be there", () => {
  const of = (refs: number[]) =>
    compress(Uint8Array.from([...part(4, []), ...part(5, [...part(1, refs), ...sample(1, 1)])]));
  expect(() => decodeRemoteWrite(of([0]), 2)).toThrow("a label has a name and no value");
  expect(() => decodeRemoteWrite(of([0, 1]), 2)).toThrow("a label refers to symbol 1 of 1");
  expect(() => decodeRemoteWrite(of([0, 0x80]), 2)).toThrow("it ends in the middle of a number");
  expect(decodeRemoteWrite(of([]), 2).nameless).toBe(1);
});

test("decodeRemoteWrite: a small body that holds very much is refused, and long names are not made longer", () => {
  const judge = (bytes: Uint8Array, version: 1 | 2) => {
    const before = performance.now();
    let message = "";
    try {
      decodeRemoteWrite(snappyBlock(bytes), version);
    } catch (thrown) {
      message = (thrown as Error).message;
    }
    expect(performance.now() - before).toBeLessThan(10_000);
    return message;
  };
  const named = label("__name__", "a");
  const emptySamples = Buffer.alloc(2_400_000, Uint8Array.of(0x12, 0));
  const wrapped = (field: number, bytes: Uint8Array) =>
    Buffer.concat([Uint8Array.from([field * 8 + 2, ...varint(BigInt(bytes.length))]), bytes]);
  expect(judge(wrapped(1, Buffer.concat([Uint8Array.from(named), emptySamples])), 1)).toContain("1000000 samples");
  expect(judge(Buffer.alloc(24_000_000, Uint8Array.of(0x7a, 0)), 1)).toContain("too many fields");
  expect(judge(Buffer.alloc(2_400_000, Uint8Array.of(0x0a, 0)), 1)).toContain("1000000 series");
  // A megabyte that many series have as a label.
  const symbols = [part(4, []), part(4, [...utf8.encode("__name__")]), [...wrapped(4, Buffer.alloc(1 << 20, 97))]];
  const series = Array.from({ length: 20_000 }, () => part(5, [...part(1, [1, 2]), ...sample(1, 1)]));
  const many = Uint8Array.from([...symbols.flat(), ...series.flat()]);
  expect(decodeRemoteWrite(snappyBlock(many), 2)).toMatchObject({ points: [], nameless: 20_000 });
}, 120_000);

test("decodeRemoteWrite: bytes of any kind are a request or a fault", () => {
  const good = bodyOf([...label("__name__", "a"), ...sample(1, 1000)]);
  const second = secondOf([{ labels: ["__name__", "a", "b", "c"], rest: sample(1, 1000) }]);
  const judge = (bytes: Uint8Array) => {
    for (const version of [1, 2] as const) {
      try {
        decodeRemoteWrite(bytes, version);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Fault);
      }
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => judge(bytes)),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => judge(compress(bytes))),
    { numRuns: 300 },
  );
  for (let length = 0; length < good.length; length++) judge(good.subarray(0, length));
  fc.assert(
    fc.property(fc.nat(second.length - 1), fc.nat(255), (at, byte) => judge(compress(second.with(at, byte)))),
    { numRuns: 500 },
  );
  // A block that says it is 4 GiB.
  expect(() => decodeRemoteWrite(Uint8Array.of(255, 255, 255, 255, 15, 0))).toThrow(Fault);
});

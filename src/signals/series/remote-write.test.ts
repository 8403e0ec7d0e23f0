/** Write requests as Prometheus makes them, and bytes that are none. */
import { expect, test } from "bun:test";

import fc from "fast-check";
import { compress } from "snappyjs";

import { Fault } from "../../kit/fault.ts";
import { decodeRemoteWrite } from "./remote-write.ts";

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
    left: 2,
  });
});

test("decodeRemoteWrite: bytes of any kind are a request or a fault", () => {
  const good = bodyOf([...label("__name__", "a"), ...sample(1, 1000)]);
  const judge = (bytes: Uint8Array) => {
    try {
      decodeRemoteWrite(bytes);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(Fault);
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
  // A block that says it is 4 GiB.
  expect(() => decodeRemoteWrite(Uint8Array.of(255, 255, 255, 255, 15, 0))).toThrow(Fault);
});

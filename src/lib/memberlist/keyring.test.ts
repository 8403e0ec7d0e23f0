/** Keys: order, bounds and rotation. */
import { expect, test } from "bun:test";
import { seal, sealedLength, unseal } from "./encryption.ts";
import { Keyring } from "./keyring.ts";
import { ProtocolError } from "./protocol-error.ts";

const first = new Uint8Array(16).fill(1);
const second = new Uint8Array(24).fill(2);
const third = new Uint8Array(32).fill(3);

test("Keyring: the first key is primary until another is used; known keys are not added twice", () => {
  const ring = new Keyring([first, second, first]);
  expect(ring.keys).toEqual([first, second]);
  ring.add(third);
  ring.use(second);
  expect(ring.keys).toEqual([second, first, third]);
  ring.remove(first);
  ring.remove(first);
  expect(ring.keys).toEqual([second, third]);
});

test("Keyring: wrong lengths, unknown keys and the primary key's removal are refused", () => {
  const ring = new Keyring([first]);
  expect(() => ring.add(new Uint8Array(15))).toThrow(RangeError);
  expect(() => ring.use(second)).toThrow(RangeError);
  expect(() => ring.remove(first)).toThrow(RangeError);
  const mine = first.slice();
  const copied = new Keyring([mine]);
  mine.fill(9);
  expect(copied.primary).toEqual(first);
});

test.each([0, 1] as const)("seal and unseal: version %i keeps every length, under every key of the ring", (version) => {
  const aside = new TextEncoder().encode("label");
  for (const key of [first, second, third]) {
    for (const length of [0, 1, 15, 16, 17, 1400]) {
      const plain = new Uint8Array(length).fill(5);
      const sealed = seal(version, key, plain, aside);
      expect(sealed.length).toBe(sealedLength(version, length));
      expect([...unseal(new Keyring([third, second, first]), sealed, aside)]).toEqual([...plain]);
      expect(() => unseal(new Keyring([key]), sealed, new Uint8Array(0))).toThrow(ProtocolError);
      expect(() => unseal(new Keyring([new Uint8Array(16)]), sealed, aside)).toThrow(ProtocolError);
      expect(() => unseal(new Keyring([key]), sealed.subarray(0, -1), aside)).toThrow(ProtocolError);
    }
  }
});

test("unseal: padding that cannot be is refused, since the version byte is not authenticated", () => {
  const aside = new Uint8Array(0);
  for (const last of [0, 17, 200]) {
    const sealed = seal(1, first, new Uint8Array(32).fill(last), aside);
    sealed[0] = 0;
    expect(() => unseal(new Keyring([first]), sealed, aside)).toThrow("padding");
  }
});

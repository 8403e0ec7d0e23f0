/** Notes come to the same everywhere, whatever the order, and nothing that is none is taken for one. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import type { Key } from "../cask/client.ts";
import { checkedNote, decodeNote, encodeNote, extensionNote, focusNote, type Note, pointIn, wins } from "./notes.ts";
import { Notes } from "./notes-sqlite.ts";

const image = `sha256:${"a".repeat(64)}` as Key;
const now = 1_800_000_000_000;

test("encodeNote, decodeNote: a note survives its blob", () => {
  for (const note of [
    focusNote(image, { x: 0.25, y: 1 / 3 }, now),
    focusNote(image, null, now),
    extensionNote(image, "png", now),
  ])
    expect(decodeNote(encodeNote(note), now)).toEqual(note);
  expect(pointIn(focusNote(image, { x: 0.25, y: 1 / 3 }, now).value)).toEqual({ x: 0.25, y: 0.3333 });
});

test("decodeNote: what is no note is none", () => {
  const good = new TextDecoder().decode(encodeNote(focusNote(image, { x: 0, y: 1 }, now)));
  const bad = [
    "",
    good.slice(1),
    good.slice(0, -3),
    good.replace("note 1", "note 2"),
    good.replace("sha256:a", "sha256:A"),
    good.replace('"focus"', '"other"'),
    good.replace('"focus"', '"as:exe"'),
    good.replace(String(now), String(now + 10 * 86_400_000)),
    good.replace(String(now), "-1"),
    good.replace('\\"x\\":0', '\\"x\\":7'),
    good + " ".repeat(4096),
  ];
  for (const text of bad) expect(decodeNote(new TextEncoder().encode(text), now), text.slice(0, 80)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.json(), (bytes, json) => {
      expect(decodeNote(bytes, now)).toBeUndefined();
      expect(checkedNote(JSON.parse(json), now)).toBeUndefined();
      const opened = new TextEncoder().encode(`warren reticulum note 1\n${json}`);
      expect(decodeNote(opened, now)).toBeUndefined();
    }),
  );
});

const anyNote: fc.Arbitrary<Note> = fc.oneof(
  fc
    .record({
      at: fc.integer({ min: 0, max: 5 }),
      point: fc.option(fc.record({ x: fc.constantFrom(0, 0.5, 1), y: fc.constantFrom(0, 1) })),
      image: fc.constantFrom(image, `sha1:${"b".repeat(40)}` as Key),
    })
    .map(({ at, image: of, point }) => focusNote(of, point, at)),
  fc.constantFrom("png", "jpg").map((extension) => extensionNote(image, extension, 3)),
);

test("Notes.add: two nodes that learn the same notes in any order, any number of times, know the same", () => {
  fc.assert(
    fc.property(fc.array(anyNote, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (notes, chance) => {
      const one = new Notes(":memory:");
      const other = new Notes(":memory:");
      one.add(notes);
      const again = [...notes, ...notes].sort(() => ((chance.next().value as number) % 2 === 0 ? 1 : -1));
      for (const note of again) other.add([note]);
      const known = (of: Notes) =>
        of
          .after(0, 1000)
          .notes.map((note) => JSON.stringify(note))
          .sort();
      expect(known(other)).toEqual(known(one));
      one.close();
      other.close();
    }),
    { numRuns: 50 },
  );
});

test("wins: later, then larger; never itself", () => {
  const early = focusNote(image, { x: 0, y: 0 }, 1);
  const late = focusNote(image, { x: 0, y: 0 }, 2);
  const larger = focusNote(image, { x: 1, y: 0 }, 2);
  expect([wins(late, early), wins(early, late), wins(late, late), wins(larger, late), wins(late, larger)]).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
});

test("Notes: focal points, extensions, and pages for others", () => {
  const notes = new Notes(":memory:");
  expect(notes.add([focusNote(image, { x: 0.1, y: 0.2 }, 1), extensionNote(image, "png", 1)])).toHaveLength(2);
  expect(notes.focus(image)).toEqual({ x: 0.1, y: 0.2 });
  expect([notes.isServedAs(image, "png"), notes.isServedAs(image, "gif")]).toEqual([true, false]);
  const first = notes.after(0, 1);
  expect([first.id, first.notes.length, first.sequence]).toEqual([notes.id, 1, 1]);
  notes.add([focusNote(image, null, 2)]);
  expect(notes.focus(image)).toBeUndefined();
  expect(notes.after(2, 10)).toEqual({ id: notes.id, notes: [focusNote(image, null, 2)], sequence: 3 });
  expect(notes.add([focusNote(image, { x: 0, y: 0 }, 1)])).toEqual([]);
  expect([notes.count(), notes.followed("other")]).toEqual([2, 0]);
  notes.follow("other", 7);
  expect(notes.followed("other")).toBe(7);
  notes.examined([image]);
  expect([notes.isExamined(image), notes.isExamined(`sha1:${"b".repeat(40)}` as Key)]).toEqual([true, false]);
  notes.close();
});

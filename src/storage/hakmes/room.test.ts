import { describe, expect, test } from "bun:test";

import { Room } from "./room.ts";

describe("Room", () => {
  test("take: as long as there is room, and always when nobody has any", () => {
    const room = new Room(10);
    expect([room.take(6), room.take(5), room.take(4)]).toEqual([true, false, true]);
    room.give(6);
    room.give(4);
    expect([room.take(99), room.take(1), room.takenBytes]).toEqual([true, false, 99]);
  });

  test("enter: in the order of asking, so that a large one is not passed by small ones for ever", async () => {
    const room = new Room(10);
    const order: string[] = [];
    await room.enter(8);
    const large = room.enter(9).then(() => order.push("large"));
    const small = room.enter(1).then(() => order.push("small"));
    expect(room.take(1)).toBe(false);
    room.give(8);
    await Promise.all([large, small]);
    expect([order, room.takenBytes]).toEqual([["large", "small"], 10]);
  });

  test("enter: who leaves the line lets the next one in", async () => {
    const room = new Room(10);
    await room.enter(8);
    const abort = new AbortController();
    const large = room.enter(9, abort.signal);
    const small = room.enter(2);
    abort.abort(new RangeError("gone"));
    expect(large).rejects.toThrow("gone");
    await small;
    expect(room.takenBytes).toBe(10);
    expect(room.enter(1, abort.signal)).rejects.toThrow("gone");
  });
});

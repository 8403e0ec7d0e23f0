import { describe, expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { type Holder, Room } from "./room.ts";

describe("Room", () => {
  test("take: as long as there is room, and always when nobody has any", () => {
    const room = new Room(10, new ManualClock());
    expect([room.take(6), room.take(5), room.take(4)]).toEqual([true, false, true]);
    room.give(6);
    room.give(4);
    expect([room.take(99), room.take(1), room.takenBytes]).toEqual([true, false, 99]);
  });

  test("enter: in the order of asking, so that a large one is not passed by small ones for ever", async () => {
    const room = new Room(10, new ManualClock());
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
    const room = new Room(10, new ManualClock());
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

  test("enterWithin: gives up after its time, takes nothing then, and lets the next one in", async () => {
    const clock = new ManualClock();
    const room = new Room(10, clock);
    await room.enter(8);
    const large = room.enterWithin(5, 1000);
    const small = room.enter(2);
    clock.advance(999);
    expect(room.takenBytes).toBe(8);
    clock.advance(1);
    expect(await large).toBe(false);
    await small;
    expect([room.takenBytes, clock.waiting]).toEqual([10, 0]);
    const third = room.enterWithin(4, 1000);
    room.give(8);
    expect([await third, clock.waiting]).toEqual([true, 0]);
  });

  test("join: while somebody waits the silent give way, the longest silent first, and no more than needed", async () => {
    const clock = new ManualClock();
    const room = new Room(10, clock);
    const asked: string[] = [];
    const holder = (name: string, since: number | undefined): Holder => {
      let held = 3;
      room.take(held);
      return {
        silentSince: () => (held === 0 ? undefined : since),
        giveWay() {
          asked.push(name);
          room.give(held);
          held = 0;
        },
      };
    };
    clock.advance(1000);
    room.join(holder("silent for 950 ms", 50));
    room.join(holder("silent for long", 0));
    room.join(holder("at work", undefined));
    clock.advance(1000);
    expect(asked).toEqual([]);
    await room.enter(4);
    expect(asked).toEqual(["silent for long"]);
    const next = room.enter(6);
    expect(asked).toEqual(["silent for long", "silent for 950 ms"]);
    clock.advance(10_000);
    room.give(4);
    await next;
    expect([asked.length, room.takenBytes, clock.waiting]).toEqual([2, 9, 0]);
  });

  test("join: who has only just fallen silent is given a moment, and who has left is not asked", async () => {
    const clock = new ManualClock();
    const room = new Room(10, clock);
    room.take(10);
    let asked = 0;
    const holder = {
      silentSince: () => 0,
      giveWay() {
        asked++;
        room.give(10);
      },
    };
    const leave = room.join(holder);
    const entering = room.enter(1);
    clock.advance(99);
    expect(asked).toBe(0);
    clock.advance(1);
    await entering;
    expect([asked, room.takenBytes]).toEqual([1, 1]);
    leave();
    const late = room.enterWithin(10, 5000);
    clock.advance(5000);
    expect([await late, asked]).toEqual([false, 1]);
  });
});

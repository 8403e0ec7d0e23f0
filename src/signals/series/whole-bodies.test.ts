import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { WholeBodies } from "./whole-bodies.ts";

const part = new Uint8Array(1000);

/** A body of so many parts that stays open until it is let go; `brought` resolves when all of it was taken. */
function body(parts: number) {
  const closing = Promise.withResolvers<void>();
  const bringing = Promise.withResolvers<void>();
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent++ < parts) {
          controller.enqueue(part);
          return;
        }
        bringing.resolve();
        await closing.promise;
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return { letGo: closing.resolve, brought: bringing.promise, request: { headers: new Headers(), body: stream } };
}

test("WholeBodies: what all requests hold together is bounded, and free again when they are done", async () => {
  const bodies = new WholeBodies(systemClock, 2000, 8000);
  const length = (bytes: Uint8Array) => bytes.length;
  const open = Array.from({ length: 4 }, () => body(2));
  const taken = open.map(({ request }) => bodies.read(request, length));
  await Promise.all(open.map(({ brought }) => brought));
  const more = body(1);
  more.letGo();
  // Those before it have brought all that there may be.
  await expect(bodies.read(more.request, length)).rejects.toThrow("Cannot take more at the same time");
  for (const { letGo } of open) letGo();
  expect(await Promise.all(taken)).toEqual([2000, 2000, 2000, 2000]);
  const after = body(1);
  after.letGo();
  expect(await bodies.read(after.request, length)).toBe(1000);
  const failing = body(1);
  failing.letGo();
  await expect(bodies.read(failing.request, () => Promise.reject(new Error("no such thing")))).rejects.toThrow(
    "no such",
  );
  const large = body(12);
  large.letGo();
  expect(await new WholeBodies(systemClock, 12_000, 8000).read(large.request, length)).toBe(12_000);
});

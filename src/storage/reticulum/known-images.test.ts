import { expect, test } from "bun:test";

import fc from "fast-check";

import { requireKey } from "../cask/client.ts";
import { type KnownImage, KnownImages } from "./known-images.ts";

test("KnownImages: whatever was asked before, an image is found as it was learnt last", () => {
  const step = fc.record({
    does: fc.constantFrom("learn", "find", "forget"),
    at: fc.integer({ min: 0, max: 3 }),
    sizeBytes: fc.integer({ min: 1, max: 9 }),
    name: fc.constantFrom("", "a.jpg", "b.jpg"),
    uploadedAt: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const known = new KnownImages(":memory:");
      const model = new Map<string, KnownImage>();
      for (const { at, does, name, sizeBytes, uploadedAt } of steps) {
        const key = requireKey(`sha1:${String(at).padStart(40, "0")}`);
        const former = model.get(key);
        if (does === "find") {
          const found = known.find(key);
          if (former === undefined) expect(found).toBeUndefined();
          else expect(found).toEqual(former);
        } else if (does === "forget") {
          known.forget(key);
          model.delete(key);
        } else {
          const image = { key, format: "png" as const, sizeBytes, name };
          known.learn(uploadedAt === undefined ? image : { ...image, uploadedAt });
          const last = uploadedAt ?? former?.uploadedAt;
          const merged = { ...image, name: name || (former?.name ?? "") };
          model.set(key, last === undefined ? merged : { ...merged, uploadedAt: last });
        }
      }
      known.close();
    }),
    { numRuns: 60 },
  );
});

import { expect, test } from "bun:test";
import { ftruncateSync, readSync } from "node:fs";

import { openShelf } from "./engine-shelf.ts";

test.if(process.platform === "linux")(
  "Shelf: short and long sources lie there, and nobody can take the memory away under this program",
  () => {
    const shelf = openShelf();
    if (shelf === undefined) throw new Error("There is no memory to share");
    try {
      for (const sizeBytes of [1000, 20 * 2 ** 20, 5000, 4 * 2 ** 20]) {
        const source = crypto.getRandomValues(new Uint8Array(1000));
        const whole = new Uint8Array(sizeBytes).fill(7);
        whole.set(source, sizeBytes - 1000);
        expect(shelf.put(whole)).toBe(true);
        const seen = new Uint8Array(sizeBytes);
        expect(readSync(shelf.descriptor, seen, 0, sizeBytes, 0)).toBe(sizeBytes);
        expect(Buffer.compare(seen, whole)).toBe(0);
        shelf.clear();
      }
      expect(() => ftruncateSync(shelf.descriptor, 0)).toThrow("EPERM");
    } finally {
      shelf.close();
    }
  },
);

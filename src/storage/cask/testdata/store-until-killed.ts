/** Stores blobs of many sizes, 16 at a time, and prints the digest of each committed one, until it is killed. Started by store-disk.test.ts. */
import { writeSync } from "node:fs";

import { systemClock } from "../../../kit/clock.ts";
import { seededRandom } from "../../../kit/random.ts";
import { keyOf } from "../key.ts";
import { openDiskStore } from "../store-disk.ts";

const store = await openDiskStore({ root: String(process.argv[2]), clock: systemClock });
const random = seededRandom(process.pid);
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      const bytes = crypto.getRandomValues(new Uint8Array(1 + Math.floor(random() * 60_000)));
      const writer = await store.create();
      const parts = random() < 0.1 ? 12 : 1;
      const hasher = new Bun.CryptoHasher("sha256");
      for (let part = 0; part < parts; part++) {
        hasher.update(bytes);
        await writer.write(bytes);
      }
      const digest = hasher.digest("hex");
      await writer.commit(keyOf("sha256", digest));
      writeSync(1, `${digest}\n`);
    }
  }),
);

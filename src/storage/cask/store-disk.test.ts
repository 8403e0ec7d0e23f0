import { afterAll } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { openDiskStore } from "./store-disk.ts";
import { describeStore } from "./store.conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "cask-disk-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

describeStore("DiskStore", async () => {
  const root = join(folder, "conformance");
  return {
    store: await openDiskStore({ root, clock: systemClock }),
    reopen: () => openDiskStore({ root, clock: systemClock }),
    dispose: async () => {},
  };
});

/** Tests beside a real graphite-web: one is started before them and ended after them, or they are skipped with the reason. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { graphiteWebFile, isThere, Oracle } from "./oracle.ts";

/** `what` needs it, such as `the formats`; `tests` gets the way to the one that runs, once tests do. */
export function besideGraphiteWeb(name: string, what: string, tests: (oracle: () => Oracle) => void): void {
  if (!isThere) {
    test("skipped: graphite-web is not installed", () => {
      console.log(`skipped: ${what} ${graphiteWebFile} (Debian's graphite-web and python3-whisper)`);
      expect(isThere).toBe(false);
    });
    return;
  }
  describe(name, () => {
    let oracle: Oracle | undefined;
    beforeAll(async () => {
      oracle = await Oracle.start();
    }, 180_000);
    afterAll(async () => {
      await oracle?.[Symbol.asyncDispose]();
    });
    tests(() => {
      if (!oracle) throw new Error("Cannot ask graphite-web: it did not start");
      return oracle;
    });
  });
}

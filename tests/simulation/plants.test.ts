/** The simulation finds every planted fault, and soon: what it would not find, it would not find in earnest. */
import { expect, test } from "bun:test";

import { plants } from "./plants.ts";
import { simulate } from "./simulate.ts";

/** Within how many seeds each plant must show, generously beyond where it does; and the rules that may catch it. */
const expected: Record<string, { within: number; from?: number; rules: string[] }> = {
  "a commit that drops its fsync": { within: 30, rules: ["acknowledged"] },
  "trusting HEAD instead of the challenge": { within: 60, rules: ["drop"] },
  "no grace time": { within: 40, rules: ["drop", "absent"] },
  "acknowledging one copy short of the quorum": { within: 20, rules: ["acknowledged"] },
  "forgetting after a start how many nodes there are": { within: 30, rules: ["acknowledged", "absent"] },
  "trusting for ever what was verified once": { within: 60, rules: ["bytes", "serves", "heals"] },
  "not noticing that a file has changed": { within: 60, rules: ["bytes", "serves", "heals"] },
  // Shows in one seed of some hundred only: the search begins shortly before one.
  "taking a silent node for one that has nothing": { from: 150, within: 100, rules: ["absent"] },
  "digests that always agree": { within: 30, rules: ["heals"] },
  "a peer's word for what it stored": { within: 120, rules: ["acknowledged"] },
};

for (const [name, plant] of Object.entries(plants)) {
  test(`simulate: finds ${name}`, () => {
    const { within, from = 1, rules } = expected[name] ?? { within: 0, rules: [] };
    for (let seed = from; seed < from + within; seed++) {
      const { violation } = simulate(seed, { plant });
      if (!violation) continue;
      expect(rules).toContain(violation.rule);
      return;
    }
    throw new Error(`No violation within ${within} seeds`);
  }, 120_000);
}

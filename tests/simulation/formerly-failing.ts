/**
 * Seeds that once broke an invariant, each with what was wrong then. They run first, so that no mistake comes back
 * unseen. A seed tells the same story only as long as scenario.ts makes the same plans: a change there that is meant to
 * keep these must be checked against the state of the rules before the mend.
 */

/** Formerly failing seeds and the mistake each of them showed. */
export const formerlyFailing: readonly { seed: number; mistake: string }[] = [
  { seed: 1, mistake: "a node that had not met the others since its start said that blobs are absent" },
  { seed: 20, mistake: "a disk that could not be read for a moment had its good copies put aside" },
  { seed: 28, mistake: "a surplus copy went as soon as the last owner had got its own" },
  { seed: 82, mistake: "an owner that had lacked a blob did not begin the grace time anew when another was silent" },
  { seed: 94, mistake: "a disk that could not be read for a moment had its good copies put aside" },
  { seed: 142, mistake: "a surplus copy went as soon as the last owner had got its own" },
];

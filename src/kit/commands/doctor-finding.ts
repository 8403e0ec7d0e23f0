/**
 * What a look of `warren doctor` comes to. The looks themselves are in the files beside this one.
 */

/** One thing looked at. */
export interface DoctorFinding {
  /** Short and constant, such as `disk space`. */
  name: string;
  state: "ok" | "warn" | "bad";
  /** What is the case, for people. */
  sentence: string;
  /** What to do about it; absent when nothing is to be done. */
  advice?: string;
}

/**
 * What this service keeps of its own can be found or made again, so that a disk which takes no more is no reason to refuse
 * anybody: where only a convenience is lost, it is told from a mistake by this.
 */

const refusals = ["SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_BUSY"];

/** Whether a database could not be written, because of its disk or of another who holds it. */
export function isWriteRefused(thrown: unknown): boolean {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  return refusals.some((refusal) => code.startsWith(refusal));
}

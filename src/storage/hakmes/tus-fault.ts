/**
 * What the disk under resumable uploads says when it fails, as Faults: a client is told that there is no room, or that this
 * node has trouble, and may try later; the reason is for the log. Everything else passes as it is.
 */
import { isSystemError } from "../../kit/disk/atomic.ts";
import { Fault } from "../../kit/fault.ts";

/** The Fault for something thrown by the file system or SQLite; other things come back unchanged. */
export function diskFaultOf(thrown: unknown): unknown {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  if (code === "SQLITE_FULL" || isSystemError(thrown, "ENOSPC") || isSystemError(thrown, "EDQUOT")) {
    return new Fault("unavailable", "hakmes/disk-full", "Cannot take the upload: the disk of this node is full", {
      status: 507,
      cause: thrown,
    });
  }
  if (/^(?:SQLITE_|E(?:IO|ROFS|ACCES|PERM|NFILE|MFILE)$)/.test(code)) {
    return new Fault("unavailable", "hakmes/disk-failed", "Cannot take the upload: the disk of this node failed", {
      cause: thrown,
    });
  }
  return thrown;
}

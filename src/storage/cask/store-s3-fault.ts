/** What an object store's errors mean to whoever uses the store, and a time limit for its calls. */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";

/**
 * The Fault for something thrown by the S3 client; `action` completes "Cannot …". `cask/store-gone`: the bucket does not
 * exist. `cask/store-forbidden`: the keys are wrong or lack rights. `cask/disk-full`: a quota is used up.
 * `cask/store-failed`: anything else, such as a server that cannot be reached or answers nonsense.
 */
export function s3Fault(thrown: unknown, action: string, place: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const fault = (name: string, reason: string, status?: number) =>
    new Fault("unavailable", name, `Cannot ${action}: ${reason}`, {
      cause: thrown,
      details: { place, code },
      ...(status === undefined ? {} : { status }),
    });
  switch (code) {
    case "NoSuchBucket":
      return fault("cask/store-gone", "the bucket of this node does not exist");
    case "AccessDenied":
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "ExpiredToken":
    case "InvalidToken":
      return fault("cask/store-forbidden", "the object store refuses this node");
    case "QuotaExceeded":
    case "XMinioStorageFull":
    case "EntityTooLarge":
      return fault("cask/disk-full", "the object store of this node is full", 507);
    case "ENOSPC":
      return fault("cask/disk-full", "the disk on which this node collects uploads is full", 507);
    case "SlowDown":
      return fault("cask/store-failed", "the object store asks to slow down");
    default:
      return fault("cask/store-failed", "the object store of this node failed");
  }
}

/** Whether the store said that there is no such object. A HEAD tells a missing bucket in the same way. */
export function isNoSuchKey(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "NoSuchKey";
}

/** What `call` resolves to, or a `cask/store-failed` of kind timeout after `limitMs`; the call then goes on unheard. */
export function within<T>(clock: Clock, limitMs: number, action: string, call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(limitMs, () => {
      reject(
        new Fault(
          "timeout",
          "cask/store-failed",
          `Cannot ${action}: the object store did not answer in ${Math.round(limitMs)} ms`,
        ),
      );
    });
    call.then(resolve, reject).finally(cancel);
  });
}

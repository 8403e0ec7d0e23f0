/**
 * What a disk's errors mean to whoever uses the store. `cask/disk-full` and `cask/store-failed` are the port's own;
 * `cask/store-forbidden` (rights lost, mounted read-only) and `cask/store-gone` (the folder vanished, as an unmounted
 * disk does) are the ones a person can mend. All are unavailable: another node may well take the blob.
 */
import { Fault } from "../../kit/fault.ts";
import type { Key } from "./key.ts";

/** The Fault for something thrown by a file operation; `action` completes "Cannot …", `place` is the store's folder. */
export function diskFault(thrown: unknown, action: string, place: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const details = { place, code };
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new Fault("unavailable", "cask/disk-full", `Cannot ${action}: the disk of this node is full`, {
        cause: thrown,
        details,
        status: 507,
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new Fault(
        "unavailable",
        "cask/store-forbidden",
        `Cannot ${action}: this node may not use its store folder`,
        {
          cause: thrown,
          details,
        },
      );
    case "ENOENT":
    case "ENOTDIR":
    case "ESTALE":
      return new Fault("unavailable", "cask/store-gone", `Cannot ${action}: the store folder of this node is gone`, {
        cause: thrown,
        details,
      });
    default:
      return new Fault("unavailable", "cask/store-failed", `Cannot ${action}: the disk of this node failed`, {
        cause: thrown,
        details,
      });
  }
}

/** The Fault of a blob that is not there. */
export function blobMissing(key: Key): Fault {
  return new Fault("missing", "cask/blob-missing", `Cannot read "${key}": this node does not hold it`);
}

import { describe, expect, test } from "bun:test";

import type { Mount } from "./mount-table.ts";
import { type ProbeAnswer, verdictOf } from "./verdict.ts";
import type { Watched } from "./watched.ts";

const watched: Watched = {
  path: "/mnt/a",
  metric: "a",
  mounted: undefined,
  writable: undefined,
  write: false,
  fullShare: 0.95,
  nearlyFullShare: 0.9,
  slowMs: 1000,
  isFound: false,
};
const seen: Extract<ProbeAnswer, { kind: "seen" }> = {
  kind: "seen",
  latencyMs: 1,
  isOwnDevice: true,
  totalBytes: 1000,
  usedBytes: 500,
  availableBytes: 500,
  inodes: 100,
  freeInodes: 50,
};
const mount: Mount = { device: "8:1", mountPoint: "/mnt/a", fsType: "xfs", source: "/dev/sdb1", isReadOnly: false };
const wanted = { mountPoint: "/mnt/a", source: "/dev/sdb1", fsType: "xfs", isReadOnly: false };
const never = { wasMounted: false, wasWritable: false };
const unmounted = { ...seen, isOwnDevice: false };

describe("verdictOf", () => {
  test("verdictOf: a mount that answers is well", () => {
    expect(verdictOf(watched, seen, mount, undefined, never)).toEqual({
      condition: "good",
      reasons: ["Mounted and answering"],
      isBroken: false,
      isMounted: true,
    });
  });

  test("verdictOf: an empty folder where a mount was, or has to be, is broken; a folder that never was one is not", () => {
    const broken = (of: Watched, fstab: typeof wanted | undefined, known: typeof never) =>
      verdictOf(of, unmounted, undefined, fstab, known).isBroken;
    expect(broken(watched, undefined, never)).toBe(false);
    expect(broken(watched, undefined, { ...never, wasMounted: true })).toBe(true);
    expect(broken(watched, wanted, never)).toBe(true);
    expect(broken({ ...watched, mounted: true }, undefined, never)).toBe(true);
    expect(broken({ ...watched, mounted: false }, wanted, { ...never, wasMounted: true })).toBe(false);
  });

  test("verdictOf: without a mount table the devices tell a mount", () => {
    const known = { ...never, wasMounted: true };
    expect(verdictOf(watched, seen, undefined, undefined, known).isBroken).toBe(false);
  });

  test("verdictOf: what became read-only is broken, what always was is not", () => {
    const readOnly = { ...mount, isReadOnly: true };
    const broken = (of: Watched, fstab: typeof wanted | undefined, known: typeof never) =>
      verdictOf(of, seen, readOnly, fstab, known).isBroken;
    expect(broken(watched, undefined, never)).toBe(false);
    expect(broken(watched, undefined, { ...never, wasWritable: true })).toBe(true);
    expect(broken(watched, wanted, never)).toBe(true);
    expect(broken(watched, { ...wanted, isReadOnly: true }, never)).toBe(false);
    expect(broken({ ...watched, writable: true }, undefined, never)).toBe(true);
    expect(broken({ ...watched, writable: false }, wanted, { ...never, wasWritable: true })).toBe(false);
  });

  test("verdictOf: space and inodes warn and then fail, and are never the predecessor's 1", () => {
    const at = (usedBytes: number, freeInodes: number) => {
      const answer = { ...seen, usedBytes, availableBytes: 1000 - usedBytes, freeInodes };
      const { condition, isBroken } = verdictOf(watched, answer, mount, undefined, never);
      return [condition, isBroken];
    };
    expect([at(899, 50), at(900, 50), at(950, 50)]).toEqual([
      ["good", false],
      ["warn", false],
      ["bad", false],
    ]);
    expect([at(1, 11), at(1, 10), at(1, 4)]).toEqual([
      ["good", false],
      ["warn", false],
      ["bad", false],
    ]);
    const unnumbered = { ...seen, inodes: 0, freeInodes: 0, usedBytes: 0, availableBytes: 0 };
    expect(verdictOf(watched, unnumbered, mount, undefined, never).condition).toBe("good");
  });

  test("verdictOf: a bound for full that lies below the one for nearly full counts by itself", () => {
    const at = (usedBytes: number) =>
      verdictOf(
        { ...watched, fullShare: 0.5 },
        { ...seen, usedBytes, availableBytes: 1000 - usedBytes, freeInodes: 90 },
        mount,
        undefined,
        never,
      );
    expect([at(499).condition, at(500).condition, at(850).condition]).toEqual(["good", "bad", "bad"]);
  });

  test("verdictOf: a single file that is mounted is no failure where it was merely found", () => {
    const file: ProbeAnswer = { kind: "failed", code: "ENOTDIR" };
    expect(verdictOf({ ...watched, isFound: true }, file, mount, undefined, never)).toMatchObject({
      condition: "good",
      isBroken: false,
    });
    expect(verdictOf(watched, file, mount, undefined, never).reasons).toEqual(["It is no folder"]);
    expect(verdictOf({ ...watched, isFound: true }, file, undefined, wanted, never).isBroken).toBe(true);
  });

  test("verdictOf: errors, silence and a failed test write are broken, each in words", () => {
    const reason = (answer: ProbeAnswer) => verdictOf(watched, answer, mount, undefined, never).reasons[0];
    expect(reason({ kind: "failed", code: "ESTALE" })).toBe("The server no longer knows this mount: mount it again");
    expect(reason({ kind: "failed", code: "ELOOP" })).toBe("It cannot be read: ELOOP");
    expect(reason({ kind: "hung", afterMs: 10_000 })).toBe("No answer within 10 s: the disk or its server hangs");
    expect(reason({ ...seen, writeMs: 1, writeFailure: "EROFS" })).toBe("The test write failed: EROFS");
    expect(reason({ ...seen, writeMs: 1, writeFailure: "ENOSPC" })).toBe(
      "The test write failed: no space or no inode is left",
    );
    expect(reason({ ...seen, writeMs: 1, writeFailure: "DIFFERENT" })).toBe("What was written reads back differently");
  });
});

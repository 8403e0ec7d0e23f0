import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { isRealWanted, mountOf, parseFstab, parseMountTable, plainPath, realMounts } from "./mount-table.ts";

const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
30 27 8:1 / /mnt/sata\\0401 rw,relatime shared:3 master:2 - xfs /dev/sdb1 rw
31 27 8:1 /inner /srv/bound rw,relatime - xfs /dev/sdb1 rw
32 27 0:50 / /mnt/nas rw - nfs4 nas.example:/export rw,vers=4.2
33 27 8:17 / /mnt/broken rw,relatime - ext4 /dev/sdc1 ro
34 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
35 27 0:60 / /run/user/0 rw - tmpfs tmpfs rw
36 27 0:70 / /mnt/sshfs rw - fuse.sshfs you@host: rw
37 27 8:33 / /mnt/nas rw - ext4 /dev/sdd1 rw
a line of another form
`;

describe("parseMountTable", () => {
  test("parseMountTable: escapes, read-only file systems below writable mounts, and what covers another", () => {
    const mounts = parseMountTable(table);
    expect(mounts.find(({ mountPoint }) => mountPoint === "/mnt/sata 1")).toEqual({
      device: "8:1",
      mountPoint: "/mnt/sata 1",
      fsType: "xfs",
      source: "/dev/sdb1",
      isReadOnly: false,
    });
    expect(mounts.find(({ mountPoint }) => mountPoint === "/mnt/broken")?.isReadOnly).toBe(true);
    expect(mounts.filter(({ mountPoint }) => mountPoint === "/mnt/nas").map(({ fsType }) => fsType)).toEqual(["ext4"]);
  });

  test("realMounts: disks and network mounts, each device once; no pictures, no kernel's own", () => {
    expect(realMounts(parseMountTable(table)).map(({ mountPoint }) => mountPoint)).toEqual([
      "/",
      "/srv/bound",
      "/mnt/broken",
      "/mnt/sshfs",
      "/mnt/nas",
    ]);
  });

  test("mountOf: the longest mount point above a path, by whole names", () => {
    const mounts = parseMountTable(table);
    const of = (path: string) => mountOf(mounts, path)?.mountPoint;
    expect([of("/mnt/nas/a/b"), of("/mnt/nasty"), of("/mnt/nas"), of("/")]).toEqual(["/mnt/nas", "/", "/mnt/nas", "/"]);
  });

  test("parseMountTable, parseFstab: any text is read without failing", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseFstab(text);
        return parseMountTable(text).every(({ mountPoint }) => mountPoint !== "");
      }),
    );
  });
});

describe("parseFstab", () => {
  test("parseFstab: what is mounted at a start, without swap, comments and what is mounted on demand", () => {
    const text = `# a comment
UUID=1234 / ext4 errors=remount-ro 0 1
UUID=5678 none swap sw 0 0
LABEL=data /mnt/data\\040one/ xfs defaults 0 2
nas.example:/x /mnt/nas nfs ro,noauto 0 0
nas.example:/y /mnt/nas2 nfs ro 0 0
tmpfs /tmp tmpfs size=1g 0 0
`;
    const wanted = parseFstab(text);
    expect(wanted.map(({ isReadOnly, mountPoint }) => [mountPoint, isReadOnly])).toEqual([
      ["/", false],
      ["/mnt/data one", false],
      ["/mnt/nas2", true],
      ["/tmp", false],
    ]);
    expect(wanted.filter(isRealWanted).map(({ mountPoint }) => mountPoint)).toEqual([
      "/",
      "/mnt/data one",
      "/mnt/nas2",
    ]);
  });

  test("plainPath: slashes that say nothing go, the root stays", () => {
    expect(["/", "/a/", "//a//b/"].map(plainPath)).toEqual(["/", "/a", "/a/b"]);
  });
});

import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { paced } from "../../kit/testing/pace.ts";
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

  test("parseMountTable: what no path leads to any more is no mount", () => {
    // As the kernel had it: b on the first a, a second a over it; two on c; a folder above d mounted later; e removed.
    const points = parseMountTable(
      `43 42 254:0 / / rw - ext4 /dev/vda rw
63 43 0:39 / /m/a rw - tmpfs x rw
64 63 0:40 / /m/a/b rw - tmpfs y rw
70 64 0:49 / /m/a/b/in rw - tmpfs y rw
65 63 0:41 / /m/a rw - tmpfs z rw
66 43 0:42 / /m/c rw - tmpfs w rw
67 66 0:43 / /m/c rw - tmpfs w2 rw
71 67 0:44 / /m/c/on rw - tmpfs w3 rw
68 43 254:0 /etc /m/s\\040p\\012n rw - ext4 /dev/vda rw
80 43 0:60 / /d/inner rw - tmpfs x rw
81 43 0:61 / /d rw - tmpfs x rw
82 43 0:62 / /m/e//deleted rw - tmpfs x rw
90 91 0:63 / /circle rw - tmpfs x rw
91 90 0:63 / /circle/on rw - tmpfs x rw
`,
    ).map(({ device, mountPoint }) => `${device} ${mountPoint}`);
    expect(points).toEqual([
      "254:0 /",
      "0:41 /m/a",
      "0:43 /m/c",
      "0:44 /m/c/on",
      "254:0 /m/s p\nn",
      "0:61 /d",
      "0:63 /circle",
      "0:63 /circle/on",
    ]);
  });

  test("parseMountTable: a hundred thousand mounts on one place are read in a moment", async () => {
    const lines = Array.from({ length: 100_000 }, (_, at) => `${at + 1} ${at} 0:${at} / /deep rw - tmpfs x rw`);
    const { costMs, value } = await paced(() => parseMountTable(lines.join("\n")));
    expect(value.map(({ device }) => device)).toEqual(["0:99999"]);
    expect(costMs).toBeLessThan(5000);
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

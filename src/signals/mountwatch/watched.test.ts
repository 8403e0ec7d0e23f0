import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { originalFlags } from "./config.ts";
import { parseFstab, parseMountTable } from "./mount-table.ts";
import { metricOf, readOriginal, watchedIn, type WatchDefaults, withFound } from "./watched.ts";

const defaults: WatchDefaults = { write: true, fullShare: 0.95, nearlyFullShare: 0.9, slowMs: 1000 };

describe("what is watched", () => {
  test("readOriginal: the predecessor's file, keys in any case, its metric to the letter", () => {
    const text = '{"Mounts":[{"Path":"/mnt/sata1/","METRIC":"sata1"},{"path":"/mnt/b","metric":"disks.b"}]}';
    expect(readOriginal(text, "config.json", defaults).map(({ metric, path }) => [path, metric])).toEqual([
      ["/mnt/sata1", "sata1"],
      ["/mnt/b", "disks.b"],
    ]);
    expect(() => readOriginal('{"mounts":[{"path":5}]}', "c.json", defaults)).toThrow("mounts.0.path");
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (any) => {
        try {
          return Array.isArray(readOriginal(any, "c.json", defaults));
        } catch (thrown) {
          return thrown instanceof SyntaxError;
        }
      }),
    );
  });

  test("watchedIn: folders with their own bounds; relative paths, unknown keys and repeats are refused", () => {
    expect(watchedIn([{ path: "/mnt/a", full: 80, nearly_full: 70, write: false }], defaults)[0]).toMatchObject({
      metric: "mnt_a",
      fullShare: 0.8,
      nearlyFullShare: 0.7,
      write: false,
    });
    expect(() => watchedIn([{ path: "mnt" }], defaults)).toThrow('begins with "/"');
    expect(() => watchedIn([{ path: "/a", fulll: 3 }], defaults)).toThrow("fulll");
    expect(() => watchedIn([{ path: "/a" }, { path: "/a/" }], defaults)).toThrow('Cannot watch "/a": it stands twice');
  });

  test("withFound: mounts and what fstab wants come after what is configured, and are never written to", () => {
    const mounts = parseMountTable("27 1 8:1 / / rw - ext4 /dev/sda1 rw\n28 27 8:2 / /mnt/a rw - ext4 /dev/sda2 rw\n");
    const fstab = parseFstab("UUID=1 /mnt/gone ext4 defaults 0 0\n");
    const all = withFound(watchedIn([{ path: "/mnt/a" }], defaults), mounts, fstab, defaults);
    expect(all.map(({ isFound, path, write }) => [path, isFound, write])).toEqual([
      ["/mnt/a", false, true],
      ["/", true, false],
      ["/mnt/gone", true, false],
    ]);
  });

  test("watchedIn: names that no Graphite takes, two of one name, and bounds the wrong way round are refused", () => {
    const problem = (...entries: object[]) => {
      try {
        watchedIn(entries, defaults);
        return "";
      } catch (thrown) {
        return thrown instanceof SyntaxError ? thrown.message : String(thrown);
      }
    };
    for (const metric of ["a b", "a\nstats.b 1 1", "a\t", "\u0000", ""])
      expect(problem({ path: "/a", metric })).toStartWith(
        "Cannot use the mounts: 0.metric: wanted a name without space",
      );
    expect(problem({ path: "/mnt/a" }, { path: "/mnt_a" })).toBe(
      'Cannot watch "/mnt/a" and "/mnt_a" under one metric, "mnt_a": name one of them with metric',
    );
    expect(problem({ path: "/mnt/a" }, { path: "/mnt/a" })).toContain("it stands twice");
    expect(problem({ path: "/a", full: 80, nearly_full: 90 })).toContain('nearly_full of "/a" is 90, above full, 80');
    expect(problem({ path: "/a", full: 101 })).toContain("0.full: wanted percent from 1 to 100");
    expect(problem({ path: "/a", full: 80 })).toBe("");
    expect(problem({ path: "a" })).toContain('0.path: wanted a path that begins with "/", not "a"');
    expect(problem({ path: "/a", ful: 3 })).toContain('0: there is no key "ful": did you mean "full"?');
    expect(problem({ path: "/a", mounted: "yes" })).toContain('0.mounted: wanted true or false, not "yes"');
    expect(() => readOriginal('{"mounts":[{"path":"/a","metric":"a 1 1\\nb"}]}', "c.json", defaults)).toThrow(
      "mounts.0.metric: wanted a name without space",
    );
  });

  test("withFound: no two have one name, whatever the paths, and what is no text is left out", () => {
    const at = (mountPoint: string, device: string) => ({
      device,
      mountPoint,
      fsType: "xfs",
      source: "/dev/sda",
      isReadOnly: false,
    });
    const mounts = [at("/a b", "1"), at("/a_b", "2"), at("/a\nb", "3"), at("/c\ufffd", "4"), at("/x", "5")];
    const found = withFound(watchedIn([{ path: "/other", metric: "x" }], defaults), mounts, [], defaults);
    expect(found.map(({ path }) => path)).toEqual(["/other", "/a\nb", "/a b", "/a_b", "/x"]);
    expect(new Set(found.map(({ metric }) => metric)).size).toBe(5);
    expect(found.every(({ metric }) => /^[\w-]+$/.test(metric))).toBe(true);
  });

  test("metricOf: any path has a name without dots", () => {
    expect(["/", "/mnt/sata 1", "/srv/a.b/"].map(metricOf)).toEqual(["root", "mnt_sata_1", "srv_a_b"]);
  });

  test("originalFlags: the predecessor's flags start what it did", () => {
    expect(originalFlags(["-config=/c.json", "-graphite", "g:2003", "-interval", "30", "-prefix", "disks"])).toEqual([
      "--no-find",
      "--file",
      "/c.json",
      "--graphite",
      "g:2003",
      "--interval",
      "30s",
      "--prefix",
      "disks",
    ]);
    expect(originalFlags(["-graphite", ""])).toEqual(["--file", "config.json", "--no-find"]);
    expect(originalFlags(["check", "/mnt", "-q"])).toEqual(["check", "/mnt", "-q"]);
  });
});

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Library } from "./library.ts";
import { thisNode } from "./this-node.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-houston-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const library = (canChange = true) =>
  new Library({
    folder: join(folder, "in"),
    files: [join(folder, "fixed.toml")],
    ownDashboards: [{ slug: "own", written: thisNode }],
    canChange,
  });

describe("library", () => {
  test("library: a file that goes wrong leaves what it said before, and tells why", async () => {
    const path = join(folder, "fixed.toml");
    writeFileSync(path, 'title = "first"');
    const all = library();
    expect(await all.look()).toBe(true);
    expect(await all.look()).toBe(false);
    writeFileSync(path, 'title = "second"\ncolour = 1');
    expect(await all.look()).toBe(true);
    expect(all.get("fixed").written?.title).toBe("first");
    expect(all.get("fixed").problems).toEqual([{ line: 2, place: "colour", message: "there is no such key" }]);
    rmSync(path);
    await all.look();
    expect(all.find("fixed")).toBeUndefined();
    expect(all.troubles[0]).toContain("fixed.toml");
  });

  test("library: a file that becomes too large, or no file, leaves what it said before, and holds nothing up", async () => {
    const path = join(folder, "fixed.toml");
    writeFileSync(path, 'title = "first"');
    const all = library();
    await all.look();
    writeFileSync(path, `title = "second"\n#${"x".repeat(10 << 20)}`);
    expect(await all.look()).toBe(true);
    expect(all.get("fixed").written?.title).toBe("first");
    expect(all.get("fixed").problems[0]?.message).toContain("1 MiB");
    expect(await all.look()).toBe(false);
    rmSync(path);
    mkdirSync(path);
    await all.look();
    expect(all.get("fixed").written?.title).toBe("first");
    mkdirSync(join(folder, "in"));
    expect(Bun.spawnSync(["mkfifo", join(folder, "in", "pipe.toml")]).success).toBe(true);
    await all.look();
    expect(all.troubles.join()).toContain("pipe.toml");
    expect(all.save("pipe", 'title = "x"', undefined)).rejects.toMatchObject({ code: "houston/file" });
  });

  test("library: a dashboard of the program cannot be removed, and that is said", async () => {
    const all = library();
    await all.look();
    expect(all.remove("own", all.get("own").etag)).rejects.toMatchObject({ code: "houston/fixed" });
  });

  test("library: of two writers who saw the same, the second is refused and nothing is lost", async () => {
    writeFileSync(join(folder, "fixed.toml"), 'title = "x"');
    const all = library();
    await all.look();
    const { etag } = await all.save("mine", 'title = "a"', undefined);
    const results = await Promise.allSettled([
      all.save("mine", 'title = "b"', etag),
      all.save("mine", 'title = "c"', etag),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(readFileSync(join(folder, "in/mine.toml"), "utf8")).toBe('title = "b"');
    expect(all.save("mine", 'title = "d"', undefined)).rejects.toThrow("there is one of that name already");
    expect(all.get("mine").written?.title).toBe("b");
  });

  test("library: a change on disk that nobody has seen yet is not written over", async () => {
    const all = library();
    const { etag } = await all.save("mine", 'title = "a"', undefined);
    writeFileSync(join(folder, "in/mine.toml"), 'title = "by hand"');
    expect(all.save("mine", 'title = "b"', etag)).rejects.toThrow("somebody else changed it meanwhile");
    expect(all.remove("mine", etag)).rejects.toThrow("somebody changed it meanwhile");
  });

  test("library: what is wrong is not saved, and what is fixed stays", async () => {
    writeFileSync(join(folder, "fixed.toml"), 'title = "x"');
    const all = library();
    await all.look();
    expect(all.save("mine", "colour = 1", undefined)).rejects.toThrow("line 1, colour: there is no such key");
    expect(all.save("fixed", 'title = "y"', all.get("fixed").etag)).rejects.toThrow("not one of the folder");
    for (const name of ["../up", "", "a/b", ".hidden", "a".repeat(65)])
      expect(all.save(name, 'title = "y"', undefined)).rejects.toThrow("Cannot save");
    expect(library(false).save("mine", 'title = "y"', undefined)).rejects.toThrow("Cannot change");
    expect(all.find("mine")).toBeUndefined();
  });

  test("library: a dashboard of the program can be replaced by a file, and comes back without it", async () => {
    const all = library();
    await all.look();
    const { etag } = await all.save("own", 'title = "mine"', undefined);
    expect(all.get("own").written?.title).toBe("mine");
    await all.remove("own", etag);
    expect(all.get("own").written?.title).toBe("This node");
  });
});

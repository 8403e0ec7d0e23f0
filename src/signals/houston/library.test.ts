import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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
    await expect(all.save("pipe", 'title = "x"', undefined)).rejects.toMatchObject({ code: "houston/file" });
  });

  test("library: a dashboard of the program cannot be removed, and that is said", async () => {
    const all = library();
    await all.look();
    await expect(all.remove("own", all.get("own").etag)).rejects.toMatchObject({ code: "houston/fixed" });
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
    await expect(all.save("mine", 'title = "d"', undefined)).rejects.toThrow("there is one of that name already");
    expect(all.get("mine").written?.title).toBe("b");
  });

  test("library: a change on disk that nobody has seen yet is not written over", async () => {
    const all = library();
    const { etag } = await all.save("mine", 'title = "a"', undefined);
    writeFileSync(join(folder, "in/mine.toml"), 'title = "by hand"');
    await expect(all.save("mine", 'title = "b"', etag)).rejects.toThrow("somebody else changed it meanwhile");
    await expect(all.remove("mine", etag)).rejects.toThrow("somebody changed it meanwhile");
  });

  test("library: what is wrong is not saved, and what is fixed stays", async () => {
    writeFileSync(join(folder, "fixed.toml"), 'title = "x"');
    const all = library();
    await all.look();
    await expect(all.save("mine", "colour = 1", undefined)).rejects.toThrow("line 1, colour: there is no such key");
    await expect(all.save("fixed", 'title = "y"', all.get("fixed").etag)).rejects.toThrow("not one of the folder");
    for (const name of ["../up", "", "a/b", ".hidden", "a".repeat(65)])
      await expect(all.save(name, 'title = "y"', undefined)).rejects.toThrow("Cannot save");
    await expect(library(false).save("mine", 'title = "y"', undefined)).rejects.toThrow("Cannot change");
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

  test("library: what a link leads to is shown and never changed, and a link to itself is no bug", async () => {
    mkdirSync(join(folder, "in"));
    const outside = join(folder, "outside.toml");
    writeFileSync(outside, 'title = "Outside"');
    symlinkSync(outside, join(folder, "in", "linked.toml"));
    symlinkSync("ring.toml", join(folder, "in", "ring.toml"));
    const all = library();
    await all.look();
    const { canChange, etag } = all.get("linked");
    expect(canChange).toBe(false);
    await expect(all.save("linked", 'title = "Other"', etag)).rejects.toMatchObject({ code: "houston/fixed" });
    await expect(all.remove("linked", etag)).rejects.toMatchObject({ code: "houston/fixed" });
    await expect(all.save("ring", 'title = "Other"', undefined)).rejects.toMatchObject({ code: "houston/file" });
    expect(readFileSync(outside, "utf8")).toBe('title = "Outside"');
  });

  test("library: a folder that cannot be written is told as such, and so is a text that is too large in bytes", async () => {
    writeFileSync(join(folder, "in"), "no folder");
    const all = library();
    await all.look();
    await expect(all.save("new", 'title = "x"', undefined)).rejects.toMatchObject({ code: "houston/file" });
    rmSync(join(folder, "in"));
    writeFileSync(join(folder, "wall"), "");
    const walled = new Library({ folder: join(folder, "wall", "in"), files: [], ownDashboards: [], canChange: true });
    await walled.look();
    const refusal = expect.stringMatching(/^Cannot (?:save|use) /);
    await expect(walled.save("new", 'title = "x"', undefined)).rejects.toMatchObject({ message: refusal });
    const large = `title = "x"\n${`# ${"ä".repeat(8000)}\n`.repeat(80)}`;
    expect(large.length).toBeLessThan(1024 * 1024);
    await expect(all.save("large", large, undefined)).rejects.toThrow("at most 1 MiB");
  });
});

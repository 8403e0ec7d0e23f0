/**
 * Rules of the house that a program can check: headers, docstrings of what crosses a file, names, no leftovers.
 */
import { describe, expect, test } from "bun:test";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");

async function files(pattern: string): Promise<{ path: string; text: string }[]> {
  const found: string[] = [];
  for await (const path of new Bun.Glob(pattern).scan({ cwd: root })) found.push(path);
  return Promise.all(
    found
      .filter((path) => !path.includes("testdata/") && !path.includes("node_modules/"))
      .sort()
      .map(async (path) => ({ path, text: await Bun.file(join(root, path)).text() })),
  );
}

describe("manners", () => {
  test("every source file begins with what it is for", async () => {
    const bare = (await files("src/**/*.{ts,tsx}"))
      .filter(({ path }) => !/\.(test|d)\.tsx?$/.test(path))
      .filter(({ text }) => !text.startsWith("/**"))
      .map(({ path }) => path);
    expect(bare).toEqual([]);
  });

  test("every exported function, class, interface, type and constant says what it is", async () => {
    const silent: string[] = [];
    for (const { path, text } of await files("src/**/*.{ts,tsx}")) {
      if (/\.test\.tsx?$/.test(path)) continue;
      const lines = text.split("\n");
      lines.forEach((line, index) => {
        const match = /^export (?:async )?(?:function\*?|class|abstract class|interface|type|const) (\w+)/.exec(line);
        if (!match) return;
        const before = lines[index - 1] ?? "";
        if (!before.trimEnd().endsWith("*/")) silent.push(`${path}:${index + 1} ${match[1]}`);
      });
    }
    expect(silent).toEqual([]);
  });

  test("no file is named for nothing in particular", async () => {
    const vague = /(?:^|\/)(?:utils?|helpers?|common|manager|core|types|index|data|info|base|misc)\.tsx?$/;
    expect(
      (await files("{src,tests,bench,tools}/**/*.{ts,tsx}")).map(({ path }) => path).filter((path) => vague.test(path)),
    ).toEqual([]);
  });

  test("nothing unfinished and no narrowed test is left behind", async () => {
    const marks =
      /\b(?:TODO|FIXME|XXX)\b|\.(?:only|todo)\(|@ts-(?:ignore|expect-error|nocheck)|as unknown as|\bas any\b/;
    const found: string[] = [];
    for (const { path, text } of await files("{src,tests,bench,tools}/**/*.{ts,tsx,mjs}")) {
      if (path.endsWith("repo/manners.test.ts")) continue;
      text.split("\n").forEach((line, index) => {
        if (marks.test(line)) found.push(`${path}:${index + 1} ${line.trim()}`);
      });
    }
    expect(found).toEqual([]);
  });

  test("time, chance and the environment come from where they belong", async () => {
    const found: string[] = [];
    for (const { path, text } of await files("src/**/*.{ts,tsx}")) {
      if (isWhereItBelongs(path)) continue;
      text.split("\n").forEach((line, index) => {
        if (/\bDate\.now\(|\bMath\.random\(|\bprocess\.env\b/.test(line.replace(/\/\/.*|^\s*\*.*/, ""))) {
          found.push(`${path}:${index + 1} ${line.trim()}`);
        }
      });
    }
    expect(found).toEqual([]);
  });

  test("the lock file names no host of a mirror", async () => {
    const lock = await Bun.file(join(root, "package-lock.json")).text();
    const hosts = new Set([...lock.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)].map((match) => match[1]));
    expect([...hosts].filter((host) => host !== "registry.npmjs.org")).toEqual([]);
  });

  test("dependencies are pinned", async () => {
    const { dependencies, devDependencies } = (await Bun.file(join(root, "package.json")).json()) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, wanted]) => !/^\d+\.\d+\.\d+/.test(wanted),
    );
    expect(loose).toEqual([]);
  });
});

/** Tests, the program's own edge, and the two modules that turn the machine's time and chance into values. */
function isWhereItBelongs(path: string): boolean {
  return (
    /\.(test|bench|conformance)\.tsx?$/.test(path) ||
    path.includes("/testing/") ||
    [
      "src/main.ts",
      "src/command-line.ts",
      "src/kit/clock.ts",
      "src/kit/random.ts",
      "src/lib/memberlist/clock.ts",
    ].includes(path)
  );
}

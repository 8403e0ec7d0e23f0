/**
 * Who may import whom. The house stays a house only while these hold, so each ban says its reason.
 */
import { describe, expect, test } from "bun:test";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");
const groups = new Set(["storage", "signals", "wires", "people", "apps", "ops"]);

async function sources(pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of new Bun.Glob(pattern).scan({ cwd: root })) found.push(path);
  return found.filter((path) => !path.includes("testdata/")).sort();
}

/** Paths a file imports of the project, type-only and literal dynamic ones too, relative to the root. */
async function importsOf(path: string): Promise<string[]> {
  const text = await Bun.file(join(root, path)).text();
  const found = [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.[^"']+)["']/g)].map(
    (match) => match[1] as string,
  );
  return found.map((target) => relative(root, resolve(root, dirname(path), target)));
}

const isTest = (path: string) =>
  /(?:\.(?:test|bench|conformance)|-fixture)\.tsx?$/.test(path) || path.includes("/testing/");

/** The folder that an arrow starts from or ends in. */
function roomOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] !== "src") return parts[0] ?? "";
  if (parts[1] === "lib") return `lib/${parts[2]}`;
  if (groups.has(parts[1] ?? "")) return `${parts[1]}/${parts[2]}`;
  return parts[1] ?? "";
}

function refusal(from: string, to: string): string | undefined {
  const source = roomOf(from);
  const target = roomOf(to);
  if (source === target || to === "package.json") return undefined;
  const isService = (room: string) => groups.has(room.split("/")[0] ?? "");
  if (target.startsWith("kit") && to.includes("/testing/"))
    return "kit/testing is for tests: nothing that runs may need it";
  if (source.startsWith("lib/")) return "lib knows nothing of ours, so that it can be read and reused alone";
  if (source === "kit") {
    return target.startsWith("lib/") ? undefined : "the kit knows no service, or every service would know the others";
  }
  if (isService(source)) {
    if (target === "kit" || target.startsWith("lib/")) return undefined;
    if (isService(target) && to.endsWith("/client.ts")) return undefined;
    return "a service reaches another through its client.ts only, so that it may run elsewhere";
  }
  if (source === "services.ts") {
    if (target === "kit" || to.endsWith("/service.ts") || /\/(console|node-view|demo|commands-stats)\.ts$/.test(to))
      return undefined;
    return "the table of services knows each by its service.ts only";
  }
  if (source === "main.ts")
    return target === "command-line.ts" || target === "inner.ts" ? undefined : "main only sets the stage";
  if (source === "inner.ts") {
    if (to === "src/kit/self.ts" || to.endsWith("/program.ts")) return undefined;
    return "an inner program is small because it loads nothing but itself";
  }
  if (source === "command-line.ts") {
    return target === "kit" || target === "services.ts"
      ? undefined
      : "the command line knows the kit and the table of services only";
  }
  return undefined;
}

describe("arrows", () => {
  test("every import goes where it may", async () => {
    const wrong: string[] = [];
    for (const path of await sources("src/**/*.{ts,tsx}")) {
      if (isTest(path)) continue;
      for (const target of await importsOf(path)) {
        const reason = refusal(path, target);
        if (reason) wrong.push(`${path} imports ${target}: ${reason}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("the check sees a wrong arrow", () => {
    expect(refusal("src/lib/ring/ring.ts", "src/kit/clock.ts")).toContain("lib knows nothing");
    expect(refusal("src/kit/log.ts", "src/storage/cask/key.ts")).toContain("knows no service");
    expect(refusal("src/signals/series/store.ts", "src/storage/cask/key.ts")).toContain("client.ts");
    expect(refusal("src/signals/series/store.ts", "src/storage/cask/client.ts")).toBeUndefined();
  });

  test("no imports in a circle", async () => {
    const graph = new Map<string, string[]>();
    for (const path of await sources("src/**/*.{ts,tsx}")) {
      const text = await Bun.file(join(root, path)).text();
      // Types vanish when the program runs; a circle of them harms nobody.
      const values = [...text.matchAll(/^import\s+(?!type\b)[^;]*?from\s*["'](\.[^"']+)["']/gm)].map(
        (match) => match[1] as string,
      );
      graph.set(
        path,
        values.map((target) => relative(root, resolve(root, dirname(path), target))),
      );
    }
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
        return;
      }
      if (done.has(path)) return;
      for (const target of graph.get(path) ?? []) walk(target, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) walk(path, []);
    expect(circles).toEqual([]);
  });
});

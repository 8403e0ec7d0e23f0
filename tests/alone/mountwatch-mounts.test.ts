/**
 * Mountwatch as a program of its own against real mounts: one that is unmounted, filled and made read-only under it, and
 * a file system in user space that never answers. Mounting takes the right to; without it those tests say so and end.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { startFakeCarbon } from "../../src/kit/testing/fake-carbon.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-mountwatch-"));
const undo: (() => void)[] = [];
afterAll(() => {
  for (const step of undo.toReversed()) step();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...words: string[]) => Bun.spawnSync(words, { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
/** The same, again and again: as long as a look has a file there open, the kernel refuses. */
const runOnceFree = (...words: string[]) => until(`\`${words.join(" ")}\` was done`, () => run(...words));

/** Mounts a small file system in memory; false where that is not allowed. */
function mountSmall(path: string): boolean {
  mkdirSync(path, { recursive: true });
  if (!run("mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=100", "tmpfs", path)) {
    console.warn("Not run: this machine does not allow mounting");
    return false;
  }
  undo.push(() => void run("umount", path));
  return true;
}

/** Mounts a file system whose server never says a word; false where that is not allowed. */
function mountSilent(path: string): boolean {
  if (process.platform !== "linux") return false;
  mkdirSync(path, { recursive: true });
  const { symbols } = dlopen("libc.so.6", {
    mount: {
      args: [FFIType.cstring, FFIType.cstring, FFIType.cstring, FFIType.u64, FFIType.cstring],
      returns: FFIType.int,
    },
  });
  const text = (value: string) => Buffer.from(`${value}\0`);
  let device: number;
  try {
    device = openSync("/dev/fuse", "r+");
  } catch (thrown) {
    console.warn("Not run: a file system that never answers, because /dev/fuse cannot be opened", String(thrown));
    return false;
  }
  const options = `fd=${device},rootmode=40000,user_id=0,group_id=0`;
  const isMounted = symbols.mount(text("silent"), text(path), text("fuse"), 0n, text(options)) === 0;
  if (!isMounted) console.warn("Not run: a file system that never answers, because it cannot be mounted");
  undo.push(() => {
    closeSync(device);
    if (isMounted) run("umount", "-l", path);
  });
  return isMounted;
}

interface Seen {
  path: string;
  condition: string;
  reasons: string[];
  isMounted: boolean;
}
async function seenOf(node: ChildNode, path: string, mount = ""): Promise<Seen | undefined> {
  const { mounts } = (await (await fetch(`${node.url}${mount}/status.json`)).json()) as { mounts: Seen[] };
  return mounts.find((seen) => seen.path === path);
}
const reasonOf = async (node: ChildNode, path: string) => (await seenOf(node, path))?.reasons?.join("; ") ?? "";

describe("in its predecessor's place", () => {
  test("mountwatch: its flags, its file, 0 for what can be read and 1 for what cannot", async () => {
    await using carbon = await startFakeCarbon();
    mkdirSync(join(folder, "there"), { recursive: true });
    const config = join(folder, "config.json");
    const mounts = [
      { path: join(folder, "there"), metric: "there" },
      { path: join(folder, "gone"), metric: "gone" },
    ];
    writeFileSync(config, JSON.stringify({ mounts }));
    await using node = await startChild({
      words: [
        "mountwatch",
        "-config",
        config,
        "-graphite",
        `127.0.0.1:${carbon.port}`,
        "-interval=1",
        "-prefix",
        "disks",
      ],
    });
    const paths = ["disks.gone", "disks.there"];
    await until("two rounds arrived", () => paths.every((path) => carbon.values(path).length >= 2));
    expect(paths.map((path) => carbon.values(path).slice(0, 2))).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(carbon.points.map(({ path }) => path).filter((path) => !paths.includes(path))).toEqual([]);
    expect(await node.end()).toBe(0);
  });
});

describe("mounts", () => {
  test("mountwatch: a mount that goes, fills and becomes read-only is told, each in words", async () => {
    const path = join(folder, "small");
    if (!mountSmall(path)) return;
    const config = `[mountwatch]
interval = "1s"
find = false
write = true

[[mountwatch.mounts]]
path = "${path}"
`;
    await using node = await startChild({ words: ["mountwatch"], config });
    await until("it is well", async () => (await seenOf(node, path))?.condition === "good");
    await runOnceFree("umount", path);
    await until("it is missed", async () => (await reasonOf(node, path)).includes("Nothing is mounted here"));
    mountSmall(path);
    await until("it is well again", async () => (await seenOf(node, path))?.condition === "good");
    // What a look writes, it removes.
    await until("nothing is left there", () => readdirSync(path).length === 0);
    writeFileSync(join(path, "much"), new Uint8Array(1000 * 1024));
    await until("it is full", async () => (await reasonOf(node, path)).includes("Space: "));
    rmSync(join(path, "much"));
    await runOnceFree("mount", "-o", "remount,ro", path);
    await until("it is read-only", async () => {
      const reason = await reasonOf(node, path);
      return reason.includes("It became read-only") && reason.includes("The test write failed: EROFS");
    });
    const page = await (await fetch(`${node.url}/`)).text();
    expect(page).toContain("It became read-only");
    expect(node.output()).toContain("well again");
    run("mount", "-o", "remount,rw", path);
  });

  test("mountwatch: inodes that run out, a place of an odd name, and a mount that another hides", async () => {
    const path = join(folder, `odd "name" <b> \\040`);
    const [outer, inner] = [join(folder, "outer"), join(folder, "outer", "inner")];
    if (!mountSmall(path) || !mountSmall(outer) || !mountSmall(inner)) return;
    const table = (at: string) => `[[mountwatch.mounts]]\npath = ${JSON.stringify(at)}\n`;
    const config = `[mountwatch]\ninterval = "1s"\nfind = false\nwrite = true\n${table(path)}${table(inner)}`;
    await using node = await startChild({ words: ["mountwatch"], config });
    await until("both are well", async () => {
      const all = await Promise.all([path, inner].map((at) => seenOf(node, at)));
      return all.every((seen) => seen?.condition === "good" && seen.isMounted);
    });
    let count = 0;
    const fill = () => {
      try {
        for (; count < 200; count++) writeFileSync(join(path, `f${count}`), "");
      } catch (thrown) {
        expect(String(thrown)).toContain("ENOSPC");
      }
    };
    await until("it is told", async () => {
      // Again and again: a look had one of them, and has given it back.
      fill();
      return (await reasonOf(node, path)).includes("no space or no inode is left");
    });
    expect(await reasonOf(node, path)).toMatch(/Inodes: 100 %.* used, 0 left/);
    expect(readdirSync(path).filter((name) => !name.startsWith("f"))).toEqual([]);
    expect(await (await fetch(`${node.url}/`)).text()).toContain("odd &quot;name&quot; &lt;b&gt; \\040");
    mountSmall(outer);
    await until("it is missed", async () => (await seenOf(node, inner))?.isMounted === false);
    mkdirSync(inner);
    await until("it is a folder now", async () => (await reasonOf(node, inner)).includes("Nothing is mounted here"));
  });

  test("mountwatch: a file system that never answers costs one folder, not the program, nor its end", async () => {
    const silent = join(folder, "silent");
    if (!mountSilent(silent)) return;
    const well = join(folder, "well");
    mkdirSync(well);
    const config = `[mountwatch]
interval = "1s"
timeout = "2s"
find = false
mounts = [{ path = "${silent}" }, { path = "${well}" }]
`;
    await using node = await startChild({ words: ["mountwatch"], config });
    await until("it is told", async () => (await reasonOf(node, silent)).includes("the disk or its server hangs"));
    await until("the other is well", async () => (await seenOf(node, well))?.condition === "good");
    const before = ((await (await fetch(`${node.url}/status.json`)).json()) as { mounts: { lookedAt: number }[] })
      .mounts;
    await until("the other is looked at again", async () => {
      const now = ((await (await fetch(`${node.url}/status.json`)).json()) as { mounts: { lookedAt: number }[] })
        .mounts;
      return (now[1]?.lookedAt ?? 0) > (before[1]?.lookedAt ?? 0);
    });
    expect((await fetch(`${node.url}/`)).status).toBe(200);
    const check = await runProgram(["mountwatch", "check", "--timeout", "2s", silent, well], { folder });
    expect([check.exitCode, check.stdout.includes("hangs"), check.stdout.includes("good")]).toEqual([1, true, true]);
    const startedMs = performance.now();
    expect(await node.end()).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

describe("within the whole", () => {
  test("mountwatch: finds the disk that the data lies on by itself; the page, the metrics and wrong paths answer", async () => {
    await using node = await startChild({});
    await until("it was looked at", async () => {
      const seen = await seenOf(node, "/", "/mountwatch");
      return seen !== undefined && seen.condition !== "unknown";
    });
    expect((await seenOf(node, "/", "/mountwatch"))?.isMounted).toBe(true);
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain('warren_mountwatch_ok{path="/"} 1');
    await until("its figures are in the store", async () => {
      const answer = await fetch(`${node.url}/series/render?target=stats.root_used_percent&from=-5min&format=json`);
      const [found] = (await answer.json()) as { datapoints: [number | null, number][] }[];
      return found?.datapoints.some(([value]) => value !== null);
    });
    const statuses = await Promise.all(
      ["", "status.json", "nothing"].map(async (path) => (await fetch(`${node.url}/mountwatch/${path}`)).status),
    );
    expect(statuses).toEqual([200, 200, 404]);
    expect((await fetch(`${node.url}/mountwatch/`, { method: "POST" })).status).toBe(405);
  });

  test("check: exit code 0 for what is well, 1 for what is not, 2 for a wrong question", async () => {
    const check = async (...words: string[]) => runProgram(["mountwatch", "check", ...words], { folder });
    expect((await check(folder, "--write", "--full", "100")).exitCode).toBe(0);
    expect((await check(folder, "--mounted")).exitCode).toBe(1);
    const json = await check(join(folder, "none"), "--json");
    expect([json.exitCode, JSON.parse(json.stdout).reasons]).toEqual([1, ["The folder is not there"]]);
    expect((await check(folder, "--timeout", "soon")).exitCode).toBe(2);
  });
});

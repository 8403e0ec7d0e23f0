/**
 * The program as one file: built, put into an empty folder, and run there with an environment that knows nothing, neither
 * `node_modules` nor the repository.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { fileOf, picture } from "../../src/storage/reticulum/image-fixture.ts";
import { sniff } from "../../src/storage/reticulum/sniff.ts";
import { imageLibrary, platformOf } from "../../tools/image-library.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "warren-built-"));
const empty = join(folder, "empty");
const program = join(empty, "warren");

async function output(words: readonly string[], input?: Uint8Array) {
  const child = Bun.spawn([program, ...words], {
    cwd: empty,
    env: {},
    stdin: input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}

/** Waits until a node says that it is ready, and reads where a service of it is. */
async function addressOf(printed: ReadableStream<Uint8Array>, service: string): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of printed) {
    text += decoder.decode(piece, { stream: true });
    if (/^ready$/m.test(text)) break;
  }
  return new RegExp(`^${service}\\s+(\\S+)`, "m").exec(text)?.[1] ?? "";
}

/** The processes that `parent` started, where the system tells. */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(parent);
      } catch {
        // It ended between the two looks.
        return false;
      }
    })
    .map(Number);
}

beforeAll(async () => {
  const build = Bun.spawn([process.execPath, "tools/build.ts", "--outdir", join(folder, "dist")], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, failed] = await Promise.all([build.stdout.text(), build.stderr.text()]);
  if ((await build.exited) !== 0) throw new Error(`The build failed:\n${said}${failed}`);
  mkdirSync(empty);
  copyFileSync(join(folder, "dist", "warren"), program);
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("bun run build: leaves one executable that tells its version and commit", async () => {
  expect(readdirSync(join(folder, "dist"))).toEqual(["warren"]);
  const { exitCode, stdout } = await output(["--version"]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+(?:\+[0-9a-f]{10}(?:-changed)?)?\n$/);
});

test("the executable: starts, keeps a file, shows the console, gives the file back and stops, in an empty folder", async () => {
  const node = Bun.spawn([program, "up", "--listen", "127.0.0.1:0"], {
    cwd: empty,
    env: {},
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    const server = await addressOf(node.stdout, "cask");
    const bytes = crypto.getRandomValues(new Uint8Array(3_000_000));
    const put = await output(["cask", "put", "-", "--server", server], bytes);
    const key = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
    expect(put).toEqual({ exitCode: 0, stdout: `${key}  -\n`, stderr: "" });
    expect(await output(["cask", "get", key, "--server", server, "-o", "back"])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(Buffer.compare(await Bun.file(join(empty, "back")).bytes(), bytes)).toBe(0);

    const page = await fetch(new URL("/", server));
    const text = await page.text();
    expect(page.status).toBe(200);
    // Style sheets and scripts are inside of the executable, too.
    const assets = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? "");
    expect(assets.length).toBeGreaterThan(1);
    for (const asset of assets) {
      const answer = await fetch(new URL(asset, server));
      expect([asset, answer.status, (await answer.text()).length > 0]).toEqual([asset, 200, true]);
    }
    node.kill("SIGTERM");
    expect(await node.exited).toBe(0);
    expect(readdirSync(empty).sort()).toEqual(["back", "data", "warren"]);
    expect(statSync(join(empty, "data")).mode & 0o777).toBe(0o700);
  } finally {
    node.kill("SIGKILL");
    await node.exited;
  }
}, 180_000);

test("the executable: makes images with the library it carries, also after it was replaced on disk", async () => {
  const folder = join(empty, "images");
  mkdirSync(folder);
  const own = join(folder, "warren");
  copyFileSync(program, own);
  const node = Bun.spawn([own, "up", "--listen", "127.0.0.1:0"], {
    cwd: folder,
    env: {},
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    const server = await addressOf(node.stdout, "reticulum");
    const form = new FormData();
    const original = await fileOf(picture(300, 200), "jpeg");
    form.set("image", new Blob([new Uint8Array(original)], { type: "image/jpeg" }), "shore.jpg");
    const upload = await fetch(server, { method: "POST", body: form });
    const { hash } = (await upload.json()) as { hash: string };
    // What starts from now on must be the program that runs, and not what lies in its place.
    rmSync(own);
    writeFileSync(own, "another program");
    for (const [size, width, height] of [
      ["150w", 150, 100],
      ["40s", 40, 40],
    ] as const) {
      const answer = await fetch(`${server}image/${hash}/${size}/shore.jpg`);
      expect([size, answer.status, sniff(await answer.bytes())]).toEqual([
        size,
        200,
        { kind: "image", format: "jpeg", width, height },
      ]);
      for (const pid of childrenOf(node.pid)) process.kill(pid, "SIGKILL");
    }
    const [library = "", ...others] = readdirSync(join(folder, "data", "reticulum", "library"));
    expect(others).toEqual([]);
    expect(statSync(join(folder, "data", "reticulum", "library", library)).mode & 0o777).toBe(0o700);
  } finally {
    node.kill("SIGKILL");
    await node.exited;
  }
}, 180_000);

test("bun run build: says what a program for another platform lacks", () => {
  const { lack } = imageLibrary(root, join(folder, "scratch"), "bun-linux-s390x");
  expect(lack).toBe(
    "without images: the image library for linux-s390x is not installed; `npm install --no-save --force --os=linux --cpu=s390x --libc=glibc @img/sharp-linux-s390x` brings it",
  );
  expect(platformOf("bun-linux-arm64-musl")).toBe("linuxmusl-arm64");
  expect(platformOf("bun-linux-x64-modern")).toBe("linux-x64");
  expect(platformOf("bun-darwin-arm64")).toBe("darwin-arm64");
  expect(platformOf("bun-windows-x64-baseline")).toBe("win32-x64");
});

test("the executable: says what is wrong, and help needs nothing beside it", async () => {
  const { exitCode, stderr } = await output(["up", "--listen", "nowhere"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("listen");
  const help = await output(["help", "cask"]);
  expect(help.stdout).toContain("keep_free");
  expect(help.exitCode).toBe(0);
});

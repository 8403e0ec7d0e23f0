/**
 * The program as one file: built, put into an empty folder, and run there with an environment that knows nothing, neither
 * `node_modules` nor the repository.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

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
}, 60_000);
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
    let printed = "";
    const decoder = new TextDecoder();
    for await (const chunk of node.stdout) {
      printed += decoder.decode(chunk, { stream: true });
      if (/^ready$/m.test(printed)) break;
    }
    const server = /^cask\s+(\S+)/m.exec(printed)?.[1] ?? "";
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
}, 30_000);

test("the executable: says what is wrong, and help needs nothing beside it", async () => {
  const { exitCode, stderr } = await output(["up", "--listen", "nowhere"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("listen");
  const help = await output(["help", "cask"]);
  expect(help.stdout).toContain("keep_free");
  expect(help.exitCode).toBe(0);
});

/**
 * What a second version of a file costs: bytes stored anew when one byte is put in at its front, and when the next release
 * of a package follows the last as a tar file. Beside it the same with cuts of fixed length. The figures are what the
 * node's store really grew by.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild } from "../src/kit/testing/child-node.ts";
import { type BenchTable, type Effort, sizeText } from "./report.ts";

const mib = 2 ** 20;
const sizes: Record<Effort, number> = { smoke: 8 * mib, quick: 256 * mib, full: 1024 * mib };
/** Releases in a row of two packages of some 100 MiB, from the registry that npm is set to. */
const releases = [
  ["next@15.5.5", "next@15.5.6"],
  ["aws-sdk@2.1690.0", "aws-sdk@2.1691.0"],
];
const root = join(import.meta.dir, "..");

/** Measures growth for both ways to cut. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  try {
    const pairs =
      effort === "smoke"
        ? [{ what: "a source tree as tar, then with one file more", tars: treeTars(folder) }]
        : releases.map((pair) => ({
            what: `${pair.join(", then ")}, as tar`,
            tars: pair.map((release) => packageTar(folder, release)),
          }));
    const rows: BenchTable["rows"] = [];
    for (const cut of ["content", "fixed"] as const) {
      await using node = await startChild({
        folder: mkdtempSync(join(folder, "node-")),
        config: cut === "content" ? "" : '[hakmes]\ncut = "fixed"\nchunk_size = "1MiB"\n',
      });
      rows.push(await grown(node.url, cut, "one byte put in at the front", noiseAndShifted(sizes[effort])));
      for (const { what, tars } of pairs) {
        rows.push(
          await grown(
            node.url,
            cut,
            what,
            tars.map((path) => () => Bun.file(path)),
          ),
        );
      }
    }
    return [
      {
        title: "What the second version adds",
        rows,
        notes: [
          "Blobs and bytes as Cask's status gives them before and after the second upload, the manifest included. Content: FastCDC, 256 KiB, 1 MiB, 4 MiB. Fixed: 1 MiB.",
        ],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function grown(
  url: string,
  cut: string,
  what: string,
  versions: readonly (() => Blob | ReadableStream<Uint8Array>)[],
): Promise<BenchTable["rows"][number]> {
  const held = async () => {
    const { blobs, bytes } = (await (await fetch(`${url}/cask/status.json`)).json()) as {
      blobs: number;
      bytes: number;
    };
    return { blobs, bytes };
  };
  const seen = [await held()];
  for (const version of versions) {
    const response = await fetch(`${url}/hakmes/`, { method: "PUT", body: version() });
    if (!response.ok) throw new Error(`The node answered ${response.status}: ${await response.text()}`);
    await response.body?.cancel();
    seen.push(await held());
  }
  const [before = { blobs: 0, bytes: 0 }, first = before, second = first] = seen;
  return {
    cut,
    "second version": what,
    "first, bytes": sizeText(first.bytes - before.bytes),
    "first, blobs": first.blobs - before.blobs,
    "second adds, bytes": sizeText(second.bytes - first.bytes),
    "second adds, blobs": second.blobs - first.blobs,
    "share stored anew": `${((100 * (second.bytes - first.bytes)) / (first.bytes - before.bytes)).toFixed(2)} %`,
  };
}

/** The same noise twice, the second time behind one byte more. */
function noiseAndShifted(sizeBytes: number): (() => ReadableStream<Uint8Array>)[] {
  const key = crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
  const stream = (isShifted: boolean) => {
    let at = isShifted ? -1 : 0;
    let state = key | 1;
    return new ReadableStream<Uint8Array>({
      type: "bytes",
      pull(controller) {
        if (at === -1) controller.enqueue(new Uint8Array([7]));
        at = Math.max(at, 0);
        if (at >= sizeBytes) return controller.close();
        const words = new Uint32Array(mib / 4);
        for (let word = 0; word < words.length; word++) {
          // xorshift32: fast, and no shorter pattern within what is written.
          state ^= state << 13;
          state ^= state >>> 17;
          state ^= state << 5;
          words[word] = state;
        }
        at += mib;
        controller.enqueue(new Uint8Array(words.buffer));
      },
    });
  };
  return [() => stream(false), () => stream(true)];
}

function treeTars(folder: string): string[] {
  const tree = join(folder, "tree");
  cpSync(join(root, "src"), tree, { recursive: true });
  const first = tar(join(folder, "first.tar"), tree);
  cpSync(join(root, "README.md"), join(tree, "README.md"));
  return [first, tar(join(folder, "second.tar"), tree)];
}

function tar(path: string, tree: string): string {
  must(["tar", "--sort=name", "-cf", path, "-C", tree, "."]);
  return path;
}

function packageTar(folder: string, release: string): string {
  const { stdout } = must(["npm", "pack", "--silent", "--pack-destination", folder, release]);
  const packed = join(folder, stdout.toString().trim());
  must(["gunzip", packed]);
  return packed.replace(/\.tgz$/, ".tar");
}

function must(words: string[]) {
  const result = Bun.spawnSync(words, { cwd: tmpdir(), stdout: "pipe", stderr: "pipe" });
  if (result.exitCode !== 0) throw new Error(`Cannot run ${words[0]}: ${result.stderr.toString().slice(0, 500)}`);
  return result;
}

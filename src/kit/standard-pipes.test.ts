import { expect, test } from "bun:test";
import { join } from "node:path";

const program = `
  import { fill, writeAll } from ${JSON.stringify(join(import.meta.dir, "standard-pipes.ts"))};
  const bytes = new Uint8Array(300_000);
  while (fill(bytes)) writeAll(bytes);
  process.exit(7);
`;

function start() {
  return Bun.spawn([process.execPath, "-e", program], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
}

test("fill and writeAll: whole requests in and out through pipes that hold less, until the input ends", async () => {
  const child = start();
  const sent = new Uint8Array(600_000).map((_, position) => position % 251);
  const answer = new Response(child.stdout).bytes();
  for (let from = 0; from < sent.length; from += 100_000) {
    child.stdin.write(sent.subarray(from, from + 100_000));
    await child.stdin.flush();
  }
  // Half a request is none.
  child.stdin.write(new Uint8Array(10));
  await child.stdin.end();
  expect(Buffer.compare(await answer, sent)).toBe(0);
  expect(await child.exited).toBe(7);
});

test("writeAll: ends the program when nobody reads any more", async () => {
  const child = start();
  await child.stdout.cancel();
  child.stdin.write(new Uint8Array(300_000));
  await child.stdin.end();
  expect(await child.exited).not.toBe(7);
});

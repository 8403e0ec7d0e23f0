/** The verbs below `warren windsock`, against a real node. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";

setDefaultTimeout(180_000);

const main = resolve(import.meta.dir, "../../src/main.ts");

function verbsOf(node: ChildNode) {
  const server = `${node.url}/windsock`;
  return (words: readonly string[], input?: string) =>
    runProgram(["windsock", ...words], {
      folder: node.folder,
      environment: { WARREN_SERVER: server },
      ...(input === undefined ? {} : { input: new TextEncoder().encode(input) }),
    });
}

test("windsock verbs: what is published is seen by who follows, and found again", async () => {
  await using node = await startChild();
  const verb = verbsOf(node);
  const tail = Bun.spawn([process.execPath, main, "windsock", "tail", "shop.*.#", "--count", "3", "--json"], {
    env: { PATH: process.env.PATH ?? "", WARREN_SERVER: `${node.url}/windsock` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    const seen = new Response(tail.stdout).text();
    // Whoever follows hears what comes after: it is told again until the first is seen.
    await until("three were seen", async () => {
      expect(await verb(["publish", "shop.orders", "hello", "there"])).toMatchObject({ exitCode: 0, stderr: "" });
      expect((await verb(["publish", "other.orders"], "x\n")).exitCode).toBe(0);
      return tail.exitCode !== null || undefined;
    });
    const lines = (await seen).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ address: "shop.orders", content: "hello there" })),
    );
    expect(tail.exitCode).toBe(0);
  } finally {
    tail.kill("SIGKILL");
    await tail.exited;
  }

  const lines = await verb(["publish", "shop.lines"], "one\ntwo \u001b[31m\n\nthree");
  expect(lines).toMatchObject({ exitCode: 0, stderr: "3 published\n" });
  const found = await verb(["history", "shop.lines"]);
  expect(found.stdout.trim().split("\n")).toEqual([
    expect.stringMatching(/ {2}shop\.lines {2}one$/),
    // What a terminal would obey is shown instead.
    expect.not.stringContaining("\u001b"),
    expect.stringMatching(/ {2}three$/),
  ]);
});

test("windsock verbs: a token that was signed here lets in, until it is called back; its connection can be ended", async () => {
  await using node = await startChild();
  const verb = verbsOf(node);
  const signed = await verb(["token", "--user", "anna", "--hear", "shop.", "--speak", "shop.anna"]);
  expect(signed).toMatchObject({ exitCode: 0, stderr: "" });
  const token = signed.stdout.trim();
  const open = () =>
    fetch(`${node.url}/windsock/events?topic=shop.a&token=${encodeURIComponent(token)}`, {
      signal: AbortSignal.timeout(60_000),
    });

  const events = await open();
  expect(events.status).toBe(200);
  const listed = await until("she is connected", async () => {
    const { stdout } = await verb(["connections", "--json", "--user", "anna"]);
    return stdout.trim() === "" ? undefined : (JSON.parse(stdout) as { user: string; topics: string[] });
  });
  expect(listed).toMatchObject({ user: "anna", topics: ["shop.a"] });

  const heard = events.text();
  expect(await verb(["disconnect", "--user", "anna", "--reason", "time to go"])).toMatchObject({ exitCode: 0 });
  expect(await heard).toContain("time to go");

  expect(await verb(["revoke", "--user", "anna"])).toMatchObject({ exitCode: 0, stderr: "called back\n" });
  const refused = await open();
  expect([refused.status, await refused.text()]).toEqual([401, expect.stringContaining("windsock/")]);
});

test("windsock verbs: what cannot be done is said in a sentence, with an exit code of 1", async () => {
  await using node = await startChild();
  const verb = verbsOf(node);
  const cases: [words: string[], sentence: string][] = [
    [["tail", "--count", "0"], "Cannot use --count 0: wanted a whole number from 1 to 1000000000\n"],
    [["disconnect"], "Cannot tell whom: wanted --user or --connection, one of them\n"],
    [["revoke", "--user", "a", "--salt", "b"], "Cannot tell whom: wanted --user or --salt, one of them\n"],
    [["token", "--speak", "a:b"], "Cannot sign that: A field of a token holds no colon\n"],
    [["token", "--secret-file", "./none"], 'Cannot read the secret in "./none": no such file\n'],
  ];
  for (const [words, sentence] of cases) {
    expect(await verb(words)).toEqual({ exitCode: 1, stdout: "", stderr: sentence });
  }
  const long = await verb(["history", "a".repeat(2000)]);
  expect([long.exitCode, long.stderr]).toEqual([1, expect.stringContaining("Cannot")]);
  const many = await verb(["history", "a", "--limit", "1001"]);
  expect([many.exitCode, many.stderr]).toEqual([1, expect.stringContaining("from 1 to 1000")]);
  const nobody = await verb(["publish", "a", "b", "--server", "http://127.0.0.1:1/windsock"]);
  expect([nobody.exitCode, nobody.stderr]).toEqual([1, expect.stringContaining("Cannot reach http://127.0.0.1:1")]);
});

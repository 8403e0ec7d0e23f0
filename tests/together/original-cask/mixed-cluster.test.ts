/**
 * A node of ours among originals: two programs that gossip through the real hashicorp/memberlist and speak the
 * originals' HTTP, built from the Go beside this file. Both sides read, write and repair with each other.
 */
import { afterAll, describe, expect, test } from "bun:test";

import { startChild, until } from "../../../src/kit/testing/child-node.ts";
import { buildGoProgram } from "../../../src/kit/testing/go-program.ts";

const program = await buildGoProgram(import.meta.dir);
if ("missing" in program) console.log(`skipped: mixed clusters with originals: ${program.missing}`);
const suite = "missing" in program ? describe.skip : describe;
afterAll(() => {
  if ("path" in program) program.remove();
});

const secret = "sesame";
const knock = { "X-Cask-Cluster-Secret": secret };
const keyOf = (bytes: string) => `sha1:${new Bun.CryptoHasher("sha1").update(bytes).digest("hex")}`;

interface Original extends AsyncDisposable {
  url: string;
  gossip: string;
}

async function startOriginal(uuid: string, neighbors = ""): Promise<Original> {
  if ("missing" in program) throw new Error(program.missing);
  const child = Bun.spawn([program.path, uuid, secret, ...(neighbors ? [neighbors] : [])], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  const [url = "", gossip = ""] = text.trim().split(" ");
  return {
    url,
    gossip,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

function form(bytes: string): FormData {
  const made = new FormData();
  made.append("file", new Blob([bytes]), "file.dat");
  return made;
}

const ours = (uuid: string, neighbors: string) =>
  startChild({
    words: ["cask"],
    environment: {
      CASK_BACKEND: "disk",
      CASK_UUID: uuid,
      CASK_WRITEABLE: "true",
      CASK_CLUSTER_SECRET: secret,
      CASK_GOSSIP_PORT: "0",
      CASK_NEIGHBORS: neighbors,
      CASK_REPLICATION: "3",
      KEEP_FREE: "1000",
      WARREN_CASK_ORIGINAL_GOSSIP: "127.0.0.1:0",
      WARREN_CASK_EXCHANGE_EVERY: "300ms",
      WARREN_CASK_REBUILD_AFTER: "1h",
      // A machine that is busy answers late, and the last copy comes late; no test here is about that.
      WARREN_CASK_ASK: "30s",
      WARREN_CASK_SETTLE: "60s",
    },
  });

const holds = async (url: string, key: string) =>
  (await fetch(`${url}/local/${key}/`, { headers: knock })).status === 200;

suite("a mixed cluster", () => {
  test("originals and a node of ours find each other, read and write with each other, and repair", async () => {
    await using first = await startOriginal("original-aaaa-1");
    await using second = await startOriginal("original-bbbb-2", first.gossip);
    await using mine = await ours("warren-cccc-3", first.gossip);
    const nodesOf = async (url: string) =>
      Object.keys((await (await fetch(`${url}/test/nodes`)).json()) as object).sort();
    const mineSees = async () =>
      ((await (await fetch(`${mine.url}/status.json`)).json()) as { nodes: { id: string }[] }).nodes;
    await until(
      "the originals see ours",
      async () =>
        (await nodesOf(first.url)).includes("warren-cccc-3") && (await nodesOf(second.url)).includes("warren-cccc-3"),
    );
    await until("ours sees the originals", async () => (await mineSees()).length === 3);

    // Written to ours: the originals hold it, and give it back.
    const written = await fetch(`${mine.url}/`, { method: "POST", body: form("written to ours") });
    expect(await written.json()).toMatchObject({ key: keyOf("written to ours"), success: true, copies: 3 });
    for (const original of [first, second]) {
      expect(await holds(original.url, keyOf("written to ours"))).toBe(true);
      expect(await (await fetch(`${original.url}/file/${keyOf("written to ours")}/`)).text()).toBe("written to ours");
    }

    // Larger than memory holds at once: streamed to the originals as a form, in one pass.
    const large = "0123456789abcdef".repeat(200_000);
    const streamed = await fetch(`${mine.url}/`, { method: "POST", body: form(large) });
    expect(await streamed.json()).toMatchObject({ key: keyOf(large), copies: 3 });

    // Written to an original: ours holds it.
    const theirs = await fetch(`${first.url}/`, { method: "POST", body: form("written to an original") });
    expect(await theirs.json()).toEqual({ key: keyOf("written to an original"), success: true });
    expect(await holds(mine.url, keyOf("written to an original"))).toBe(true);

    // On one original only: ours fetches it, and as an owner keeps it.
    const only = await fetch(`${second.url}/test/only-here`, { method: "POST", body: "only on one original" });
    expect(await only.text()).toBe(keyOf("only on one original"));
    expect(await (await fetch(`${mine.url}/file/${keyOf("only on one original")}/`)).text()).toBe(
      "only on one original",
    );
    expect(await holds(mine.url, keyOf("only on one original"))).toBe(true);
    // From there it goes to the other original, which ours asks key by key.
    await until("ours has brought it to the other original", () => holds(first.url, keyOf("only on one original")));

    // An original's rebalancing trusts and feeds ours.
    await fetch(`${second.url}/test/only-here`, { method: "POST", body: "to be pushed" });
    await fetch(`${second.url}/test/rebalance`, { method: "POST" });
    expect(await holds(mine.url, keyOf("to be pushed"))).toBe(true);

    // A blob the originals cannot name is kept here and refused there, never stored under a wrong name.
    const modern = await fetch(`${mine.url}/?algorithm=sha256`, { method: "PUT", body: "sha256 among originals" });
    expect(await modern.json()).toMatchObject({ success: false, copies: 1 });
  }, 180_000);

  test("an original that dies is noticed, and ours goes on with those that are left", async () => {
    await using mine = await ours("warren-dddd-4", "");
    const gossip = /gossip with originals\s+(\S+)/.exec(mine.output())?.[1] ?? "";
    await using stays = await startOriginal("original-eeee-5", gossip);
    const seen = async () =>
      ((await (await fetch(`${mine.url}/status.json`)).json()) as { nodes: { id: string; state: string }[] }).nodes;
    {
      await using dies = await startOriginal("original-ffff-6", gossip);
      await until("all three are there", async () => (await seen()).length === 3);
      expect(dies.url).not.toBe("");
    }
    await until(
      "the dead one is noticed",
      async () => (await seen()).some(({ id, state }) => id === "original-ffff-6" && state === "dead"),
      120_000,
    );
    const written = await fetch(`${mine.url}/`, { method: "POST", body: form("with two") });
    expect(await written.json()).toMatchObject({ success: true, copies: 2, wanted: 3 });
    expect(await holds(stays.url, keyOf("with two"))).toBe(true);
  }, 180_000);
});

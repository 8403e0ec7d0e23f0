/** Windsock is killed again and again while a back end publishes: what was answered is there afterwards, in its order. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../src/kit/clock.ts";
import { startChild, until } from "../../src/kit/testing/child-node.ts";
import { Requester } from "../../src/lib/zmtp/request.ts";
import { signToken } from "../../src/wires/windsock/token.ts";

const secret = "a secret for tests that is long enough";

/** Listens from a position on; gives what came until `last` did. */
async function heardSince(url: string, since: string | undefined, last: string): Promise<Record<string, unknown>[]> {
  const atSeconds = Math.floor(Date.now() / 1000);
  const token = signToken({ user: "u", subPrefix: "a", pubPrefix: "a", atSeconds, salt: "1", address: "" }, secret);
  const query = new URLSearchParams({ token, positions: "1", ...(since === undefined ? {} : { since }) });
  const socket = new WebSocket(`${url.replace("http", "ws")}/socket/?${query.toString()}`);
  const heard: Record<string, unknown>[] = [];
  socket.addEventListener("message", ({ data }) => heard.push(JSON.parse(String(data)) as Record<string, unknown>));
  await until("it has heard enough", () => heard.some((word) => word["content"] === last || last in word));
  socket.close();
  return heard;
}

test("windsock: with the history on disk, kill -9 loses nothing that was answered, and positions go on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  const start = () =>
    startChild({
      folder,
      words: ["windsock", "--rep-socket", "tcp://127.0.0.1:*", "--history-store", "disk"],
      environment: { WARREN_WINDSOCK_SECRET: secret },
    });
  try {
    const answered: string[] = [];
    let since: string | undefined;
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      await using node = await start();
      since ??= String((await heardSince(node.url, undefined, "position"))[0]?.["position"]);
      const requesters = Array.from({ length: 4 }, () => {
        const requester = new Requester({ clock: systemClock, random: Math.random });
        requester.connect(/^windsock rep +(\S+)$/m.exec(node.output())?.[1] ?? "");
        return requester;
      });
      const over = new AbortController();
      const publishing = requesters.map(async (requester) => {
        while (!over.signal.aborted) {
          const content = String(sent++);
          const frame = Buffer.from(JSON.stringify({ address: "a", content }));
          const reply = await requester.request([frame], 60_000).catch(() => undefined);
          if (reply?.[0]?.toString() === "published") answered.push(content);
          else break;
        }
      });
      const before = answered.length;
      await until("some were answered", () => answered.length > before + 100);
      await node.end("SIGKILL");
      over.abort();
      for (const requester of requesters) requester.close();
      await Promise.all(publishing);
    }
    await using node = await start();
    const heard = await heardSince(node.url, since, "resumed");
    expect(heard.some((word) => "gap" in word)).toBe(false);
    const contents = heard.flatMap((word) => (typeof word["content"] === "string" ? [word["content"]] : []));
    expect(new Set(contents).size).toBe(contents.length);
    const kept = new Set(contents);
    expect(answered.filter((content) => !kept.has(content))).toEqual([]);
    expect(heard.at(-1)).toMatchObject({ resumed: { isComplete: true } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);

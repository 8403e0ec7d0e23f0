/** The verbs below `warren statsd`: `tail` shows what arrives while it arrives. */
import type { Command } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";
import { Fault } from "../../kit/fault.ts";
import { eventMessages } from "../../kit/http/event-messages.ts";
import { plainText } from "../../kit/terminal/plain-text.ts";
import { exampleUrl, openTail } from "./client.ts";

/** Reads a statsd's stream of lines. */
interface TailClient {
  open(query: URLSearchParams): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
}

/** Adds the verbs of statsd to its command. */
export function statsdCommands(program: Command): void {
  const { act, remote } = remoteVerbs<TailClient>(program, {
    title: "statsd",
    defaultServer: exampleUrl,
    neighbours: ["cask", "hakmes", "reticulum", "series", "chimney", "hound", "houston", "mediacheck"],
    connect: (token) =>
      Promise.resolve((baseUrls) => ({ open: (query) => openTail(baseUrls, query, { token, fetch }) })),
  });
  const tail = remote("tail", "show lines while they arrive; bad ones with the reason")
    .option("--match <text>", "only lines that hold this text")
    .option("--bad", "only lines that are no metric")
    .option("--count <lines>", "end after so many");
  act(tail, async ({ client, screen }) => {
    const { match, bad, count } = tail.opts<{ match?: string; bad?: boolean; count?: string }>();
    if (count !== undefined && !/^[1-9]\d*$/.test(count))
      throw new Fault(
        "invalid",
        "statsd/count",
        `Cannot read --count ${JSON.stringify(count)}: wanted a whole number from 1`,
      );
    const query = new URLSearchParams({ ...(match === undefined ? {} : { match }), ...(bad ? { bad: "1" } : {}) });
    const lines = await client.open(query);
    let left = count === undefined ? Number.POSITIVE_INFINITY : Number(count);
    let expected = 1;
    for await (const { event, id, data } of eventMessages(lines)) {
      if (event !== "line") continue;
      const missed = Number(id) - expected;
      if (missed > 0) screen.note(`(${missed} lines came too fast to be shown)`);
      expected = Number(id) + 1;
      const { line, sender, reason } = JSON.parse(data) as { line: string; sender: string; reason?: string };
      screen.print(plainText(`${sender}  ${line}${reason === undefined ? "" : `  (bad: ${reason})`}`));
      if (--left <= 0) break;
    }
    return 0;
  });
}

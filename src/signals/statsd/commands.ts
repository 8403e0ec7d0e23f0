/** The verbs below `warren statsd`: `tail` shows what arrives while it arrives. */
import type { Command } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { eventMessages } from "../../kit/http/event-messages.ts";
import { plainText } from "../../kit/terminal/plain-text.ts";

/** Reads a statsd's stream of lines. */
interface TailClient {
  open(query: URLSearchParams): Promise<Response>;
}

/** Adds the verbs of statsd to its command. */
export function statsdCommands(program: Command): void {
  const { act, remote } = remoteVerbs<TailClient>(program, {
    title: "statsd",
    defaultServer: "http://127.0.0.1:4100/statsd",
    neighbours: ["cask", "hakmes", "series"],
    connect: (token) =>
      Promise.resolve((baseUrls) => ({
        async open(query) {
          const url = `${(baseUrls[0] ?? "").replace(/\/+$/, "")}/tail?${query}`;
          const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
          try {
            return await fetch(url, { headers });
          } catch (thrown) {
            throw new Fault("unavailable", "statsd/no-server", `Cannot reach ${url}: ${reasonOf(thrown)}`, {
              cause: thrown,
            });
          }
        },
      })),
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
    const answer = await client.open(query);
    if (!answer.ok || !answer.body) {
      await answer.body?.cancel();
      throw new Fault("unavailable", "statsd/tail", `Cannot follow: the server answered ${answer.status}`);
    }
    let left = count === undefined ? Number.POSITIVE_INFINITY : Number(count);
    let expected = 1;
    for await (const { event, id, data } of eventMessages(answer.body)) {
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

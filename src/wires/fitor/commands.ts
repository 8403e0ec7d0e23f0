/** The verbs below `warren fitor`. `warren fitor` without a verb starts the service. */
import type { Command } from "commander";

import { remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";
import type { FitorClient } from "./client.ts";

/** Adds the verbs of Fitor to its command. */
export function fitorCommands(program: Command): void {
  const { act, remote } = remoteVerbs<FitorClient>(program, {
    title: "Fitor",
    defaultServer: "http://127.0.0.1:4100/fitor",
    neighbours: ["cask", "hakmes", "reticulum", "series", "windsock"],
    async connect(token) {
      const { FitorClient } = await import("./client.ts");
      return (baseUrls) =>
        new FitorClient({
          baseUrl: (baseUrls[0] ?? "").replace(/\/+$/, ""),
          token,
          fetch: (url, init) => fetch(url, init),
        });
    },
  });
  const say = remote("say", "say something in a channel; without words, each line of the input")
    .argument("[words...]", "what to say")
    .option("--room <room>", "network/#channel (default: the first)")
    .option("--nick <nick>", "under this name, where there are no tokens");
  act(say, async ({ client, screen }, words) => {
    const { sayVerb } = await import("./commands-verbs.ts");
    return sayVerb(client, screen, words, say.opts<{ room?: string; nick?: string }>());
  });
  const log = remote("log", "print what was said in a channel, the newest last")
    .option("--room <room>", "network/#channel (default: the first; with --search: all)")
    .option("--search <words>", "only lines with all of these words")
    .option("--limit <count>", "so many lines", "50")
    .option("--json", "print one JSON object a line");
  act(log, async ({ client, screen }) => {
    const { logVerb } = await import("./commands-verbs.ts");
    const flags = log.opts<{ room?: string; search?: string; limit: string; json?: boolean }>();
    return logVerb(client, screen, { ...flags, limit: wholeNumber(flags.limit, "--limit", 1, 1000) });
  });
  const connect = remote("connect", "connect to a network again that had sent the bridge away").argument(
    "<network>",
    "its name",
  );
  act(connect, async ({ client, screen }, [network = ""]) => {
    const { connectVerb } = await import("./commands-verbs.ts");
    return connectVerb(client, screen, network);
  });
}

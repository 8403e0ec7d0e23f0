/** The verbs below `warren windsock`. `warren windsock` without a verb starts the service. */
import type { Command } from "commander";

import { remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";
import type { ApiClient } from "./api-client.ts";

/** Adds the verbs of Windsock to its command. */
export function windsockCommands(program: Command): void {
  const { act, actLocally, local, remote } = remoteVerbs<ApiClient>(program, {
    title: "Windsock",
    defaultServer: "http://127.0.0.1:4100/windsock",
    neighbours: ["cask", "hakmes", "reticulum", "series", "fitor"],
    async connect(token) {
      const { ApiClient } = await import("./api-client.ts");
      return (baseUrls) =>
        new ApiClient({
          baseUrls,
          token,
          fetch: (url, init) => fetch(url, init),
        });
    },
  });
  const verbs = () => import("./commands-verbs.ts");

  const publish = remote("publish", "publish something; without words, each line of the input")
    .argument("<address>", "where to")
    .argument("[words...]", "what");
  act(publish, async ({ client, screen }, [address = "", ...words]) =>
    (await verbs()).publishVerb(client, screen, address, words),
  );

  const tail = remote("tail", "show what is published while it is")
    .argument("[topic]", "an address, or a pattern such as shop.*.#", "#")
    .option("--count <publications>", "end after so many")
    .option("--json", "print one JSON object a line");
  act(tail, async ({ client, screen }, [topic = "#"]) => {
    const { count, json } = tail.opts<{ count?: string; json?: boolean }>();
    const most = count === undefined ? undefined : wholeNumber(count, "--count", 1, 1_000_000_000);
    return (await verbs()).tailVerb(client, screen, topic, { json, most });
  });

  const history = remote("history", "print what was published, the newest last")
    .argument("<topic>", "an address, or a pattern")
    .option("--limit <count>", "so many, at most 1000", "100")
    .option("--json", "print one JSON object a line");
  act(history, async ({ client, screen }, [topic = ""]) => {
    const { json, limit } = history.opts<{ limit: string; json?: boolean }>();
    return (await verbs()).historyVerb(client, screen, topic, wholeNumber(limit, "--limit", 1, 1000), json);
  });

  const connections = remote("connections", "list who is connected, and what they hear")
    .option("--user <name>", "only this one")
    .option("--limit <count>", "so many", "1000")
    .option("--json", "print one JSON object a line");
  act(connections, async ({ client, screen }) => {
    const { json, limit, user } = connections.opts<{ user?: string; limit: string; json?: boolean }>();
    return (await verbs()).connectionsVerb(client, screen, wholeNumber(limit, "--limit", 1, 10_000), user, json);
  });

  const disconnect = remote("disconnect", "end the connections of a user, or one")
    .option("--user <name>", "all of this user's")
    .option("--connection <id>", "this one")
    .option("--reason <text>", "what the client is told", "ended by order");
  act(disconnect, async ({ client, screen }) =>
    (await verbs()).disconnectVerb(
      client,
      screen,
      disconnect.opts<{ user?: string; connection?: string; reason: string }>(),
    ),
  );

  const revoke = remote("revoke", "call tokens back, and end what was let in by them")
    .option("--user <name>", "all tokens of this user that were made until now")
    .option("--salt <text>", "the one with this salt, or jti")
    .option("--seconds <count>", "for so long (default: until none can be good)");
  act(revoke, async ({ client, screen }) => {
    const { seconds, ...what } = revoke.opts<{ user?: string; salt?: string; seconds?: string }>();
    const lasts = seconds === undefined ? undefined : wholeNumber(seconds, "--seconds", 1, 31_536_000);
    return (await verbs()).revokeVerb(client, screen, what, lasts);
  });

  const token = local("token", "sign a token, as an application does")
    .option("--user <name>", "whom it is for", "")
    .option("--hear <prefix>", "addresses that its bearer hears begin so; empty is all", "")
    .option("--speak <address>", "where what its bearer says goes", "")
    .option("--address <address>", "whom it is given to", "")
    .option("--secret-file <file>", "the secret", "data/windsock/secret");
  actLocally(token, async (screen) =>
    (await verbs()).tokenVerb(
      screen,
      token.opts<{ user: string; hear: string; speak: string; address: string; secretFile: string }>(),
    ),
  );
}

/** The verbs below `warren cbp`. `warren cbp` without a verb starts the service. */
import type { Command } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import { plainText } from "../../kit/terminal/plain-text.ts";
import { CbpClient } from "./client.ts";

/** Adds the verbs of cbp to its command. */
export function cbpCommands(program: Command): void {
  const { act, remote } = remoteVerbs<CbpClient>(program, {
    title: "cbp",
    defaultServer: "http://127.0.0.1:4100/cbp",
    neighbours: ["cask", "hakmes", "series"],
    connect: (token) => Promise.resolve((baseUrls) => new CbpClient(baseUrls, token)),
  });
  act(remote("list", "show proxies and upstreams with the state of their breakers"), async ({ client, screen }) => {
    const proxies = await client.list();
    if (proxies.length === 0) screen.note("no proxies are configured");
    for (const proxy of proxies) {
      const words = proxy.isDraining ? ", draining" : proxy.failure === "" ? "" : `, ${proxy.failure}`;
      screen.print(plainText(`${proxy.name}  ${proxy.listen}, ${proxy.connections} open${words}`));
      for (const upstream of proxy.upstreams) {
        const wait = upstream.state === "open" ? `, tried again in ${formatSpan(upstream.retryInMs)}` : "";
        screen.print(plainText(`  ${upstream.name}  ${upstream.state}${wait}, ${upstream.active} open`));
      }
    }
    return 0;
  });
  const force = remote("force", "hold a breaker open or closed, disable it, or give it back with auto")
    .argument("<proxy>", "its name")
    .argument("<mode>", "open, closed, disabled or auto")
    .option("--upstream <name>", "only the breaker of this one");
  act(force, async ({ client }, [name = "", mode = ""]) => {
    await client.force(name, mode, force.opts<{ upstream?: string }>().upstream);
    return 0;
  });
  for (const [verb, summary] of [
    ["drain", "let a proxy take no more connections; those it has go on"],
    ["listen", "let a proxy that was drained take connections again"],
  ] as const) {
    const command = remote(verb, summary).argument("<proxy>", "its name");
    act(command, async ({ client }, [name = ""]) => {
      await client.act(name, verb, {});
      return 0;
    });
  }
}

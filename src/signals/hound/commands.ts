/** The verbs below `warren hound`. `warren hound` without a verb starts the service. */
import type { Command } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";
import type { HoundClient } from "./client.ts";

/** Adds the verbs of Hound to its command. */
export function houndCommands(program: Command): void {
  const { act, actLocally, local, remote } = remoteVerbs<HoundClient>(program, {
    title: "Hound",
    defaultServer: "http://127.0.0.1:4100/hound",
    neighbours: ["cask", "hakmes", "reticulum", "series", "statsd", "chimney", "houston", "mediacheck"],
    async connect(token) {
      const { clientFor } = await import("./commands-remote.ts");
      return ([baseUrl = ""]) => clientFor(baseUrl, token);
    },
  });

  const check = local("check", "read rules and say everything that is wrong: exit code 0 when nothing is")
    .argument("[file...]", "files of rules (default: the rules of the configuration)")
    .option("--config <file>", "the configuration file");
  actLocally(check, async (screen, files) => {
    const { checkVerb } = await import("./commands-check.ts");
    return checkVerb(screen, files, check.opts());
  });

  const test = remote("test", "run a rule over the past and say when it would have told: exit code 1 when it would")
    .argument("<rule>", "the name or id of a rule")
    .option("--file <file>", "a file of rules in which it stands, instead of those that are in effect")
    .option("--past <duration>", "how far back", "7d")
    .option("--json", "print one JSON object");
  act(test, async ({ client, screen }, [rule = ""]) => {
    const { testVerb } = await import("./commands-remote.ts");
    return testVerb(screen, client, rule, test.opts());
  });

  const list = remote("list", "say how rules stand: exit code 1 when one fails")
    .option("--all", "those that are good, too")
    .option("--json", "print one JSON object a line");
  act(list, async ({ client, screen }) => {
    const { listVerb } = await import("./commands-remote.ts");
    return listVerb(screen, client, list.opts());
  });

  const acknowledge = remote("ack", "acknowledge failing rules: no more is told until they recover").argument(
    "<rule...>",
    "names or ids",
  );
  act(acknowledge, async ({ client, screen }, rules) => {
    const { acknowledgeVerb } = await import("./commands-remote.ts");
    return acknowledgeVerb(screen, client, rules);
  });

  const silence = remote("silence", "tell nothing for a while; without a matcher, list silences")
    .argument("[matcher]", "what it covers, such as severity=warning,host=web-*")
    .option("--for <duration>", "for how long", "1h")
    .option("--comment <text>", "why", "")
    .option("--end <id>", "end this silence instead");
  act(silence, async ({ client, screen }, [matcher]) => {
    const { silenceVerb } = await import("./commands-remote.ts");
    return silenceVerb(screen, client, matcher, silence.opts());
  });
}

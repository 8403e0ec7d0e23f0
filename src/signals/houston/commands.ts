/** The verbs below `warren houston`. `warren houston` without a verb starts the service. */
import type { Command } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";

/** Adds the verbs of Houston to its command. */
export function houstonCommands(program: Command): void {
  const { actLocally, local } = remoteVerbs<undefined>(program, {
    title: "Houston",
    defaultServer: "http://127.0.0.1:4100/houston",
    connect: async () => () => undefined,
  });
  const check = local(
    "check",
    "look files of dashboards over and print all that is wrong; exit code 1 when something is",
  )
    .argument("<file...>", "files of dashboards, .toml or .json")
    .option("-q, --quiet", "print only what is wrong");
  actLocally(check, async (screen, files) => {
    const { checkVerb } = await import("./commands-check.ts");
    return checkVerb(screen, files, check.opts<{ quiet?: boolean }>());
  });
  const list = local(
    "list",
    "list the dashboards of a folder, with how many graphs each has and whether it can be used",
  )
    .argument("[folder]", "the folder", "./dashboards")
    .option("--json", "print one JSON object a line");
  actLocally(list, async (screen, [folder = "./dashboards"]) => {
    const { listVerb } = await import("./commands-check.ts");
    return listVerb(screen, folder, list.opts<{ json?: boolean }>());
  });
}

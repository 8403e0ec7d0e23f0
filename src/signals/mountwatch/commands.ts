/** The verbs below `warren mountwatch`. `warren mountwatch` without a verb starts the service. */
import type { Command } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";

/** Adds the verbs of Mountwatch to its command. */
export function mountwatchCommands(program: Command): void {
  const { actLocally, local } = remoteVerbs<undefined>(program, {
    title: "Mountwatch",
    defaultServer: "http://127.0.0.1:4100/mountwatch",
    connect: async () => () => undefined,
  });
  const check = local(
    "check",
    "look at folders once: exit code 0 when all are well, 1 when one is not, 2 for a wrong question",
  )
    .argument("[path...]", "folders (default: every mount that holds files of people)")
    .option("--timeout <duration>", "the longest wait for each", "10s")
    .option("--mounted", "each has to be a mount")
    .option("--writable", "each has to be writable")
    .option("--write", "write, sync, read back and remove a small file in each")
    .option("--full <percent>", "so many percent used are a failure", "95")
    .option("--json", "print one JSON object a line")
    .option("-q, --quiet", "print only what is not well");
  actLocally(check, async (screen, paths) => {
    const { checkVerb } = await import("./commands-check.ts");
    return checkVerb(screen, paths, check.opts());
  });
}

/** The verbs below `warren chimney`. `warren chimney` without a verb starts the service. */
import { type Command, Option } from "commander";

import { remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";

/** Adds the verbs of Chimney to its command. */
export function chimneyCommands(program: Command): void {
  const { actLocally, local } = remoteVerbs<undefined>(program, {
    title: "Chimney",
    defaultServer: "http://127.0.0.1:4100/chimney",
    connect: async () => () => undefined,
  });
  const check = local(
    "check",
    "ask targets once: exit code 0 when all are good, 1 when one is not, 2 for a wrong question",
  )
    .argument("<target...>", "a URL; or tcp://host:port, tls://host:port, dns://name; or, with --file, names of checks")
    .addOption(
      new Option("--kind <kind>", "what to make of http and https (default: whichever the answer is)").choices([
        "http",
        "smoketest",
      ]),
    )
    .option("--file <file>", "a file of checks; the words are names of checks in it, or all")
    .option("--timeout <duration>", "the longest wait for each", "10s")
    .option("--status <ranges>", "statuses that are good", "200-299")
    .option("--contains <text>", "what the answer has to contain")
    .option("--json-path <path>", "a path into a JSON answer")
    .option("--equals <text>", "what has to stand there, as JSON or as text")
    .option("--expires-within <duration>", "a certificate that ends sooner is bad", "14d")
    .option("--no-verify", "take any certificate")
    .option("--guard", "refuse targets that are not on the public Internet")
    .option("--parallel <count>", "how many at once", "10")
    .option("--json", "print one JSON object a line")
    .option("-q, --quiet", "print only what is bad");
  actLocally(check, async (screen, targets) => {
    const { checkVerb } = await import("./commands-check.ts");
    const flags = check.opts<{
      kind?: "http" | "smoketest";
      file?: string;
      timeout: string;
      status: string;
      contains?: string;
      jsonPath?: string;
      equals?: string;
      expiresWithin: string;
      verify: boolean;
      guard?: boolean;
      parallel: string;
      json?: boolean;
      quiet?: boolean;
    }>();
    return checkVerb(screen, targets, { ...flags, parallel: wholeNumber(flags.parallel, "--parallel", 1, 1000) });
  });
}

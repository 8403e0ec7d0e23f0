/**
 * The verbs below `warren cask`: their words and flags. What they do is in the modules they load when called, so that a
 * node that only starts does not carry them. `warren cask` without a verb starts the service; its own flags stand before
 * a verb, those of the verb after it.
 */
import { type Command, Option } from "commander";

import { systemClock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { createScreen, type Screen } from "../../kit/terminal/screen.ts";
import type { CaskClient } from "./client.ts";
import { algorithms } from "./key.ts";

/** What a verb works with. */
export interface VerbContext {
  readonly screen: Screen;
  readonly client: CaskClient;
  /** A client for another node, with the same token. */
  clientFor(baseUrl: string): CaskClient;
}

interface ServerFlags {
  server: string;
  token?: string;
  tokenFile?: string;
}

/** Adds the verbs of Cask to its command. */
export function caskCommands(program: Command): void {
  // The service has flags of its own, some of the same name as a verb's; who is above hands words on only if told, too.
  program.enablePositionalOptions();
  program.parent?.enablePositionalOptions();

  const verb = (name: string, summary: string): Command => program.command(name).description(summary);
  const remote = (name: string, summary: string): Command =>
    verb(name, summary)
      .addOption(
        new Option("--server <url,...>", "where Cask is; with several, the next is asked when one does not answer")
          .env("WARREN_SERVER")
          .default("http://127.0.0.1:4100/cask"),
      )
      .addOption(
        new Option("--token <token>", "an API token; other users of this machine can see it here").env("WARREN_TOKEN"),
      )
      .option("--token-file <file>", "the file that holds the API token");
  /** Runs a remote verb; what it resolves to is the exit code. */
  const act = (command: Command, action: (context: VerbContext, words: string[]) => Promise<number>): void => {
    command.action(async () => {
      const screen = processScreen();
      await run(screen, async () => action(await contextOf(command, screen), command.args));
    });
  };

  const put = remote("put", "store files, folders with all their files, or standard input (-)")
    .argument("<path...>")
    .addOption(new Option("--algorithm <name>", "the hash that names them (default: the node's)").choices(algorithms))
    .option("--parallel <count>", "how many at once", "4")
    .option("--json", "print one JSON object a line");
  act(put, async (context, paths) => {
    const { putVerb } = await import("./commands-put.ts");
    const { algorithm, json, parallel } = put.opts<{
      algorithm?: "sha256" | "sha1";
      json?: boolean;
      parallel: string;
    }>();
    return putVerb(context, paths, {
      parallel: wholeNumber(parallel, "--parallel", 1, 64),
      json: json === true,
      ...(algorithm === undefined ? {} : { algorithm }),
    });
  });

  const get = remote("get", "read a file back, checked, to a file or standard output")
    .argument("<key>")
    .option("-o, --output <file>", "the file to write; a transfer that was cut goes on where it was");
  act(get, async (context, [key = ""]) => {
    const { getVerb } = await import("./commands-get.ts");
    return getVerb(context, key, get.opts<{ output?: string }>().output);
  });

  const stat = remote("stat", "say how large blobs are").argument("<key...>");
  act(stat, async (context, keys) => (await import("./commands-look.ts")).statVerb(context, keys));

  const whereIs = remote("whereis", "say which nodes have a blob").argument("<key>").option("--json", "as JSON");
  act(whereIs, async (context, [key = ""]) =>
    (await import("./commands-look.ts")).whereIsVerb(context, key, whereIs.opts<{ json?: boolean }>().json === true),
  );

  const verify = remote("verify", "read copies again and compare them with their key")
    .argument("<key...>")
    .option("--everywhere", "on every node that has it, not only on the one that is asked");
  act(verify, async (context, keys) =>
    (await import("./commands-look.ts")).verifyVerb(
      context,
      keys,
      verify.opts<{ everywhere?: boolean }>().everywhere === true,
    ),
  );

  const status = remote("status", "show the nodes, and how many copies there are")
    .option("--json", "as JSON")
    .option("--watch", "again every two seconds");
  act(status, async (context) =>
    (await import("./commands-cluster.ts")).statusVerb(context, status.opts<{ json?: boolean; watch?: boolean }>()),
  );

  const drain = remote("drain", "have the node pass all it holds on to the others, and watch")
    .option("--undo", "let it take blobs again")
    .option("--no-wait", "do not watch");
  act(drain, async (context) =>
    (await import("./commands-cluster.ts")).drainVerb(context, drain.opts<{ undo?: boolean; wait: boolean }>()),
  );

  const forget = remote("forget", "have all nodes forget one that is gone for good").argument("<name or id>");
  act(forget, async (context) => (await import("./commands-cluster.ts")).forgetVerb(context, forget.args[0] ?? ""));

  const adopt = verb("adopt", "take over the folder of a predecessor, while the node is stopped")
    .argument("<folder>")
    .addOption(new Option("--config <file>", "the configuration file").env("WARREN_CONFIG"))
    .addOption(new Option("--data <folder>", "the node's data folder").env("WARREN_NODE_DATA"))
    .addOption(new Option("--folder <folder>", "the folder of the blobs").env("WARREN_CASK_FOLDER"))
    .option("--copy", "leave the old folder as it is");
  adopt.action(async () => {
    const screen = processScreen();
    await run(screen, async () => {
      const { adoptVerb } = await import("./commands-adopt.ts");
      return adoptVerb(screen, adopt.args[0] ?? "", adopt.opts());
    });
  });

  async function contextOf(command: Command, screen: Screen): Promise<VerbContext> {
    const flags = command.opts<ServerFlags>();
    if (command.getOptionValueSource("token") === "cli") {
      screen.note("warning: --token is visible to other users of this machine: use WARREN_TOKEN or --token-file");
    }
    const token = flags.tokenFile === undefined ? flags.token : await tokenIn(flags.tokenFile);
    const { CaskClient } = await import("./client.ts");
    const clientFor = (...baseUrls: string[]) =>
      new CaskClient({ baseUrls, clock: systemClock, ...(token === undefined ? {} : { token }) });
    return { screen, client: clientFor(...flags.server.split(",").map(serverUrl)), clientFor };
  }
}

/** Ends the process with what `action` resolves to; a Fault is its sentence and 1. */
async function run(screen: Screen, action: () => Promise<number>): Promise<void> {
  let exitCode: number;
  try {
    exitCode = await action();
  } catch (thrown) {
    if (isClosedPipe(thrown)) process.exit(0);
    screen.draw("");
    if (!(thrown instanceof Fault)) throw thrown;
    screen.note(thrown.message);
    exitCode = 1;
  }
  process.exitCode = exitCode;
}

function processScreen(): Screen {
  // Who reads our output may have had enough, as `head` does.
  process.stdout.on("error", (failure) => {
    if (isClosedPipe(failure)) process.exit(0);
    throw failure;
  });
  return createScreen(process.stdout, process.stderr);
}

function isClosedPipe(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EPIPE";
}

async function tokenIn(path: string): Promise<string> {
  try {
    return (await Bun.file(path).text()).trim();
  } catch (thrown) {
    throw new Fault("invalid", "cask/token-file", `Cannot read the token in "${path}": ${reasonOf(thrown)}`);
  }
}

function serverUrl(text: string): string {
  const url = text.trim();
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new Fault(
    "invalid",
    "cask/server",
    `Cannot use the server "${url}": wanted a URL such as http://127.0.0.1:4100/cask`,
  );
}

function wholeNumber(text: string, flag: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Fault("invalid", "cask/flag", `Cannot use ${flag} ${text}: wanted a whole number from ${min} to ${max}`);
}

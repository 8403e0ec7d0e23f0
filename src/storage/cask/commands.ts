/**
 * The verbs below `warren cask`: their words and flags. What they do is in the modules they load when called, so that a
 * node that only starts does not carry them. `warren cask` without a verb starts the service; its own flags stand before
 * a verb, those of the verb after it.
 */
import { type Command, Option } from "commander";

import { systemClock } from "../../kit/clock.ts";
import { type RemoteContext, remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";
import type { CaskClient } from "./client.ts";
import { algorithms } from "./key.ts";

/** What a verb works with. */
export type VerbContext = RemoteContext<CaskClient>;

/** Adds the verbs of Cask to its command. */
export function caskCommands(program: Command): void {
  const { act, actLocally, local, remote } = remoteVerbs<CaskClient>(program, {
    title: "Cask",
    defaultServer: "http://127.0.0.1:4100/cask",
    neighbours: ["hakmes"],
    async connect(token) {
      const { CaskClient } = await import("./client.ts");
      return (baseUrls) => new CaskClient({ baseUrls, clock: systemClock, ...(token === undefined ? {} : { token }) });
    },
  });

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

  const list = remote("list", "list all keys that the nodes hold, with their sizes in bytes").option(
    "--json",
    "print one JSON object a line",
  );
  act(list, async (context) =>
    (await import("./commands-list.ts")).listVerb(context, list.opts<{ json?: boolean }>().json === true),
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

  const adopt = local("adopt", "take over the folder of a predecessor, while the node is stopped")
    .argument("<folder>")
    .addOption(new Option("--config <file>", "the configuration file").env("WARREN_CONFIG"))
    .addOption(new Option("--data <folder>", "the node's data folder").env("WARREN_NODE_DATA"))
    .addOption(new Option("--folder <folder>", "the folder of the blobs").env("WARREN_CASK_FOLDER"))
    .option("--copy", "leave the old folder as it is");
  actLocally(adopt, async (screen, [folder = ""]) =>
    (await import("./commands-adopt.ts")).adoptVerb(screen, folder, adopt.opts()),
  );
}

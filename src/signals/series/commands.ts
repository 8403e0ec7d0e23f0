/**
 * The verbs below `warren series`: their words and flags. What they do is loaded when it is called, so that a node that
 * only starts does not carry it. `warren series` without a verb starts the service.
 */
import type { Command } from "commander";

import { remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";
import type { SeriesClient } from "./client.ts";

/** Adds the verbs of series to its command. */
export function seriesCommands(program: Command): void {
  const { act, remote } = remoteVerbs<SeriesClient>(program, {
    title: "series",
    defaultServer: "http://127.0.0.1:4100/series",
    neighbours: ["cask", "hakmes", "reticulum", "statsd", "chimney", "hound", "houston", "mediacheck"],
    async connect(token) {
      const { SeriesClient } = await import("./client.ts");
      const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      return ([baseUrl = ""]) =>
        new SeriesClient({
          baseUrl: baseUrl.replace(/\/+$/, ""),
          fetch: (url, init) =>
            fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } }),
        });
    },
  });

  const take = remote("import", "take over whisper files: one, or a folder with all below it, as carbon keeps them")
    .argument("<folder>", "such as /var/lib/graphite/whisper")
    .option("--prefix <path>", "put this before every name")
    .option("--parallel <count>", "how many at once", "8")
    .option("-q, --quiet", "say nothing but failures and the summary");
  act(take, async (context, [folder = ""]) => {
    const { importVerb } = await import("./commands-move.ts");
    const flags = take.opts<{ prefix?: string; parallel: string; quiet?: boolean }>();
    return importVerb(context, folder, {
      prefix: flags.prefix ?? "",
      parallel: wholeNumber(flags.parallel, "--parallel", 1, 16),
      quiet: flags.quiet === true,
    });
  });

  const give = remote("export", "write series as whisper files, as carbon keeps them")
    .argument("<pattern...>", "such as 'servers.*.cpu'")
    .requiredOption("-o, --output <folder>", "the folder to write to; files that are there already are left");
  act(give, async (context, patterns) => {
    const { exportVerb } = await import("./commands-move.ts");
    return exportVerb(context, patterns, give.opts<{ output: string }>().output);
  });

  const remove = remote("delete", "delete series, with all their points")
    .argument("<pattern...>", "such as 'servers.old-*.*'")
    .option("--dry-run", "only list what would be deleted");
  act(remove, async ({ client, screen }, patterns) => {
    const isDry = remove.opts<{ dryRun?: boolean }>().dryRun === true;
    const { deleteVerb } = await import("./commands-move.ts");
    return deleteVerb({ client, screen }, patterns, isDry);
  });

  const reschema = remote("reschema", "read storage-schemas and all other files of rules again now");
  act(reschema, async ({ client, screen }) => {
    const { reschemaVerb } = await import("./commands-move.ts");
    return reschemaVerb({ client, screen });
  });
}

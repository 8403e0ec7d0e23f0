/**
 * The verbs below `warren hakmes`: their words and flags. What they do is in the modules they load when called, so that a
 * node that only starts does not carry them. `warren hakmes` without a verb starts the service.
 */
import { homedir } from "node:os";
import { join } from "node:path";

import { type Command, Option } from "commander";

import { systemClock } from "../../kit/clock.ts";
import { type RemoteContext, remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";
import { parseDuration } from "../../kit/config/units.ts";
import { Fault } from "../../kit/fault.ts";
import type { HakmesClient } from "./client.ts";

/** What a verb works with. */
export type VerbContext = RemoteContext<HakmesClient>;

/** Adds the verbs of Hakmes to its command. */
export function hakmesCommands(program: Command): void {
  const { act, remote } = remoteVerbs<HakmesClient>(program, {
    title: "Hakmes",
    defaultServer: "http://127.0.0.1:4100/hakmes",
    neighbours: ["cask", "reticulum"],
    async connect(token) {
      const { HakmesClient } = await import("./client.ts");
      return (baseUrls) =>
        new HakmesClient({ baseUrls, clock: systemClock, ...(token === undefined ? {} : { token }) });
    },
  });
  const patience = (command: Command): Command =>
    command.option("--patience <duration>", "how long to try again while nothing moves", "5m");
  const quiet = (command: Command): Command => command.option("-q, --quiet", "say nothing but results and failures");
  const json = (command: Command): Command => command.option("--json", "print one JSON object a line");

  const put = json(quiet(patience(remote("put", "store files, folders with all their files, or standard input (-)"))))
    .argument("<path...>")
    .option("--parallel <count>", "how many at once", "3")
    .option("--name <name>", "the name to store standard input, or one file, under")
    .option("--type <media type>", "the media type of all of them (default: by the ending of the name)")
    .option("--no-resume", "begin anew, and remember nothing for a later run")
    .addOption(new Option("--cache <folder>").env("XDG_CACHE_HOME").hideHelp());
  act(put, async (context, paths) => {
    const { putVerb } = await import("./commands-put.ts");
    const flags = put.opts<
      Shared & { parallel: string; name?: string; type?: string; resume: boolean; cache?: string }
    >();
    const cacheFolder = flags.cache?.startsWith("/") === true ? flags.cache : join(homedir(), ".cache");
    return putVerb(context, paths, {
      parallel: wholeNumber(flags.parallel, "--parallel", 1, 64),
      json: flags.json === true,
      quiet: flags.quiet === true,
      patienceMs: durationOf(flags.patience),
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(flags.type === undefined ? {} : { type: flags.type }),
      ...(flags.resume ? { cacheFolder } : {}),
    });
  });

  const get = quiet(patience(remote("get", "read a file back, checked; a transfer that was cut goes on where it was")))
    .argument("<key>")
    .option(
      "-o, --output <file>",
      "the file or folder to write to, or - for standard output (default: the stored name)",
    )
    .option("--force", "replace a file that exists");
  act(get, async (context, [key = ""]) => {
    const { getVerb } = await import("./commands-get.ts");
    const flags = get.opts<Shared & { output?: string; force?: boolean }>();
    return getVerb(context, key, {
      force: flags.force === true,
      quiet: flags.quiet === true,
      patienceMs: durationOf(flags.patience),
      ...(flags.output === undefined ? {} : { output: flags.output }),
    });
  });

  const info = remote("info", "say what is known of files")
    .argument("<key...>")
    .option("--json", "print their records as they are")
    .option("--chunks", "list their chunks, too");
  act(info, async (context, keys) => {
    const flags = info.opts<{ json?: boolean; chunks?: boolean }>();
    return (await import("./commands-look.ts")).infoVerb(context, keys, {
      json: flags.json === true,
      chunks: flags.chunks === true,
    });
  });

  const list = json(quiet(remote("list", "list files by part of their name, or by the beginning of a key")))
    .argument("[search]")
    .addOption(new Option("--sort <order>", "in which order").choices(["newest", "name", "size"]).default("newest"))
    .option("--limit <count>", "how many on a page", "100")
    .option("--after <mark>", "the page after that mark")
    .option("--all", "all pages");
  act(list, async (context, [search]) => {
    const flags = list.opts<
      Shared & { sort: "newest" | "name" | "size"; limit: string; after?: string; all?: boolean }
    >();
    const query = {
      sort: flags.sort,
      limit: wholeNumber(flags.limit, "--limit", 1, 1000),
      ...(search === undefined ? {} : { search }),
      ...(flags.after === undefined ? {} : { after: flags.after }),
    };
    return (await import("./commands-look.ts")).listVerb(context, query, {
      json: flags.json === true,
      all: flags.all === true,
      quiet: flags.quiet === true,
    });
  });

  const verify = json(quiet(remote("verify", "read files to their end and compare them with their keys")))
    .argument("[key...]")
    .option("--all", "every file there is")
    .option("--parallel <count>", "how many at once", "2");
  act(verify, async (context, keys) => {
    const flags = verify.opts<Shared & { all?: boolean; parallel: string }>();
    return (await import("./commands-look.ts")).verifyVerb(context, keys, {
      all: flags.all === true,
      json: flags.json === true,
      quiet: flags.quiet === true,
      parallel: wholeNumber(flags.parallel, "--parallel", 1, 64),
    });
  });

  const reindex = json(
    quiet(remote("reindex", "have the node look through Cask for files it does not know, and watch")),
  ).option("--no-wait", "do not watch");
  act(reindex, async (context) => {
    const flags = reindex.opts<Shared & { wait: boolean }>();
    return (await import("./commands-catalog.ts")).reindexVerb(context, {
      wait: flags.wait,
      json: flags.json === true,
      quiet: flags.quiet === true,
    });
  });

  const serialize = remote("serialize", "print the records of all files, one a line");
  act(serialize, async (context) => (await import("./commands-catalog.ts")).serializeVerb(context));

  const ingest = json(quiet(remote("ingest", "enter records, one a line, from a file or standard input (-)"))).argument(
    "[file]",
    "",
    "-",
  );
  act(ingest, async (context, [path = "-"]) => {
    const flags = ingest.opts<Shared>();
    return (await import("./commands-catalog.ts")).ingestVerb(context, path, {
      json: flags.json === true,
      quiet: flags.quiet === true,
    });
  });
}

/** Flags that several verbs have. */
interface Shared {
  json?: boolean;
  quiet?: boolean;
  patience: string;
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    throw new Fault("invalid", "command/flag", `Cannot use --patience ${text}: ${thrown.message}`);
  }
}

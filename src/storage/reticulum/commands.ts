/**
 * The verbs below `warren reticulum`: their words and flags. What they do is in the modules they load when called, so that
 * a node that only starts does not carry them. `warren reticulum` without a verb starts the service.
 */
import { type Command, Option } from "commander";

import { systemClock } from "../../kit/clock.ts";
import { type RemoteContext, remoteVerbs, wholeNumber } from "../../kit/commands/remote.ts";
import { parseDuration, parseSize } from "../../kit/config/units.ts";
import { Fault } from "../../kit/fault.ts";
import type { ReticulumClient } from "./client.ts";

/** What a verb works with. */
export type VerbContext = RemoteContext<ReticulumClient>;

/** Flags that several verbs have. */
interface Shared {
  json?: boolean;
  quiet?: boolean;
  parallel: string;
}

/** Adds the verbs of Reticulum to its command. */
export function reticulumCommands(program: Command): void {
  const { act, remote } = remoteVerbs<ReticulumClient>(program, {
    title: "Reticulum",
    defaultServer: "http://127.0.0.1:4100/reticulum",
    neighbours: ["cask", "hakmes"],
    async connect(token) {
      const { ReticulumClient } = await import("./client.ts");
      return (baseUrls) =>
        new ReticulumClient({ baseUrls, clock: systemClock, ...(token === undefined ? {} : { token }) });
    },
  });
  const quiet = (command: Command): Command => command.option("-q, --quiet", "say nothing but results and failures");
  const json = (command: Command): Command => command.option("--json", "print one JSON object a line");

  const put = json(quiet(remote("put", "store images, folders with all their files, or standard input (-)")))
    .argument("<path...>")
    .addOption(
      new Option("--algorithm <name>", "the hash that names them (default: the node's)").choices(["sha256", "sha1"]),
    )
    .option("--sizes <size,...>", "sizes to be made ahead, such as 100s,800w")
    .option("--key-file <file>", "the file that holds an upload key, in place of a token")
    .option("--parallel <count>", "how many at once", "4");
  act(put, async (context, paths) => {
    const flags = put.opts<Shared & { algorithm?: "sha256" | "sha1"; sizes?: string; keyFile?: string }>();
    const { putVerb } = await import("./commands-put.ts");
    return putVerb(context, paths, {
      parallel: wholeNumber(flags.parallel, "--parallel", 1, 64),
      json: flags.json === true,
      quiet: flags.quiet === true,
      sizes: flags.sizes === undefined ? [] : flags.sizes.split(","),
      ...(flags.algorithm === undefined ? {} : { algorithm: flags.algorithm }),
      ...(flags.keyFile === undefined ? {} : { keyFile: flags.keyFile }),
    });
  });

  const info = json(remote("info", "say what is known of images")).argument("<hash...>");
  act(info, async (context, hashes) =>
    (await import("./commands-look.ts")).infoVerb(context, hashes, info.opts<Shared>().json === true),
  );

  const purge = remote("purge", "forget the results of images, on all nodes; the originals stay").argument("<hash...>");
  act(purge, async (context, hashes) => (await import("./commands-look.ts")).purgeVerb(context, hashes));

  const url = remote("url", "print the URL of an image at a size, signed where there is a key")
    .argument("<hash>")
    .argument("<size>")
    .option("--name <name>", "the last part of the URL, with its ending (default: image, as it is stored)")
    .option("--dpr <ratio>", "for screens with so many pixels to a point")
    .option("--expires-in <duration>", "until when a signature is good, such as 1h")
    .option("--sign", "have the node sign it")
    .option("--key-file <file>", "sign it here, with the first line of that file; nobody is asked if --name is given")
    .addOption(new Option("--key <key>").env("WARREN_RETICULUM_SIGNING_KEY").hideHelp());
  act(url, async (context, [hash = "", size = ""]) => {
    const flags = url.opts<{
      name?: string;
      dpr?: string;
      expiresIn?: string;
      sign?: boolean;
      keyFile?: string;
      key?: string;
    }>();
    if (url.getOptionValueSource("key") === "cli")
      throw new Fault(
        "invalid",
        "command/flag",
        "Cannot use --key, as other users of this machine could see it: use WARREN_RETICULUM_SIGNING_KEY or --key-file",
      );
    const { urlVerb } = await import("./commands-url.ts");
    return urlVerb(context, hash, size, {
      isSignedByNode: flags.sign === true,
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(flags.dpr === undefined ? {} : { pixelRatio: flags.dpr }),
      ...(flags.expiresIn === undefined ? {} : { expiresInMs: durationOf(flags.expiresIn, "--expires-in") }),
      ...(flags.keyFile === undefined ? {} : { keyFile: flags.keyFile }),
      ...(flags.key === undefined ? {} : { key: flags.key }),
    });
  });

  const adopt = quiet(
    remote("adopt", "bring over the images of a predecessor, from its upload directory or over HTTP; its URLs go on"),
  )
    .argument("<folder or URL>")
    .option("--list <file>", "hashes or URLs of the images, one a line, from a file or standard input (-)")
    .option("--dry-run", "read and verify, and store nothing")
    .option("--max-size <size>", "the largest image that is read", "64MiB")
    .option("--timeout <duration>", "how long one answer of the predecessor may take", "60s")
    .option("--parallel <count>", "how many at once", "4");
  act(adopt, async (context, [source = ""]) => {
    const flags = adopt.opts<Shared & { list?: string; dryRun?: boolean; maxSize: string; timeout: string }>();
    const { adoptVerb } = await import("./commands-adopt.ts");
    return adoptVerb(context, source, {
      isDry: flags.dryRun === true,
      quiet: flags.quiet === true,
      maxBytes: sizeOf(flags.maxSize),
      timeMs: durationOf(flags.timeout, "--timeout"),
      parallel: wholeNumber(flags.parallel, "--parallel", 1, 64),
      ...(flags.list === undefined ? {} : { list: flags.list }),
    });
  });
}

function durationOf(text: string, flag: string): number {
  return unitOf(flag, text, parseDuration);
}

function sizeOf(text: string): number {
  return unitOf("--max-size", text, parseSize);
}

function unitOf(flag: string, text: string, parse: (text: string) => number): number {
  try {
    return parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    throw new Fault("invalid", "command/flag", `Cannot use ${flag} ${text}: ${thrown.message}`);
  }
}

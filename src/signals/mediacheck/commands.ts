/**
 * The verbs below `warren mediacheck`. Without a verb and without the predecessor's flags that command starts the service;
 * with them it does what the predecessor did, and ends.
 */
import { type Command, Option } from "commander";

import { remoteVerbs } from "../../kit/commands/remote.ts";
import { areOriginal } from "./original.ts";

/** The hidden verb that takes the predecessor's words as they are. */
const originalVerb = "as-original";

/** The predecessor's words as a call of the hidden verb; others unchanged. */
export function originalFlags(words: readonly string[]): string[] {
  return areOriginal(words) ? [originalVerb, "--", ...words] : [...words];
}

/** Adds the verbs of Mediacheck to its command. */
export function mediacheckCommands(program: Command): void {
  const { actLocally, local } = remoteVerbs<undefined>(program, {
    title: "Mediacheck",
    defaultServer: "http://127.0.0.1:4100/mediacheck",
    connect: async () => () => undefined,
  });
  const original = program.command(originalVerb, { hidden: true }).argument("[words...]");
  actLocally(original, async (screen) => {
    const { runOriginal } = await import("./original.ts");
    return runOriginal(screen, original.args);
  });
  const check = local(
    "check",
    "look whether pages have all they ask for: exit code 0 when they do, 1 when not, 2 for a wrong question",
  )
    .argument("[url...]", "pages")
    .option("--sitemap <url,...>", "check the pages that a sitemap, or an index of sitemaps, names")
    .option("--depth <count>", "follow links to pages of the same site so many steps", "0")
    .option("--pages <count>", "the most pages", "100")
    .option("--resources <count>", "the most addresses", "5000")
    .option("--timeout <duration>", "the longest that everything may take", "60s")
    .option("--resource-timeout <duration>", "the longest that one attempt at one resource may take", "10s")
    .option("--retries <count>", "how often to try again what may pass", "2")
    .option("--redirects <count>", "the most redirects in a row", "10")
    .option("--parallel <count>", "requests at a time", "16")
    .option("--parallel-per-host <count>", "requests at a time to one host", "6")
    .option("--delay <duration>", "the pause between two requests to one host", "0s")
    .option("--max-size <size>", "what is larger is bad", "32MiB")
    .option("--sizes <rules>", "bounds by kind, such as image:500KiB:warn,script:1MiB", "")
    .option("--status <rules>", "what to make of statuses, such as 403:warn,5xx:skip", "")
    .option("--skip <patterns>", "addresses to leave alone; * stands for anything", "")
    .option("--user-agent <text>", "how to introduce itself")
    .option("--meta-images", "also look at pictures that pages name for other sites, such as og:image")
    .option("--fragments", "also look whether links to parts of pages lead somewhere")
    .option("--no-verify", "take any certificate")
    .option("--guard", "refuse addresses that are not on the public Internet")
    .option("--json", "print the report as one JSON object")
    .option("--junit", "print the report as JUnit XML")
    .option("-a, --all", "print also what is good")
    .option("-q, --quiet", "print nothing but what is not good")
    .option("--graphite <address>", "send the figures there, as lines")
    .option("--prefix <name>", "the beginning of their names", "mediacheck")
    .option("--deploy <text>", "what was deployed: posts an event with the result")
    .option("--events <url>", "where events are posted, as Graphite takes them", "http://127.0.0.1:4100/series/events")
    .addOption(new Option("--token <token>", "an API token for that").env("WARREN_TOKEN"));
  actLocally(check, async (screen, urls) => {
    const { checkVerb } = await import("./commands-check.ts");
    return checkVerb(screen, urls, check.opts());
  });
}

/**
 * The command line: words become a configuration, a list of services and a call of the kit. What a verb does is in the
 * kit's commands or the service's own; nothing is loaded that the verb does not need.
 */
import { resolve } from "node:path";

import { Command } from "commander";

import { version as packageVersion } from "../package.json" with { type: "json" };
import { systemClock } from "./kit/clock.ts";
import { registerNodeVerbs, verb } from "./kit/commands/register.ts";
import { findConfigFile } from "./kit/config/config-file.ts";
import { addConfigFlags, type ConfigFlags } from "./kit/config/flags.ts";
import { loadConfig, type LoadRequest } from "./kit/config/load.ts";
import { nodeSection, type NodeOptions } from "./kit/config/node.ts";
import { formatProblem } from "./kit/config/problem.ts";
import { serviceSection, type ServiceSettings } from "./kit/config/service-section.ts";
import { Fault, reasonOf } from "./kit/fault.ts";
import { createLog, type Log } from "./kit/log.ts";
import { type Enlisted, type Node, startNode } from "./kit/node.ts";
import { createNotifier } from "./kit/notify.ts";
import { systemRandom } from "./kit/random.ts";
import type { Service, ServiceEntry } from "./kit/service.ts";
import { loadDemo, loadFront, loadStats, services } from "./services.ts";

declare const WARREN_VERSION: string | undefined;

/** The version of this program, with the commit it was built from when it was built. */
const version = typeof WARREN_VERSION === "string" ? WARREN_VERSION : packageVersion;
/** One executable, with everything in it, rather than Bun and a folder of sources. */
const isCompiled = typeof WARREN_VERSION === "string";
const environment = process.env;

interface Loaded {
  entry: ServiceEntry;
  service: Service<object>;
}

async function loadAll(entries: readonly ServiceEntry[]): Promise<Loaded[]> {
  return Promise.all(entries.map(async (entry) => ({ entry, service: await entry.load() })));
}

function sectionOf({ entry, service }: Loaded) {
  return serviceSection(service.config, entry.byDefault);
}

function requestOf(loaded: readonly Loaded[], given: ConfigFlags, alone?: string): LoadRequest {
  return {
    sections: [nodeSection, ...loaded.map(sectionOf)],
    otherSections: services.map(({ name }) => name).filter((name) => !loaded.some(({ entry }) => entry.name === name)),
    file: findConfigFile(environment, given.file),
    environment,
    flags: given.flags,
    ...(alone === undefined ? {} : { legacyOf: alone }),
  };
}

/** Starts the services, prints where they are, and stops them when the process is told to. Ends the process. */
async function run(loaded: readonly Loaded[], given: ConfigFlags, alone: string | undefined): Promise<never> {
  const config = await loadConfig(requestOf(loaded, given, alone));
  for (const warning of config.warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
  if (config.problems.length > 0) {
    for (const problem of config.problems) process.stderr.write(`${formatProblem(problem)}\n`);
    process.exit(1);
  }
  const options = config.get(nodeSection);
  const log = openLog(options);
  const enlisted: Enlisted[] = loaded
    .map(({ entry, service }) => ({
      entry,
      service,
      options: config.options.get(entry.name) as object & ServiceSettings,
    }))
    .filter((candidate) => alone !== undefined || candidate.options.enabled);
  const notifier = createNotifier({
    socket: environment.NOTIFY_SOCKET,
    watchdogUsec: environment.WATCHDOG_USEC,
    watchdogPid: environment.WATCHDOG_PID,
    clock: systemClock,
    log,
  });
  const front = alone === undefined ? await loadFront() : undefined;
  const onErrand =
    alone !== undefined && enlisted.some(({ service, options: own }) => service.runsErrand?.(own) ?? false);
  let node: Node;
  try {
    node = await startNode({
      options,
      services: enlisted,
      catalogue: services,
      alone: alone !== undefined,
      unheard: onErrand,
      version,
      clock: systemClock,
      random: systemRandom,
      log,
      ...(front ? { front } : {}),
    });
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    if (thrown.kind === "internal" && thrown.cause !== undefined) process.stderr.write(`${reasonOf(thrown.cause)}\n`);
    process.exit(1);
  }
  if (onErrand) process.exit(await errandOf(node));
  let signals = 0;
  const stop = async (signal: string) => {
    signals++;
    if (signals > 1) process.exit(130);
    notifier.stopping("Stopping");
    log.info("Stopping", { signal });
    try {
      await node.stop();
    } catch (thrown) {
      log.error("The node did not stop cleanly", { reason: reasonOf(thrown) });
      process.exit(1);
    }
    notifier.close();
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop("SIGTERM"));
  process.on("SIGINT", () => void stop("SIGINT"));
  // Only now: whoever reads that the node is ready may want to stop it at once.
  process.stdout.write(addressTable(node));
  notifier.ready(`Serving on ${node.url}`);
  return new Promise<never>(() => undefined);
}

/** Has the service do what it was started for instead of serving. The exit code. */
async function errandOf(node: Node): Promise<number> {
  const told = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => told.abort());
  const running = node.services().find((status) => status.running?.errand)?.running;
  try {
    return (await running?.errand?.(told.signal)) ?? 0;
  } catch (thrown) {
    if (told.signal.aborted) return 130;
    process.stderr.write(`${thrown instanceof Fault ? thrown.message : reasonOf(thrown)}\n`);
    return 1;
  } finally {
    await node.stop();
  }
}

function openLog(options: NodeOptions): Log {
  const format = options.logFormat === "auto" ? (process.stderr.isTTY ? "text" : "json") : options.logFormat;
  return createLog({ level: options.logLevel, format, clock: systemClock });
}

/** Where everything is, as the first thing a person sees. */
function addressTable(node: Node): string {
  const rows: [string, string, string][] = [["warren", `${node.url}/`, `version ${node.version}, node ${node.name}`]];
  for (const status of node.services()) {
    if (status.running) rows.push([status.entry.name, status.address, status.entry.summary]);
  }
  for (const { purpose, address } of node.addresses()) {
    if (purpose !== "http") rows.push([purpose, address, ""]);
  }
  rows.push(["data", node.dataFolder, ""]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map((row) =>
    `${row[0].padEnd(widths[0] ?? 0)}  ${row[1].padEnd(widths[1] ?? 0)}  ${row[2]}`.trimEnd(),
  );
  return `${lines.join("\n")}\nready\n`;
}

async function build(words: readonly string[]): Promise<{ program: Command; words: readonly string[] }> {
  const program = new Command("warren");
  program
    .description("The server room of a small team in one program")
    .version(version)
    .helpCommand(false)
    .showSuggestionAfterError();
  // Only the services that a command line names, or needs, are loaded.
  const [first = ""] = words;
  const needsAll = ["up", "check", "config", "help", "reference", "doctor"].includes(first);
  const loaded = await loadAll(services.filter(({ name }) => needsAll || name === first));

  const up = program.command("up").description("run every service that is enabled");
  const upFlags = addConfigFlags(up, [nodeSection]);
  up.action(verb(() => run(loaded, upFlags(), undefined)));

  for (const entry of services) {
    const command = program.command(entry.name).description(`run ${entry.name} alone: ${entry.summary}`);
    const own = loaded.find((candidate) => candidate.entry === entry);
    if (!own) continue;
    const flags = addConfigFlags(command, [sectionOf(own), nodeSection]);
    command.action(verb(() => run([own], flags(), entry.name)));
    own.service.commands?.(command);
  }

  registerNodeVerbs(program, {
    version,
    command: [process.execPath, ...(isCompiled ? [] : [resolve(process.argv[1] ?? "")])],
    requestOf: (given) => requestOf(loaded, given),
  });

  const stats = program.command("stats").description("send a metric to a statsd, from a script");
  if (first === "stats") (await loadStats()).addStatsVerbs(stats);

  const demo = program
    .command("demo")
    .description("three nodes on this machine: files in, one node killed, all healed");
  demo.action(
    verb(async () => {
      const { demo: show } = await loadDemo();
      process.exit(await show());
    }),
  );
  const alone = loaded.find(({ entry }) => entry.name === first)?.service;
  let turned = words;
  // A flag of the predecessor's that lacks its value is told like any other mistake in the words.
  await verb(() => {
    if (alone?.originalFlags) turned = [first, ...alone.originalFlags(words.slice(1))];
    return Promise.resolve();
  })();
  return { program, words: turned };
}

/** Does what the words of a command line say. Most verbs end the process themselves. */
export async function runCommandLine(words: readonly string[]): Promise<void> {
  const { program, words: own } = await build(words);
  await program.parseAsync(own.length === 0 ? ["help"] : [...own], { from: "user" });
}

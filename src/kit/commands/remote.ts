/**
 * What the terminal verbs of every service share: where the service is and with which token, a client for that, a screen,
 * and how a verb ends the process: what it resolves to is the exit code, a Fault is its sentence and 1, a reader of our
 * output who had enough is no failure. What a verb does is in modules of its service, loaded when it is called, so that a
 * node that only starts does not carry them.
 */
import { type Command, Option } from "commander";

import { Fault, reasonOf } from "../fault.ts";
import { plainText } from "../terminal/plain-text.ts";
import { createScreen, type Screen } from "../terminal/screen.ts";

/** What a remote verb works with. */
export interface RemoteContext<Client> {
  readonly screen: Screen;
  readonly client: Client;
  /** The addresses of {@link client}, as they were given. */
  readonly baseUrls: readonly string[];
  /** A client for another node, with the same token. */
  clientFor(baseUrl: string): Client;
}

/** The service whose verbs they are. */
export interface RemoteService<Client> {
  /** As it is written in sentences, such as `Cask`. */
  title: string;
  /** Where its routes begin on a node that nobody configured. */
  defaultServer: string;
  /**
   * Names of services beside it: a variable that leads to one of them (`…/cask`) means this one on the same node. So one
   * variable is enough for all verbs.
   */
  neighbours?: readonly string[];
  /** Loads the client and makes one. */
  connect(token: string | undefined): Promise<(baseUrls: readonly string[]) => Client>;
}

/** Makes the verbs of a service. */
export interface RemoteVerbs<Client> {
  /** A verb that asks a server: a command with the flags for that. */
  remote(name: string, summary: string): Command;
  /** Says what a remote verb does; it gets the words after its flags and resolves to the exit code. */
  act(command: Command, action: (context: RemoteContext<Client>, words: string[]) => Promise<number>): void;
  /** A verb that asks nobody. */
  local(name: string, summary: string): Command;
  /** Says what a local verb does. */
  actLocally(command: Command, action: (screen: Screen, words: string[]) => Promise<number>): void;
}

interface ServerFlags {
  server: string;
  token?: string;
  tokenFile?: string;
}

/**
 * The way to add verbs below the command of a service. Without a verb that command starts the service; its own flags
 * stand before a verb, those of the verb after it.
 */
export function remoteVerbs<Client>(program: Command, service: RemoteService<Client>): RemoteVerbs<Client> {
  // The service has flags of its own, some of the same name as a verb's; who is above hands words on only if told, too.
  program.enablePositionalOptions();
  program.parent?.enablePositionalOptions();
  const mountName = new URL(service.defaultServer).pathname.slice(1);

  const local = (name: string, summary: string): Command => program.command(name).description(summary);
  const contextOf = async (command: Command, screen: Screen): Promise<RemoteContext<Client>> => {
    const flags = command.opts<ServerFlags>();
    if (command.getOptionValueSource("token") === "cli") {
      screen.note("warning: --token is visible to other users of this machine: use WARREN_TOKEN or --token-file");
    }
    const token = flags.tokenFile === undefined ? flags.token : await tokenIn(flags.tokenFile);
    const shared = command.getOptionValueSource("server") === "env" ? (service.neighbours ?? []) : [];
    const baseUrls = flags.server
      .split(",")
      .map((text) => serverUrl(text, service.defaultServer))
      .map((url) => besideNeighbour(url, shared, mountName));
    const clientFor = await service.connect(token);
    return { screen, baseUrls, client: clientFor(baseUrls), clientFor: (baseUrl) => clientFor([baseUrl]) };
  };
  return {
    local,
    remote: (name, summary) =>
      local(name, summary)
        .addOption(
          new Option(
            "--server <url,...>",
            `where ${service.title} is; with several, the next is asked when one does not answer`,
          )
            .env("WARREN_SERVER")
            .default(service.defaultServer),
        )
        .addOption(
          new Option("--token <token>", "an API token; other users of this machine can see it here").env(
            "WARREN_TOKEN",
          ),
        )
        .option("--token-file <file>", "the file that holds the API token"),
    act(command, action) {
      command.action(async () => {
        const screen = processScreen();
        await run(screen, async () => action(await contextOf(command, screen), command.args));
      });
    },
    actLocally(command, action) {
      command.action(async () => {
        const screen = processScreen();
        await run(screen, () => action(screen, command.args));
      });
    },
  };
}

/** The whole number that a flag says. Throws the Fault `command/flag`. */
export function wholeNumber(text: string, flag: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Fault("invalid", "command/flag", `Cannot use ${flag} ${text}: wanted a whole number from ${min} to ${max}`);
}

/** Ends the process with what `action` resolves to, as soon as nothing else is left to do. */
async function run(screen: Screen, action: () => Promise<number>): Promise<void> {
  let exitCode: number;
  // The clock's timers do not keep a process alive that waits for nothing else, such as between two attempts.
  const stay = setInterval(() => undefined, 2 ** 30);
  try {
    exitCode = await action();
  } catch (thrown) {
    if (isClosedPipe(thrown)) process.exit(process.exitCode ?? 0);
    screen.draw("");
    if (!(thrown instanceof Fault)) throw thrown;
    screen.note(plainText(thrown.message));
    exitCode = 1;
  } finally {
    clearInterval(stay);
  }
  process.exitCode = exitCode;
}

function processScreen(): Screen {
  // Who reads our output may have had enough, as `head` does.
  process.stdout.on("error", (failure) => {
    // A verb that has reached its verdict keeps it.
    if (isClosedPipe(failure)) process.exit(process.exitCode ?? 0);
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
    throw new Fault("invalid", "command/token-file", `Cannot read the token in "${path}": ${reasonOf(thrown)}`);
  }
}

function serverUrl(text: string, example: string): string {
  const url = text.trim();
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new Fault("invalid", "command/server", `Cannot use the server "${url}": wanted a URL such as ${example}`);
}

function besideNeighbour(url: string, neighbours: readonly string[], own: string): string {
  const last = /\/([^/]+)\/*$/.exec(new URL(url).pathname)?.[1];
  if (last === undefined || !neighbours.includes(last)) return url;
  return `${url.replace(/\/+$/, "").slice(0, -last.length)}${own}`;
}

/**
 * The verbs that are about the node and its configuration, put on the command line: flags become the options of the
 * verbs beside this file. Each verb is loaded when it is called.
 */
import { isAbsolute, resolve } from "node:path";

import type { Command } from "commander";

import { systemClock } from "../clock.ts";
import { addConfigFlags, type ConfigFlags } from "../config/flags.ts";
import { loadConfig, type LoadRequest } from "../config/load.ts";
import { gossipAddress, nodeSection } from "../config/node.ts";
import { Fault } from "../fault.ts";
import { rememberedUrls } from "../membership.ts";
import type { VerbResult } from "./check.ts";

/** What the verbs need of the program. */
export interface VerbContext {
  version: string;
  /** How to run this very program: the executable, and the script where there is one. */
  command: readonly string[];
  /** What to read for given flags; every section that is loaded is in it. */
  requestOf(given: ConfigFlags): LoadRequest;
}

/** Prints a verb's text where it belongs and ends the process with its exit code. */
export function finish(result: VerbResult): never {
  (result.exitCode === 0 ? process.stdout : process.stderr).write(`${result.text}\n`);
  process.exit(result.exitCode);
}

/** An action for commander: a Fault becomes its message and exit code 1; anything else is a bug and shows its stack. */
export function verb(action: () => Promise<unknown>): () => Promise<void> {
  return async () => {
    try {
      await action();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      process.stderr.write(`${thrown.message}\n`);
      process.exit(1);
    }
  };
}

/** Adds check, config, help, reference, token, doctor and systemd. */
export function registerNodeVerbs(program: Command, context: VerbContext): void {
  const { requestOf } = context;
  const withFlags = (command: Command) => ({ command, given: addConfigFlags(command, [nodeSection]) });
  const nodeOptions = async (given: ConfigFlags) => (await loadConfig(requestOf(given))).get(nodeSection);

  const check = withFlags(
    program
      .command("check")
      .description("check the configuration and say everything that is wrong with it")
      .argument("[file]"),
  );
  check.command.action(
    verb(async () => {
      const { checkVerb } = await import("./check.ts");
      const given = check.given();
      finish(await checkVerb(requestOf({ ...given, file: check.command.args[0] ?? given.file })));
    }),
  );

  const config = withFlags(
    program
      .command("config")
      .description("show what is in effect, and where each value comes from")
      .option("--json", "as JSON"),
  );
  config.command.action(
    verb(async () => {
      const { configVerb } = await import("./config.ts");
      finish(await configVerb(requestOf(config.given()), { json: config.command.opts().json === true }));
    }),
  );

  const noFlags = { file: undefined, flags: [] };
  const help = program.command("help").description("explain a service and every option it has").argument("[service]");
  help.action(
    verb(async () => {
      const [name] = help.args;
      if (name === undefined) finish({ text: program.helpInformation().trimEnd(), exitCode: 0 });
      const { helpVerb } = await import("./help.ts");
      finish(helpVerb(name, requestOf(noFlags).sections));
    }),
  );
  const reference = program.command("reference").description("print a page of the reference").argument("[topic]");
  reference.action(
    verb(async () => {
      const { referenceVerb } = await import("./reference.ts");
      finish(referenceVerb(reference.args[0], requestOf(noFlags).sections));
    }),
  );

  const token = program.command("token").description("make, list and revoke API tokens");
  const tokens = async (given: ConfigFlags) => ({
    dataFolder: resolve((await nodeOptions(given)).data),
    clock: systemClock,
  });
  const create = withFlags(
    token
      .command("create")
      .description("make a token; its text is shown once")
      .argument("<name>")
      .requiredOption("--scope <service:scope...>", "what it may do, such as cask:write or *:read")
      .option("--expires <duration>", "how long it is good, such as 30d")
      .option("--json", "as JSON"),
  );
  create.command.action(
    verb(async () => {
      const { createTokenVerb } = await import("./token.ts");
      const { scope, expires, json } = create.command.opts<{ scope: string[]; expires?: string; json?: boolean }>();
      const name = create.command.args[0] ?? "";
      const wanted = { name, scopes: scope, json: json === true, ...(expires === undefined ? {} : { expires }) };
      finish(await createTokenVerb(await tokens(create.given()), wanted));
    }),
  );
  const list = withFlags(
    token
      .command("list")
      .description("show the tokens there are")
      .option("--all", "those revoked, too")
      .option("--json", "as JSON"),
  );
  list.command.action(
    verb(async () => {
      const { listTokensVerb } = await import("./token.ts");
      const { all, json } = list.command.opts<{ all?: boolean; json?: boolean }>();
      finish(await listTokensVerb(await tokens(list.given()), { all: all === true, json: json === true }));
    }),
  );
  const revoke = withFlags(token.command("revoke").description("end a token for good").argument("<id or name>"));
  revoke.command.action(
    verb(async () => {
      const { revokeTokenVerb } = await import("./token.ts");
      finish(await revokeTokenVerb(await tokens(revoke.given()), revoke.command.args[0] ?? ""));
    }),
  );

  const doctor = withFlags(
    program
      .command("doctor")
      .description("look at disk, clock, peers, permissions, limits and ports, and say what to do")
      .option("--json", "as JSON"),
  );
  doctor.command.action(
    verb(async () => {
      const { doctorVerb } = await import("./doctor.ts");
      const request = requestOf(doctor.given());
      const options = (await loadConfig(request)).get(nodeSection);
      const dataFolder = resolve(options.data);
      const { tlsCertificate, tlsKey } = options;
      finish(
        await doctorVerb({
          dataFolder,
          listen: [options.listen, gossipAddress(options)],
          peers: rememberedUrls(dataFolder),
          secretFiles: [typeof request.file === "string" ? request.file : "", tlsKey ?? ""].filter(
            (path) => path !== "",
          ),
          ...(tlsCertificate === undefined || tlsKey === undefined
            ? {}
            : { certificate: { certificatePath: tlsCertificate, keyPath: tlsKey } }),
          version: context.version,
          clock: systemClock,
          json: doctor.command.opts().json === true,
        }),
      );
    }),
  );

  const systemd = withFlags(
    program
      .command("systemd")
      .description("print a sandboxed systemd unit for this program and configuration")
      .option("--user <name>", "whom it runs as (default: a user made up by systemd)"),
  );
  systemd.command.action(
    verb(async () => {
      const { systemdVerb } = await import("./systemd.ts");
      const given = systemd.given();
      const request = requestOf(given);
      const options = (await loadConfig(request)).get(nodeSection);
      const { user } = systemd.command.opts<{ user?: string }>();
      const file = typeof request.file === "string" ? resolve(request.file) : undefined;
      // Without a folder of the operator's own choice the unit gets the one that systemd keeps for it.
      const dataFolder = isAbsolute(options.data) ? options.data : "/var/lib/warren";
      finish(
        systemdVerb({
          command: [
            ...context.command,
            "up",
            ...(file === undefined ? [] : ["--config", file]),
            ...given.flags.flatMap(({ section, key, text }) =>
              key === "data" ? [] : ["--set", `${section}.${key}=${text}`],
            ),
            "--data",
            dataFolder,
          ],
          dataFolder,
          user,
          reads: [file, options.tlsCertificate, options.tlsKey].filter((path) => path !== undefined),
          ports: [options.listen.port, gossipAddress(options).port],
          stopTimeoutMs: options.stopTimeoutMs,
        }),
      );
    }),
  );
}

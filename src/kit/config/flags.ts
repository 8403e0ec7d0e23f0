/**
 * Options on the command line: every option of a section is a long flag of its command, and `--set section.key=value`
 * reaches those of any section. Secrets are not taken there, only the paths of files that hold them. Flags of an
 * earlier section hide those of the same name in a later one, so a service started alone puts its own first.
 */
import { type Command, Option } from "commander";

import { flagOf, hasFlag, keyOf, type Section } from "./declaration.ts";
import { type FlagValue, keysOf } from "./sources.ts";

/** What the command line says about the configuration. */
export interface ConfigFlags {
  /** The file named by `--config`. */
  readonly file: string | undefined;
  readonly flags: readonly FlagValue[];
}

/** Where a flag's value goes, by the name commander keeps it under. */
interface Target {
  section: string;
  key: string;
  shown: string;
}

/**
 * Adds `--config`, `--set` and a flag for each option of `sections` to a command. The returned function tells, once the
 * command was parsed, what was given.
 */
export function addConfigFlags(command: Command, sections: readonly Section<object>[]): () => ConfigFlags {
  const targets = new Map<string, Target>();
  command.option("--config <file>", "the configuration file (default: warren.toml if it is there)");
  command.option("--set <section.key=value>", "sets any option; may be repeated", collect, []);
  // For what stands in for a predecessor: its usual values are the weakest word, not the strongest.
  command.addOption(new Option("--set-default <section.key=value>").argParser(collect).default([]).hideHelp());
  for (const section of sections) {
    for (const [code, field] of Object.entries(section.fields)) {
      for (const { key, isPath } of keysOf({ code, field })) {
        const name = flagOf(key).slice(2);
        // What cannot be given here has no flag; what a service calls like a verb's own flag is left to `--set`.
        if ((field.secret && !isPath) || !hasFlag(key) || targets.has(camel(name)) || reserved.has(name)) continue;
        targets.set(camel(name), { section: section.name, key, shown: flagOf(key) });
        const words = isPath ? `the file that holds ${keyOf(code, field)}` : firstSentence(field.summary);
        const isList = field.kind.endsWith(",...");
        if (field.kind === "flag") {
          command.option(`--${name}`, words).option(`--no-${name}`);
        } else if (isList) {
          command.option(`--${name} <${field.kind}>`, words, joined);
        } else {
          command.option(`--${name} <${isPath ? "file" : field.kind}>`, words);
        }
      }
    }
  }
  return () => {
    const given = command.opts<Record<string, unknown>>();
    const flags: FlagValue[] = [];
    for (const [name, { section, key, shown }] of targets) {
      const value = given[name];
      if (command.getOptionValueSource(name) === "cli")
        flags.push({
          section,
          key,
          text: String(value),
          shown: value === false ? shown.replace("--", "--no-") : shown,
        });
    }
    const settingsOf = (name: string): FlagValue[] => {
      const settings: unknown = given[name];
      return Array.isArray(settings) ? settings.map((setting) => parseSetting(String(setting))) : [];
    };
    // A flag of its own is more deliberate than a setting, so it is the later one and counts.
    flags.unshift(...settingsOf("set"), ...settingsOf("setDefault").map((flag) => ({ ...flag, isDefault: true })));
    return { file: typeof given["config"] === "string" ? given["config"] : undefined, flags };
  };
}

const reserved = new Set(["config", "set", "set-default", "help", "version"]);

/** Reads `cask.keep_free=10GiB`. What has not that form gets an empty section, which loading reports. */
export function parseSetting(setting: string): FlagValue {
  const match = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(setting);
  if (match === null) return { section: "", key: "", text: "", shown: "--set" };
  const [, section = "", key = "", text = ""] = match;
  return { section, key, text, shown: `--set ${section}.${key}` };
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function joined(value: string, before: string | undefined): string {
  return before === undefined ? value : `${before},${value}`;
}

function camel(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The first sentence of a summary, without its period, for lines that have room for one. */
export function firstSentence(summary: string): string {
  return /^(.*?)(?:[.;](?= |$)|$)/s.exec(summary)?.[1] ?? summary;
}

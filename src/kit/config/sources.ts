/**
 * The four places a value may come from, each asked for the candidates it offers for one field. A source never decides:
 * it says what stands there and where; reading, messages and precedence are in `load.ts`.
 */
import type { ConfigFile } from "./config-file.ts";
import { type Environment, type Field, fileKeyOf, keyOf, type Legacy, variableOf } from "./declaration.ts";

/** One option given on the command line. */
export interface FlagValue {
  readonly section: string;
  /** As in the file: `keep_free`. */
  readonly key: string;
  readonly text: string;
  /** As the operator wrote it, without the value: `--keep-free` or `--set cask.keep_free`. */
  readonly shown: string;
  /** What a verb usually has in place of the declaration's default: it counts where no source says anything. */
  readonly isDefault?: boolean;
}

/** A value that one source offers for a field. */
export interface Candidate {
  /** For problems: `warren.toml:12`, `environment WARREN_NODE_LISTEN`, `flag --listen`. */
  readonly place: string;
  /** For {@link Origin}: the place with its kind before it. */
  readonly from: string;
  /** The value in the file's form. Throws what the predecessor's form refuses. */
  raw(): unknown;
  /** The raw value is the path of a file that holds the secret. */
  readonly isPath: boolean;
  /** It stands on the command line, where every user of the machine can read it. */
  readonly public: boolean;
}

/** A field with its section and its name in code. */
export interface Option {
  readonly section: string;
  readonly code: string;
  readonly field: Field<unknown>;
}

/** The keys under which an option may stand: its own, and for a secret the one that names a file. */
export function keysOf({ code, field }: Pick<Option, "code" | "field">): { key: string; isPath: boolean }[] {
  const own = { key: keyOf(code, field), isPath: false };
  return field.secret ? [own, { key: fileKeyOf(code, field), isPath: true }] : [own];
}

/** What the file says. */
export function fromFile(file: ConfigFile, option: Option): Candidate[] {
  return keysOf(option).flatMap(({ key, isPath }) =>
    file.entries
      .filter((entry) => entry.section === option.section && entry.key === key)
      .map((entry) => {
        const place = `${file.name}:${entry.line}`;
        return { place, from: `file ${place}`, raw: () => entry.value, isPath, public: false };
      }),
  );
}

/** What the predecessor's variables say: the first name that is set. */
export function fromLegacy(legacy: Legacy, environment: Environment, option: Option): Candidate[] {
  const name = legacy.names.find((candidate) => isSet(environment, candidate));
  if (name === undefined) return [];
  const text = environment[name] ?? "";
  const place = `environment ${name}`;
  const raw = () => (legacy.read ? legacy.read(text, environment) : option.field.fromText(text));
  return [{ place, from: place, raw, isPath: false, public: false }];
}

/** What the `WARREN_` variables say. An empty variable counts as not set. */
export function fromVariables(environment: Environment, option: Option): Candidate[] {
  return keysOf(option)
    .map(({ key, isPath }) => ({ name: variableOf(option.section, key), isPath }))
    .filter(({ name }) => isSet(environment, name))
    .map(({ name, isPath }) => {
      const text = environment[name] ?? "";
      const place = `environment ${name}`;
      const raw = () => (isPath ? text : option.field.fromText(text));
      return { place, from: place, raw, isPath, public: false };
    });
}

/** What the flags say; of repeated ones the last counts. */
export function fromFlags(flags: readonly FlagValue[], option: Option): Candidate[] {
  const said = flags.filter((flag) => flag.isDefault !== true);
  return among(said, option, ({ shown }) => ({ place: `flag ${shown}`, from: `flag ${shown}` }));
}

/** What the verb usually has. */
export function fromDefaults(flags: readonly FlagValue[], option: Option): Candidate[] {
  const usual = flags.filter((flag) => flag.isDefault === true);
  return among(usual, option, ({ shown }) => ({ place: `flag ${shown}`, from: "default" }));
}

function among(
  flags: readonly FlagValue[],
  option: Option,
  wordsFor: (flag: FlagValue) => Pick<Candidate, "place" | "from">,
): Candidate[] {
  return keysOf(option).flatMap(({ key, isPath }) => {
    const given = flags.findLast((flag) => flag.section === option.section && flag.key === key);
    if (given === undefined) return [];
    const raw = () => (isPath ? given.text : option.field.fromText(given.text));
    return [{ ...wordsFor(given), raw, isPath, public: option.field.secret && !isPath }];
  });
}

function isSet(environment: Environment, name: string): boolean {
  return (environment[name] ?? "") !== "";
}

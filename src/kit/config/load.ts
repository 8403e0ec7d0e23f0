/**
 * The configuration of a run: default, file, environment, flag, the later over the earlier. The file, the variables and
 * the flags are checked whole, also where a later source wins, and every problem is reported at once. Nothing else in
 * the program reads the environment.
 */
import { Fault } from "../fault.ts";
import { openConfigFile } from "./config-file.ts";
import {
  type Environment,
  type Field,
  fileKeyOf,
  keyOf,
  type Legacy,
  type Section,
  variableOf,
} from "./declaration.ts";
import { faultOf, type Problem } from "./problem.ts";
import { readSecretFile } from "./secret-file.ts";
import {
  type Candidate,
  type FlagValue,
  fromDefaults,
  fromFile,
  fromFlags,
  fromLegacy,
  fromVariables,
  type Option,
} from "./sources.ts";
import { unknownFlags, unknownInFile, unknownVariables } from "./unknown.ts";

/** What to read. */
export interface LoadRequest {
  readonly sections: readonly Section<object>[];
  /** Names of sections that may stand in the file and are not looked at in this run. */
  readonly otherSections?: readonly string[];
  /** The file's path, or its path and text; undefined when there is none. */
  readonly file?: string | { readonly path: string; readonly text: string } | undefined;
  readonly environment?: Environment;
  readonly flags?: readonly FlagValue[];
  /** The service that is started alone: its predecessor's variables count, below `WARREN_` ones. */
  readonly legacyOf?: string | undefined;
}

/** The effective value of one option. */
export interface Origin {
  readonly section: string;
  readonly key: string;
  /** TOML text; `***` for a secret that is set, empty for what is unset. */
  readonly value: string;
  /** What being unset means, such as `the host's name`; empty for what is set. */
  readonly unset: string;
  /** `default`, `file warren.toml:12`, `environment WARREN_CASK_KEEP_FREE` or `flag --keep-free`. */
  readonly from: string;
}

/** A configuration that was read, with all that is wrong with it. */
export interface LoadedConfig {
  /** By section name; a section with a problem is absent. */
  readonly options: ReadonlyMap<string, object>;
  /** By `section.key`, in the order of declaration. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly problems: readonly Problem[];
  /** What works and is probably not meant so. */
  readonly warnings: readonly Problem[];
  /** The predecessor's variables that were set, whether or not a later source won. */
  readonly legacyUsed: readonly string[];
  /** The options of a section. Throws the Fault `config/invalid` with all problems when there are any. */
  get<Options extends object>(section: Section<Options>): Options;
}

/** Reads and checks everything. Problems are in the result; only a defect of a declaration is thrown. */
export async function loadConfig(request: LoadRequest): Promise<LoadedConfig> {
  const { sections, otherSections = [], environment = {}, flags = [] } = request;
  const known = { sections, otherSections };
  const file = await openConfigFile(request.file);
  const alone = sections.find(({ name }) => name === request.legacyOf);
  const problems = [...file.problems, ...unknownInFile(file, known), ...unknownFlags(flags, known)];
  const warnings = unknownVariables(environment, known);
  const legacyUsed: string[] = [];
  const options = new Map<string, object>();
  const origins = new Map<string, Origin>();
  let secretInFile = false;

  for (const section of sections) {
    const values: Record<string, unknown> = {};
    let good = true;
    for (const [code, field] of Object.entries(section.fields)) {
      const option = { section: section.name, code, field };
      const legacy = legacyFor(alone, option);
      const inherited = legacy === undefined ? [] : fromLegacy(legacy, environment, option);
      legacyUsed.push(...inherited.map(({ place }) => place.replace("environment ", "")));
      const found = resolve(option, [
        fromDefaults(flags, option),
        fromFile(file, option),
        inherited,
        fromVariables(environment, option),
        fromFlags(flags, option),
      ]);
      values[code] = found.value;
      problems.push(...found.problems);
      warnings.push(...found.warnings);
      good &&= found.problems.length === 0;
      secretInFile ||= found.secretInFile;
      const key = keyOf(code, field);
      const shown = found.value === undefined ? "" : field.secret ? "***" : field.show(found.value);
      const unset = found.value === undefined ? (field.unset ?? "") : "";
      origins.set(`${section.name}.${key}`, { section: section.name, key, value: shown, unset, from: found.from });
    }
    if (!good) continue;
    options.set(section.name, values);
    // A line that could not be read may be the very one that a relation misses.
    if (file.problems.length > 0) continue;
    const place = file.sections.has(section.name) ? file.name : "configuration";
    for (const message of section.check?.(values) ?? []) problems.push({ place, key: section.name, message });
  }
  if (secretInFile && file.exposed !== undefined) warnings.push({ place: file.name, key: "", message: file.exposed });
  sortByLine(problems, file.name);

  return {
    options,
    origins,
    problems,
    warnings,
    legacyUsed,
    get<Options extends object>(section: Section<Options>): Options {
      const fault = faultOf(problems);
      if (fault !== undefined) throw fault;
      const found = options.get(section.name);
      if (found === undefined)
        throw new Fault("internal", "config/section", `Cannot get section "${section.name}": it was not loaded`);
      // What stands under this name was read by the fields of the section that was given under it.
      return found as Options;
    },
  };
}

interface Resolved {
  value: unknown;
  from: string;
  problems: Problem[];
  warnings: Problem[];
  secretInFile: boolean;
}

/** The last good value of the layers, each read and checked. */
function resolve(option: Option, layers: readonly (readonly Candidate[])[]): Resolved {
  const { section, code, field } = option;
  const key = `${section}.${keyOf(code, field)}`;
  const resolved: Resolved = {
    value: field.default === undefined ? undefined : field.read(field.default),
    from: "default",
    problems: [],
    warnings: [],
    secretInFile: false,
  };
  for (const candidates of layers) {
    const [, second] = candidates;
    if (second !== undefined) {
      const message = `Cannot use both ${keyOf(code, field)} and ${fileKeyOf(code, field)}: wanted one of the two`;
      resolved.problems.push({ place: second.place, key, message });
    }
    for (const candidate of candidates) {
      const { place } = candidate;
      const outcome = candidate.public ? { refused: notPublic(option) } : valueOf(candidate, field);
      if (outcome === undefined) continue;
      if ("refused" in outcome) {
        resolved.problems.push({ place, key, message: outcome.refused });
        continue;
      }
      resolved.value = outcome.value;
      resolved.from = candidate.from;
      resolved.secretInFile ||= field.secret && !candidate.isPath && candidate.from.startsWith("file ");
      if (outcome.warning !== undefined) resolved.warnings.push({ place, key, message: outcome.warning });
    }
  }
  return resolved;
}

function legacyFor(alone: Section<object> | undefined, { section, code, field }: Option): Legacy | undefined {
  if (alone === undefined) return undefined;
  if (section === alone.name) return field.legacy;
  return section === "node" ? alone.nodeLegacy[code] : undefined;
}

/** The value that a candidate reads to, or why it does not; undefined when it says nothing after all. */
function valueOf(
  candidate: Candidate,
  field: Field<unknown>,
): { value: unknown; warning: string | undefined } | { refused: string } | undefined {
  let opened: { text: string; warning: string | undefined } | undefined;
  if (candidate.isPath) {
    const path = candidate.raw();
    if (typeof path !== "string" || path === "") return { refused: "Cannot read the value: wanted the path of a file" };
    try {
      opened = readSecretFile(path);
    } catch (thrown) {
      return { refused: reasonFor(thrown) };
    }
  }
  try {
    const raw = opened === undefined ? candidate.raw() : field.fromText(opened.text);
    return raw === undefined ? undefined : { value: field.read(raw), warning: opened?.warning };
  } catch (thrown) {
    const reason = reasonFor(thrown);
    return { refused: field.secret ? `Cannot read the value: wanted ${field.wanted}` : reason };
  }
}

/** The message of an expected refusal. Anything else is a defect and is thrown on. */
function reasonFor(thrown: unknown): string {
  if (thrown instanceof SyntaxError || thrown instanceof RangeError || thrown instanceof Fault) return thrown.message;
  throw thrown;
}

function notPublic({ section, code, field }: Option): string {
  const variable = variableOf(section, keyOf(code, field));
  return `Cannot take a secret from the command line, where every user of this machine can read it: wanted ${fileKeyOf(code, field)}, or ${variable} in the environment`;
}

/** Problems of the file come first and in its order; the others keep theirs. */
function sortByLine(problems: Problem[], fileName: string): void {
  const prefix = `${fileName}:`;
  const lineOf = ({ place }: Problem) =>
    fileName !== "" && place.startsWith(prefix) ? Number(place.slice(prefix.length)) : Number.MAX_SAFE_INTEGER;
  problems.sort((one, other) => lineOf(one) - lineOf(other));
}

/**
 * What can be configured, said once. A Section declares its fields; from that come parsing, messages, flags, help, the
 * example file, the reference pages and the console's view. A declaration is a constant: it reads nothing by itself.
 * Names: in code camelCase with a unit (`keepFreeBytes`), in the file snake_case without (`keep_free = "10GiB"`).
 */

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the predecessor's environment calls an option; read only when the service is started alone. */
export interface Legacy {
  /** Variable names; the first that is set and not empty counts. */
  readonly names: readonly string[];
  /**
   * Turns the text into the file's form (`"5"` into `"5s"`); undefined counts as not set. Throws SyntaxError when the
   * text is not what the predecessor accepted. Without it the text is read like a `WARREN_` variable.
   */
  read?(text: string, environment: Environment): unknown;
}

/** One option. Made by the constructors in `fields.ts`. */
export interface Field<Value> {
  /** What kind it is, such as `duration`; shown where a flag takes a value. */
  readonly kind: string;
  /** What it decides, one or two sentences, each with its period. */
  readonly summary: string;
  /** The form in words, such as `a duration such as "30s"`. */
  readonly wanted: string;
  /** In the file's form; undefined means unset. */
  readonly default: unknown;
  /** In the file's form: what the example file shows where there is no default. */
  readonly example: unknown;
  /** What happens when it is unset, for readers, such as `the host's name`. */
  readonly unset: string | undefined;
  /** Never shown, and may come from a file named by the key with `_file` added. */
  readonly secret: boolean;
  readonly legacy?: Legacy;
  /** Accepted because a predecessor had it, and without effect: left out of the example file. */
  readonly obsolete: boolean;
  /** The unit that ends its name in code and is left off in the file. */
  readonly unit: "Ms" | "Bytes" | undefined;
  /** From the file's form to the value. Throws SyntaxError, RangeError or Fault with a message that quotes the value and says what is wanted. */
  read(raw: unknown): Value;
  /** From the text of a variable or flag to the file's form; what it cannot turn stays text, for {@link Field.read} to refuse. */
  fromText(text: string): unknown;
  /** The value as it would stand in the file, TOML text. */
  show(value: Value): string;
}

/** The fields of a section by their names in code. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The values a section's fields read to. */
export type OptionsOf<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Value> ? Value : never;
};

/** The declared options of a service, or of the node itself. */
export interface Section<Options extends object> {
  /** The table's name in the file, and the service's. */
  readonly name: string;
  /** What it does, in plain words. */
  readonly summary: string;
  readonly fields: Fields;
  /** What the predecessor's environment says about the node itself (field of `[node]` in code → names), when the service is started alone. */
  readonly nodeLegacy: Readonly<Record<string, Legacy>>;
  /** Relations between fields that do not hold, one sentence each without a final period. Called only when each field alone is good. */
  check?(options: Options): readonly string[];
}

/** What a section may say beside its fields. */
export interface SectionExtras {
  /** See {@link Section.nodeLegacy}. */
  readonly nodeLegacy?: Readonly<Record<string, Legacy>>;
}

const sectionName = /^[a-z][a-z0-9]*$/;
const fieldName = /^[a-z][a-zA-Z0-9]*$/;

/** Declares a section. Throws TypeError when names are malformed or collide, or a field has no summary. */
export function section<const F extends Fields>(
  name: string,
  summary: string,
  fields: F,
  check?: (options: OptionsOf<F>) => readonly string[],
  extras: SectionExtras = {},
): Section<OptionsOf<F>> {
  if (!sectionName.test(name)) throw new TypeError(`Cannot declare section "${name}": wanted one lower-case word`);
  const seen = new Set<string>();
  for (const [code, field] of Object.entries<Field<unknown>>(fields)) {
    const where = `Cannot declare option "${name}.${code}"`;
    if (!fieldName.test(code)) throw new TypeError(`${where}: wanted a camelCase name`);
    if (field.summary === "") throw new TypeError(`${where}: wanted a summary`);
    if (field.unit !== undefined && !code.endsWith(field.unit))
      throw new TypeError(`${where}: the name of a ${field.kind} ends in "${field.unit}"`);
    for (const key of field.secret ? [keyOf(code, field), fileKeyOf(code, field)] : [keyOf(code, field)]) {
      if (seen.has(key)) throw new TypeError(`${where}: its key "${key}" stands twice`);
      seen.add(key);
    }
  }
  return { name, summary, fields, nodeLegacy: extras.nodeLegacy ?? {}, ...(check ? { check } : {}) };
}

/** The key of a field in the file: `aaeIntervalMs` of a duration is `aae_interval`. */
export function keyOf(code: string, field: Field<unknown>): string {
  const bare = field.unit !== undefined && code.endsWith(field.unit) ? code.slice(0, -field.unit.length) : code;
  return bare.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The key that names the file to read a secret from. */
export function fileKeyOf(code: string, field: Field<unknown>): string {
  return `${keyOf(code, field)}_file`;
}

/** The environment variable of a key: `cask` and `keep_free` give `WARREN_CASK_KEEP_FREE`. */
export function variableOf(section: string, key: string): string {
  return `WARREN_${section}_${key}`.toUpperCase();
}

/**
 * Whether an option has a flag of its own. Whether a service runs under `warren up` is none of the flags of the command
 * that starts it alone.
 */
export function hasFlag(key: string): boolean {
  return key !== "enabled";
}

/** The long flag of a key: `keep_free` gives `--keep-free`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll("_", "-")}`;
}

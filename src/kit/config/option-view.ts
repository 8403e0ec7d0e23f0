/**
 * One option as its readers see it: on the help page, in the reference, in the example file. Computed from the
 * declaration and nothing else, so that none of them can say something that is not so.
 */
import { type Field, fileKeyOf, flagOf, hasFlag, keyOf, type Section, variableOf } from "./declaration.ts";

/** What there is to say about an option. */
export interface OptionView {
  readonly key: string;
  readonly summary: string;
  /** The form in words. */
  readonly wanted: string;
  /** The default as TOML text; undefined when it is unset or an empty list. */
  readonly default: string | undefined;
  /** What being unset means; empty when there is no more to say. */
  readonly unset: string;
  /** A value as TOML text to start from: the default, or an example. */
  readonly example: string;
  readonly variable: string;
  /** As it is typed; `--key-file` for a secret. */
  readonly flag: string;
  /** The key that names a file with the secret; undefined for what is none. */
  readonly fileKey: string | undefined;
  /** Accepted and without effect. */
  readonly obsolete: boolean;
  /** The predecessor's variables in order of precedence. */
  readonly legacy: readonly string[];
}

/** The options of a section in their order. */
export function optionViews(section: Section<object>): OptionView[] {
  return Object.entries(section.fields).map(([code, field]) => {
    const key = keyOf(code, field);
    const fileKey = field.secret ? fileKeyOf(code, field) : undefined;
    return {
      key,
      summary: field.summary,
      wanted: field.wanted,
      default: isNothing(field.default) ? undefined : shown(field, field.default),
      unset: field.unset ?? "",
      example: shown(field, field.example),
      variable: variableOf(section.name, key),
      flag: hasFlag(key) ? typedFlag(field, fileKey ?? key) : `--set ${section.name}.${key}=<value>`,
      obsolete: field.obsolete,
      fileKey,
      legacy: field.legacy?.names ?? [],
    };
  });
}

function isNothing(raw: unknown): boolean {
  return raw === undefined || (Array.isArray(raw) && raw.length === 0);
}

function shown(field: Field<unknown>, raw: unknown): string {
  return field.show(field.read(raw));
}

function typedFlag(field: Field<unknown>, key: string): string {
  if (field.kind === "flag") return `${flagOf(key)} / ${flagOf(key).replace("--", "--no-")}`;
  return `${flagOf(key)} <${field.secret ? "file" : field.kind}>`;
}

/** `text` in lines of at most `width` characters where its words allow it, each line after `indent`. */
export function wrapped(text: string, indent: string, width = 100): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line].join("\n");
}

/**
 * What all kinds of options have in common: the part that says how a value is read, shown and refused (a Form), and how
 * it becomes a Field together with what its declaration says. The kinds themselves are in `fields.ts`.
 */
import type { Field, Legacy } from "./declaration.ts";

/** What every field may say about itself. */
export interface FieldOptions<Default> {
  /** What it decides, one or two sentences, each with its period. */
  summary?: string;
  /** In the file's form. */
  default?: Default;
  /** In the file's form, for the example file where there is no default; each kind has one of its own. */
  example?: unknown;
  /** What happens when it is unset, for readers, such as `the host's name`. */
  unset?: string;
  /** Never shown. @default false */
  secret?: boolean;
  /** Accepted because a predecessor had it, and without effect. @default false */
  obsolete?: boolean;
  legacy?: Legacy;
  /** The form in words, instead of the kind's own. */
  wanted?: string;
}

/** How a kind of field reads and shows its values. */
export interface Form<Value> {
  kind: string;
  wanted: string;
  example: unknown;
  unit?: "Ms" | "Bytes";
  read(raw: unknown): Value;
  fromText?(text: string): unknown;
  show?(value: Value): string;
}

/** A Field of a kind, with what its declaration says beside. */
export function declare<Value, Default>(
  form: Form<Value>,
  options: FieldOptions<Default>,
): Field<Value | (Default & undefined)> {
  return {
    kind: form.kind,
    summary: options.summary ?? "",
    wanted: options.wanted ?? form.wanted,
    default: options.default,
    example: options.example ?? options.default ?? form.example,
    unset: options.unset,
    secret: options.secret ?? false,
    obsolete: options.obsolete ?? false,
    ...(options.legacy ? { legacy: options.legacy } : {}),
    unit: form.unit,
    read: (raw) => form.read(raw),
    fromText: form.fromText ?? ((text) => text),
    show: (value) => (value === undefined ? "" : (form.show ?? JSON.stringify)(value)),
  };
}

/** The value as the operator wrote it, shortened, for messages. */
function quoted(raw: unknown): string {
  if (raw instanceof Date) return "a date";
  const text = typeof raw === "bigint" || typeof raw === "number" ? String(raw) : (JSON.stringify(raw) ?? String(raw));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Throws the SyntaxError that quotes a value and says what is wanted instead. */
export function refuse(raw: unknown, wanted: string): never {
  throw new SyntaxError(`Cannot read ${quoted(raw)}: wanted ${wanted}`);
}

// eslint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f]/;

/** `raw` when it is text without control characters; otherwise refused. */
export function lineOf(raw: unknown, wanted: string): string {
  if (typeof raw !== "string" || control.test(raw)) return refuse(raw, wanted);
  return raw;
}

/** The same with line breaks. */
export function linesOf(raw: unknown, wanted: string): string {
  if (typeof raw !== "string") return refuse(raw, wanted);
  for (const line of raw.split(/\r?\n/)) if (control.test(line)) refuse(raw, wanted);
  return raw;
}

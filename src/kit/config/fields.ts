/**
 * The kinds of options there are. Each constructor takes what the option decides and its default in the file's form,
 * and gives a Field; without a default the value is undefined while unset (a flag is then false, a list empty).
 * Inside `list(...)` a field needs no summary. Rules that relate several fields belong in the section's `check`.
 */
import type { ZodType } from "zod";

import { type Address, formatAddress, parseAddress } from "./address.ts";
import type { Field } from "./declaration.ts";
import { declare, type FieldOptions, lineOf, linesOf, refuse } from "./form.ts";
import { commaList } from "./legacy.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

/** One line of text. `accepts` may narrow it; say in `wanted` to what. */
export function text<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> & { accepts?: (text: string) => boolean; hasLines?: boolean } = {},
): Field<string | (Default & undefined)> {
  const wanted = options.wanted ?? "a line of text";
  return declare<string, Default>(
    {
      kind: "text",
      example: "some text",
      wanted,
      read(raw) {
        const value = options.hasLines ? linesOf(raw, wanted) : lineOf(raw, wanted);
        return (options.accepts?.(value) ?? true) ? value : refuse(raw, wanted);
      },
    },
    options,
  );
}

/** Yes or no: `true` or `false`. Unset is false. */
export function flag(options: FieldOptions<boolean> = {}): Field<boolean> {
  const wanted = "true or false";
  const words: Record<string, boolean> = {
    true: true,
    yes: true,
    on: true,
    "1": true,
    false: false,
    no: false,
    off: false,
    "0": false,
  };
  return declare<boolean, boolean>(
    {
      kind: "flag",
      example: true,
      wanted,
      read: (raw) => (typeof raw === "boolean" ? raw : refuse(raw, wanted)),
      fromText: (text) => (Object.hasOwn(words, text.toLowerCase()) ? words[text.toLowerCase()] : text),
      show: String,
    },
    { ...options, default: options.default ?? false },
  );
}

/** A whole number in [`min`, `max`], from 0 without a `min`. */
export function count<Default extends number | undefined = undefined>(
  options: FieldOptions<Default> & { min?: number; max?: number } = {},
): Field<number | (Default & undefined)> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  const wanted = options.max === undefined ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`;
  return declare<number, Default>(
    {
      kind: "count",
      example: min,
      wanted,
      read: (raw) =>
        typeof raw === "number" && Number.isSafeInteger(raw) && raw >= min && raw <= max ? raw : refuse(raw, wanted),
      fromText: (text) => (/^-?\d{1,16}$/.test(text) ? Number(text) : text),
      show: String,
    },
    options,
  );
}

/** A number in [`min`, `max`], by default from 0 to 1. */
export function ratio<Default extends number | undefined = undefined>(
  options: FieldOptions<Default> & { min?: number; max?: number } = {},
): Field<number | (Default & undefined)> {
  const { min = 0, max = 1 } = options;
  const wanted = `a number from ${min} to ${max}`;
  return declare<number, Default>(
    {
      kind: "ratio",
      example: max,
      wanted,
      read: (raw) => (typeof raw === "number" && raw >= min && raw <= max ? raw : refuse(raw, wanted)),
      fromText: (text) => (/^-?\d{1,16}(?:\.\d{1,16})?$/.test(text) ? Number(text) : text),
      show: String,
    },
    options,
  );
}

/** A length of time; the value is in whole milliseconds. `min` and `max` are durations too. */
export function duration<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> & { min?: string; max?: string } = {},
): Field<number | (Default & undefined)> {
  const minMs = parseDuration(options.min ?? "0s");
  const maxMs = options.max === undefined ? Number.MAX_SAFE_INTEGER : parseDuration(options.max);
  const wanted = `a duration such as "30s"${bounds(options.min, options.max)}`;
  return declare<number, Default>(
    {
      kind: "duration",
      example: options.min ?? options.max ?? "30s",
      wanted,
      unit: "Ms",
      read(raw) {
        if (typeof raw !== "string") return refuse(raw, wanted);
        const valueMs = parseDuration(raw);
        return valueMs >= minMs && valueMs <= maxMs ? valueMs : refuse(raw, wanted);
      },
      show: (valueMs) => `"${formatDuration(valueMs)}"`,
    },
    options,
  );
}

/** A number of bytes, as a plain number or as text with a unit. `min` and `max` are sizes too. */
export function size<Default extends string | number | undefined = undefined>(
  options: FieldOptions<Default> & { min?: string; max?: string } = {},
): Field<number | (Default & undefined)> {
  const minBytes = parseSize(options.min ?? "0");
  const maxBytes = options.max === undefined ? Number.MAX_SAFE_INTEGER : parseSize(options.max);
  const wanted = `a size such as "64MiB"${bounds(options.min, options.max)}`;
  return declare<number, Default>(
    {
      kind: "size",
      example: options.min ?? options.max ?? "64MiB",
      wanted,
      unit: "Bytes",
      read(raw) {
        if (typeof raw !== "string" && !(typeof raw === "number" && Number.isSafeInteger(raw) && raw >= 0))
          return refuse(raw, wanted);
        const valueBytes = parseSize(String(raw));
        return valueBytes >= minBytes && valueBytes <= maxBytes ? valueBytes : refuse(raw, wanted);
      },
      show: (valueBytes) => `"${formatSize(valueBytes)}"`,
    },
    options,
  );
}

function bounds(min: string | undefined, max: string | undefined): string {
  if (min !== undefined && max !== undefined) return `, from ${min} to ${max}`;
  if (min !== undefined) return `, at least ${min}`;
  return max === undefined ? "" : `, at most ${max}`;
}

/** One of a few words. */
export function choice<const Words extends readonly string[], Default extends Words[number] | undefined = undefined>(
  words: Words,
  options: FieldOptions<Default> = {},
): Field<Words[number] | (Default & undefined)> {
  const wanted = `one of ${words.map((word) => `"${word}"`).join(", ")}`;
  return declare<Words[number], Default>(
    {
      kind: "choice",
      example: words[0],
      wanted,
      read: (raw) => words.find((word) => word === raw) ?? refuse(raw, wanted),
    },
    options,
  );
}

/** A URL, by default http or https; the value is its text without trailing slashes. */
export function url<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> & {
    protocols?: readonly string[];
    /** Slashes at the end stay. */ keepsSlash?: boolean;
  } = {},
): Field<string | (Default & undefined)> {
  const protocols = options.protocols ?? ["http", "https"];
  const wanted = options.wanted ?? `a URL such as "${protocols[0] ?? "http"}://host.example"`;
  return declare<string, Default>(
    {
      kind: "url",
      example: `${protocols[0] ?? "http"}://host.example`,
      wanted,
      read(raw) {
        const line = lineOf(raw, wanted);
        const parsed = URL.parse(line);
        if (
          parsed === null ||
          /\s/.test(line) ||
          parsed.hash !== "" ||
          !protocols.includes(parsed.protocol.slice(0, -1))
        )
          return refuse(raw, wanted);
        if (parsed.username !== "" || parsed.password !== "")
          return refuse(
            line.replace(/\/\/[^/]*@/, "//***@"),
            "a URL without user and password, for it is shown and logged",
          );
        return parsed.search === "" && !options.keepsSlash ? line.replace(/\/+$/, "") : line;
      },
    },
    options,
  );
}

/** A host and a port. Port 0 asks for any free one. */
export function address<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> = {},
): Field<Address | (Default & undefined)> {
  const wanted = options.wanted ?? 'an address such as "127.0.0.1:4100" or "[::1]:4100"';
  return declare<Address, Default>(
    {
      kind: "address",
      example: "127.0.0.1:4101",
      wanted,
      read: (raw) => (typeof raw === "string" ? parseAddress(raw) : refuse(raw, wanted)),
      show: (value) => `"${formatAddress(value)}"`,
    },
    options,
  );
}

/** Any number of values of another kind. In a variable or flag they stand with commas between. */
export function list<Value>(
  of: Field<Value>,
  options: FieldOptions<readonly unknown[]> = {},
): Field<readonly Exclude<Value, undefined>[]> {
  const wanted = options.wanted ?? `a list in brackets, each ${of.wanted}`;
  return declare<readonly Exclude<Value, undefined>[], readonly unknown[]>(
    {
      kind: `${of.kind},...`,
      example: [of.example],
      wanted,
      read(raw) {
        if (!Array.isArray(raw)) return refuse(raw, wanted);
        return raw.map((element: unknown) => of.read(element) as Exclude<Value, undefined>);
      },
      fromText: (text) => commaList(text).map((part) => of.fromText(part)),
      show: (values) => `[${values.map((value) => of.show(value)).join(", ")}]`,
    },
    {
      ...options,
      default: options.default ?? [],
      example: options.example ?? (options.default?.length ? options.default : [of.example]),
      secret: options.secret ?? of.secret,
    },
  );
}

/**
 * Text that is never shown. Its key with `_file` added names a file to read it from instead. With `hasLines` it may have
 * several, as keys in PEM do.
 */
export function secret<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> & { minLength?: number; hasLines?: boolean } = {},
): Field<string | (Default & undefined)> {
  const minLength = options.minLength ?? 0;
  const wanted = options.wanted ?? (minLength > 0 ? `text of at least ${minLength} characters` : "a line of text");
  return text<Default>({
    example: "change me "
      .repeat(Math.ceil(minLength / 10) || 1)
      .trimEnd()
      .padEnd(minLength, "."),
    ...options,
    secret: true,
    wanted,
    accepts: (value) => value.length >= minLength,
  });
}

/** The path of a folder; relative ones start at the working directory. */
export function folder<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> = {},
): Field<string | (Default & undefined)> {
  return path("folder", 'the path of a folder, such as "./data"', options);
}

/** The path of a file; relative ones start at the working directory. */
export function file<Default extends string | undefined = undefined>(
  options: FieldOptions<Default> = {},
): Field<string | (Default & undefined)> {
  return path("file", 'the path of a file, such as "/etc/warren/cert.pem"', options);
}

function path<Default extends string | undefined>(kind: string, words: string, options: FieldOptions<Default>) {
  const wanted = options.wanted ?? words;
  return declare<string, Default>(
    {
      kind,
      example: kind === "file" ? "./file" : "./folder",
      wanted,
      read(raw) {
        const line = lineOf(raw, wanted);
        return line === "" ? refuse(raw, wanted) : line;
      },
    },
    options,
  );
}

/** A table or a list of tables whose shape a zod schema decides. Only the file can hold it; a variable or flag takes JSON. */
export function shape<Value>(
  schema: ZodType<Value>,
  options: FieldOptions<unknown> & { wanted: string; default: unknown },
): Field<Value> {
  return declare<Value, object>(
    {
      kind: "json",
      example: options.default,
      wanted: options.wanted,
      read(raw) {
        const parsed = schema.safeParse(raw);
        if (parsed.success) return parsed.data;
        const issue = parsed.error.issues[0];
        const where =
          issue === undefined || issue.path.length === 0 ? "" : ` (at ${issue.path.join(".")}: ${issue.message})`;
        return refuse(raw, `${options.wanted}${where}`);
      },
      fromText(text) {
        try {
          return JSON.parse(text);
        } catch (thrown) {
          if (thrown instanceof SyntaxError) return text;
          throw thrown;
        }
      },
      show: inlineToml,
    },
    { ...options, default: Object(options.default) as object },
  );
}

/** A value as it may stand behind a key of the file, on one line. */
function inlineToml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inlineToml).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? '""';
  const parts = Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .map(([key, inner]) => `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = ${inlineToml(inner)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

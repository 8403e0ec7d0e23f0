/**
 * The predecessor's `config.json`, read once for each option that follows from it. Keys are found in any case and unknown
 * ones ignored, as there. Values of a wrong type are refused; the predecessor did not start with them either.
 */
import { readFileSync } from "node:fs";

import type { Legacy } from "../../kit/config/declaration.ts";
import { reasonOf } from "../../kit/fault.ts";

/** The variable that names the file, when Reticulum is started alone. */
export const configVariable = "RETICULUM_CONFIG";

/** The file's values by their keys in lower case. Throws SyntaxError when it cannot be read or is no object in JSON. */
export function readPredecessorConfig(path: string): ReadonlyMap<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (thrown) {
    throw new SyntaxError(`Cannot read the predecessor's configuration "${path}": ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SyntaxError(`Cannot read the predecessor's configuration "${path}": wanted an object in JSON`);
  return new Map(Object.entries(value).map(([key, own]): [string, unknown] => [key.toLowerCase(), own]));
}

/** An option that follows from the mere presence of the file; the one that reports when it cannot be read. */
export function standingIn(value: unknown): Legacy {
  return {
    names: [configVariable],
    read(path) {
      readPredecessorConfig(path);
      return value;
    },
  };
}

/**
 * An option that follows from one key. `read` turns a value that is there into the file's form, undefined to leave the
 * default, and throws SyntaxError for one that is none.
 */
export function predecessorKey(key: string, read: (value: unknown) => unknown): Legacy {
  return {
    names: [configVariable],
    read(path) {
      let value: unknown;
      try {
        value = readPredecessorConfig(path).get(key.toLowerCase());
      } catch (thrown) {
        // Said once, by the option that stands for the file.
        if (thrown instanceof SyntaxError) return undefined;
        throw thrown;
      }
      return value === undefined || value === null ? undefined : read(value);
    },
  };
}

/** Text that is not empty; nothing for the empty one, which the predecessor took for unset. */
export function textOf(value: unknown): string | undefined {
  if (typeof value !== "string") throw new SyntaxError(`Cannot read ${JSON.stringify(value)}: wanted text in quotes`);
  return value === "" ? undefined : value;
}

/** A port on every interface of the machine, as the predecessor listened; 0 takes any free one. */
export function portOf(value: unknown): string {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 65_535)
    throw new SyntaxError(`Cannot read ${JSON.stringify(value)}: wanted a port from 0 to 65535`);
  return `0.0.0.0:${value}`;
}

/** The address that others use, with its scheme. */
export function baseUrlOf(value: unknown): string | undefined {
  const text = textOf(value);
  if (text === undefined) return undefined;
  return (/^https?:\/\//.test(text) ? text : `http://${text}`).replace(/\/+$/, "");
}

/** A list of texts. */
export function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((text) => typeof text === "string"))
    throw new SyntaxError("Cannot read the list: wanted texts in brackets");
  return value;
}

/** A number of parallel jobs; less than 1 means the default. */
export function workersOf(value: unknown): number | undefined {
  if (typeof value !== "number" || !Number.isInteger(value))
    throw new SyntaxError(`Cannot read ${JSON.stringify(value)}: wanted a whole number`);
  return value < 1 ? undefined : value;
}

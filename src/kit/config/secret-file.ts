/**
 * A secret that stands in a file of its own, as container platforms and systemd credentials hand them over. One line
 * end at its end is not part of it. A file that others on the machine may read is used, with a warning.
 */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";

import { Fault } from "../fault.ts";

/** What a secret file holds, and what is wrong with it. */
export interface SecretFile {
  readonly text: string;
  /** A sentence without a final period, or undefined. */
  readonly warning: string | undefined;
}

const sizeBytesMax = 65_536;

/** Reads the secret in the file at `path`. Throws the Fault `config/secret-file`; its message never holds the secret. */
export function readSecretFile(path: string): SecretFile {
  const quoted = JSON.stringify(path);
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (thrown) {
    throw refusal(quoted, reasonWord(thrown), thrown);
  }
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw refusal(quoted, "wanted a plain file");
    if (facts.size > sizeBytesMax) throw refusal(quoted, "it is larger than 64 KiB");
    const text = readFileSync(descriptor, "utf8").replace(/\r?\n$/, "");
    if (text === "") throw refusal(quoted, "the file is empty");
    return { text, warning: exposure(facts.mode, quoted) };
  } finally {
    closeSync(descriptor);
  }
}

/** A warning when a file with secrets may be read by more than its owner and group, or undefined. */
export function exposure(mode: number, quotedPath: string): string | undefined {
  if (process.platform === "win32" || (mode & 0o004) === 0) return undefined;
  return `every user of this machine may read ${quotedPath}: chmod o-r keeps the secret in it`;
}

function refusal(quotedPath: string, reason: string, cause?: unknown): Fault {
  return new Fault("invalid", "config/secret-file", `Cannot read the secret in ${quotedPath}: ${reason}`, { cause });
}

function reasonWord(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "permission denied";
  return typeof code === "string" ? code : "it cannot be opened";
}

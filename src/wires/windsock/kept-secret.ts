/** The secret that is made at the first start where none is configured: it stays in the data folder, for its owner only. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { readSecretFile } from "../../kit/config/secret-file.ts";
import { replaceFile } from "../../kit/disk/atomic.ts";

/** Where it is. */
export function keptSecretPath(dataFolder: string): string {
  return join(dataFolder, "secret");
}

/** Reads it, or makes it. Fault `config/secret-file`. */
export async function keptSecret(dataFolder: string): Promise<string> {
  const path = keptSecretPath(dataFolder);
  if (!existsSync(path)) await replaceFile(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  return readSecretFile(path).text;
}

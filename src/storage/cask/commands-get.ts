/**
 * `warren cask get`: one blob to a file or to standard output, compared with its key. A file gets its name only once its
 * bytes are proven; until then they are in `<name>.<digits>.part` beside it, and a second run goes on from there.
 */
import { open, rename, rm } from "node:fs/promises";

import { systemClock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import { requireKey } from "./client.ts";
import type { VerbContext } from "./commands.ts";
import { algorithmOf, digestOf, type Key } from "./key.ts";

/** Reads a blob. Resolves to the exit code. */
export async function getVerb(context: VerbContext, text: string, output: string | undefined): Promise<number> {
  const key = requireKey(text);
  if (output === undefined || output === "-") await toScreen(context, key);
  else await toFile(context, key, output);
  return 0;
}

async function toScreen({ client, screen }: VerbContext, key: Key): Promise<void> {
  const reading = await client.get(key);
  const progress = startProgress({ screen, clock: systemClock, label: "get", total: reading.sizeBytes });
  let done = 0;
  for await (const chunk of reading.bytes) {
    await screen.write(chunk);
    done += chunk.byteLength;
    progress.at(done);
  }
  progress.end();
}

async function toFile({ client, screen }: VerbContext, key: Key, output: string): Promise<void> {
  const partial = `${output}.${digestOf(key).slice(0, 12)}.part`;
  const file = await open(partial, "a+").catch((thrown: unknown) => {
    throw new Fault("invalid", "cask/output", `Cannot write "${output}": ${reasonOf(thrown)}`, { cause: thrown });
  });
  try {
    // What an earlier run left counts only together with the rest: the hash is over all of it.
    const hash = new Bun.CryptoHasher(algorithmOf(key));
    let done = 0;
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) {
      hash.update(chunk as Uint8Array);
      done += (chunk as Uint8Array).byteLength;
    }
    const found = await client.find(key);
    if (found === undefined) {
      await rm(partial, { force: true });
      throw new Fault("missing", "cask/not-found", `Cannot find "${key}": no node of the cluster holds it`);
    }
    const progress = startProgress({ screen, clock: systemClock, label: "get", total: found.sizeBytes });
    if (done < found.sizeBytes) {
      const reading = await client.get(key, done === 0 ? {} : { range: { start: done } });
      for await (const chunk of reading.bytes) {
        await file.writeFile(chunk);
        hash.update(chunk);
        done += chunk.byteLength;
        progress.at(done);
      }
    }
    progress.end();
    if (done !== found.sizeBytes || hash.digest("hex") !== digestOf(key)) {
      await rm(partial, { force: true });
      throw new Fault("unavailable", "cask/wrong-bytes", `The bytes that came are not those of ${key}: try again`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, output).catch((thrown: unknown) => {
    throw new Fault("invalid", "cask/output", `Cannot write "${output}": ${reasonOf(thrown)}`, { cause: thrown });
  });
}

/**
 * `warren cask stat`, `whereis` and `verify`: what is known of single blobs.
 */
import { formatAge, formatSize } from "../../kit/pages/quantity.ts";
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { formatColumns } from "../../kit/terminal/columns.ts";
import { requireKey, type VerifyVerdict } from "./client.ts";
import type { VerbContext } from "./commands.ts";

/** Prints `key  size in bytes` for each; exit code 1 when one is not there. */
export async function statVerb({ client, screen }: VerbContext, texts: readonly string[]): Promise<number> {
  let missing = 0;
  for (const key of texts.map(requireKey)) {
    const found = await client.find(key);
    if (found !== undefined) screen.print(`${key}  ${found.sizeBytes}`);
    else {
      missing++;
      screen.note(`${key}: no node of the cluster holds it`);
    }
  }
  return missing === 0 ? 0 : 1;
}

/** Prints which nodes have a blob; exit code 1 when none has. */
export async function whereIsVerb({ client, screen }: VerbContext, text: string, json: boolean): Promise<number> {
  const key = requireKey(text);
  const { places, wanted } = await client.whereIs(key);
  const held = places.filter((place) => place.held === true);
  if (json) {
    screen.print(JSON.stringify({ key, wanted, places }));
    return held.length > 0 ? 0 : 1;
  }
  const now = systemClock.now();
  const rows = places.map((place) => [
    place.node,
    place.held === undefined ? "no answer" : place.held ? "held" : "missing",
    place.owner ? "owner" : "",
    place.sizeBytes === undefined ? "" : formatSize(place.sizeBytes),
    place.verifiedAt === undefined ? "" : `verified ${formatAge(place.verifiedAt, now)}`,
    place.url,
  ]);
  for (const line of formatColumns(rows, { right: [3] })) screen.print(line);
  screen.note(`${held.length} of ${wanted} copies`);
  return held.length > 0 ? 0 : 1;
}

/** Has copies read again and prints a verdict for each; exit code 1 unless all are good. */
export async function verifyVerb(
  { client, clientFor, screen }: VerbContext,
  texts: readonly string[],
  everywhere: boolean,
): Promise<number> {
  let allGood = true;
  const say = (key: string, verdict: VerifyVerdict, node: string) => {
    allGood &&= verdict === "good";
    screen.print(`${key}  ${verdict}${node === "" ? "" : `  ${node}`}`);
  };
  for (const key of texts.map(requireKey)) {
    if (!everywhere) {
      say(key, await client.verify(key), "");
      continue;
    }
    const holders = (await client.whereIs(key)).places.filter((place) => place.held === true);
    if (holders.length === 0) throw new Fault("missing", "cask/not-found", `Cannot verify "${key}": no node holds it`);
    for (const { node, url } of holders) say(key, await clientFor(url).verify(key), node);
  }
  return allGood ? 0 : 1;
}

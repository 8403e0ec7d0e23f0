/** What the verbs of Windsock do. Each resolves to its exit code; Faults are those of the client. */
import { randomBytes } from "node:crypto";

import { systemClock } from "../../kit/clock.ts";
import { readSecretFile } from "../../kit/config/secret-file.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import { plainText } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import type { ApiClient, SeenPublication } from "./api-client.ts";
import { linesOf } from "./input-lines.ts";
import { signToken } from "./token.ts";

/** `warren windsock publish`: words, or each line of an input that may go on for ever, as soon as it is there. */
export async function publishVerb(
  client: ApiClient,
  screen: Screen,
  address: string,
  words: readonly string[],
): Promise<number> {
  if (words.length > 0) {
    screen.print(await client.publish(address, words.join(" ")));
    return 0;
  }
  let count = 0;
  for await (const line of linesOf(Bun.stdin.stream())) {
    await client.publish(address, line);
    count++;
  }
  screen.note(`${count} published`);
  return 0;
}

/** `warren windsock tail`: follows until the server ends it, or `most` were shown. */
export async function tailVerb(
  client: ApiClient,
  screen: Screen,
  topic: string,
  flags: { json: boolean | undefined; most: number | undefined },
): Promise<number> {
  let left = flags.most ?? Number.POSITIVE_INFINITY;
  for await (const told of client.tap(topic)) {
    if ("skipped" in told) screen.note(`(${told.skipped} came too fast to be shown)`);
    else {
      show(screen, told.publication, flags.json);
      if (--left <= 0) break;
    }
  }
  return 0;
}

/** `warren windsock history`. */
export async function historyVerb(
  client: ApiClient,
  screen: Screen,
  topic: string,
  limit: number,
  isJson = false,
): Promise<number> {
  const { more, publications } = await client.history(topic, limit);
  if (more) screen.note("(older ones were too long for one answer)");
  for (const publication of publications) show(screen, publication, isJson);
  return 0;
}

/** `warren windsock connections`. */
export async function connectionsVerb(
  client: ApiClient,
  screen: Screen,
  limit: number,
  user?: string,
  isJson = false,
): Promise<number> {
  const found = await client.connections(limit, user);
  for (const entry of found) {
    const { address, connection, since, topics, transport } = entry;
    screen.print(
      isJson
        ? JSON.stringify(entry)
        : plainText(
            `${connection}  ${entry.user || "nobody"}  ${address}  ${transport}  since ${stamp(since)}  ${topics.join(", ")}`,
          ),
    );
  }
  if (!isJson && found.length === 0) screen.note("nobody is connected");
  return 0;
}

/** `warren windsock disconnect`; exit code 1 when nobody was there. */
export async function disconnectVerb(
  client: ApiClient,
  screen: Screen,
  { connection, reason, user }: { user?: string; connection?: string; reason: string },
): Promise<number> {
  const [flag, value] = onlyOne({ "--user": user, "--connection": connection });
  const { elsewhere, ended } = await client.disconnect(
    flag === "--user" ? { user: value } : { connection: value },
    reason,
  );
  // How many the other nodes end is not told back.
  const here = elsewhere ? " here; the other nodes were told" : "";
  if (ended > 0) screen.note(`${countOf(ended, "connection")} ended${here}`);
  else screen.note(elsewhere ? `nobody was${here}` : "nobody was there");
  return ended > 0 || elsewhere ? 0 : 1;
}

/** `warren windsock revoke`. */
export async function revokeVerb(
  client: ApiClient,
  screen: Screen,
  { salt, user }: { user?: string; salt?: string },
  seconds: number | undefined,
): Promise<number> {
  const [flag, value] = onlyOne({ "--user": user, "--salt": salt });
  await client.revoke(flag === "--user" ? { user: value } : { token: value }, seconds);
  screen.note("called back");
  return 0;
}

/** `warren windsock token`: prints one that is good from now on. Faults: `config/secret-file`, `windsock/token-field`. */
export async function tokenVerb(
  screen: Screen,
  flags: { user: string; hear: string; speak: string; address: string; secretFile: string },
): Promise<number> {
  const { text: secret } = await readSecretFile(flags.secretFile);
  const fields = {
    user: flags.user,
    subPrefix: flags.hear,
    pubPrefix: flags.speak,
    atSeconds: systemClock.now() / 1000,
    salt: randomBytes(12).toString("base64url"),
    address: flags.address,
  };
  try {
    screen.print(signToken(fields, secret));
  } catch (thrown) {
    throw new Fault("invalid", "windsock/token-field", `Cannot sign that: ${reasonOf(thrown)}`, { cause: thrown });
  }
  return 0;
}

/** The one of several flags that was given, and its value. */
function onlyOne(flags: Readonly<Record<string, string | undefined>>): [flag: string, value: string] {
  const [only, ...more] = Object.entries(flags).flatMap(([flag, value]): [string, string][] =>
    value === undefined ? [] : [[flag, value]],
  );
  if (only !== undefined && more.length === 0) return only;
  const wanted = Object.keys(flags).join(" or ");
  throw new Fault("invalid", "command/flag", `Cannot tell whom: wanted ${wanted}, one of them`);
}

function show(screen: Screen, publication: SeenPublication, isJson = false): void {
  const { address, at, content } = publication;
  screen.print(
    isJson
      ? JSON.stringify(publication)
      : `${stamp(at)}  ${plainText(address)}  ${plainText(content.replaceAll("\n", " / "))}`,
  );
}

function stamp(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

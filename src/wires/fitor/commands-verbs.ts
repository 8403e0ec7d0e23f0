/** What the verbs of Fitor do. */
import { Fault, reasonOf } from "../../kit/fault.ts";
import { plainText } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { type FitorClient, type FitorLine, FitorRefusal } from "./client.ts";

/** `warren fitor say`: exit code 0 when it is said, or on its way. */
export async function sayVerb(
  client: FitorClient,
  screen: Screen,
  words: readonly string[],
  flags: { room?: string; nick?: string },
): Promise<number> {
  return told(async () => {
    const room = flags.room ?? (await firstRoom(client));
    const text = words.length > 0 ? words.join(" ") : await Bun.stdin.text();
    for (const line of words.length > 0 ? [text] : text.split(/\r?\n/)) {
      if (line.trim() !== "") await client.say(room, line, flags.nick);
    }
    screen.note(`said in ${plainText(room)}`);
    return 0;
  });
}

/** `warren fitor log`: prints lines. */
export async function logVerb(
  client: FitorClient,
  screen: Screen,
  flags: { room?: string; search?: string; limit: number; json?: boolean },
): Promise<number> {
  return told(async () => {
    const room = flags.room ?? (flags.search === undefined ? await firstRoom(client) : undefined);
    const lines = await client.log({
      limit: flags.limit,
      ...(room === undefined ? {} : { room }),
      ...(flags.search === undefined ? {} : { search: flags.search }),
    });
    for (const line of lines) screen.print(flags.json ? JSON.stringify(line) : plainText(sentenceOf(line)));
    return 0;
  });
}

/** `warren fitor connect`. */
export async function connectVerb(client: FitorClient, screen: Screen, network: string): Promise<number> {
  return told(async () => {
    await client.connect(network);
    screen.note(`connecting to ${plainText(network)}`);
    return 0;
  });
}

function sentenceOf({ at, kind, nick, room, text }: FitorLine): string {
  const stamp = new Date(at).toISOString().slice(0, 19).replace("T", " ");
  const flat = text.replaceAll("\n", " / ");
  const words =
    kind === "message" || kind === "notice"
      ? `<${nick}> ${flat}`
      : kind === "status"
        ? `*** ${flat}`
        : `* ${nick} ${flat}`;
  return `${stamp} ${room} ${words}`;
}

async function firstRoom(client: FitorClient): Promise<string> {
  const [first] = await client.rooms();
  if (first === undefined) throw new Fault("missing", "fitor/no-room", "Cannot find a room: no network is configured");
  return first;
}

async function told(action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    if (thrown instanceof FitorRefusal) throw new Fault("invalid", "fitor/refused", thrown.message);
    throw new Fault("unavailable", "fitor/unreachable", `Cannot reach Fitor: ${reasonOf(thrown)}`);
  }
}

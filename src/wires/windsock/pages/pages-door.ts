/**
 * The pages of Windsock and what their forms send: topics and connections, the message tap, the chat room, and the client
 * that pages load. What reads needs `read`, what publishes `write`, and the tap, which shows everything, `admin`. Rooms
 * have addresses `chat.<room>`, and their pages tokens that are good for that room alone.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf, toFault } from "../../../kit/fault.ts";
import { wholeText } from "../../../kit/http/body.ts";
import { notAllowed } from "../../../kit/http/target.ts";
import type { Logger } from "../../../kit/log.ts";
import { eventStream, liveParts } from "../../../kit/pages/live.ts";
import type { PageShell } from "../../../kit/pages/shell.ts";
import type { Caller, Scope } from "../../../kit/service.ts";
import { clientAnswer } from "../client/client-files.ts";
import { json, refusal } from "../doors/answers.ts";
import type { NewerDoors } from "../doors/newer-doors.ts";
import { parseTopic } from "../doors/topic.ts";
import type { OrderedHub } from "../hub-ordered.ts";
import { type Limits, Pace } from "../limits.ts";
import type { Publication } from "../publication.ts";
import { chatScriptAsset, tapScriptAsset, windsockStyleAsset } from "./assets.ts";
import { Chat } from "./chat.tsx";
import { Overview, overviewParts } from "./overview.tsx";
import { Tap } from "./tap.tsx";
import { type ChatView, type OverviewView, type TapView, windsockTabs } from "./view.ts";

/** What the pages stand on. */
export interface PagesParts {
  hub: OrderedHub;
  limits: Limits;
  doors: NewerDoors;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
}

const rowsMax = 100;
const shownCharacters = 2000;
/** The tap shows at most so many a second; how many were left out is said. */
const tapPerSecond = 50;
const chatLines = 50;
const chatTokenSeconds = 3600;
const formBytes = 1 << 20;

/** A door of the service; see the file's head. */
export class PagesDoor {
  readonly #parts: PagesParts;

  constructor(parts: PagesParts) {
    this.#parts = parts;
    parts.shell.register([windsockStyleAsset, tapScriptAsset, chatScriptAsset]);
  }

  takes(path: string): boolean {
    return /^\/(?:live|say|client\.js|client\.d\.ts|tap(?:\/stream)?|chat\/[^/]+(?:\/token)?)?$/.test(path);
  }

  scopeOf(request: Request, path: string): Scope | undefined {
    if (path.startsWith("/client.")) return undefined;
    if (path.startsWith("/tap")) return "admin";
    if (path.endsWith("/token")) return "write";
    return request.method === "GET" || request.method === "HEAD" ? "read" : "write";
  }

  fromElsewhere(_: Request, path: string): boolean {
    return path.startsWith("/client.");
  }

  handle(request: Request, caller: Caller, path: string): Response | Promise<Response> {
    const reads = request.method === "GET" || request.method === "HEAD";
    const room = /^\/chat\/([^/]+?)(\/token)?$/.exec(path);
    if (room?.[1] !== undefined) {
      if (room[2] !== undefined) return this.#chatToken(request, roomOf(room[1]));
      return reads ? this.#chat(request, caller, roomOf(room[1])) : this.#talk(request, caller, roomOf(room[1]));
    }
    if (path === "/say") return request.method === "POST" ? this.#say(request, caller) : notAllowed("POST");
    if (!reads) return notAllowed("GET, HEAD");
    const client = clientAnswer(request, path);
    if (client) return client;
    if (path === "/live") return this.#live(caller);
    if (path === "/tap") return this.#tap(request);
    if (path === "/tap/stream") return this.#tapStream(request, caller);
    return this.#overview(request, caller);
  }

  #overview(request: Request, caller: Caller, more: Partial<OverviewView> = {}): Response {
    const { mountPath, shell } = this.#parts;
    const published = new URL(request.url).searchParams.get("published");
    const view: OverviewView = {
      ...this.#view(caller),
      ...(published === null ? {} : { flash: { tone: "good", words: `Published to ${published.slice(0, 200)}.` } }),
      ...more,
    };
    return shell.page(
      {
        title: "Windsock",
        service: "windsock",
        body: Overview(view),
        assets: [windsockStyleAsset],
        tabs: windsockTabs(mountPath, "overview"),
        live: `${mountPath}/live`,
        ...(view.flash?.tone === "bad" ? { status: 400 } : {}),
      },
      request,
    );
  }

  #view(caller: Caller): OverviewView {
    const { clock, doors, hub, limits, mountPath } = this.#parts;
    const { deliveries, gaps, publications } = hub.figures;
    const topics = hub.topics(rowsMax);
    const entries = doors.roster.list(rowsMax);
    const known = new Set(entries.map(({ connection }) => connection));
    const connections: OverviewView["connections"][number][] = entries.map((entry) => ({
      connection: entry.connection,
      user: entry.user,
      transport: entry.transport,
      address: entry.address,
      topics: entry.topics(),
      since: entry.since,
      waitingBytes: entry.waitingBytes(),
    }));
    for (const { connection, user } of hub.parties.all()) {
      if (connections.length >= rowsMax) break;
      if (known.has(connection)) continue;
      const transport = "other door";
      connections.push({
        connection,
        user,
        transport,
        address: "",
        topics: [],
        since: undefined,
        waitingBytes: undefined,
      });
    }
    return {
      mountPath,
      now: clock.now(),
      clients: limits.now,
      publications,
      deliveries,
      gaps,
      perMinute: topics.reduce((sum, { perMinute }) => sum + perMinute, 0),
      keptCount: hub.kept.count,
      keptBytes: hub.kept.sizeBytes,
      topics: topics.slice(0, 20),
      // Who is connected, and from where, is for those who may see all.
      connections: caller.may("admin") ? connections : [],
      mayPublish: caller.may("write"),
      mayTap: caller.may("admin"),
      flash: undefined,
      draft: { address: "", content: "" },
    };
  }

  #live(caller: Caller): Response {
    const { clock, log } = this.#parts;
    return liveParts(caller.keepOpen("read"), {
      clock,
      render: () => overviewParts(this.#view(caller)),
      failed: (thrown) => log.error("A page of Windsock could not be drawn", { reason: reasonOf(thrown) }),
    });
  }

  async #say(request: Request, caller: Caller): Promise<Response> {
    const { clock, doors, mountPath } = this.#parts;
    const form = new URLSearchParams(await wholeText(request, { maxBytes: formBytes, clock }));
    const draft = { address: form.get("address") ?? "", content: form.get("content") ?? "" };
    try {
      await doors.publish(draft, caller.name);
    } catch (thrown) {
      const fault = toFault(thrown);
      if (fault.kind === "internal") throw thrown;
      return this.#overview(request, caller, { draft, flash: { tone: "bad", words: `${fault.message}.` } });
    }
    return seeOther(`${mountPath}/?published=${encodeURIComponent(draft.address)}#publish`);
  }

  async #tap(request: Request): Promise<Response> {
    const { clock, hub, mountPath, shell } = this.#parts;
    const topic = new URL(request.url).searchParams.get("topic")?.trim() || "#";
    let rows: TapView["rows"] = [];
    let failure: string | undefined;
    try {
      rows = (await hub.history(parseTopic(topic), rowsMax)).map(cut).reverse();
    } catch (thrown) {
      const fault = toFault(thrown);
      if (fault.kind === "internal") throw thrown;
      failure = `${fault.message}.`;
    }
    const body = Tap({ mountPath, now: clock.now(), topic, rows, failure });
    return shell.page(
      {
        title: "Message tap",
        service: "windsock",
        body,
        assets: [windsockStyleAsset, tapScriptAsset],
        tabs: windsockTabs(mountPath, "tap"),
        ...(failure === undefined ? {} : { status: 400 }),
      },
      request,
    );
  }

  #tapStream(request: Request, caller: Caller): Response {
    const { clock, hub } = this.#parts;
    const topic = parseTopic(new URL(request.url).searchParams.get("topic") ?? "#");
    return eventStream(
      caller.keepOpen("admin"),
      (send) => {
        const pace = new Pace(clock, tapPerSecond, tapPerSecond);
        let skipped = 0;
        let cancel: (() => void) | undefined;
        const tellSkipped = () => {
          cancel = undefined;
          send({ topic: "skipped", data: String(skipped) });
          skipped = 0;
        };
        const { seat } = hub.sit([topic], {
          hear(publication) {
            if (pace.take()) send({ topic: "message", data: JSON.stringify(cut(publication)) });
            else {
              skipped++;
              cancel ??= clock.schedule(1000, tellSkipped);
            }
          },
          gap: () => undefined,
        });
        return () => {
          cancel?.();
          seat.leave();
        };
      },
      { clock, keep: tapPerSecond * 2 },
    );
  }

  async #chat(request: Request, caller: Caller, room: string, failure?: string): Promise<Response> {
    const { clock, hub, mountPath, shell } = this.#parts;
    const address = `chat.${room}`;
    const asked = new URL(request.url).searchParams.get("nick") ?? "";
    const view: ChatView = {
      mountPath,
      now: clock.now(),
      room,
      nick: nickOf(asked) ?? `guest ${Math.trunc(clock.monotonicMs()) % 1000}`,
      lines: (await hub.history({ kind: "exact", address }, chatLines)).map(lineOf),
      present: [...new Set(hub.presence(address).map(({ user }) => user))].sort(),
      mayTalk: caller.may("write"),
      failure,
    };
    return shell.page(
      {
        title: `Room ${room}`,
        service: "windsock",
        body: Chat(view),
        assets: [windsockStyleAsset, chatScriptAsset],
        tabs: windsockTabs(mountPath, "chat"),
        ...(failure === undefined ? {} : { status: 400 }),
      },
      request,
    );
  }

  async #talk(request: Request, caller: Caller, room: string): Promise<Response> {
    const { clock, doors, mountPath } = this.#parts;
    const form = new URLSearchParams(await wholeText(request, { maxBytes: 16_384, clock }));
    const nick = nickOf(form.get("nick") ?? "");
    const text = (form.get("text") ?? "").trim().slice(0, 2000);
    if (nick === undefined || text === "") return this.#chat(request, caller, room, "Wanted a name and a message.");
    try {
      await doors.publish({ address: `chat.${room}`, content: JSON.stringify({ nick, text }) }, nick);
    } catch (thrown) {
      const fault = toFault(thrown);
      if (fault.kind === "internal") throw thrown;
      return this.#chat(request, caller, room, `${fault.message}.`);
    }
    return seeOther(`${mountPath}/chat/${encodeURIComponent(room)}?nick=${encodeURIComponent(nick)}`);
  }

  #chatToken(request: Request, room: string): Response {
    const { clock, doors } = this.#parts;
    const nick = nickOf(new URL(request.url).searchParams.get("nick") ?? "");
    if (nick === undefined) {
      return refusal(new Fault("invalid", "windsock/nick", "Cannot let you in: wanted a name of 1 to 40 characters"));
    }
    const address = `chat.${room}`;
    const nowSeconds = Math.floor(clock.now() / 1000);
    const token = doors.desk.sign({
      sub: nick,
      iat: nowSeconds,
      exp: nowSeconds + chatTokenSeconds,
      subscribe: [address, `${address}.typing`],
      publish: [address, `${address}.typing`],
      info: { nick },
    });
    const response = json({ token });
    // For pages of this node alone.
    response.headers.delete("Access-Control-Allow-Origin");
    return response;
  }
}

function roomOf(text: string): string {
  let room = text;
  try {
    room = decodeURIComponent(text);
  } catch {
    room = "";
  }
  if (/^[\w-]{1,60}$/.test(room)) return room;
  throw new Fault("missing", "windsock/no-room", "Cannot find that room: wanted letters, digits, - and _ in its name");
}

function nickOf(text: string): string | undefined {
  const nick = text.replace(/\s+/g, " ").trim();
  return nick === "" || nick.length > 40 ? undefined : nick;
}

function cut({ address, at, content, position }: Publication) {
  const shown = content.length > shownCharacters ? `${content.slice(0, shownCharacters)}…` : content;
  return { position, at, address, content: shown };
}

function lineOf({ at, content, position }: Publication): ChatView["lines"][number] {
  let said: { nick?: unknown; text?: unknown } = {};
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === "object" && value !== null) said = value;
  } catch {
    said = { text: content };
  }
  return { position, at, nick: String(said.nick ?? ""), text: String(said.text ?? "") };
}

function seeOther(to: string): Response {
  return new Response(null, { status: 303, headers: { Location: to } });
}

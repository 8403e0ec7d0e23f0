/**
 * The routes of Fitor: the page of each room, what is said on it, what is new there, and the same for programs. Who speaks is
 * whom the token names; only where there are no tokens may a name be chosen.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { preferredType } from "../../kit/http/accept.ts";
import { wholeText } from "../../kit/http/body.ts";
import { decodedPart, notAllowed, pathOf } from "../../kit/http/target.ts";
import type { Caller } from "../../kit/service.ts";
import type { Bridge, Room } from "./bridge.ts";
import type { History } from "./history.ts";
import type { Nudges } from "./nudges.ts";
import { roomPath } from "./pages/view.ts";
import type { FitorStatus } from "./status.ts";
import type { FitorPages, RoomQuery } from "./views.ts";
import { cleanNick } from "./words.ts";

/** What the routes stand on. */
export interface HttpParts {
  bridge: Bridge;
  history: History;
  clock: Clock;
  mountPath: string;
  pages: FitorPages;
  /** Where pages hear by windsock. */
  nudges: Pick<Nudges, "token"> | undefined;
  status(): FitorStatus;
}

const noStore = { "Cache-Control": "no-store" };
const formBytesMax = 32_768;
const listMax = 1000;
const nickCookie = "fitor_nick";
const anonymous = "anonymous";

/** The handler of all routes below the mount path. */
export function fitorRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { bridge, clock, history, mountPath, nudges, pages } = parts;

  const speak = async (request: Request, caller: Caller, room: Room): Promise<Response> => {
    const form = new URLSearchParams(await wholeText(request, { maxBytes: formBytesMax, clock }));
    const isFixed = caller.name !== anonymous;
    const chosen = (form.get("nick") ?? "").trim();
    const nick = isFixed && !(caller.within && chosen !== "") ? caller.name : chosen === "" ? "web" : chosen;
    const text = form.get("text") ?? "";
    const isPage = preferredType(request.headers.get("accept"), ["application/json", "text/html"]) === "text/html";
    try {
      const said = bridge.say(room, nick, text);
      if (!isPage) return Response.json(said, { status: 201, headers: noStore });
    } catch (thrown) {
      if (!(thrown instanceof Fault) || !isPage) throw thrown;
      const query = { ...queryOf(request, caller, ""), nick, unsaid: text.slice(0, 4000), problem: thrown.message };
      return pages.room(request, room, { ...query, status: thrown.status });
    }
    const headers = new Headers({
      ...noStore,
      Location: `${mountPath}${roomPath(room.network.plan.name, room.channel.name)}`,
    });
    if (!isFixed) {
      const path = mountPath === "" ? "/" : mountPath;
      const value = encodeURIComponent(cleanNick(nick));
      headers.set("Set-Cookie", `${nickCookie}=${value}; Path=${path}; Max-Age=31536000; HttpOnly; SameSite=Lax`);
    }
    return new Response(null, { status: 303, headers });
  };

  const list = (words: URLSearchParams): Response => {
    const limit = numberIn(words, "limit", 100, listMax);
    const search = words.get("search") ?? "";
    const named = words.get("room");
    const room = named === null ? undefined : roomOf(named);
    if (search === "" && !room) throw new Fault("invalid", "fitor/no-room", "Cannot list lines: wanted room or search");
    const before = numberIn(words, "before", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const lines =
      search === "" && room
        ? history.list(room.key, limit, before)
        : history.search(search, limit, room?.key).toReversed();
    return Response.json({ lines }, { headers: noStore });
  };

  const roomOf = (named: string): Room => {
    const at = named.indexOf("/");
    const room = bridge.find(named.slice(0, at), named.slice(at + 1));
    if (!room)
      throw new Fault(
        "missing",
        "fitor/no-room",
        `Cannot find the room "${named.slice(0, 200)}": wanted network/#channel`,
      );
    return room;
  };

  const queryOf = (request: Request, caller: Caller, search: string): RoomQuery => ({
    search,
    before: undefined,
    canSay: caller.may("write"),
    isNickFixed: caller.name !== anonymous,
    nick: caller.name === anonymous ? nickIn(request) : caller.name,
  });

  const tokenFor = async (caller: Caller): Promise<Response> => {
    if (!nudges) {
      throw new Fault(
        "missing",
        "fitor/no-windsock",
        "Cannot give a token: pages hear by /events here, as there is no windsock",
      );
    }
    const token = await nudges.token(caller.name === anonymous ? "" : caller.name);
    return Response.json({ token }, { headers: noStore });
  };

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    const { method } = request;
    const words = new URL(request.url).searchParams;
    const connect = /^\/network\/([^/]+)\/connect\/?$/.exec(path)?.[1];
    if (connect !== undefined) {
      if (method !== "POST") return notAllowed("POST");
      const name = decodedPart(connect);
      const network = bridge.rooms.find((room) => room.network.plan.name === name)?.network;
      if (!network)
        throw new Fault("missing", "fitor/no-network", `Cannot connect to "${name}": no network has that name`);
      network.open();
      return Response.json({ network: name, state: network.state }, { status: 202, headers: noStore });
    }
    const [, network, channel, verb] = /^\/room\/([^/]+)\/([^/]+)\/(say)?$/.exec(path) ?? [];
    const room =
      network === undefined || channel === undefined
        ? undefined
        : roomOf(`${decodedPart(network)}/${decodedPart(channel)}`);
    if (room && verb === "say") return method === "POST" ? speak(request, caller, room) : notAllowed("POST");
    if (method !== "GET" && method !== "HEAD") return notAllowed("GET, HEAD");
    if (room) {
      const search = (words.get("search") ?? "").trim().slice(0, 200);
      const before = words.has("before") ? numberIn(words, "before", 1, Number.MAX_SAFE_INTEGER) : undefined;
      return pages.room(request, room, { ...queryOf(request, caller, search), before });
    }
    switch (path) {
      case "/": {
        const first = bridge.rooms[0];
        if (!first) return pages.nothing(request);
        const to = `${mountPath}${roomPath(first.network.plan.name, first.channel.name)}`;
        return new Response(null, { status: 303, headers: { ...noStore, Location: to } });
      }
      case "/events": {
        // What the browser has seen is newer than what stands in the URL, which it repeats as it was.
        const seen = request.headers.get("last-event-id") ?? words.get("after");
        const isNumber = seen !== null && /^\d{1,15}$/.test(seen);
        return pages.events(caller, roomOf(words.get("room") ?? ""), isNumber ? Number(seen) : undefined);
      }
      case "/changes.json": {
        const room = roomOf(words.get("room") ?? "");
        if (!words.get("after")) {
          throw new Fault("invalid", "fitor/number", "Cannot tell what is new: wanted after, the id of a line");
        }
        return pages.changes(room, numberIn(words, "after", 0, Number.MAX_SAFE_INTEGER), words.get("parts") === "no");
      }
      case "/token":
        return tokenFor(caller);
      case "/log.json":
        return list(words);
      case "/status.json":
        return Response.json(parts.status(), { headers: noStore });
      default:
        throw new Fault("missing", "fitor/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
    }
  };
}

function numberIn(words: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = words.get(name);
  if (text === null || text === "") return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Fault("invalid", "fitor/number", `Cannot use ${name} "${text.slice(0, 50)}": wanted a whole number`);
  }
  return Math.min(value, most);
}

function nickIn(request: Request): string {
  const found = new RegExp(`(?:^|; *)${nickCookie}=([^;]*)`).exec(request.headers.get("cookie") ?? "")?.[1];
  return found === undefined ? "" : cleanNick(decodedPart(found));
}

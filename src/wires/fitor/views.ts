/** From the bridge and its history to what the pages show, and the stream that keeps them fresh. Reading only. */
import type { Clock } from "../../kit/clock.ts";
import { renderHtml } from "../../kit/pages/html.ts";
import { eventStream, type StreamMessage } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import type { Bridge, Room as BridgeRoom } from "./bridge.ts";
import type { History, Line } from "./history.ts";
import { fitorStyleAsset, roomScriptAsset, speakScriptAsset } from "./pages/assets.ts";
import { Nothing } from "./pages/nothing.tsx";
import { LineRow, People, Room, RoomHead, RoomList } from "./pages/room.tsx";
import { type RoomLink, roomPath, type RoomView } from "./pages/view.ts";

/** What the pages stand on. */
export interface ViewParts {
  bridge: Bridge;
  history: History;
  clock: Clock;
  shell: PageShell;
  mountPath: string;
}

/** What a page of a room is asked for. */
export interface RoomQuery {
  search: string;
  before: number | undefined;
  nick: string;
  isNickFixed: boolean;
  canSay: boolean;
  unsaid?: string;
  problem?: string;
  status?: number;
}

/** The pages of Fitor. */
export interface FitorPages {
  nothing(request: Request): Response;
  room(request: Request, room: BridgeRoom, query: RoomQuery): Response;
  /** Without `afterId` it begins with what comes next. */
  events(caller: Caller, room: BridgeRoom, afterId: number | undefined): Response;
}

const pageLines = 200;
const foundLines = 200;
/** Lines that a reader who comes back is told; more, and the page is drawn anew. */
const missedLines = 500;
/** Changes of people and rooms that come together are drawn once. */
const gatherMs = 150;

/** Makes the pages. */
export function fitorPages(parts: ViewParts): FitorPages {
  const { bridge, clock, history, mountPath, shell } = parts;
  const assets = [fitorStyleAsset, roomScriptAsset, speakScriptAsset];
  shell.register(assets);

  const linksFor = (current: BridgeRoom): RoomLink[] =>
    bridge.rooms.map((room) => linkOf(room, room.key === current.key, mountPath, history));

  const standingOf = (room: BridgeRoom) => room.network.standing(room.channel);

  const view = (room: BridgeRoom, query: RoomQuery): RoomView => {
    // Asked before the lines: what comes in between is told twice rather than never.
    const { newestId } = history;
    const { before, canSay, isNickFixed, nick, problem = "", search, unsaid = "" } = query;
    const lines =
      search === ""
        ? history.list(room.key, pageLines, before)
        : history.search(search, foundLines, room.key).toReversed();
    const standing = standingOf(room);
    return {
      mountPath,
      now: clock.now(),
      rooms: linksFor(room),
      room: linkOf(room, true, mountPath, history),
      topic: standing?.topic ?? "",
      people: standing?.members ?? [],
      lines,
      newestId,
      earlierId: search === "" && lines.length === pageLines ? lines[0]?.id : undefined,
      isPast: before !== undefined,
      search,
      canSay,
      nick,
      isNickFixed,
      unsaid,
      problem,
    };
  };

  return {
    nothing: (request) =>
      shell.page({ title: "Fitor", service: "fitor", body: Nothing(), assets: [fitorStyleAsset] }, request),
    room: (request, room, query) =>
      shell.page(
        {
          title: room.channel.name,
          service: "fitor",
          body: Room(view(room, query)),
          assets,
          ...(query.status === undefined ? {} : { status: query.status }),
        },
        request,
      ),
    events: (caller, room, afterId) =>
      eventStream(
        caller.keepOpen("read"),
        (send) => {
          let cancel = () => {};
          let isGathering = false;
          const drawn = new Map<string, string>();
          const drawAll = () => {
            isGathering = false;
            const standing = standingOf(room);
            const now: Record<string, string> = {
              rooms: renderHtml(RoomList({ rooms: linksFor(room) })),
              people: renderHtml(People({ people: standing?.members ?? [] })),
              head: renderHtml(
                RoomHead({ room: linkOf(room, true, mountPath, history), topic: standing?.topic ?? "" }),
              ),
            };
            for (const [topic, data] of Object.entries(now)) {
              if (drawn.get(topic) === data) continue;
              drawn.set(topic, data);
              send({ topic, data });
            }
          };
          const missed = afterId === undefined ? [] : history.after(afterId, missedLines + 1);
          if (missed.length > missedLines) send({ topic: "gap", data: "" });
          else for (const line of missed) send(lineMessage(line));
          const unsubscribe = bridge.subscribe((news) => {
            if (news.kind === "line") {
              send(lineMessage(news.line));
              return;
            }
            if (news.kind === "people" && news.room !== room.key) return;
            if (isGathering) return;
            isGathering = true;
            cancel = clock.schedule(gatherMs, drawAll);
          });
          drawAll();
          return () => {
            cancel();
            unsubscribe();
          };
        },
        { clock, keep: 2 * missedLines },
      ),
  };
}

/** A line is drawn once, however many look on. */
const drawnLines = new WeakMap<Line, StreamMessage>();

function lineMessage(line: Line): StreamMessage {
  const drawn = drawnLines.get(line) ?? drawLine(line);
  drawnLines.set(line, drawn);
  return drawn;
}

function drawLine(line: Line): StreamMessage {
  const html = renderHtml(LineRow({ line }));
  return {
    topic: "line",
    id: String(line.id),
    data: JSON.stringify({ room: line.room, id: line.id, kind: line.kind, html }),
  };
}

function linkOf(room: BridgeRoom, isCurrent: boolean, mountPath: string, history: History): RoomLink {
  const { channel, key, network } = room;
  const standing = network.standing(channel);
  const isUp = network.state === "up";
  const state = standing?.isIn
    ? "in"
    : network.state === "barred" || (isUp && standing?.reason !== "")
      ? "out"
      : "coming";
  return {
    key,
    network: network.plan.name,
    channel: channel.name,
    href: `${mountPath}${roomPath(network.plan.name, channel.name)}`,
    isCurrent,
    state,
    reason: isUp ? (standing?.reason ?? "") : network.reason,
    newestId: history.newestSaid(key),
  };
}

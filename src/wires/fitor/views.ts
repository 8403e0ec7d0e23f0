/**
 * From the bridge and its history to what the pages show, and the two ways that keep them fresh: a stream of events, and the
 * answer to whoever heard that there is something new. Reading only.
 */
import type { Clock } from "../../kit/clock.ts";
import { eventStream, type StreamMessage } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import type { Bridge, Room as BridgeRoom } from "./bridge.ts";
import { Drawing } from "./drawing.ts";
import type { History, Line } from "./history.ts";
import type { Nudges } from "./nudges.ts";
import { fitorAssets, fitorStyleAsset, roomAssets } from "./pages/assets.ts";
import { Nothing } from "./pages/nothing.tsx";
import { Room } from "./pages/room.tsx";
import type { RoomView } from "./pages/view.ts";

/** What the pages stand on. */
export interface ViewParts {
  bridge: Bridge;
  history: History;
  clock: Clock;
  shell: PageShell;
  mountPath: string;
  /** Where pages hear by windsock. */
  nudges: Pick<Nudges, "windsockPath" | "address" | "isAway"> | undefined;
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
  /** What came after a line; what stands beside the lines as well, unless they are all that is wanted. */
  changes(room: BridgeRoom, afterId: number, linesOnly: boolean): Response;
}

const pageLines = 200;
const foundLines = 200;
/** Lines that a reader who comes back is told; more, and the page is drawn anew. */
const missedLines = 500;
/** Changes of people and rooms that come together are drawn once. */
const gatherMs = 150;

/** Makes the pages. */
export function fitorPages(parts: ViewParts): FitorPages {
  const { bridge, clock, history, mountPath, nudges, shell } = parts;
  shell.register(fitorAssets);
  const drawing = new Drawing({ bridge, history, clock, mountPath });

  /** What a reader missed; undefined where it is too much, or what they have seen is not of this history. */
  const missedSince = (afterId: number): Line[] | undefined => {
    const missed = history.after(afterId, missedLines + 1);
    return missed.length > missedLines || afterId > history.newestId ? undefined : missed;
  };

  const view = (room: BridgeRoom, query: RoomQuery): RoomView => {
    // Asked before the lines: what comes in between is told twice rather than never.
    const { newestId } = history;
    const { before, canSay, isNickFixed, nick, problem = "", search, unsaid = "" } = query;
    const lines =
      search === ""
        ? history.list(room.key, pageLines, before)
        : history.search(search, foundLines, room.key).toReversed();
    const standing = room.network.standing(room.channel);
    return {
      mountPath,
      now: clock.now(),
      rooms: drawing.links(room),
      room: drawing.link(room, true),
      topic: standing?.topic ?? "",
      people: standing?.members ?? [],
      lines,
      newestId,
      windsock: nudges && { path: nudges.windsockPath, address: nudges.address },
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
          assets: roomAssets,
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
            for (const [topic, data] of Object.entries(drawing.parts(room))) {
              if (drawn.get(topic) === data) continue;
              drawn.set(topic, data);
              send({ topic, data });
            }
          };
          const lineMessage = (line: Line): StreamMessage => {
            return { topic: "line", id: String(line.id), data: drawing.line(line) };
          };
          const missed = afterId === undefined ? [] : missedSince(afterId);
          if (missed) for (const line of missed) send(lineMessage(line));
          else send({ topic: "gap", data: "" });
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
    changes(room, afterId, linesOnly) {
      const missed = missedSince(afterId);
      const lines = (missed ?? []).map((line) => drawing.line(line)).join(",");
      const newest = missed?.at(-1)?.id ?? afterId;
      const beside = linesOnly ? {} : drawing.parts(room);
      const away = nudges?.isAway === true ? { away: true } : {};
      // Lines are JSON already.
      const body = `{"lines":[${lines}],${JSON.stringify({ newest, gap: !missed, ...away, ...beside }).slice(1)}\n`;
      return new Response(body, {
        headers: { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" },
      });
    },
  };
}

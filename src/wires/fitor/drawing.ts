/**
 * What pages are told, drawn once however many look on: lines by their ids, and the parts beside them until something happens.
 * HTML as text; who asks for it, and by which way it goes, is not known here.
 */
import type { Clock } from "../../kit/clock.ts";
import { renderHtml } from "../../kit/pages/html.ts";
import type { Bridge, BridgeNews, Room } from "./bridge.ts";
import { type History, isSaid, type Line } from "./history.ts";
import { LineRow, People, RoomHead, RoomList } from "./pages/room.tsx";
import { type RoomLink, roomPath } from "./pages/view.ts";

/** What is drawn from. */
export interface DrawingParts {
  bridge: Bridge;
  history: History;
  clock: Clock;
  mountPath: string;
}

/** The parts of a page beside its lines. */
export interface DrawnParts {
  rooms: string;
  people: string;
  head: string;
}

/** Drawn lines that are kept, in characters. */
const maxKeptLength = 4_000_000;
/** Parts are drawn again after this long even where nothing is known to have happened. */
const partsForMs = 1000;

/** See the file's head. */
export class Drawing {
  readonly #parts: DrawingParts;
  readonly #lines = new Map<number, string>();
  #keptLength = 0;
  readonly #beside = new Map<string, Partial<DrawnParts> & { atMs: number }>();

  constructor(parts: DrawingParts) {
    this.#parts = parts;
    parts.bridge.subscribe((news) => this.#drop(news));
  }

  /** A line as JSON: `{"room", "id", "kind", "html"}`. */
  line(line: Line): string {
    const { id, kind, room } = line;
    const known = this.#lines.get(id);
    if (known !== undefined) return known;
    const drawn = JSON.stringify({ room, id, kind, html: renderHtml(LineRow({ line })) });
    this.#lines.set(id, drawn);
    this.#keptLength += drawn.length;
    for (const [oldest, { length }] of this.#lines) {
      if (this.#keptLength <= maxKeptLength) break;
      this.#lines.delete(oldest);
      this.#keptLength -= length;
    }
    return drawn;
  }

  /** What stands beside the lines of a room. */
  parts(room: Room): DrawnParts {
    const nowMs = this.#parts.clock.monotonicMs();
    let known = this.#beside.get(room.key);
    if (!known || nowMs - known.atMs >= partsForMs) {
      known = { atMs: nowMs };
      this.#beside.set(room.key, known);
    }
    const standing = room.network.standing(room.channel);
    known.rooms ??= renderHtml(RoomList({ rooms: this.links(room) }));
    known.people ??= renderHtml(People({ people: standing?.members ?? [] }));
    known.head ??= renderHtml(RoomHead({ room: this.link(room, true), topic: standing?.topic ?? "" }));
    const { head, people, rooms } = known;
    return { rooms, people, head };
  }

  /** Lets go of what does not hold any more, and of nothing else: much is said where nobody comes or goes. */
  #drop(news: BridgeNews): void {
    switch (news.kind) {
      case "line":
        if (isSaid(news.line.kind)) for (const known of this.#beside.values()) delete known.rooms;
        return;
      case "people": {
        const known = this.#beside.get(news.room);
        delete known?.people;
        delete known?.head;
        return;
      }
      case "state":
        this.#beside.clear();
    }
  }

  /** The list of rooms as one of them shows it. */
  links(current: Room): RoomLink[] {
    return this.#parts.bridge.rooms.map((room) => this.link(room, room.key === current.key));
  }

  /** A room in that list. */
  link(room: Room, isCurrent: boolean): RoomLink {
    const { history, mountPath } = this.#parts;
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
}

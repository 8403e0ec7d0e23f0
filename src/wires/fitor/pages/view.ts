/** What the page of a room shows, as plain values. */
import type { Line } from "../history.ts";

/** A room in the list of rooms. */
export interface RoomLink {
  key: string;
  network: string;
  channel: string;
  href: string;
  isCurrent: boolean;
  /** Being there, on the way, or kept out. */
  state: "in" | "coming" | "out";
  /** Why, where it is not `in`; for people. */
  reason: string;
  /** The newest line that somebody said, for unread marks; 0 without any. */
  newestId: number;
}

/** Somebody in a room. */
export interface Person {
  nick: string;
  signs: string;
}

/** The page of a room. */
export interface RoomView {
  mountPath: string;
  now: number;
  rooms: readonly RoomLink[];
  room: RoomLink;
  topic: string;
  people: readonly Person[];
  lines: readonly Line[];
  /** The newest line of all rooms: what comes after it is heard. */
  newestId: number;
  /** Where the page hears by windsock: its path without a trailing slash, and what to subscribe to. */
  windsock: { path: string; address: string } | undefined;
  /** The id before which there are more lines. */
  earlierId: number | undefined;
  /** The lines are not the newest ones. */
  isPast: boolean;
  /** What was searched for; the lines are what was found. */
  search: string;
  /** Whether the reader may write. */
  canSay: boolean;
  /** The name under which they do. */
  nick: string;
  /** It is the name of their token, and cannot be chosen. */
  isNickFixed: boolean;
  /** What could not be said, to try again. */
  unsaid: string;
  problem: string;
}

/** The path of a room below the mount. */
export function roomPath(network: string, channel: string): string {
  return `/room/${encodeURIComponent(network)}/${encodeURIComponent(channel)}/`;
}

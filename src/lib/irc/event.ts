/** What happens on a connection to a server, as whoever holds it is told. Times are epoch ms: the server's, where it says. */

/** Why a connection ended. */
export type EndReason =
  /** Not wanted there: coming back would make it worse. */
  | "banned"
  /** The password or account was refused. */
  | "refused"
  /** Told to wait. */
  | "throttled"
  /** To come back encrypted, to {@link IrcEvent} `port`. */
  | "upgrade"
  | "lost";

/** One thing that happened. */
export type IrcEvent =
  | { kind: "registered"; nick: string }
  | {
      kind: "said";
      how: "message" | "action" | "notice";
      nick: string;
      /** `nick!user@host`, or a server's name. */
      source: string;
      /** A channel, or our own nick. Signs for a part of the channel (`@#channel`) are left out. */
      target: string;
      isPrivate: boolean;
      /** May hold formatting. */
      text: string;
      at: number;
      /** The server's name for the message. */
      id?: string;
      account?: string;
      /** By this account, but not by this connection. */
      isOwn: boolean;
      /** It happened before; the server told it again. */
      isReplayed: boolean;
    }
  | { kind: "joined"; nick: string; channel: string; isOwn: boolean; at: number }
  | { kind: "parted"; nick: string; channel: string; reason: string; isOwn: boolean; at: number }
  | { kind: "kicked"; nick: string; by: string; channel: string; reason: string; isOwn: boolean; at: number }
  | { kind: "quit"; nick: string; channels: readonly string[]; reason: string; at: number }
  | { kind: "renamed"; from: string; to: string; channels: readonly string[]; isOwn: boolean; at: number }
  | { kind: "topic"; nick: string; channel: string; topic: string; at: number }
  /** Who is there has changed in a way that is not told by another event. */
  | { kind: "people"; channel: string }
  /** Not let in. `isFinal`: banned there, so it is not tried again. */
  | { kind: "shut-out"; channel: string; reason: string; isFinal: boolean }
  /** A message was not delivered. */
  | { kind: "undelivered"; target: string; command: string; reason: string }
  | { kind: "ended"; why: EndReason; reason: string; port?: number };

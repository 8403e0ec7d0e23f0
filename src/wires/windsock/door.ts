/**
 * A door: one way by which clients come to the hub (websockets, server-sent events, long polling, other protocols). The
 * service asks its doors in turn which of them a path belongs to; the rest is the door's own.
 */
import type { Clock } from "../../kit/clock.ts";
import type { SocketTopics } from "../../kit/http/socket.ts";
import type { Logger } from "../../kit/log.ts";
import type { Caller, Scope } from "../../kit/service.ts";
import type { WindsockOptions } from "./config.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { OrderedHub } from "./hub-ordered.ts";
import type { Limits } from "./limits.ts";

/** What every door may use. */
export interface DoorParts {
  readonly hub: OrderedHub;
  readonly doorkeeper: Doorkeeper;
  readonly limits: Limits;
  readonly options: WindsockOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sockets: SocketTopics;
  /** Where the service's routes begin, `/windsock` or empty. */
  readonly mountPath: string;
  /** The client's address: the peer's, or what the proxy in front says where `forwarded` is set. */
  addressOf(request: Request, caller: Caller): string;
  /** What an application in this place would put into a token as the client's address: the whole list of a proxy. */
  seenOf(request: Request, caller: Caller): string;
}

/** One way in. */
export interface Door {
  /** Whether a path, below the mount, is this door's. */
  takes(path: string): boolean;
  /** Throws Faults. */
  handle(request: Request, caller: Caller, path: string): Response | Promise<Response>;
  /** The scope of the node's tokens that is needed; undefined where the door judges rights of its own. */
  scopeOf(request: Request, path: string): Scope | undefined;
  /** Whether pages of other sites may come: their requests show a right of their own. */
  fromElsewhere(request: Request, path: string): boolean;
  /** Whether bearer tokens are the door's own, not the node's. @default false */
  ownTokens?(request: Request, path: string): boolean;
  /** Ends its connections; called when the node stops. */
  stop?(): void;
}

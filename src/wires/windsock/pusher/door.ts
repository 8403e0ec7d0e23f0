/**
 * The Pusher door: `/app/<key>` for clients (websockets of protocol 7) and `/apps/<id>/…` for back ends (the HTTP API), so
 * that pusher-js, Laravel Echo and Pusher's server libraries work against Windsock when they are told its address. What
 * was wrong with a connection is said in the protocol's own way: opened, `pusher:error`, closed with a code.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import { wholeText } from "../../../kit/http/body.ts";
import type { SocketHandler } from "../../../kit/http/socket.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Caller, Scope } from "../../../kit/service.ts";
import { foreignOrigin } from "../doors/admission.ts";
import type { Hub } from "../hub.ts";
import { answerApi, type ApiSettings } from "./api.ts";
import type { Application } from "./application.ts";
import { Channels } from "./channels.ts";
import { closeCodes, type ConnectionSettings, PusherConnection } from "./connection.ts";
import { messageText } from "./message.ts";
import { requireSigned } from "./signature.ts";
import { type PostHook, Webhook } from "./webhooks.ts";

/** What the door stands on. */
export interface PusherDoorParts {
  hub: Hub;
  clock: Clock;
  log: Logger;
  applications: readonly Application[];
  settings: ConnectionSettings & ApiSettings;
  /** Origins whose pages may connect; empty for all. */
  origins: readonly string[];
  /** Unique for this start of this node. */
  nodeId: string;
  /** Counts a connection until the function is called; throws a Fault when there are too many. */
  enter(address: string): () => void;
  /** The client's address: the peer's, or what a proxy in front says. */
  addressOf(request: Request, caller: Caller): string;
  post: PostHook;
}

/** The limits that Pusher's own service has, which libraries count on. */
export const usualPusherSettings: ConnectionSettings & ApiSettings = {
  activityMs: 120_000,
  answerMs: 30_000,
  channels: 100,
  maxDataBytes: 10_240,
  clientEventsPerSecond: 10,
  waitingBytes: 1024 * 1024,
  maxInfoBytes: 1024,
  maxTargets: 100,
  maxBatch: 10,
};

/** A door of Windsock, for Pusher's clients and libraries. */
export interface PusherDoor {
  takes(path: string): boolean;
  handle(request: Request, caller: Caller, path: string): Response | Promise<Response>;
  scopeOf(request: Request, path: string): Scope | undefined;
  fromElsewhere(request: Request, path: string): boolean;
  /** Connections there are, news that webhooks lost, and why the last one failed. */
  readonly figures: { readonly connections: number; readonly dropped: number; readonly failures: readonly string[] };
  stop(): void;
}

const lookEveryMs = 5000;
/** Of one request to the API: the largest batch, each byte written as six. */
const bodyMarginBytes = 64 * 1024;

interface Served {
  application: Application;
  channels: Channels;
  webhook: Webhook;
}

/** Opens the door. */
export function openPusherDoor(parts: PusherDoorParts): PusherDoor {
  const { clock, hub, log, settings } = parts;
  const served: Served[] = parts.applications.map((application) => {
    const webhook = new Webhook(application, clock, parts.post);
    return {
      application,
      webhook,
      channels: new Channels(parts, application.id, (news) => webhook.add(news)),
    };
  });
  const connections = new Set<PusherConnection>();
  let cancelLook = clock.schedule(lookEveryMs, look);
  function look(): void {
    const nowMs = clock.monotonicMs();
    for (const connection of connections) connection.look(nowMs);
    cancelLook = clock.schedule(lookEveryMs, look);
  }

  const connect = (request: Request, caller: Caller, key: string): Response => {
    if (!caller.upgrade) throw new Fault("invalid", "windsock/pusher-websocket", "Cannot open a websocket from inside");
    const query = new URL(request.url).searchParams;
    const found = served.find(({ application }) => application.key === key);
    const version = query.get("protocol");
    if (!found) return caller.upgrade(refused("unknownApplication", "There is no application with this key"));
    const foreign = foreignOrigin(request, parts.origins);
    if (foreign !== undefined) {
      const reason = `Pages of "${foreign.slice(0, 60)}" are not among those that may connect`;
      return caller.upgrade(refused("ended", reason));
    }
    if (version === null) return caller.upgrade(refused("noVersion", "The parameter protocol is missing"));
    if (!/^\d{1,3}$/.test(version)) return caller.upgrade(refused("badVersion", "The parameter protocol is no number"));
    if (Number(version) < 5 || Number(version) > 7) {
      return caller.upgrade(refused("unsupportedVersion", "Wanted protocol 5, 6 or 7"));
    }
    let leave: () => void;
    try {
      leave = parts.enter(parts.addressOf(request, caller));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return caller.upgrade(refused("tooMany", thrown.message));
    }
    const connection = new PusherConnection({
      hub,
      clock,
      application: found.application,
      channels: found.channels,
      settings,
      socketId: newSocketId(),
      tell: (news) => found.webhook.add(news),
      closed(over) {
        connections.delete(over);
        leave();
      },
    });
    connections.add(connection);
    try {
      return caller.upgrade(connection);
    } catch (thrown) {
      connections.delete(connection);
      leave();
      throw thrown;
    }
  };

  const call = async (request: Request, path: string): Promise<Response> => {
    const match = /^\/apps\/([^/]+)(\/.+)$/.exec(path);
    const found = served.find(({ application }) => application.id === match?.[1]);
    if (!match || !found) {
      throw new Fault(
        "missing",
        "windsock/pusher-application",
        "Cannot find the application: no such id is configured",
      );
    }
    const maxBytes = settings.maxDataBytes * 6 * settings.maxBatch + bodyMarginBytes;
    const body = await wholeText({ headers: request.headers, body: request.body }, { clock, maxBytes });
    const url = new URL(request.url);
    const { method } = request;
    const paths = [...new Set([path, url.pathname, decoded(path), decoded(url.pathname)])];
    requireSigned(found.application, { method, paths, query: url.searchParams, body }, clock.now() / 1000);
    const { application, channels } = found;
    return answerApi(
      { hub, application, channels, settings },
      { method, path: decoded(match[2] ?? ""), query: url.searchParams, body },
    );
  };

  return {
    takes: (path) => served.length > 0 && (path.startsWith("/app/") || path.startsWith("/apps/")),
    handle(request, caller, path) {
      const key = /^\/app\/([^/]+)\/?$/.exec(path)?.[1];
      if (key !== undefined) return connect(request, caller, key);
      return call(request, path);
    },
    // Keys and signatures are the door's own.
    scopeOf: () => undefined,
    fromElsewhere: () => true,
    get figures() {
      return {
        connections: connections.size,
        dropped: served.reduce((sum, { webhook }) => sum + webhook.dropped, 0),
        failures: served.flatMap(({ application, webhook }) =>
          webhook.failure === undefined ? [] : [`${application.id}: ${webhook.failure}`],
        ),
      };
    },
    stop() {
      cancelLook();
      for (const connection of connections) {
        try {
          connection.close("again", "The server stops; come back");
        } catch (thrown) {
          log.debug("A Pusher connection could not be closed", { reason: reasonOf(thrown) });
        }
      }
      for (const { channels, webhook } of served) {
        channels.stop();
        webhook.stop();
      }
    },
  };
}

/** A connection that is told why it cannot be, in the protocol's own way. */
function refused(code: keyof typeof closeCodes, message: string): SocketHandler {
  return {
    opened(socket) {
      socket.send(messageText("pusher:error", { message, code: closeCodes[code] }));
      socket.close(closeCodes[code], message.slice(0, 100));
    },
    received: () => undefined,
  };
}

/** Two numbers with a dot, as Pusher's are; 60 bits of chance, so that two nodes never give the same. */
function newSocketId(): string {
  const drawn = crypto.getRandomValues(new Uint32Array(2));
  return `${(drawn[0] ?? 0) >>> 2}.${(drawn[1] ?? 0) >>> 2}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (thrown) {
    if (thrown instanceof URIError) return path;
    throw thrown;
  }
}

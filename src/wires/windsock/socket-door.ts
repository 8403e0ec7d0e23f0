/**
 * The door of websockets, `/socket/` and everything below it, as it always was, with one difference: whoever is not let
 * in is told so before the upgrade, with a status and a reason, instead of being let in and dropped.
 */
import { Fault, toFault } from "../../kit/fault.ts";
import type { Caller } from "../../kit/service.ts";
import { Crowds } from "./crowd.ts";
import type { Door } from "./door.ts";
import { newConnection } from "./doors/admission.ts";
import { fitsOrigin } from "./doors/origin.ts";
import { parseInterest, requireHearing } from "./grant.ts";
import { SocketConnection, type SocketCounts, type SocketDoorParts } from "./socket-connection.ts";
import { SparseLog } from "./sparse-log.ts";
import type { Dialect } from "./socket-words.ts";

/** The door, and what is known of those inside. */
export interface SocketDoor extends Door {
  readonly counts: Readonly<SocketCounts>;
  /** Connections now. */
  readonly open: number;
  /** Distinct sets of interests. */
  readonly crowds: number;
  /** Those that have to catch up. */
  readonly behind: number;
  /** An address that was heard by a prefix that ends in the middle of one of its parts. */
  readonly crossing: { prefix: string; address: string } | undefined;
}

const lookEveryMs = 1000;
const maxInterests = 100;

/** Opens the door. */
export function openSocketDoor(parts: SocketDoorParts): SocketDoor {
  const { clock, doorkeeper, hub, limits, options, roster, sockets, webhooks } = parts;
  const counts: SocketCounts = { received: 0, refused: 0, fellBehind: 0, caughtUp: 0, cut: 0 };
  const crowds = new Crowds({
    hub,
    sockets,
    maxWaitingBytes: options.waitingBytes,
    compress: options.deflate,
    heard: (interest) => roster.hear(interest),
  });
  const open = new Set<SocketConnection>();
  const behind = new Set<SocketConnection>();
  let isStopping = false;
  const look = () => {
    const nowMs = clock.monotonicMs();
    for (const connection of behind) connection.look(nowMs);
    cancelLook = clock.schedule(lookEveryMs, look);
  };
  let cancelLook = clock.schedule(lookEveryMs, look);
  const connectionParts = {
    door: parts,
    crowds,
    counts,
    unpublished: new SparseLog(parts.log, clock),
    behind,
    over(connection: SocketConnection) {
      open.delete(connection);
      const { address, connection: name, user } = connection;
      limits.leave(user, address);
      webhooks?.tell({ kind: "disconnect", at: clock.now(), user, connection: name });
    },
  };

  const enter = (request: Request, caller: Caller): Response | Promise<Response> => {
    refuseOrigin(request.headers.get("origin"), options.origins);
    const words = new URL(request.url).searchParams;
    const address = parts.addressOf(request, caller);
    const grant = doorkeeper.admit(words.get("token") ?? "", parts.seenOf(request, caller));
    const asked = words.getAll("interest");
    if (asked.length > Math.min(maxInterests, options.subscriptions)) {
      throw new Fault("invalid", "windsock/interest", "Cannot listen to so much: there are too many interests");
    }
    const interests = asked.length === 0 ? [grant.hears] : asked.map(parseInterest);
    requireHearing(grant, interests);
    const dialect: Dialect = words.get("positions") === "1" ? "positions" : "plain";
    // Whoever has no word for what is missing cannot come back to where it was.
    const since = dialect === "positions" ? (words.get("since") ?? undefined) : undefined;
    const echo = words.get("echo");
    const upgrade = caller.upgrade?.bind(caller);
    if (!upgrade) throw new Fault("invalid", "http/no-websocket", "Cannot open a websocket from within");
    limits.enter(grant.user, address);
    const name = newConnection();
    const wishes = {
      grant,
      connection: name,
      address,
      dialect,
      interests,
      since,
      echo: echo === null ? options.echo : echo !== "0",
    };
    const letIn = (): Response => {
      const connection = new SocketConnection(connectionParts, wishes);
      open.add(connection);
      try {
        return upgrade(connection);
      } catch (thrown) {
        connectionParts.over(connection);
        throw thrown;
      }
    };
    if (!webhooks?.wants("connect")) return letIn();
    return webhooks.mayConnect({ connection: name, user: grant.user, address, transport: "socket" }).then(
      () => {
        if (!isStopping) return letIn();
        limits.leave(grant.user, address);
        throw new Fault("unavailable", "windsock/stopping", "Cannot let you in: stopping");
      },
      (thrown: unknown) => {
        limits.leave(grant.user, address);
        throw thrown;
      },
    );
  };

  return {
    counts,
    get open() {
      return open.size;
    },
    get crowds() {
      return crowds.count;
    },
    get behind() {
      return behind.size;
    },
    get crossing() {
      return crowds.crossing;
    },
    takes: (path) => path === "/socket" || path.startsWith("/socket/"),
    scopeOf: () => undefined,
    // The token is the right, whatever page shows it.
    fromElsewhere: () => true,
    handle(request, caller, path) {
      if (path === "/socket") {
        const { search } = new URL(request.url);
        return new Response(null, { status: 301, headers: { Location: `${parts.mountPath}/socket/${search}` } });
      }
      const wrong = refuseHandshake(request);
      if (wrong) return wrong;
      if (isStopping) return refusal(new Fault("unavailable", "windsock/stopping", "Cannot let you in: stopping"));
      const refuse = (thrown: unknown): Response => {
        const fault = toFault(thrown);
        if (fault.kind === "internal") throw thrown;
        counts.refused++;
        parts.log.debug("A client was not let in", { code: fault.code, from: caller.address });
        return refusal(fault);
      };
      try {
        const answer = enter(request, caller);
        return answer instanceof Promise ? answer.catch(refuse) : answer;
      } catch (thrown) {
        return refuse(thrown);
      }
    },
    stop() {
      isStopping = true;
      cancelLook();
      for (const connection of open) connection.restart();
    },
  };
}

/** The answer to what is no handshake of a websocket, as the predecessor gave it; undefined for one. */
function refuseHandshake(request: Request): Response | undefined {
  const plain = (status: number, text: string, headers: Record<string, string> = {}) =>
    new Response(text, { status, headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" } });
  if (request.method !== "GET") return plain(405, "Method Not Allowed\n", { Allow: "GET" });
  const { headers } = request;
  const isUpgrade =
    headers.get("upgrade")?.toLowerCase() === "websocket" &&
    (headers.get("connection") ?? "").toLowerCase().includes("upgrade");
  if (!isUpgrade) return plain(400, "not websocket protocol");
  if (headers.get("sec-websocket-version") !== "13") return plain(400, "", { "Sec-WebSocket-Version": "13" });
  if ((headers.get("sec-websocket-protocol") ?? "").includes(",")) {
    return plain(400, "more than one subprotocol offered");
  }
  return undefined;
}

/** Fault `windsock/origin` (forbidden) for an Origin that is none, or not among those allowed. */
function refuseOrigin(origin: string | null, allowed: readonly string[]): void {
  if (origin === null) return;
  const isAllowed =
    allowed.length === 0 ? origin !== "null" && URL.canParse(origin) : allowed.some((one) => fitsOrigin(origin, one));
  if (isAllowed) return;
  throw new Fault(
    "forbidden",
    "windsock/origin",
    `Cannot let you in: pages of "${origin.slice(0, 200)}" are not among those allowed`,
  );
}

/** The reason as JSON, for whoever looks at the answer; browsers show their users none. */
function refusal(fault: Fault): Response {
  const wait = fault.retryAfterMs === undefined ? {} : { "Retry-After": String(Math.ceil(fault.retryAfterMs / 1000)) };
  return Response.json(
    { code: fault.code, reason: fault.message },
    { status: fault.status, headers: { ...wait, "Cache-Control": "no-store" } },
  );
}

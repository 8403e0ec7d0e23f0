/**
 * The link of nodes that know each other from the cluster and have nothing else between them: each pair holds one websocket,
 * opened by the node whose id comes first, or by the other when it stays away. Whoever opens one shows the secret that
 * the cluster's nodes derive for this purpose. What is lost with a connection is asked for again by the rules of the mesh.
 */
import { createFailureLimit } from "../../../kit/auth/failures.ts";
import { createSharedSecret } from "../../../kit/auth/shared-secret.ts";
import { sleep } from "../../../kit/clock.ts";
import type { Cluster } from "../../../kit/cluster.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Socket, SocketHandler } from "../../../kit/http/socket.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Caller } from "../../../kit/service.ts";
import { Pieces, piecesOf } from "./direct-frames.ts";
import { usualEntryBounds } from "./entry-log.ts";
import { Mesh, usualTimes } from "./mesh.ts";
import type { LinkParts } from "./link-parts.ts";
import type { NodeLink } from "./node-link.ts";

/** What the link stands on. */
export interface DirectLinkParts extends LinkParts {
  cluster: Cluster;
  /** The name under which nodes tell where they are reached. */
  service: string;
  maxMessageBytes: number;
}

/** A link that also takes connections of other nodes. */
export interface DirectLink extends NodeLink {
  /** Whether a path, below the service's mount, is for other nodes. */
  takes(path: string): boolean;
  /** Takes the connection of another node. Faults: `windsock/not-a-node` (unauthorized), `windsock/secret-limited`. */
  handle(request: Request, caller: Caller): Response;
}

/** Where nodes open connections, below the URL of their service. */
export const linkPath = "/link";
const secretPurpose = "windsock link";
const idHeader = "X-Warren-Node";
const secretHeader = "X-Warren-Secret";
const lookEveryMs = 1000;
/** A way that was lost is opened again after this long, the first time. */
const soonMs = 100;
/** A farewell gets so long to arrive. */
const farewellMs = 100;
/** A node that does not answer for so long when a way to it is opened is tried again. */
const openingMs = 5000;
/** The node whose id comes second waits this long for the first to open the connection. */
const patienceMs = 5000;
/** With more than this waiting for a node, it is told nothing more until it has caught up; it will ask. */
const mostWaitingBytes = 1024 * 1024;

/** One way to a node. */
interface Way {
  send(piece: Uint8Array): void;
  readonly waitingBytes: number;
  close(): void;
}

/** Opens the link; connections follow as nodes come. */
export function openDirectLink(parts: DirectLinkParts): DirectLink {
  const { clock, cluster, hub, log, service } = parts;
  const ways = new Map<string, Set<Way>>();
  const opening = new Set<string>();
  const missedSince = new Map<string, number>();
  /** Nodes to which no way could be opened, which was said; it is tried every second. */
  const unreached = new Set<string>();
  let isOver = false;
  // Texts may be six times as long in JSON, and entries of one message stay below a quarter of a mebibyte.
  const maxTextBytes = parts.maxMessageBytes * 6 + 2 * 1024 * 1024;
  const judge = createSharedSecret({
    secrets: () => [cluster.secretFor(secretPurpose)].filter((secret) => secret !== ""),
    failures: createFailureLimit({ clock }),
    service: "windsock",
  });

  const mesh = new Mesh({
    hub,
    clock,
    id: cluster.selfId,
    run: crypto.randomUUID(),
    times: parts.times ?? usualTimes,
    bounds: usualEntryBounds,
    revocations: parts.revocations,
    carriesPublications: true,
    send(to, text) {
      const pieces = [...piecesOf(text)];
      let isSent = true;
      for (const id of to === undefined ? ways.keys() : [to]) {
        const way = wayTo(id);
        if (way && way.waitingBytes <= mostWaitingBytes) for (const piece of pieces) way.send(piece);
        else isSent = false;
      }
      return isSent;
    },
  });
  // Who was told something before this start may have missed what others published meanwhile.
  if (cluster.expected() > 1) hub.breakOrder();

  /** The newest one: an older one may be dead without knowing. */
  function wayTo(id: string): Way | undefined {
    return [...(ways.get(id) ?? [])].at(-1);
  }

  const opened = (id: string, way: Way) => {
    const held = ways.get(id) ?? new Set();
    held.add(way);
    ways.set(id, held);
    missedSince.delete(id);
    unreached.delete(id);
    log.info("A way to another node of Windsock is open", { node: id });
    mesh.met(id);
  };
  const closed = (id: string, way: Way) => {
    const held = ways.get(id);
    if (!held?.delete(way) || held.size > 0) return;
    ways.delete(id);
    if (isOver) return;
    log.warn("The way to another node of Windsock is lost; trying again", { node: id });
    clock.schedule(soonMs, look);
  };
  const hear = (pieces: Pieces, message: Uint8Array, way: Way) => {
    try {
      const text = pieces.take(message);
      if (text !== undefined) mesh.hear(text);
    } catch (thrown) {
      if (!(thrown instanceof RangeError || thrown instanceof SyntaxError)) throw thrown;
      log.warn("Another node of Windsock said something unreadable", { reason: thrown.message });
      way.close();
    }
  };

  const open = (id: string, url: string) => {
    opening.add(id);
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}${linkPath}`, {
      headers: { [idHeader]: cluster.selfId, [secretHeader]: cluster.secretFor(secretPurpose) },
    });
    socket.binaryType = "nodebuffer";
    const pieces = new Pieces(maxTextBytes);
    const way: Way = {
      send: (piece) => void socket.send(piece),
      get waitingBytes() {
        return socket.bufferedAmount;
      },
      close: () => socket.close(),
    };
    let isLate = false;
    let isOpen = false;
    const failed = (reason: string) => {
      if (isOver || unreached.has(id)) return;
      unreached.add(id);
      log.warn("No way to another node of Windsock could be opened; trying again", { node: id, url, reason });
    };
    const cancelLate = clock.schedule(openingMs, () => {
      isLate = true;
      opening.delete(id);
      failed(`it did not answer within ${openingMs} ms`);
      socket.terminate();
    });
    socket.addEventListener("open", () => {
      if (!isLate) opening.delete(id);
      cancelLate();
      isOpen = true;
      if (isOver || isLate) socket.close();
      else opened(id, way);
    });
    socket.addEventListener("message", ({ data }) => {
      if (data instanceof Uint8Array) hear(pieces, data, way);
    });
    socket.addEventListener("close", ({ reason }) => {
      if (!isLate) opening.delete(id);
      cancelLate();
      if (!isOpen) failed(reason || "it is not there, or has another secret");
      closed(id, way);
    });
  };

  const look = () => {
    if (isOver) return;
    const nowMs = clock.monotonicMs();
    for (const { id, self, services, state } of cluster.nodes()) {
      const place = services[service];
      if (self || !place || (state !== "alive" && state !== "suspect") || ways.has(id) || opening.has(id)) continue;
      const since = missedSince.get(id) ?? nowMs;
      missedSince.set(id, since);
      if (cluster.selfId < id || nowMs - since >= patienceMs) open(id, place.url);
    }
  };
  let cancelLook = clock.schedule(lookEveryMs, lookAgain);
  function lookAgain(): void {
    look();
    cancelLook = clock.schedule(lookEveryMs, lookAgain);
  }
  const unsubscribe = cluster.subscribe(look);
  look();

  return {
    kind: "direct",
    carrier: mesh,
    takes: (path) => path === linkPath,
    handle(request, caller) {
      const id = request.headers.get(idHeader) ?? "";
      if (
        !/^[\w.-]{1,64}$/.test(id) ||
        !judge.isPeer(request.headers.get(secretHeader) ?? "", caller) ||
        !caller.upgrade
      ) {
        throw new Fault(
          "unauthorized",
          "windsock/not-a-node",
          "Cannot let you in: this is for nodes of the same cluster",
        );
      }
      return caller.upgrade(new Incoming(id, maxTextBytes, { opened, closed, hear }));
    },
    state() {
      const nodes = mesh.nodes();
      const away = cluster
        .nodes()
        .filter(({ id, self, services, state }) => !self && state === "alive" && services[service] && !ways.has(id));
      return {
        isUp: true,
        failure: away.length === 0 ? undefined : `no way to ${away.map(({ name }) => name).join(", ")}`,
        nodes,
      };
    },
    async stop() {
      mesh.stop();
      isOver = true;
      cancelLook();
      unsubscribe();
      // The farewell has to leave before the connection does.
      if (ways.size > 0) await sleep(clock, farewellMs);
      for (const held of ways.values()) for (const way of held) tryClose(way, log);
      ways.clear();
    },
  };
}

function tryClose(way: Way, log: Logger): void {
  try {
    way.close();
  } catch (thrown) {
    log.debug("A way to another node could not be closed", { reason: reasonOf(thrown) });
  }
}

interface Ears {
  opened(id: string, way: Way): void;
  closed(id: string, way: Way): void;
  hear(pieces: Pieces, message: Uint8Array, way: Way): void;
}

/** A connection that another node opened. */
class Incoming implements SocketHandler, Way {
  readonly #id: string;
  readonly #ears: Ears;
  readonly #pieces: Pieces;
  #socket: Socket | undefined;

  constructor(id: string, maxTextBytes: number, ears: Ears) {
    this.#id = id;
    this.#ears = ears;
    this.#pieces = new Pieces(maxTextBytes);
  }

  get waitingBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  opened(socket: Socket): void {
    this.#socket = socket;
    this.#ears.opened(this.#id, this);
  }

  received(_socket: Socket, message: string | Buffer): void {
    if (typeof message !== "string") this.#ears.hear(this.#pieces, message, this);
  }

  closed(): void {
    this.#socket = undefined;
    this.#ears.closed(this.#id, this);
  }

  send(piece: Uint8Array): void {
    this.#socket?.sendBinary(piece);
  }

  close(): void {
    this.#socket?.close();
  }
}

/**
 * A proxy: takes connections, finds each an upstream that may be tried, and passes bytes on in both directions. Refusals
 * come at once. Descriptors, queue and memory are bounded; what a limit of our own refuses is never held against an
 * upstream.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { BreakerEvent, FailureKind, Transition } from "./breaker.ts";
import { Chooser, ejectOutlier } from "./choice.ts";
import type { ClientHandlers, ClientSocket } from "./client-socket.ts";
import { Connection, type Dial, type Ending } from "./connection.ts";
import { Dialler, type DiallerParts, isOwnFailure, type ServerSocket } from "./dialler.ts";
import { Door } from "./door.ts";
import { Limits } from "./limits.ts";
import { OpenConnections } from "./open-connections.ts";
import type { ProxyPlan } from "./plan.ts";
import type { Lookup } from "./resolver.ts";
import { Refusals } from "./refusals.ts";
import { Upstream } from "./upstream.ts";
import { Watch } from "./watch.ts";

/** What a proxy needs. */
export interface ProxyParts {
  plan: ProxyPlan;
  clock: Clock;
  random: Random;
  lookup: Lookup;
  /** Told of each breaker event. */
  happened(proxy: Proxy, upstream: Upstream, event: BreakerEvent, openMs: number): void;
  changed(proxy: Proxy, upstream: Upstream, transition: Transition): void;
  /** Told when an upstream was put aside. */
  ejected?(proxy: Proxy, upstream: Upstream): void;
  /** Told of each connection that was taken and is over; only then is a client's address looked at. */
  ended?(proxy: Proxy, connection: Connection): void;
  /** Told of what ought not to be able to happen; the connection is closed. */
  failed(thrown: unknown): void;
  /** For what a front has to tell. */
  log: Logger;
  /** May put stages into a connection before anything flows. */
  prepare?(connection: Connection): void;
}

/** What is counted from the start on. */
export interface ProxyCounts {
  accepted: number;
  /** Of connections that are over; see {@link Proxy.bytes}. */
  upBytes: number;
  downBytes: number;
  readonly endings: Map<Ending, number>;
}

type Client = ClientSocket<Connection>;

/** Upstreams that a connection is tried at, at most. */
const attemptsMax = 3;

/** A proxy. */
export class Proxy {
  readonly plan: ProxyPlan;
  readonly upstreams: readonly Upstream[];
  readonly counts: ProxyCounts = { accepted: 0, upBytes: 0, downBytes: 0, endings: new Map() };
  readonly #parts: ProxyParts;
  readonly #clock: Clock;
  readonly #chooser: Chooser;
  readonly #limits: Limits;
  readonly #isLimited: boolean;
  readonly #looksAtAddress: boolean;
  readonly #connections = new OpenConnections<Connection>();
  readonly #queue = new Set<Connection>();
  readonly #refusals: Refusals<Connection>;
  readonly #watch: Watch;
  readonly #emptied = new Set<() => void>();
  readonly #door: Door;
  readonly #dialler: Dialler;
  #served = 0;
  #isDraining = false;
  #ownFailures = 0;

  constructor(parts: ProxyParts) {
    const { clock, plan } = parts;
    this.#parts = parts;
    this.#clock = clock;
    this.plan = plan;
    this.upstreams = plan.upstreams.map(
      (own) =>
        new Upstream({
          plan,
          own,
          clock,
          random: parts.random,
          lookup: parts.lookup,
          happened: (upstream, event, openMs) => parts.happened(this, upstream, event, openMs),
          changed: (upstream, transition) => parts.changed(this, upstream, transition),
        }),
    );
    this.#chooser = new Chooser(this.upstreams, plan.balance);
    this.#refusals = new Refusals(plan.refusal);
    this.#limits = new Limits(plan, clock.monotonicMs());
    this.#isLimited = plan.rate > 0 || plan.ratePerClient > 0 || plan.maxPerClient > 0;
    this.#looksAtAddress =
      parts.ended !== undefined || this.#isLimited || (plan.balance === "hash" && plan.upstreams.length > 1);
    this.#watch = new Watch({
      plan,
      clock,
      connections: this.#connections,
      refusals: this.#refusals,
      dialIsLate: (connection, dial) => this.#dialIsLate(connection, dial),
      placeIsLate: (connection) => {
        if (this.#queue.has(connection)) this.#refuse(connection, "full");
      },
      firstByteIsLate: (connection) => this.#firstByteIsLate(connection),
      looked: () => {
        if (this.#queue.size > 0) this.#serveQueue();
      },
    });
    this.#door = new Door({ plan, clock, log: parts.log, handlers: this.#handleClients() });
    this.#dialler = new Dialler({
      plan,
      clock,
      handlers: this.#handleServers(),
      dialed: (socket) => this.#dialed(socket),
      failed: (dial, failure) => this.#dialFailed(dial, failure),
    });
  }

  /** Where it really listens. */
  get address(): string {
    return this.#door.address;
  }

  /** The port it really listens on. */
  get port(): number {
    return this.#door.port;
  }

  /** Why it does not listen; empty when it does, or should not. */
  get failure(): string {
    return this.#door.failure;
  }

  /** Connections that are served, and those that wait in the queue. */
  get active(): { served: number; queued: number } {
    return { served: this.#served, queued: this.#queue.size };
  }

  /** Whether it takes connections. */
  get isListening(): boolean {
    return this.#door.isOpen;
  }

  /** Whether it was told to take no more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Dials that failed because this machine had no more to give. */
  get ownFailures(): number {
    return this.#ownFailures;
  }

  /** Clients that did not get past header and handshake, by reason; undefined where there is neither. */
  get turnedAway(): Door["turnedAway"] {
    return this.#door.turnedAway;
  }

  /** What is wrong with the files of TLS, or soon will be, in sentences. */
  get warnings(): readonly string[] {
    return [...this.#door.warnings, ...this.#dialler.problems];
  }

  /** Bytes so far, of open connections too. */
  bytes(): { up: number; down: number } {
    let { downBytes: down, upBytes: up } = this.counts;
    for (const connection of this.#connections) {
      up += connection.up.bytes;
      down += connection.down.bytes;
    }
    return { up, down };
  }

  /** Looks the upstreams' names up, and again later. Never throws. */
  async resolve(): Promise<void> {
    await Promise.all(this.upstreams.map(({ resolver }) => resolver.start(this.plan.resolveMs)));
  }

  /** Takes connections from now on. Faults: `cbp/listen` (unavailable). */
  listen(): void {
    this.#door.open();
    this.#isDraining = false;
  }

  /** Takes no more connections; resolves when the last is over, or was cut after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    this.#isDraining = true;
    this.#door.close();
    for (const connection of this.#queue) this.#refuse(connection, "stopped");
    if (this.#connections.size === 0) return;
    const cancel =
      limitMs === Number.POSITIVE_INFINITY ? () => undefined : this.#clock.schedule(limitMs, () => this.#cutAll());
    await new Promise<void>((resolve) => this.#emptied.add(resolve));
    cancel();
  }

  /** Takes no more, ends what is there within `drainMs`, and looks nothing up any more. */
  async stop(drainMs: number): Promise<void> {
    await this.drain(drainMs);
    for (const { resolver } of this.upstreams) resolver.stop();
    this.#watch.stop();
    this.#door.stop();
    this.#refusals.stop();
  }

  /** All connections, for looking at. */
  connections(): Iterable<Connection> {
    return this.#connections;
  }

  #handleClients(): ClientHandlers<Connection> {
    return {
      open: (socket) => this.#accept(socket),
      data(socket, chunk) {
        // Of those who were told no nothing is wanted.
        const connection = socket.data;
        if (connection === undefined) return;
        connection.up.take(chunk);
        // The upstream is gone, and had said its end: as a system does with bytes for nobody.
        if (connection.goneMs > 0 && connection.down.isShut) socket.terminate();
      },
      drain(socket) {
        socket.data?.down.drain();
      },
      end(socket) {
        if (!socket.data) socket.end();
        // A reset that a write met first looks like an end to the reader.
        else if (socket.data.down.isBroken) socket.terminate();
        else socket.data.up.end();
      },
      close: (socket, failure) => {
        const connection = socket.data;
        if (connection) this.#clientClosed(connection, failure !== undefined && failure !== null);
        else this.#refusals.forget(socket);
      },
      error: (socket, failure) => {
        this.#parts.failed(failure);
        socket.terminate();
      },
    };
  }

  #handleServers(): DiallerParts["handlers"] {
    return {
      data: (socket, chunk) => {
        const { connection } = socket.data;
        connection.down.take(chunk);
        if (connection.goneMs > 0) {
          if (connection.up.isShut) socket.terminate();
          return;
        }
        if (connection.firstByteMs === 0) this.#firstByte(connection);
        if (connection.isUnjudged && connection.down.bytes >= this.plan.healthyBytes) connection.judge("success");
      },
      drain(socket) {
        socket.data.connection.up.drain();
      },
      end(socket) {
        const { connection } = socket.data;
        if (connection.up.isBroken) {
          socket.terminate();
          return;
        }
        if (connection.isUnjudged)
          connection.judge(connection.down.bytes === 0 && !connection.up.isEnded ? "closed-early" : "success");
        connection.down.end();
      },
      close: (socket, failure) => this.#serverClosed(socket.data, failure !== undefined && failure !== null),
      error: (socket, failure) => {
        this.#parts.failed(failure);
        socket.terminate();
      },
    };
  }

  #accept(socket: Client): void {
    const nowMs = this.#clock.monotonicMs();
    this.counts.accepted++;
    const address = this.#looksAtAddress ? socket.remoteAddress : "";
    const connection = new Connection(socket, address, nowMs);
    socket.data = connection;
    if (this.#isLimited) {
      const against = this.#limits.enter(address, nowMs);
      if (against !== undefined) {
        this.#count(against);
        this.#tellNo(connection, against);
        return;
      }
    }
    this.#connections.add(connection);
    this.#watch.begin();
    this.#parts.prepare?.(connection);
    if (this.#isFull) this.#enqueue(connection);
    else this.#serve(connection, nowMs);
  }

  /** Whether all places are taken. Who is served holds two descriptors, a dial that was given up one. */
  get #isFull(): boolean {
    const { maxConnections } = this.plan;
    return maxConnections > 0 && this.#served + this.#dialler.abandoned / 2 >= maxConnections;
  }

  #enqueue(connection: Connection): void {
    if (this.#queue.size >= this.plan.queue) this.#refuse(connection, "full");
    else this.#queue.add(connection);
  }

  #serve(connection: Connection, nowMs: number): void {
    const { tried } = connection;
    const choice = this.#chooser.choose(connection.address, tried);
    if (choice === "full") {
      this.#enqueue(connection);
      return;
    }
    if (choice === "open") {
      this.#refuse(connection, tried === undefined ? "open" : "dial-failed");
      return;
    }
    if (!connection.isServed) {
      connection.isServed = true;
      this.#served++;
    }
    const { ticket, upstream } = choice;
    connection.assign(upstream, ticket);
    this.#dialler.dial(connection, upstream, nowMs);
  }

  #dialed(socket: ServerSocket): void {
    const dial = socket.data;
    const { connection, upstream } = dial;
    const nowMs = this.#clock.monotonicMs();
    const tookMs = nowMs - dial.startedMs;
    upstream.connecting.add(nowMs, tookMs);
    if (this.plan.slowConnectMs > 0 && tookMs > this.plan.slowConnectMs) this.#failed(connection, "slow-connect");
    connection.connect(socket, nowMs);
  }

  #dialFailed(dial: Dial, failure: unknown): void {
    const { connection, upstream } = dial;
    if (isOwnFailure(failure)) {
      this.#ownFailures++;
      connection.judge("void");
      this.#refuse(connection, "own-limit");
      return;
    }
    this.#failed(connection, "refused");
    this.#again(connection, upstream);
  }

  /** After an upstream failed before anything was sent to it, the next may be tried. */
  #again(connection: Connection, failed: Upstream): void {
    (connection.tried ??= []).push(failed);
    if (this.upstreams.length === 1 || connection.tried.length >= attemptsMax) this.#refuse(connection, "dial-failed");
    else this.#serve(connection, this.#clock.monotonicMs());
  }

  #firstByte(connection: Connection): void {
    const nowMs = this.#clock.monotonicMs();
    connection.firstByteMs = nowMs;
    connection.upstream?.firstByte.add(nowMs, nowMs - connection.connectedMs);
  }

  #failed(connection: Connection, kind: FailureKind): void {
    if (!connection.isUnjudged) return;
    connection.judge(kind);
    const { upstream } = connection;
    if (upstream && ejectOutlier(this.upstreams, upstream, this.plan.ejectAfter)) this.#parts.ejected?.(this, upstream);
  }

  #clientClosed(connection: Connection, isReset: boolean): void {
    // To whom we have said our own end, its end comes as a close alone.
    if (!isReset && connection.ending === undefined && connection.down.isShut && !connection.up.isEnded)
      connection.up.end();
    // Of what waits for it nothing can arrive any more.
    const isCut = connection.down.isWaiting;
    connection.client = undefined;
    connection.down.disconnect();
    connection.ending ??= isReset || isCut ? "client-reset" : undefined;
    const { dial, server } = connection;
    if (dial !== undefined) this.#abandon(connection, dial);
    // Had the client said that it would send no more, what waits still goes to the upstream.
    else if (server !== undefined) {
      if (isReset || !connection.up.isEnded || (isCut && connection.up.isShut)) server.terminate();
      else connection.goneMs = this.#clock.monotonicMs();
    }
    if (connection.server === undefined) this.#over(connection);
  }

  #serverClosed({ connection, upstream }: Dial, isReset: boolean): void {
    if (!isReset && connection.ending === undefined && connection.up.isShut && !connection.down.isEnded)
      connection.down.end();
    connection.server = undefined;
    upstream.active--;
    connection.up.disconnect();
    const { client } = connection;
    const isBroken = isReset || !connection.down.isEnded;
    if (isBroken && connection.ending === undefined && client !== undefined) {
      this.#failed(connection, connection.down.bytes === 0 ? "reset-early" : "reset");
      connection.ending = "upstream-reset";
    }
    connection.judge(isBroken ? "void" : "success");
    if (client === undefined) {
      this.#over(connection);
      return;
    }
    if (isBroken && connection.down.bytes === 0) client.terminate();
    else connection.goneMs = this.#clock.monotonicMs();
  }

  /** Nobody waits for a dial any more. */
  #abandon(connection: Connection, dial: Dial): void {
    connection.judge("void");
    this.#dialler.abandon(dial);
  }

  /** Says no to a connection that was counted in. */
  #refuse(connection: Connection, ending: Ending): void {
    this.#queue.delete(connection);
    this.#tellNo(connection, ending);
    this.#over(connection);
  }

  /** Says no. The socket is no longer the connection's. */
  #tellNo(connection: Connection, ending: Ending): void {
    connection.ending ??= ending;
    const socket = connection.client as Client | undefined;
    connection.client = undefined;
    if (!socket) return;
    socket.data = undefined;
    this.#refusals.refuse(socket, connection.down.bytes > 0, this.#clock.monotonicMs());
    if (this.#refusals.isWaiting) this.#watch.begin();
  }

  #over(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.#queue.delete(connection);
    connection.stopStages();
    connection.judge("void");
    this.counts.upBytes += connection.up.bytes;
    this.counts.downBytes += connection.down.bytes;
    if (this.#isLimited) this.#limits.leave(connection.address);
    connection.ending ??= "done";
    this.#count(connection.ending);
    this.#parts.ended?.(this, connection);
    if (connection.isServed) {
      this.#served--;
      if (this.#queue.size > 0) this.#serveQueue();
    }
    if (this.#connections.size === 0) {
      for (const resolve of this.#emptied) resolve();
      this.#emptied.clear();
    }
  }

  #serveQueue(): void {
    for (const connection of this.#queue) {
      if (this.#isFull) return;
      this.#queue.delete(connection);
      this.#serve(connection, this.#clock.monotonicMs());
      // It came back: the upstreams are full.
      if (this.#queue.has(connection)) return;
    }
  }

  #count(ending: Ending): void {
    this.counts.endings.set(ending, (this.counts.endings.get(ending) ?? 0) + 1);
  }

  #cutAll(): void {
    for (const connection of this.#connections) {
      connection.ending ??= "stopped";
      if (connection.dial) this.#abandon(connection, connection.dial);
      connection.server?.terminate();
      connection.client?.terminate();
    }
  }

  /** After a dial that took too long, the next upstream may be tried. */
  #dialIsLate(connection: Connection, dial: Dial): void {
    this.#failed(connection, "dial-timeout");
    dial.upstream.resolver.failed(dial.hostname);
    this.#abandon(connection, dial);
    this.#again(connection, dial.upstream);
  }

  #firstByteIsLate(connection: Connection): void {
    this.#failed(connection, "first-byte-timeout");
    connection.judge("void");
    connection.ending = "first-byte-timeout";
    const { server } = connection;
    this.#tellNo(connection, "first-byte-timeout");
    server?.terminate();
  }
}

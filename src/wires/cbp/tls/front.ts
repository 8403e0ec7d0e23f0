/**
 * What clients meet before the proxy, where that is more than TCP: a PROXY header from those whose headers are believed,
 * then TLS. Only who has passed both within the time becomes a connection; how many may be on their way is bounded. Bytes
 * that came together with the header are not lost.
 */
import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";

import type { Clock } from "../../../kit/clock.ts";
import type { Logger } from "../../../kit/log.ts";
import { type ProxyHeader, ProxyHeaderError } from "../../../lib/proxy-protocol/header.ts";
import { HeaderReader, type WholeHeader } from "../../../lib/proxy-protocol/reader.ts";
import type { ClientHandlers } from "../client-socket.ts";
import type { Connection } from "../connection.ts";
import { Certificates } from "./certificates.ts";
import type { EdgePlan } from "./edge-plan.ts";
import { FrontSocket } from "./front-socket.ts";

/** What a front needs. */
export interface FrontParts {
  readonly edge: EdgePlan;
  readonly clock: Clock;
  readonly log: Logger;
  readonly handlers: ClientHandlers<Connection>;
}

/** How long a client may take for header and handshake together. */
const greetingMs = 10_000;
/** Clients that are at it at the same time. */
const greetingsMax = 4096;

/** A listener with a front. */
export class Front {
  /** Clients that did not get through, by reason. */
  readonly refused = { headers: 0, handshakes: 0, late: 0, full: 0 };
  readonly certificates: Certificates | undefined;
  readonly #parts: FrontParts;
  readonly #greeting = new Set<Socket>();
  #server: Server | undefined;

  /** Reads the certificates. Faults as {@link Certificates}. */
  constructor(parts: FrontParts) {
    this.#parts = parts;
    const { tls } = parts.edge;
    this.certificates = tls && new Certificates(tls, parts.clock, parts.log);
  }

  /** Listens; gives the port. Throws what the system says. */
  listen(host: string, port: number): number {
    // A server like the one below says later that it cannot listen; this says it now.
    const probe = Bun.listen({ hostname: host, port, socket: { data: () => undefined } });
    const bound = probe.port;
    probe.stop(true);
    const server = createServer({ allowHalfOpen: true }, (raw) => this.#greet(raw));
    server.on("error", (thrown) => this.#parts.log.error("A front cannot listen", { reason: thrown.message }));
    server.listen({ host, port: bound });
    this.#server = server;
    return bound;
  }

  /** Takes no more clients; those that have become connections go on. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const raw of this.#greeting) raw.destroy();
  }

  /** Closes, and looks after the certificates no longer. */
  stop(): void {
    this.close();
    this.certificates?.stop();
  }

  #greet(raw: Socket): void {
    if (this.#greeting.size >= greetingsMax) {
      this.refused.full++;
      raw.destroy();
      return;
    }
    this.#greeting.add(raw);
    const cancel = this.#parts.clock.schedule(greetingMs, () => {
      this.refused.late++;
      raw.destroy();
    });
    const over = () => {
      cancel();
      this.#greeting.delete(raw);
    };
    raw.on("close", over);
    raw.on("error", (thrown) => this.#tell("A client broke off", raw, thrown));
    const { headersFrom } = this.#parts.edge;
    if (headersFrom?.has(raw.remoteAddress ?? "") === true) this.#readHeader(raw, over);
    else this.#secure(raw, undefined, over);
  }

  #readHeader(raw: Socket, over: () => void): void {
    const reader = new HeaderReader();
    const leave = () => {
      raw.off("data", take);
      raw.off("end", early);
    };
    const refuse = (thrown: Error) => {
      leave();
      this.refused.headers++;
      this.#tell("A client sent no header that can be read", raw, thrown);
      raw.destroy();
    };
    const early = () => refuse(new Error("it ended before"));
    const take = (chunk: Buffer) => {
      let found: WholeHeader | undefined;
      try {
        found = reader.take(chunk);
      } catch (thrown) {
        if (!(thrown instanceof ProxyHeaderError)) throw thrown;
        refuse(thrown);
        return;
      }
      if (found === undefined) return;
      leave();
      raw.pause();
      if (found.rest.length > 0) raw.unshift(Buffer.from(found.rest));
      this.#secure(raw, found.header, over);
    };
    raw.on("data", take);
    raw.on("end", early);
  }

  #secure(raw: Socket, header: ProxyHeader | undefined, over: () => void): void {
    const { edge } = this.#parts;
    const { certificates } = this;
    if (edge.tls === undefined || certificates === undefined) {
      this.#enter(raw, raw, header, over);
      return;
    }
    const { alpn, clientCertificates } = edge.tls;
    const isAsked = clientCertificates !== "none";
    const tls = new TLSSocket(raw, {
      isServer: true,
      requestCert: isAsked,
      // Whom to refuse is decided below: without a certificate may be well, with one that is not valid never is.
      rejectUnauthorized: false,
      secureContext: certificates.contextFor(""),
      SNICallback: (name, done) => done(null, certificates.contextFor(name)),
      ...(alpn.length > 0
        ? { ALPNCallback: ({ protocols }) => alpn.find((wanted) => protocols.includes(wanted)) }
        : {}),
    });
    tls.allowHalfOpen = true;
    let isOver = false;
    const fail = (thrown: Error) => {
      if (isOver) return;
      isOver = true;
      this.refused.handshakes++;
      this.#tell("A client did not get through its handshake", raw, thrown);
      tls.destroy();
    };
    tls.on("error", fail);
    tls.once("secure", () => {
      const hasShown = isAsked && tls.getPeerX509Certificate() !== undefined;
      if (isAsked && !tls.authorized && (hasShown || clientCertificates === "required")) {
        fail(new Error(hasShown ? String(tls.authorizationError) : "it showed no certificate"));
        return;
      }
      isOver = true;
      this.#enter(tls, raw, header, over);
    });
  }

  #enter(socket: Socket, raw: Socket, header: ProxyHeader | undefined, over: () => void): void {
    over();
    raw.off("close", over);
    try {
      void new FrontSocket(socket, raw, header, this.#parts.handlers);
    } catch (thrown) {
      if (!(thrown instanceof ProxyHeaderError)) throw thrown;
      this.refused.headers++;
      socket.destroy();
    }
  }

  #tell(what: string, raw: Socket, thrown: Error): void {
    this.#parts.log.debug(what, { client: raw.remoteAddress, reason: thrown.message });
  }
}

/** Sockets to servers: plain, or TLS with the certificate looked at, and with one of our own where that is how we sign in. */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/** Where to. */
export interface Target {
  host: string;
  port: number;
  isSecure: boolean;
}

/** What comes of a connection. */
export interface WireEvents {
  /** Bytes that are valid only during the call. */
  data(chunk: Uint8Array): void;
  /** It is over; called once, and never before the wire was given out. */
  closed(reason: string): void;
}

/** A connection that stands. */
export interface Wire {
  write(line: string): void;
  /** What was written still goes out. */
  end(): void;
}

/** Opens a connection. */
export type Dial = (target: Target, events: WireEvents) => Promise<Wire>;

/** How to trust, and be trusted. */
export interface TlsChoice {
  /** Whether the server's certificate has to be good. */
  verify: boolean;
  /** PEM of authorities beside the machine's. */
  ca?: string;
  /** PEM of our own. */
  certificate?: string;
  key?: string;
}

/** A server that does not read what it is sent is given up beyond this. */
const maxUnsentBytes = 1 << 20;

/** Bytes that are taken in one turn: a server that floods us must not hold up everything else. */
const turnBytes = 4096;

/** The dial of the machine. `connectMs` bounds the look-up, the connection and the handshake together. */
export function systemDial(tls: TlsChoice, connectMs = 20_000): Dial {
  return ({ host, isSecure, port }, events) =>
    new Promise<Wire>((resolve, reject) => {
      let isOpen = false;
      let failure = "";
      const socket = isSecure
        ? connectTls({
            host,
            port,
            ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
            rejectUnauthorized: tls.verify,
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.certificate === undefined ? {} : { cert: tls.certificate, key: tls.key ?? tls.certificate }),
          })
        : connect({ host, port });
      socket.setTimeout(connectMs, () => socket.destroy(new Error(`no connection within ${connectMs / 1000} s`)));
      socket.once(isSecure ? "secureConnect" : "connect", () => {
        isOpen = true;
        socket.setTimeout(0);
        socket.setNoDelay(true);
        resolve({
          write(line) {
            if (socket.destroyed) return;
            socket.write(line);
            if (socket.writableLength > maxUnsentBytes) socket.destroy(new Error("the server does not read"));
          },
          end: () => socket.end(),
        });
      });
      let rest: Uint8Array | undefined;
      let isClosed = false;
      const over = () => {
        if (isOpen) events.closed(failure || "the server closed the connection");
        else reject(new Error(failure || "the server closed the connection"));
      };
      const take = (chunk: Uint8Array) => {
        rest = chunk.length > turnBytes ? chunk.subarray(turnBytes) : undefined;
        events.data(chunk.subarray(0, turnBytes));
        if (rest) setImmediate(take, rest);
        else if (isClosed) over();
        else if (socket.isPaused()) socket.resume();
      };
      socket.on("data", (chunk: Uint8Array) => {
        if (chunk.length > turnBytes) socket.pause();
        take(chunk);
      });
      socket.on("error", (error: Error) => {
        failure = error.message;
      });
      socket.on("end", () => socket.end());
      socket.on("close", () => {
        isClosed = true;
        // What had come before the end is told before it.
        if (!rest) over();
      });
    });
}

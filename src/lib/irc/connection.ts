/**
 * A session that lives: dials, registers, paces what goes out, looks for signs of life, and comes back when the connection
 * is lost, later each time. It does not come back where it was banned or refused, until it is told to. The socket is a port
 * (dial.ts), time and chance are given.
 */
import type { Dial, Wire } from "./dial.ts";
import type { EndReason, IrcEvent } from "./event.ts";
import { Flood, type FloodOptions } from "./flood.ts";
import { LineReader } from "./lines.ts";
import { formatMessage, IrcLineError, type IrcMessage } from "./message.ts";
import type { Identity } from "./registration.ts";
import { Session } from "./session.ts";

/** Time, as far as a connection needs it. */
export interface Clock {
  now(): number;
  monotonicMs(): number;
  schedule(delayMs: number, callback: () => void): () => void;
}

/** What a connection is told. */
export interface ConnectionOptions {
  host: string;
  port: number;
  /** Encrypted from the first byte. */
  tls: boolean;
  identity: Identity;
  dial: Dial;
  clock: Clock;
  random(): number;
  tell(event: IrcEvent): void;
  version: string;
  flood: FloodOptions;
  /** A question for a sign of life goes out so often. @default 3 min */
  pingMs?: number;
  /** Nothing heard for so long after it: the connection is dead. @default 60 s */
  patienceMs?: number;
  /** From dialling to being let in. @default 60 s */
  registrationMs?: number;
  /** The first delay before coming back. @default 2 s */
  reconnectMs?: number;
  /** The longest. @default 5 min */
  reconnectMaxMs?: number;
  /** How often the wanted nick is asked for while another is held. @default 60 s */
  regainMs?: number;
  /** Lines that wait for their turn. @default 500 */
  maxWaiting?: number;
}

/** How a connection stands. */
export type ConnectionState = "connecting" | "registering" | "up" | "waiting" | "barred" | "closed";

/** So long has a connection to last to count as a good one. */
const steadyMs = 60_000;

/** A connection that is kept up. */
export class Connection {
  readonly #options: ConnectionOptions;
  #session: Session | undefined;
  #wire: Wire | undefined;
  #state: ConnectionState = "closed";
  #reason = "";
  #attempt = 0;
  #upgradePort: number | undefined;
  #waiting: IrcMessage[] = [];
  #flood: Flood;
  #cancelSend: (() => void) | undefined;
  #timers = new Set<() => void>();
  #registeredMs: number | undefined;
  #heardMs = 0;
  #dropped = 0;
  #sent = 0;
  #retryAt: number | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#flood = new Flood(options.flood);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Why it is not up; empty when it is. */
  get reason(): string {
    return this.#reason;
  }

  /** When it is tried again, epoch ms. */
  get retryAt(): number | undefined {
    return this.#retryAt;
  }

  /** The session, while the server has let us in. */
  get session(): Session | undefined {
    return this.#session?.isRegistered ? this.#session : undefined;
  }

  /** Lines that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lines that were not sent because too many waited, or the connection was lost. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Lines that went out. */
  get sent(): number {
    return this.#sent;
  }

  /** Whether more may be said now: at least half of the queue is free. */
  get hasRoom(): boolean {
    return this.#waiting.length < (this.#options.maxWaiting ?? 500) / 2;
  }

  /** Connects, now; also where it was barred, or waits. Does nothing while it is up or on the way. */
  open(): void {
    if (this.#state === "connecting" || this.#state === "registering" || this.#state === "up") return;
    this.#clear();
    this.#dial();
  }

  /** Says goodbye and ends for good. */
  close(reason: string): void {
    if (this.#state === "closed") return;
    const wire = this.#wire;
    if (wire && this.#session) {
      const words = reason.replaceAll(/[\0\r\n]/g, " ").slice(0, 200);
      wire.write(formatMessage({ command: "QUIT", params: [words] }));
    }
    this.#state = "closed";
    this.#clear();
    this.#wire = undefined;
    this.#session = undefined;
    wire?.end();
  }

  #dial(): void {
    const { clock, host, identity, port, random, version } = this.#options;
    const isSecure = this.#options.tls || this.#upgradePort !== undefined;
    this.#state = "connecting";
    this.#retryAt = undefined;
    this.#registeredMs = undefined;
    this.#flood = new Flood(this.#options.flood);
    const session: Session = new Session(identity, {
      send: (message, isUrgent) => this.#send(session, message, isUrgent),
      tell: (event) => this.#told(session, event),
      now: () => clock.now(),
      random,
      isSecure,
      version,
    });
    this.#session = session;
    const reader = new LineReader();
    this.#options
      .dial(
        { host, port: this.#upgradePort ?? port, isSecure },
        {
          data: (chunk) => {
            if (this.#session !== session) return;
            this.#heardMs = clock.monotonicMs();
            for (const line of reader.take(chunk)) session.take(line);
          },
          closed: (reason) => session.end({ kind: "ended", why: "lost", reason }),
        },
      )
      .then(
        (wire) => {
          if (this.#session !== session) {
            wire.end();
            return;
          }
          this.#wire = wire;
          this.#state = "registering";
          session.begin();
        },
        (thrown: unknown) =>
          session.end({
            kind: "ended",
            why: "lost",
            reason: thrown instanceof Error ? thrown.message : String(thrown),
          }),
      );
    this.#later(this.#options.registrationMs ?? 60_000, () => {
      if (this.#session === session && !session.isRegistered) {
        session.end({ kind: "ended", why: "lost", reason: "the server did not let us in in time" });
      }
    });
  }

  #told(session: Session, event: IrcEvent): void {
    if (this.#session !== session) return;
    if (event.kind === "registered") {
      this.#state = "up";
      this.#reason = "";
      this.#registeredMs = this.#options.clock.monotonicMs();
      this.#watch(session);
      this.#regain(session);
    }
    if (event.kind === "ended") {
      const wire = this.#wire;
      this.#clear();
      this.#session = undefined;
      this.#wire = undefined;
      wire?.end();
      this.#reason = event.reason;
      this.#comeBack(event.why, event.port);
    }
    this.#options.tell(event);
  }

  #comeBack(why: EndReason, port: number | undefined): void {
    const { clock, random, reconnectMaxMs = 300_000, reconnectMs = 2000 } = this.#options;
    if (why === "banned" || why === "refused") {
      this.#state = "barred";
      return;
    }
    if (why === "upgrade") this.#upgradePort = port;
    const isSteady = this.#registeredMs !== undefined && clock.monotonicMs() - this.#registeredMs >= steadyMs;
    if (isSteady) this.#attempt = 0;
    const longest = Math.min(reconnectMaxMs, reconnectMs * 2 ** Math.min(this.#attempt, 20));
    this.#attempt++;
    const baseMs = why === "throttled" ? reconnectMaxMs : why === "upgrade" ? Math.min(100, reconnectMs) : longest;
    const delayMs = baseMs * (0.75 + random() / 2);
    this.#state = "waiting";
    this.#retryAt = clock.now() + delayMs;
    this.#later(delayMs, () => this.#dial());
  }

  #watch(session: Session): void {
    const { clock, patienceMs = 60_000, pingMs = 180_000 } = this.#options;
    this.#later(pingMs, () => {
      if (this.#session !== session) return;
      const askedMs = clock.monotonicMs();
      this.#send(session, { command: "PING", params: [`warren-${Math.round(askedMs)}`] }, true);
      this.#later(patienceMs, () => {
        if (this.#session !== session) return;
        if (this.#heardMs >= askedMs) this.#watch(session);
        else session.end({ kind: "ended", why: "lost", reason: "the server fell silent" });
      });
    });
  }

  #regain(session: Session): void {
    this.#later(this.#options.regainMs ?? 60_000, () => {
      if (this.#session !== session) return;
      session.regain();
      this.#regain(session);
    });
  }

  #send(session: Session, message: IrcMessage, isUrgent: boolean): void {
    if (this.#session !== session || !this.#wire) return;
    if (isUrgent) {
      // The server counts these lines, too; what waits makes room for them.
      if (session.isRegistered) this.#flood.charge(bytesOf(message), this.#options.clock.monotonicMs());
      this.#write(message);
      return;
    }
    if (this.#waiting.length >= (this.#options.maxWaiting ?? 500)) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(message);
    this.#drain();
  }

  #drain(): void {
    const { clock } = this.#options;
    while (!this.#cancelSend) {
      const message = this.#waiting[0];
      if (!message) return;
      const waitMs = this.#flood.charge(bytesOf(message), clock.monotonicMs());
      if (waitMs === 0) {
        this.#waiting.shift();
        this.#write(message);
        continue;
      }
      this.#cancelSend = clock.schedule(waitMs, () => {
        this.#cancelSend = undefined;
        this.#waiting.shift();
        this.#write(message);
        this.#drain();
      });
    }
  }

  #write(message: IrcMessage): void {
    const lineBytes = this.#session?.support.lineBytes ?? 512;
    try {
      this.#wire?.write(formatMessage(message, { lineBytes }));
      this.#sent++;
    } catch (thrown) {
      // What cannot be one line is not sent at all.
      if (!(thrown instanceof IrcLineError)) throw thrown;
      this.#dropped++;
    }
  }

  #later(delayMs: number, callback: () => void): void {
    const forget = () => {
      cancel();
      this.#timers.delete(forget);
    };
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#timers.delete(forget);
      callback();
    });
    this.#timers.add(forget);
  }

  #clear(): void {
    for (const forget of this.#timers) forget();
    this.#cancelSend?.();
    this.#cancelSend = undefined;
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
  }
}

/** About how long a message is as a line. */
function bytesOf({ command, params }: IrcMessage): number {
  return params.reduce((sum, param) => sum + Buffer.byteLength(param) + 1, command.length + 3);
}

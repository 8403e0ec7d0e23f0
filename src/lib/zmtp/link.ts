/**
 * One connection to a peer, without a socket: bytes in, messages out, and back. It greets, proves, answers pings and
 * translates between the framings and ways to subscribe of ZMTP 1.0 to 3.1, so that those above it see none of that.
 * Nothing but the handshake is sent before the peer's own is whole: libzmq drops whoever does.
 * Leaves out queues, time and reconnecting, which are the transport's.
 */
import { commandBody, readCommand } from "./command.ts";
import { FrameReader, type Framing, frameOf, messageBytes } from "./frame.ts";
import { fittingTypes, Greeting, type SocketType } from "./greeting.ts";
import type { FrameCipher, Handshake } from "./handshake.ts";
import { handshakeOf, type Security } from "./mechanism.ts";
import { ZmtpError } from "./protocol-error.ts";

/** What this side is. */
export interface LinkOptions {
  socketType: SocketType;
  security: Security;
  /** Up to 255 octets; goes out where the type of socket has one. */
  identity: Uint8Array;
  /** The most bytes of one frame, and of all frames of one message together. */
  maxMessageBytes: number;
  /** The most frames of one message. */
  maxFrames: number;
}

/** Who the other side is. */
export interface LinkPeer {
  version: "1.0" | "2.0" | "3.0" | "3.1";
  /** Undefined for a peer of 1.0, which does not say. */
  socketType: SocketType | undefined;
  identity: Buffer;
}

/** What a link tells. Each may be called from within {@link Link.receive}. */
export interface LinkEvents {
  /** Bytes for the wire. */
  write(bytes: Buffer): void;
  /** The handshake is done; messages may go. */
  ready(peer: LinkPeer): void;
  /** A whole message. The frames may share memory with what else arrived: copy what is kept for long. */
  message(frames: Buffer[]): void;
  /** Only for PUB and XPUB: the peer wants, or no longer wants, what begins with a topic. */
  subscription(topic: Buffer, isOn: boolean): void;
  /** The peer asks to be taken for gone after so many ms without a word of it; undefined lifts that. */
  lifetime(ms: number | undefined): void;
}

const identified: ReadonlySet<SocketType> = new Set(["REQ", "DEALER", "ROUTER"]);
const publishers: ReadonlySet<SocketType> = new Set(["PUB", "XPUB"]);
const empty = Buffer.alloc(0);
/** No command of a handshake is longer. */
const maxHandshakeBytes = 64 * 1024;
/** The longest identity that a peer of before 3.0 may begin with. */
const maxIdentityBytes = 255;
/** What sealing adds to a frame: a name, a count, a proof and flags. */
const sealBytes = 33;
/** Commands may be so long whatever the bound of messages. */
const leastFrameBytes = 2048;

/** One side of a connection. */
export class Link {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #greeting: Greeting;
  #handshake: Handshake | undefined;
  #cipher: FrameCipher | undefined;
  #reader: FrameReader | undefined;
  #framing: Framing = "v2";
  #state: "greeting" | "handshake" | "identity" | "ready" = "greeting";
  #minor: 0 | 1 = 0;
  #peer: LinkPeer = { version: "3.0", socketType: undefined, identity: empty };
  #frames: Buffer[] = [];
  #framesBytes = 0;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    const { security, socketType } = options;
    this.#greeting = new Greeting({
      socketType,
      mechanism: security.mechanism,
      isServer: security.mechanism === "NULL" ? false : security.role === "server",
    });
  }

  /** Whether messages may go. */
  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Sends what is sent before anything is known. */
  start(): void {
    this.#events.write(this.#greeting.first());
  }

  /** Takes bytes. Throws {@link ZmtpError}; the connection is then over. */
  receive(chunk: Uint8Array): void {
    if (this.#state !== "greeting") {
      this.#reader?.read(chunk, this.#take);
      return;
    }
    const { send, agreed, rest } = this.#greeting.receive(chunk);
    if (send.length > 0) this.#events.write(send);
    if (!agreed) return;
    if (agreed.version === "v3") this.#beginHandshake(agreed.minor);
    else {
      if (this.#options.security.mechanism !== "NULL") {
        throw new ZmtpError(`The peer is too old for ${this.#options.security.mechanism}`);
      }
      const peerType = agreed.version === "v2" ? agreed.peerType : undefined;
      if (peerType) this.#requireFit(peerType);
      this.#framing = agreed.version === "v1" ? "v1" : agreed.framing;
      this.#peer = { version: agreed.version === "v1" ? "1.0" : "2.0", socketType: peerType, identity: empty };
      this.#state = "identity";
      this.#reader = new FrameReader(this.#framing, maxIdentityBytes);
      // To a peer of 1.0 our signature already is an identity, the empty one.
      if (agreed.version === "v2") this.#events.write(frameOf(this.#framing, this.#ownIdentity(), false));
    }
    if (rest && rest.length > 0) this.receive(rest);
  }

  /** The bytes of a message for this peer. */
  encode(frames: readonly Uint8Array[]): Buffer {
    if (!this.#cipher) return messageBytes(this.#framing, frames);
    return Buffer.concat(frames.map((frame, index) => this.#frame(frame, index < frames.length - 1, false)));
  }

  /** How this peer's frames are written: links of equal framing take the very same bytes. Sealed ones are its alone. */
  get framing(): Framing | "sealed" {
    return this.#cipher ? "sealed" : this.#framing;
  }

  /** The bytes that subscribe to, or cancel, what begins with a topic; nothing for a peer of 1.0, which sends all. */
  subscription(topic: Uint8Array, isOn: boolean): Buffer {
    if (this.#peer.version === "1.0") return empty;
    if (this.#minor === 1) {
      return this.#frame(commandBody(isOn ? "SUBSCRIBE" : "CANCEL", topic), false, true);
    }
    return this.encode([Buffer.concat([Buffer.from([isOn ? 1 : 0]), topic])]);
  }

  /** The bytes of a ping that says after how long a silence we are gone, or nothing where the peer knows no pings. */
  ping(lifetimeMs: number): Buffer {
    if (this.#minor === 0) return empty;
    const lifetime = Buffer.alloc(2);
    lifetime.writeUInt16BE(Math.min(65_535, Math.ceil(lifetimeMs / 100)));
    return this.#frame(commandBody("PING", lifetime), false, true);
  }

  /** The bytes that tell the peer why it is refused; nothing outside of a handshake by 3.x. */
  refusal(reason: string): Buffer {
    if (this.#state !== "handshake") return empty;
    const text = Buffer.from(reason, "utf8").subarray(0, 255);
    return frameOf("v2", commandBody("ERROR", Buffer.from([text.length]), text), false, true);
  }

  /** One frame in the peer's framing, sealed where frames are. */
  #frame(body: Uint8Array, isMore: boolean, isCommand: boolean): Buffer {
    if (this.#cipher) return frameOf("v2", this.#cipher.seal(body, isMore, isCommand), false);
    return frameOf(this.#framing, body, isMore, isCommand);
  }

  #beginHandshake(minor: 0 | 1): void {
    this.#minor = minor;
    this.#peer = { ...this.#peer, version: minor === 1 ? "3.1" : "3.0" };
    const { socketType, security } = this.#options;
    const own: [string, Uint8Array][] = [["Socket-Type", Buffer.from(socketType, "latin1")]];
    if (identified.has(socketType)) own.push(["Identity", this.#ownIdentity()]);
    this.#handshake = handshakeOf(security, own);
    this.#state = "handshake";
    // Nobody is known yet: what is kept of a frame that is not whole stays small.
    this.#reader = new FrameReader("v2", maxHandshakeBytes);
    for (const body of this.#handshake.first()) this.#events.write(frameOf("v2", body, false, true));
  }

  readonly #take = (body: Buffer, isMore: boolean, isCommand: boolean): void => {
    if (this.#state === "ready") {
      if (this.#cipher) {
        const opened = this.#cipher.open(body);
        if (opened.isCommand) this.#takeCommand(opened.body);
        else this.#takeFrame(opened.body, opened.isMore);
      } else if (isCommand) this.#takeCommand(body);
      else this.#takeFrame(body, isMore);
    } else if (this.#state === "handshake") {
      if (!isCommand) throw new ZmtpError("The peer sent a message before its handshake was done");
      const { send, peer, cipher } = this.#handshake?.receive(readCommand(body)) ?? { send: [] };
      for (const answer of send) this.#events.write(frameOf("v2", answer, false, true));
      this.#cipher = cipher;
      if (peer) this.#greet(peer);
    } else {
      if (isMore || body.length > 255) throw new ZmtpError("The peer's identity is no single short frame");
      this.#becomeReady({ ...this.#peer, identity: Buffer.from(body) });
    }
  };

  #greet(properties: Map<string, Buffer>): void {
    const named = properties.get("socket-type")?.toString("latin1") ?? "";
    const socketType = Object.keys(fittingTypes).find((type): type is SocketType => type === named);
    if (!socketType) throw new ZmtpError(`The peer is of an unknown kind of socket, ${JSON.stringify(named)}`);
    this.#requireFit(socketType);
    const identity = properties.get("identity") ?? empty;
    if (identity.length > 255) throw new ZmtpError("The peer's identity is longer than 255 octets");
    this.#becomeReady({ ...this.#peer, socketType, identity });
  }

  #becomeReady(peer: LinkPeer): void {
    this.#peer = peer;
    this.#state = "ready";
    const { maxMessageBytes } = this.#options;
    if (this.#reader)
      this.#reader.maxBytes = Math.max(maxMessageBytes + (this.#cipher ? sealBytes : 0), leastFrameBytes);
    this.#events.ready(peer);
    // A subscriber of 1.0 sends no subscriptions: it gets everything, and chooses by itself.
    if (peer.version === "1.0" && publishers.has(this.#options.socketType)) this.#events.subscription(empty, true);
  }

  #requireFit(socketType: SocketType): void {
    const own = this.#options.socketType;
    if (fittingTypes[own].includes(socketType)) return;
    throw new ZmtpError(`A ${socketType} socket does not fit a ${own} socket`, { isFinal: true });
  }

  #ownIdentity(): Uint8Array {
    return identified.has(this.#options.socketType) ? this.#options.identity : empty;
  }

  #takeCommand(body: Buffer): void {
    const { name, body: rest } = readCommand(body);
    if (name === "PING") {
      if (rest.length < 2 || rest.length > 18) throw new ZmtpError("A PING has the wrong length");
      const tenths = rest.readUInt16BE(0);
      this.#events.lifetime(tenths === 0 ? undefined : tenths * 100);
      this.#events.write(this.#frame(commandBody("PONG", rest.subarray(2)), false, true));
    } else if ((name === "SUBSCRIBE" || name === "CANCEL") && publishers.has(this.#options.socketType)) {
      this.#events.subscription(rest, name === "SUBSCRIBE");
    } else if (name === "ERROR") {
      throw new ZmtpError(`The peer ended the connection: ${JSON.stringify(rest.subarray(1, 256).toString("utf8"))}`);
    }
    // Others are for versions to come, and PONG is life enough by having arrived.
  }

  #takeFrame(body: Buffer, isMore: boolean): void {
    this.#framesBytes += body.length;
    if (this.#framesBytes > this.#options.maxMessageBytes) {
      throw new ZmtpError(`A message is longer than ${this.#options.maxMessageBytes} bytes`);
    }
    if (this.#frames.length >= this.#options.maxFrames) {
      throw new ZmtpError(`A message has more than ${this.#options.maxFrames} frames`);
    }
    this.#frames.push(body);
    if (isMore) return;
    const frames = this.#frames;
    this.#frames = [];
    this.#framesBytes = 0;
    const first = frames[0] ?? empty;
    if (publishers.has(this.#options.socketType) && frames.length === 1 && (first[0] === 0 || first[0] === 1)) {
      this.#events.subscription(first.subarray(1), first[0] === 1);
    } else this.#events.message(frames);
  }
}

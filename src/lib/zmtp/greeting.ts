/**
 * How two peers find out which ZMTP they have in common. Each sends 10 octets, then its version, and the rest only when
 * it knows the other's, for a peer of 1.0 takes our 10 octets for an empty identity, and one of 2.0 expects something
 * else after the version. Pure: what arrives goes in, what must be sent comes out.
 */
import { ZmtpError } from "./protocol-error.ts";

/** The kinds of sockets, in the order of their numbers in ZMTP 2.0. */
export const socketTypes = [
  "PAIR",
  "PUB",
  "SUB",
  "REQ",
  "REP",
  "DEALER",
  "ROUTER",
  "PULL",
  "PUSH",
  "XPUB",
  "XSUB",
] as const;
/** One of {@link socketTypes}. */
export type SocketType = (typeof socketTypes)[number];

/** Whom a socket may talk to. */
export const fittingTypes: Readonly<Record<SocketType, readonly SocketType[]>> = {
  PAIR: ["PAIR"],
  PUB: ["SUB", "XSUB"],
  SUB: ["PUB", "XPUB"],
  REQ: ["REP", "ROUTER"],
  REP: ["REQ", "DEALER"],
  DEALER: ["REP", "DEALER", "ROUTER"],
  ROUTER: ["REQ", "DEALER", "ROUTER"],
  PULL: ["PUSH"],
  PUSH: ["PULL"],
  XPUB: ["SUB", "XSUB"],
  XSUB: ["PUB", "XPUB"],
};

/** How both prove who they are. */
export type MechanismName = "NULL" | "PLAIN" | "CURVE";

/** What the peers agreed on. `v3` is followed by the mechanism's handshake; the others begin with identities. */
export type Agreement =
  | { version: "v1" }
  | { version: "v2"; framing: "v1" | "v2"; peerType: SocketType | undefined }
  | { version: "v3"; minor: 0 | 1 };

/** What we are. */
export interface GreetingOptions {
  socketType: SocketType;
  mechanism: MechanismName;
  isServer: boolean;
}

const signature = Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]);
const wholeBytes = 64;

/** One side of a greeting. */
export class Greeting {
  readonly #options: GreetingOptions;
  #got: Buffer = Buffer.alloc(0);
  #step: "signature" | "version" | "rest" | "done" = "signature";

  constructor(options: GreetingOptions) {
    this.#options = options;
  }

  /** What is sent before anything is known. */
  first(): Buffer {
    return signature;
  }

  /**
   * Takes what has arrived. `send` goes out at once; with `agreed`, `rest` are the bytes after the greeting (for `v1`
   * everything, for there is no greeting). Throws {@link ZmtpError} for what is no ZMTP, or another mechanism.
   */
  receive(chunk: Uint8Array): { send: Buffer; agreed?: Agreement; rest?: Buffer } {
    this.#got = Buffer.concat([this.#got, chunk]);
    const got = this.#got;
    const out: Buffer[] = [];
    if (this.#step === "signature") {
      if (got.length === 0) return { send: Buffer.alloc(0) };
      if (got[0] !== 0xff) {
        // An identity by 1.0 is short, and flagged as the only frame. Letters are a stray client of another protocol.
        if (got.length > 1 && ((got[1] ?? 0) & 0xfe) !== 0) throw new ZmtpError("The peer does not speak ZMTP");
        if (got.length < 2) return { send: Buffer.alloc(0) };
        return this.#done({ version: "v1" }, 0, out);
      }
      if (got.length < 10) return { send: Buffer.alloc(0) };
      if (((got[9] ?? 0) & 1) === 0) return this.#done({ version: "v1" }, 0, out);
      out.push(Buffer.from([3]));
      this.#step = "version";
    }
    if (this.#step === "version" && got.length >= 11) {
      const version = got[10] ?? 0;
      if (version < 3) {
        if (this.#options.mechanism !== "NULL") {
          throw new ZmtpError(`The peer speaks ZMTP ${version + 1}.0, which knows no ${this.#options.mechanism}`);
        }
        out.push(Buffer.from([socketTypes.indexOf(this.#options.socketType)]));
      } else out.push(this.#remaining());
      this.#step = "rest";
    }
    if (this.#step === "rest") {
      const version = got[10] ?? 0;
      if (version < 3) {
        if (got.length < 12) return { send: Buffer.concat(out) };
        const peerType = socketTypes[got[11] ?? 255];
        if (peerType === undefined) throw new ZmtpError(`The peer is of an unknown kind of socket, ${got[11] ?? 0}`);
        return this.#done({ version: "v2", framing: version === 0 ? "v1" : "v2", peerType }, 12, out);
      }
      if (got.length < wholeBytes) return { send: Buffer.concat(out) };
      const mechanism = got.subarray(12, 32).toString("latin1").replace(/\0+$/, "");
      if (mechanism !== this.#options.mechanism) {
        throw new ZmtpError(
          `The peer's mechanism is ${JSON.stringify(mechanism)}, ours ${JSON.stringify(this.#options.mechanism)}`,
          { isFinal: true },
        );
      }
      const minor = version > 3 || (got[11] ?? 0) >= 1 ? 1 : 0;
      return this.#done({ version: "v3", minor }, wholeBytes, out);
    }
    return { send: Buffer.concat(out) };
  }

  #remaining(): Buffer {
    const rest = Buffer.alloc(wholeBytes - 11);
    rest[0] = 1;
    rest.write(this.#options.mechanism, 1, "latin1");
    rest[21] = this.#options.isServer ? 1 : 0;
    return rest;
  }

  #done(agreed: Agreement, used: number, out: readonly Buffer[]): { send: Buffer; agreed: Agreement; rest: Buffer } {
    this.#step = "done";
    const rest = this.#got.subarray(used);
    this.#got = Buffer.alloc(0);
    return { send: Buffer.concat(out), agreed, rest };
  }
}

/**
 * CURVE (RFC 25 and 26): a handshake with keys of Curve25519 that hides everything but the server's key from others, and
 * the sealing of every frame after it. The server keeps nothing of a client until that has proved that it knows the
 * server's key. As libzmq does it where the RFC and libzmq differ.
 * The primitives are those of NaCl, by @noble; what is here is who sends what sealed with which key.
 */
import { randomBytes } from "node:crypto";

import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { x25519 } from "@noble/curves/ed25519.js";

import { commandBody, type Command, propertyBytes, readProperties } from "./command.ts";
import { frameFlags } from "./frame.ts";
import { expectCommand, type FrameCipher, type Handshake, type Properties } from "./handshake.ts";
import { ZmtpError } from "./protocol-error.ts";

/** What one side of CURVE has. Keys are 32 bytes. */
export type CurveSecurity =
  | { mechanism: "CURVE"; role: "client"; serverKey: Uint8Array; publicKey: Uint8Array; secretKey: Uint8Array }
  | {
      mechanism: "CURVE";
      role: "server";
      publicKey: Uint8Array;
      secretKey: Uint8Array;
      /** Whether a client may in, by its key. */
      check(clientKey: Uint8Array): boolean;
    };

/** A new pair of keys. */
export function curveKeys(): { publicKey: Buffer; secretKey: Buffer } {
  const secretKey = Buffer.from(x25519.utils.randomSecretKey());
  return { publicKey: publicKeyOf(secretKey), secretKey };
}

/** The public key that belongs to a secret one. */
export function publicKeyOf(secretKey: Uint8Array): Buffer {
  return Buffer.from(x25519.getPublicKey(secretKey));
}

/** The handshake of either side. Throws {@link ZmtpError} for keys of the wrong length. */
export function curveHandshake(security: CurveSecurity, own: Properties): Handshake {
  const keys = [security.publicKey, security.secretKey, ...(security.role === "client" ? [security.serverKey] : [])];
  if (keys.some((key) => key.length !== 32)) throw new ZmtpError("A key of CURVE has 32 bytes", { isFinal: true });
  return security.role === "client" ? clientHandshake(security, own) : serverHandshake(security, own);
}

function clientHandshake(security: CurveSecurity & { role: "client" }, own: Properties): Handshake {
  const transient = curveKeys();
  const counter = new Counter();
  let peerCounter = 0n;
  let withServer: Uint8Array | undefined;
  return {
    first() {
      const nonce = counter.next();
      const box = seal(
        sharedKey(security.serverKey, transient.secretKey),
        nonceOf("CurveZMQHELLO---", nonce),
        Buffer.alloc(64),
      );
      return [commandBody("HELLO", Buffer.from([1, 0]), Buffer.alloc(72), transient.publicKey, nonce, box)];
    },
    receive(command) {
      if (withServer === undefined) {
        expectCommand(command, "WELCOME");
        expectBytes(command, 160);
        const opened = openBox(
          sharedKey(security.serverKey, transient.secretKey),
          nonceOf("WELCOME-", command.body.subarray(0, 16)),
          command.body.subarray(16),
        );
        const serverTransient = opened.subarray(0, 32);
        const cookie = opened.subarray(32);
        withServer = sharedKey(serverTransient, transient.secretKey);
        const vouchNonce = randomBytes(16);
        const vouch = seal(
          sharedKey(serverTransient, security.secretKey),
          nonceOf("VOUCH---", vouchNonce),
          Buffer.concat([transient.publicKey, security.serverKey]),
        );
        const nonce = counter.next();
        const box = seal(
          withServer,
          nonceOf("CurveZMQINITIATE", nonce),
          Buffer.concat([security.publicKey, vouchNonce, vouch, propertyBytes(own)]),
        );
        return { send: [commandBody("INITIATE", cookie, nonce, box)] };
      }
      expectCommand(command, "READY");
      const nonce = command.body.subarray(0, 8);
      const properties = openBox(withServer, nonceOf("CurveZMQREADY---", nonce), command.body.subarray(8));
      peerCounter = nonce.readBigUInt64BE(0);
      return { send: [], peer: readProperties(properties), cipher: cipherOf(withServer, "C", counter, peerCounter) };
    },
  };
}

function serverHandshake(security: CurveSecurity & { role: "server" }, own: Properties): Handshake {
  const transient = curveKeys();
  const cookieKey = randomBytes(32);
  const counter = new Counter();
  let clientTransient: Buffer | undefined;
  let cookie: Buffer | undefined;
  return {
    first: () => [],
    receive(command) {
      if (clientTransient === undefined || cookie === undefined) {
        expectCommand(command, "HELLO");
        expectBytes(command, 194);
        const { body } = command;
        if (body[0] !== 1 || body[1] !== 0) throw new ZmtpError("The peer's CURVE is of an unknown version");
        clientTransient = Buffer.from(body.subarray(74, 106));
        const withClient = sharedKey(clientTransient, security.secretKey);
        openBox(withClient, nonceOf("CurveZMQHELLO---", body.subarray(106, 114)), body.subarray(114));
        const cookieNonce = randomBytes(16);
        const sealed = seal(
          cookieKey,
          nonceOf("COOKIE--", cookieNonce),
          Buffer.concat([clientTransient, transient.secretKey]),
        );
        cookie = Buffer.concat([cookieNonce, sealed]);
        const nonce = randomBytes(16);
        const box = seal(withClient, nonceOf("WELCOME-", nonce), Buffer.concat([transient.publicKey, cookie]));
        return { send: [commandBody("WELCOME", nonce, box)] };
      }
      expectCommand(command, "INITIATE");
      const { body } = command;
      if (body.length < 96 + 8 + 16 + 128) throw new ZmtpError("An INITIATE is too short");
      if (!body.subarray(0, 96).equals(cookie)) throw new ZmtpError("An INITIATE has another cookie");
      const withClient = sharedKey(clientTransient, transient.secretKey);
      const nonce = body.subarray(96, 104);
      const opened = openBox(withClient, nonceOf("CurveZMQINITIATE", nonce), body.subarray(104));
      const clientKey = Buffer.from(opened.subarray(0, 32));
      const vouched = openBox(
        sharedKey(clientKey, transient.secretKey),
        nonceOf("VOUCH---", opened.subarray(32, 48)),
        opened.subarray(48, 128),
      );
      if (!vouched.equals(Buffer.concat([clientTransient, security.publicKey]))) {
        throw new ZmtpError("The client's keys do not belong together", { isFinal: true });
      }
      if (!security.check(clientKey)) throw new ZmtpError("The client's key is unknown", { isFinal: true });
      const peer = readProperties(opened.subarray(128));
      const readyNonce = counter.next();
      const box = seal(withClient, nonceOf("CurveZMQREADY---", readyNonce), propertyBytes(own));
      return {
        send: [commandBody("READY", readyNonce, box)],
        peer,
        cipher: cipherOf(withClient, "S", counter, nonce.readBigUInt64BE(0)),
      };
    },
  };
}

/** `own` is the letter that ends this side's nonces. */
function cipherOf(key: Uint8Array, own: "C" | "S", counter: Counter, heard: bigint): FrameCipher {
  const ownPrefix = `CurveZMQMESSAGE${own}`;
  const peerPrefix = `CurveZMQMESSAGE${own === "C" ? "S" : "C"}`;
  let last = heard;
  return {
    seal(body, isMore, isCommand) {
      const nonce = counter.next();
      const plain = Buffer.allocUnsafe(body.length + 1);
      // Inside, the bit of a command is the second one: there is no bit for length.
      plain[0] = (isMore ? frameFlags.more : 0) | (isCommand ? 2 : 0);
      plain.set(body, 1);
      return commandBody("MESSAGE", nonce, seal(key, nonceOf(ownPrefix, nonce), plain));
    },
    open(sealed) {
      if (sealed.length < 33 || sealed.subarray(0, 8).toString("latin1") !== "\x07MESSAGE") {
        throw new ZmtpError("A frame is not sealed");
      }
      const nonce = sealed.subarray(8, 16);
      const count = nonce.readBigUInt64BE(0);
      if (count <= last) throw new ZmtpError("A sealed frame came again, or out of order");
      const opened = openBox(key, nonceOf(peerPrefix, nonce), sealed.subarray(16));
      last = count;
      const flags = opened[0] ?? 0;
      return { body: opened.subarray(1), isMore: (flags & 1) !== 0, isCommand: (flags & 2) !== 0 };
    },
  };
}

/** Counts what this side has sealed with one key: no count is ever used twice. */
class Counter {
  #count = 0n;

  next(): Buffer {
    this.#count++;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(this.#count);
    return bytes;
  }
}

function nonceOf(prefix: string, rest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(prefix, "latin1"), rest]);
}

/** What NaCl's `crypto_box_beforenm` gives. */
function sharedKey(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array {
  let point: Uint8Array;
  try {
    point = x25519.getSharedSecret(secretKey, publicKey);
  } catch (thrown) {
    throw new ZmtpError(`The peer's key is of no use: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  const words = (bytes: Uint8Array) =>
    Uint32Array.from({ length: bytes.length / 4 }, (_none, index) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(index * 4),
    );
  const out = new Uint32Array(8);
  hsalsa(words(Buffer.from("expand 32-byte k", "latin1")), words(point), new Uint32Array(4), out);
  const key = Buffer.alloc(32);
  out.forEach((word, index) => key.writeUInt32LE(word, index * 4));
  return key;
}

function seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Uint8Array {
  return xsalsa20poly1305(key, nonce).encrypt(plain);
}

function openBox(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Buffer {
  if (sealed.length < 16) throw new ZmtpError("A box is too short");
  let plain: Uint8Array;
  try {
    plain = xsalsa20poly1305(key, nonce).decrypt(sealed);
  } catch {
    throw new ZmtpError("A box was not sealed for us, by who it claims");
  }
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
}

function expectBytes(command: Command, length: number): void {
  if (command.body.length !== length) {
    throw new ZmtpError(`A ${command.name} has ${command.body.length} bytes instead of ${length}`);
  }
}

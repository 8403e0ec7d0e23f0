import { expect, test } from "bun:test";

import fc from "fast-check";

import { Link, type LinkOptions, type LinkPeer } from "./link.ts";
import { ZmtpError } from "./protocol-error.ts";

const settings: LinkOptions = {
  socketType: "REP",
  security: { mechanism: "NULL" },
  identity: new Uint8Array(0),
  maxMessageBytes: 1000,
  maxFrames: 4,
};

/** A link, and all that came out of it. */
function linkOf(options: Partial<LinkOptions> = {}) {
  const out: Buffer[] = [];
  const peers: LinkPeer[] = [];
  const messages: string[][] = [];
  const subscriptions: string[] = [];
  const lifetimes: (number | undefined)[] = [];
  const link = new Link(
    { ...settings, ...options },
    {
      write: (bytes) => out.push(bytes),
      ready: (peer) => peers.push(peer),
      message: (frames) => messages.push(frames.map((frame) => frame.toString("latin1"))),
      subscription: (topic, isOn) => subscriptions.push(`${isOn ? "+" : "-"}${topic.toString("latin1")}`),
      lifetime: (ms) => lifetimes.push(ms),
    },
  );
  link.start();
  const written = () => Buffer.concat(out.splice(0)).toString("latin1");
  return { link, written, peers, messages, subscriptions, lifetimes };
}

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const latin = (text: string) => Buffer.from(text, "latin1");
const signature = "\xff\0\0\0\0\0\0\0\x01\x7f";
const filler = "\0".repeat(31);
const greeting = (minor: number, mechanism = "NULL") =>
  `${signature}\x03${String.fromCharCode(minor)}${mechanism.padEnd(20, "\0")}\0${filler}`;
const readyOf = (type: string) => {
  const body = `\x05READY\x0bSocket-Type\0\0\0${String.fromCharCode(type.length)}${type}`;
  return `\x04${String.fromCharCode(body.length)}${body}`;
};

test("3.1: greets in steps, and says nothing but READY before the peer's own", () => {
  const { link, written, peers, messages } = linkOf();
  expect(written()).toBe(signature);
  link.receive(latin(signature));
  expect(written()).toBe("\x03");
  link.receive(latin("\x03"));
  expect(written()).toBe(`\x01NULL${"\0".repeat(16)}\0${filler}`);
  expect(link.isReady).toBe(false);
  link.receive(latin(greeting(1).slice(11)));
  expect(written()).toBe(readyOf("REP"));
  link.receive(Buffer.concat([hex("04 26 05"), latin("READY"), hex("0B"), latin("Socket-Type"), hex("00000003")]));
  link.receive(Buffer.concat([latin("REQ"), hex("08"), latin("Identity"), hex("00000000"), latin("\x01\0\0\x02hi")]));
  expect(peers).toEqual([{ version: "3.1", socketType: "REQ", identity: Buffer.alloc(0) }]);
  expect(messages).toEqual([["", "hi"]]);
});

test("2.0: a type instead of a mechanism, then identities, then frames", () => {
  const { link, written, peers, messages } = linkOf();
  written();
  link.receive(latin(`${signature}\x01\x03`));
  expect(written()).toBe("\x03\x04\0\0");
  link.receive(latin("\0\0\x01\0\0\x05hello"));
  expect(peers.map(({ version, socketType }) => `${version} ${socketType ?? ""}`)).toEqual(["2.0 REQ"]);
  expect(messages).toEqual([["", "hello"]]);
  expect(link.encode([latin(""), latin("published")]).toString("latin1")).toBe("\x01\0\0\x09published");
});

test("1.0: our signature is an identity to it; what it was seen to send is read, and answered as libzmq does", () => {
  const { link, written, peers, messages } = linkOf();
  expect(written()).toBe(signature);
  link.receive(hex("01 00"));
  link.receive(Buffer.concat([hex("01 01 06 00"), latin("hello")]));
  expect(written()).toBe("");
  expect(peers.map(({ version }) => version)).toEqual(["1.0"]);
  expect(messages).toEqual([["", "hello"]]);
  expect(link.encode([latin(""), latin("published")]).toString("latin1")).toBe("\x01\x01\x0a\0published");
});

test("1.0: a subscriber that cannot subscribe gets everything", () => {
  const { link, subscriptions } = linkOf({ socketType: "PUB" });
  link.receive(hex("01 00"));
  expect(subscriptions).toEqual(["+"]);
});

test("subscriptions: as commands from 3.1 on, as messages before, and a publisher takes either", () => {
  const { link, subscriptions } = linkOf({ socketType: "PUB" });
  link.receive(latin(greeting(1) + readyOf("SUB")));
  link.receive(Buffer.concat([hex("04 0D 09"), latin("SUBSCRIBEgob"), hex("04 0A 06"), latin("CANCELabc")]));
  link.receive(Buffer.concat([hex("00 04 01"), latin("gob"), hex("00 04 00"), latin("gob")]));
  expect(subscriptions).toEqual(["+gob", "-abc", "+gob", "-gob"]);
  const newer = linkOf({ socketType: "SUB" });
  newer.link.receive(latin(greeting(1) + readyOf("PUB")));
  expect(newer.link.subscription(latin("gob"), true).toString("latin1")).toBe("\x04\x0d\x09SUBSCRIBEgob");
  const older = linkOf({ socketType: "SUB" });
  older.link.receive(latin(greeting(0) + readyOf("PUB")));
  expect(older.link.subscription(latin("gob"), false).toString("latin1")).toBe("\0\x04\0gob");
});

test("PING: answered with its context, its time to live is told; none is sent to a peer of 3.0", () => {
  const { link, written, lifetimes } = linkOf();
  link.receive(latin(greeting(1) + readyOf("REQ")));
  written();
  link.receive(Buffer.concat([hex("04 0A 04"), latin("PING"), hex("00 64"), latin("ctx")]));
  expect(written()).toBe("\x04\x08\x04PONGctx");
  expect(lifetimes).toEqual([10_000]);
  expect(link.ping(3000).toString("latin1")).toBe("\x04\x07\x04PING\0\x1e");
  const older = linkOf();
  older.link.receive(latin(greeting(0) + readyOf("REQ")));
  expect(older.link.ping(3000).length).toBe(0);
});

test("refusals: another protocol, another mechanism, a socket that does not fit, a message too early or too large", () => {
  const refused = (chunks: readonly string[], options: Partial<LinkOptions> = {}) => {
    const { link } = linkOf(options);
    try {
      for (const chunk of chunks) link.receive(latin(chunk));
    } catch (thrown) {
      if (!(thrown instanceof ZmtpError)) throw thrown;
      return thrown.message;
    }
    return "";
  };
  expect(refused(["GET / HTTP/1.1\r\n\r\n"])).toContain("does not speak ZMTP");
  expect(refused([greeting(1, "CURVE")])).toContain('mechanism is "CURVE"');
  expect(refused([greeting(1), readyOf("SUB")])).toContain("SUB socket does not fit a REP socket");
  expect(refused([greeting(1), readyOf("NONSENSE")])).toContain("unknown kind of socket");
  expect(refused([greeting(1), "\0\x02hi"])).toContain("before its handshake was done");
  const standing = greeting(1) + readyOf("REQ");
  expect(refused([standing, "\x01\0".repeat(5)])).toContain("more than 4 frames");
  expect(refused([standing, `\x01\xfa${"x".repeat(250)}`.repeat(4), "\0\x01x"])).toContain("longer than 1000 bytes");
  const plain = { security: { mechanism: "PLAIN", role: "server", check: () => true } } as const;
  expect(refused([`${signature}\x01\x03`], plain)).toContain("knows no PLAIN");
  expect(refused(["\x01\0"], plain)).toContain("too old for PLAIN");
});

test("two links: whatever the security and the cuts, they become ready and messages come through", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 90 }),
      fc.boolean(),
      (messages, pieceBytes, isPlain) => {
        const server = linkOf(isPlain ? { security: { mechanism: "PLAIN", role: "server", check: () => true } } : {});
        const client = linkOf({
          socketType: "REQ",
          ...(isPlain ? { security: { mechanism: "PLAIN", role: "client", user: "u", password: "p" } } : {}),
        });
        const give = (bytes: Buffer, to: Link) => {
          for (let at = 0; at < bytes.length; at += pieceBytes) to.receive(bytes.subarray(at, at + pieceBytes));
        };
        for (let turn = 0; turn < 20; turn++) {
          give(latin(server.written()), client.link);
          give(latin(client.written()), server.link);
        }
        expect([server.link.isReady, client.link.isReady]).toEqual([true, true]);
        for (const message of messages) give(client.link.encode(message), server.link);
        expect(server.messages).toEqual(
          messages.map((message) => message.map((frame) => Buffer.from(frame).toString("latin1"))),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test("receive: any bytes at any time are taken or are a ZmtpError", () => {
  const beginnings = ["", signature, greeting(1), greeting(1) + readyOf("REQ"), "\x01\0", `${signature}\x01\x03\0\0`];
  fc.assert(
    fc.property(
      fc.constantFrom(...beginnings),
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }),
      (beginning, chunks) => {
        const { link } = linkOf();
        try {
          link.receive(latin(beginning));
          for (const chunk of chunks) link.receive(chunk);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ZmtpError);
        }
      },
    ),
  );
});

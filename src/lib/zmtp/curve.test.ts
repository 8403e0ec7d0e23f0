import { expect, test } from "bun:test";

import fc from "fast-check";

import { curveKeys, publicKeyOf } from "./curve.ts";
import { Link, type LinkOptions } from "./link.ts";
import { ZmtpError } from "./protocol-error.ts";
import { decodeZ85, encodeZ85, parseCurveKey } from "./z85.ts";

const server = curveKeys();
const client = curveKeys();

/** Both sides of a connection; what each writes waits until it is carried over. */
function pair(change: { serverKey?: Buffer; check?(key: Uint8Array): boolean } = {}) {
  const heard: string[] = [];
  const side = (options: Pick<LinkOptions, "socketType" | "security">) => {
    const out: Buffer[] = [];
    const link = new Link(
      { ...options, identity: new Uint8Array(0), maxMessageBytes: 10_000, maxFrames: 8 },
      {
        write: (bytes) => out.push(bytes),
        ready: () => {},
        message: (frames) => heard.push(frames.map(String).join("|")),
        subscription: () => {},
        lifetime: () => {},
      },
    );
    link.start();
    return { link, take: () => Buffer.concat(out.splice(0)) };
  };
  const asked = side({
    socketType: "REP",
    security: { mechanism: "CURVE", role: "server", ...server, check: change.check ?? (() => true) },
  });
  const asking = side({
    socketType: "REQ",
    security: { mechanism: "CURVE", role: "client", ...client, serverKey: change.serverKey ?? server.publicKey },
  });
  const carry = () => {
    for (let turn = 0; turn < 10; turn++) {
      asked.link.receive(asking.take());
      asking.link.receive(asked.take());
    }
  };
  return { asked, asking, carry, heard };
}

test("CURVE: both are ready, and what goes over the wire is sealed", () => {
  let seen = "";
  const { asked, asking, carry, heard } = pair({
    check: (key) => {
      seen = Buffer.from(key).toString("hex");
      return true;
    },
  });
  carry();
  expect([asked.link.isReady, asking.link.isReady]).toEqual([true, true]);
  expect(seen).toBe(client.publicKey.toString("hex"));
  const bytes = asking.link.encode([Buffer.alloc(0), Buffer.from("a secret")]);
  expect(bytes.includes("secret")).toBe(false);
  asked.link.receive(bytes);
  expect(heard).toEqual(["|a secret"]);
  expect(() => asked.link.receive(bytes)).toThrow("came again");
});

test("CURVE: another server's key, and a client that is not known, do not get through", () => {
  expect(() => pair({ serverKey: curveKeys().publicKey }).carry()).toThrow(ZmtpError);
  expect(() => pair({ check: () => false }).carry()).toThrow("key is unknown");
});

test("CURVE: one bit changed anywhere is noticed, and nothing but a ZmtpError comes of it", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 7 }), (place, bit) => {
      const { asked, asking, carry, heard } = pair();
      carry();
      const bytes = asking.link.encode([Buffer.from("hello")]);
      // Not in the size: a frame that claims to be longer is only never whole.
      const at = 2 + (place % (bytes.length - 2));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      expect(() => asked.link.receive(bytes)).toThrow(ZmtpError);
      expect(heard).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test("Z85: the example of its specification, and back for any bytes", () => {
  expect(encodeZ85(Buffer.from("864fd26fb559f75b", "hex"))).toBe("HelloWorld");
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      expect(new Uint8Array(decodeZ85(encodeZ85(bytes)))).toEqual(bytes);
      expect(new Uint8Array(parseCurveKey(Buffer.from(bytes).toString("hex")))).toEqual(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.string({ minLength: 38, maxLength: 42 }), (text) => {
      try {
        expect(parseCurveKey(text).length).toBe(32);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SyntaxError);
      }
    }),
  );
});

test("publicKeyOf: the pair that libzmq's documentation shows", () => {
  expect(encodeZ85(publicKeyOf(parseCurveKey("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6")))).toBe(
    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
  );
});

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHmac } from "node:crypto";
import fc from "fast-check";

import { Fault } from "../../../kit/fault.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { signToken } from "../token.ts";
import { readClaims, signClaims } from "./jwt.ts";
import { namedKeyOf } from "./public-key.ts";
import { Revocations } from "./revocations.ts";
import { maySubscribe, requirePublish, TokenDesk } from "./rights.ts";
import { type SigningKey, signingKeys } from "./signing-keys-fixture.ts";
import { SignatureDesk, signRequest } from "./signature.ts";

const key = { id: "k1", secret: "s1" };
const clock = new ManualClock();
const nowSeconds = clock.now() / 1000;
const desk = (more: Partial<ConstructorParameters<typeof TokenDesk>[0]> = {}) =>
  new TokenDesk({ rules: { secrets: ["shared"] }, keys: [key], revocations: new Revocations(clock), clock, ...more });

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
  return "none";
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("signed claims", () => {
  test("TokenDesk: one token serves many topics until it expires", () => {
    const token = signClaims(
      { sub: "ann", exp: nowSeconds + 10, subscribe: ["room.1.#", "news"], publish: ["room.1"], info: { nick: "Ann" } },
      key,
    );
    const rights = desk().read(token, "127.0.0.1");
    expect(rights).toMatchObject({ user: "ann", info: '{"nick":"Ann"}' });
    expect(maySubscribe(rights, { kind: "exact", address: "room.1.typing" })).toBe(true);
    expect(maySubscribe(rights, { kind: "exact", address: "room.10" })).toBe(false);
    expect(codeOf(() => requirePublish(rights, "room.1"))).toBe("none");
    expect(codeOf(() => requirePublish(rights, "news"))).toBe("windsock/publish-right");
  });

  test("readClaims: the algorithm is ours, never the token's", () => {
    const body = part({ exp: nowSeconds + 10 });
    const none = `${part({ alg: "none" })}.${body}.`;
    expect(codeOf(() => readClaims(none, [key]))).toBe("windsock/algorithm");
    for (const alg of ["none", "None", "HS512", "RS256", "hs256", null, ["HS256"]]) {
      const head = part({ alg, kid: "k1" });
      const proof = createHmac("sha256", key.secret).update(`${head}.${body}`).digest("base64url");
      expect(codeOf(() => readClaims(`${head}.${body}.${proof}`, [key]))).toBe("windsock/algorithm");
    }
    const critical = part({ alg: "HS256", kid: "k1", crit: ["exp"] });
    expect(codeOf(() => readClaims(`${critical}.${body}.x`, [key]))).toBe("windsock/token");
  });

  test("readClaims: keys rotate, and a token that names a key is held against that one only", () => {
    const next = { id: "k2", secret: "s2" };
    const claims = { sub: "a" };
    expect(readClaims(signClaims(claims, key), [next, key])).toEqual(claims);
    expect(readClaims(signClaims(claims, next), [next, key])).toEqual(claims);
    expect(codeOf(() => readClaims(signClaims(claims, key), [next]))).toBe("windsock/key");
    expect(codeOf(() => readClaims(signClaims(claims, { id: "k1", secret: "s2" }), [next, key]))).toBe(
      "windsock/proof",
    );
    expect(readClaims(signClaims(claims, { secret: "s1" }), [key])).toEqual(claims);
  });

  test("TokenDesk: public keys beside secrets, each held to its own algorithm, and none is a secret", () => {
    const pairs = signingKeys();
    const kids: (string | undefined)[] = ["app", "curve", undefined];
    const texts = pairs.map(({ pem }, at) => (kids[at] === undefined ? pem : `${kids[at]}:${pem}`));
    // One as an environment variable has it, the others in lines as in a file.
    const both = desk({
      keys: [key, ...texts.map((text, at) => namedKeyOf(at > 0 ? text : text.replaceAll("\n", "\\n")))],
    });
    const body = part({ sub: "ann", exp: nowSeconds + 10, subscribe: ["a"] });
    const tokenBy = ({ alg, sign }: SigningKey, kid: string | undefined) => {
      const text = `${part({ alg, kid })}.${body}`;
      return `${text}.${sign(Buffer.from(text)).toString("base64url")}`;
    };
    for (const [at, pair] of pairs.entries()) {
      const id = kids[at];
      expect(both.read(tokenBy(pair, id), "127.0.0.1").user).toBe("ann");
      expect(codeOf(() => both.read(tokenBy(pair, "k1"), "127.0.0.1"))).toBe("windsock/proof");
      for (const secret of [pair.pem, pair.pem.trim()]) {
        const forged = signClaims(
          { sub: "eve", exp: nowSeconds + 10 },
          { secret, ...(id === undefined ? {} : { id }) },
        );
        expect(codeOf(() => both.read(forged, "127.0.0.1"))).toBe("windsock/proof");
      }
    }
    const secretly = signClaims({ sub: "bea", exp: nowSeconds + 10 }, key);
    expect(both.read(secretly, "127.0.0.1").user).toBe("bea");
    expect(namedKeyOf("2026:a secret: with more")).toEqual({ id: "2026", secret: "a secret: with more" });
  });

  test("readClaims: no change to a token is taken", () => {
    const token = signClaims({ sub: "ann", subscribe: ["a"] }, key);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(..."Ab0-_.=+/ "), (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        if (changed !== token) expect(() => readClaims(changed, [key])).toThrow(Fault);
      }),
      { numRuns: 3000 },
    );
  });

  test("TokenDesk: whatever is shown, a Fault says why and nothing of the secret", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}$/)), (text) => {
        try {
          desk().read(text, "127.0.0.1");
          throw new Error("it was taken");
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
          expect(String(thrown)).not.toContain("s1");
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("TokenDesk: expired, early, for others, without an end, too wide: each is told", () => {
    const read = (claims: Record<string, unknown>, audience?: string) =>
      codeOf(() => desk(audience === undefined ? {} : { audience }).read(signClaims(claims, key), "127.0.0.1"));
    expect(read({ exp: nowSeconds - 61 })).toBe("windsock/stale");
    expect(read({ exp: nowSeconds - 59 })).toBe("none");
    expect(read({ exp: nowSeconds + 600, nbf: nowSeconds + 61 })).toBe("windsock/future");
    expect(read({ exp: nowSeconds + 600, aud: "other" }, "here")).toBe("windsock/audience");
    expect(read({ exp: nowSeconds + 600, aud: ["other", "here"] }, "here")).toBe("none");
    expect(read({ sub: "a" })).toBe("windsock/claims");
    expect(read({ exp: "soon" })).toBe("windsock/claims");
    expect(read({ exp: nowSeconds + 600, subscribe: "everything" })).toBe("windsock/claims");
    expect(read({ exp: nowSeconds + 600, info: "x".repeat(2000) })).toBe("windsock/claims");
  });

  test("TokenDesk: tokens of seven fields hear their prefix and speak at their own address only", () => {
    const fields = {
      user: "u",
      subPrefix: "app.1",
      pubPrefix: "app.1.u",
      atSeconds: nowSeconds,
      salt: "7",
      address: "::1",
    };
    const rights = desk().read(signToken(fields, "shared"), "127.0.0.1");
    expect(maySubscribe(rights, { kind: "prefix", prefix: "app.1" })).toBe(true);
    expect(maySubscribe(rights, { kind: "exact", address: "app.2" })).toBe(false);
    expect(codeOf(() => requirePublish(rights, "app.1.u"))).toBe("none");
    expect(codeOf(() => requirePublish(rights, "app.1.u.x"))).toBe("windsock/publish-right");
    expect(rights.home).toBe("app.1.u");
  });
});

describe("revocations", () => {
  test("Revocations: what was called back stays so over a restart, and later tokens are good", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
    try {
      const path = join(folder, "revocations.json");
      const time = new ManualClock();
      const seconds = () => time.now() / 1000;
      const make = () => desk({ revocations: new Revocations(time, { path }), clock: time });
      const first = new Revocations(time, { path });
      const old = signClaims({ sub: "ann", iat: seconds(), exp: seconds() + 9e5, jti: "t1" }, key);
      const other = signClaims({ sub: "bob", exp: seconds() + 9e5, jti: "t2" }, key);
      await first.revoke({ user: "ann" }, 100);
      await first.revoke({ tokenId: "t2" }, 200);
      expect(codeOf(() => make().read(old, "127.0.0.1"))).toBe("windsock/revoked");
      expect(codeOf(() => make().read(other, "127.0.0.1"))).toBe("windsock/revoked");
      time.advance(5000);
      const fresh = signClaims({ sub: "ann", iat: seconds(), exp: seconds() + 600 }, key);
      expect(codeOf(() => make().read(fresh, "127.0.0.1"))).toBe("none");
      time.advance(150_000);
      expect(codeOf(() => make().read(old, "127.0.0.1"))).toBe("none");
      expect(codeOf(() => make().read(other, "127.0.0.1"))).toBe("windsock/revoked");
      writeFileSync(path, "{");
      expect(codeOf(make)).toBe("windsock/revocations");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("revocations on a disk that fails", () => {
  test("Revocations: what cannot be written is said, and is in force all the same; the next write holds it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
    try {
      const path = join(folder, "none", "revocations.json");
      const told: string[] = [];
      const unsaved: string[] = [];
      const list = new Revocations(new ManualClock(), { path, unsaved: (thrown) => void unsaved.push(String(thrown)) });
      list.onRevoke(([, name]) => void told.push(name));
      const failure = await list.revoke({ user: "ann" }).catch((thrown: unknown) => thrown);
      expect(failure).toMatchObject({ code: "windsock/revocations", kind: "unavailable" });
      expect(list.names({ user: "ann" })).toBe(true);
      expect(told).toEqual(["ann"]);
      expect(list.learn([["token", "t1", 1, 100]])).toHaveLength(1);
      while (unsaved.length === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      expect(told).toEqual(["ann"]);
      mkdirSync(join(folder, "none"));
      await list.revoke({ user: "ben" });
      expect(new Revocations(new ManualClock(), { path }).count).toBe(3);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("signatures", () => {
  const request = { method: "POST", target: "/api/publish?x=1", body: '{"a":1}' };

  test("SignatureDesk: a right request is taken once, and nothing of it may differ", () => {
    const judge = new SignatureDesk(["new", "old"], clock);
    const header = signRequest(request, "old", nowSeconds);
    for (const change of [{ method: "PUT" }, { target: "/api/publish" }, { body: '{"a":2}' }]) {
      expect(codeOf(() => judge.check(header, { ...request, ...change }))).toBe("windsock/signature");
    }
    expect(codeOf(() => judge.check(header, request))).toBe("none");
    expect(codeOf(() => judge.check(header, request))).toBe("windsock/replay");
    expect(codeOf(() => judge.check(signRequest(request, "wrong", nowSeconds), request))).toBe("windsock/signature");
    expect(codeOf(() => new SignatureDesk([], clock).check(header, request))).toBe("windsock/signature");
  });

  test("SignatureDesk: five minutes either way, and no replay within them", () => {
    const time = new ManualClock();
    const judge = new SignatureDesk(["s"], time);
    const seconds = time.now() / 1000;
    const ahead = signRequest(request, "s", seconds + 299);
    expect(codeOf(() => judge.check(ahead, request))).toBe("none");
    expect(codeOf(() => judge.check(signRequest(request, "s", seconds - 301), request))).toBe("windsock/stale");
    expect(codeOf(() => judge.check(signRequest(request, "s", seconds + 302), request))).toBe("windsock/stale");
    time.advance(590_000);
    expect(codeOf(() => judge.check(ahead, request))).toBe("windsock/replay");
    time.advance(20_000);
    expect(codeOf(() => judge.check(ahead, request))).toBe("windsock/stale");
  });

  test("SignatureDesk: whatever the header, a Fault", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(codeOf(() => new SignatureDesk(["s"], clock).check(header, request))).toBe("windsock/signature");
      }),
    );
  });
});

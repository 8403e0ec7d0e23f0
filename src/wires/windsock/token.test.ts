import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";

import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import { readToken, signToken, type TokenFields } from "./token.ts";

const secret = "6f1d916c-7761-4874-8d5b-8f8f93d20bf2";
const rules = { secrets: [secret] };
const vector = "anp8:gobot:gobot.browser.anp8:1344361884:667494:127.0.0.1:8a5c2effaf1237b747f382c9f690185e1fea2479";
const madeAt = 1_344_361_884;

function codeOf(text: string, nowSeconds = madeAt, given = rules): string {
  try {
    readToken(text, given, nowSeconds);
    return "in";
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    if (text.length > 20) expect(thrown.message).not.toContain(text);
    return thrown.code;
  }
}

const fields: TokenFields = {
  user: "anp8",
  subPrefix: "gobot",
  pubPrefix: "gobot.browser.anp8",
  atSeconds: madeAt,
  salt: "667494",
  address: "127.0.0.1",
};

test("signToken, readToken: the vector of the original", () => {
  expect(signToken(fields, secret)).toBe(vector);
  expect(readToken(vector, rules, madeAt)).toEqual(fields);
});

test("readToken: a minute old is in, a second more is stale, ahead of a minute is refused", () => {
  expect(codeOf(vector, madeAt + 60)).toBe("in");
  expect(codeOf(vector, madeAt + 61)).toBe("windsock/stale");
  expect(codeOf(vector, madeAt - 60)).toBe("in");
  expect(codeOf(vector, madeAt - 61)).toBe("windsock/future");
});

test("readToken: anything else than what was signed is refused, the retired form included", () => {
  expect(codeOf(`${vector}x`)).toBe("windsock/proof");
  expect(codeOf(vector.replace("gobot:", "other:"))).toBe("windsock/proof");
  expect(codeOf(vector.toUpperCase())).toBe("windsock/proof");
  expect(codeOf("anp8:1344361884:667494:127.0.0.1:306233f64522f1f970fc62fb3cf2d7320c899851")).toBe("windsock/token");
  expect(codeOf("")).toBe("windsock/token");
  expect(codeOf(vector.replace("1344361884", "soon"))).toBe("windsock/token");
  expect(codeOf("x".repeat(5000))).toBe("windsock/token");
});

test("readToken: the time counts as a number, as it did", () => {
  expect(codeOf(vector.replace(":1344361884:", ":+1344361884:"))).toBe("in");
  expect(codeOf(vector.replace(":1344361884:", ":001344361884:"))).toBe("in");
});

test("readToken: an IPv6 address, and a list of proxies, have their place", () => {
  for (const address of ["2001:db8::1", "::ffff:10.0.0.1", "10.0.0.1, 192.168.0.1", ""]) {
    expect(readToken(signToken({ ...fields, address }, secret), rules, madeAt).address).toBe(address);
  }
});

test("readToken: a name with colons that an issuer signed cannot shift the other fields", () => {
  const signed = (user: string, address: string) => {
    const parts = [user, "app.room_1", `app.room_1.${user}`, String(madeAt), "667494", address].join(":");
    return `${parts}:${createHmac("sha1", secret).update(parts).digest("hex")}`;
  };
  // Each would hear everything, or say it anywhere, by a name alone.
  for (const user of [
    `eve::any:${madeAt}:1`,
    `eve::any:${madeAt}:1:::1`,
    `eve::any:${madeAt}:1:fe80::1%eth`,
    `eve::any:${madeAt}:1:::1,`,
  ]) {
    for (const address of ["127.0.0.1", "::1", "10.0.0.1, ::1", ""]) {
      expect([user, codeOf(signed(user, address))]).toEqual([user, "windsock/token"]);
    }
  }
  for (const address of ["[2001:db8::1]", "fe80::1%eth0", "2001:db8::1, 10.0.0.1"]) {
    expect(readToken(signed("anp8", address), rules, madeAt).address).toBe(address);
  }
});

test("readToken: while secrets change, the former one is still good", () => {
  const both = { secrets: ["new", secret] };
  expect(codeOf(vector, madeAt, both)).toBe("in");
  expect(codeOf(signToken(fields, "new"), madeAt, both)).toBe("in");
  expect(codeOf(vector, madeAt, { secrets: ["new"] })).toBe("windsock/proof");
});

test("readToken: whatever the fields, what was signed is read; whatever the text, only a Fault is thrown", () => {
  const field = fc.string({ maxLength: 30 }).map((text) => text.replaceAll(":", ""));
  fc.assert(
    fc.property(field, field, field, field, (user, subPrefix, pubPrefix, salt) => {
      const wanted = { ...fields, user, subPrefix, pubPrefix, salt };
      expect(readToken(signToken(wanted, secret), rules, madeAt)).toEqual(wanted);
    }),
  );
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => codeOf(text) !== "in"));
  expect(() => signToken({ ...fields, user: "a:b" }, secret)).toThrow(RangeError);
});

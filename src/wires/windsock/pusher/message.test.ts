import { expect, test } from "bun:test";

import fc from "fast-check";

import { Fault } from "../../../kit/fault.ts";
import { addressOf, channelKind, channelOf, isChannel, isTarget, parseApplication } from "./application.ts";
import { type ChannelEvent, contentOf, eventOf, messageText, readMember, readMessage } from "./message.ts";
import { signedQuery } from "./signature.ts";

/** What a function gives, or the Fault that it throws; anything else fails the test. */
function tried<Result>(action: () => Result): Result | Fault {
  try {
    return action();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
}

const channelName = fc.stringMatching(/^[-\w=@,.;]{1,200}$/);

test("readMessage: whatever comes, a message or a Fault that says why", () => {
  const shaped = fc.record(
    {
      event: fc.oneof(
        fc.constantFrom("pusher:subscribe", "pusher:unsubscribe", "pusher:signin", "pusher:ping", "client-a"),
        fc.string(),
      ),
      channel: fc.anything(),
      data: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        shaped.map((value) => JSON.stringify(value) ?? ""),
      ),
      (text) => {
        const read = tried(() => readMessage(text));
        if (read instanceof Fault) expect(read.code).toBe("windsock/pusher-message");
        else expect(["subscribe", "unsubscribe", "signin", "ping", "pong", "event"]).toContain(read.kind);
      },
    ),
  );
  const deep = `{"event":"client-a","channel":"private-a","data":${"[".repeat(40_000)}${"]".repeat(40_000)}}`;
  expect(tried(() => readMessage(deep))).toBeInstanceOf(Fault);
  expect(tried(() => readMessage(`{"event":"pusher:ping","pad":"${"x".repeat(200_000)}"}`))).toBeInstanceOf(Fault);
});

test("eventOf: an event comes back as it was written, and other contents are the event `message`", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }).filter((event) => !event.startsWith("pusher")),
      fc.jsonValue(),
      fc.option(fc.string(), { nil: undefined }),
      (event, data, userId) => {
        // As it comes back from JSON: there is no -0.
        const plain: unknown = JSON.parse(JSON.stringify(data));
        const made: ChannelEvent = { event, data: plain, ...(userId === undefined ? {} : { userId }) };
        expect(eventOf(contentOf(made))).toEqual(made);
      },
    ),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
      const read = eventOf(content);
      if (read.event === "message" && read.data === content) return;
      expect(JSON.parse(content)).toMatchObject({ event: read.event });
    }),
  );
});

test("eventOf: nobody who publishes can speak as the server", () => {
  const forged = '{"event":"pusher_internal:member_added","data":"{}"}';
  expect(eventOf(forged)).toEqual({ event: "message", data: forged });
  expect(eventOf('{"event":"pusher:error","data":{}}').event).toBe("message");
});

test("messageText: what clients read is JSON with data as it was given", () => {
  expect(messageText("a", "b", "c")).toBe('{"event":"a","channel":"c","data":"b"}');
  expect(messageText("pusher:pong", {})).toBe('{"event":"pusher:pong","data":{}}');
});

test("readMember: a user, or a Fault", () => {
  expect(readMember('{"user_id":7}', "user_id")).toEqual({ id: "7", info: null });
  expect(readMember('{"id":"a","user_info":{"b":1}}', "id")).toEqual({ id: "a", info: { b: 1 } });
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const read = tried(() => readMember(text, "user_id"));
      if (!(read instanceof Fault)) expect(read.id.length).toBeGreaterThan(0);
    }),
  );
});

test("addresses: every channel has one, by which it is found again", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w-]{1,64}$/), channelName, (applicationId, channel) => {
      expect(isChannel(channel)).toBe(true);
      expect(channelOf(addressOf(applicationId, channel))).toEqual({ applicationId, channel });
    }),
  );
  expect(channelOf("pusher.shop")).toBeUndefined();
  expect(channelOf("other.shop.a")).toBeUndefined();
  expect([isChannel(""), isChannel("a b"), isChannel("a".repeat(201)), isChannel("#server-to-user-a")]).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect([isTarget("#server-to-user-a"), isTarget("#server-to-user-"), isTarget("#occupied")]).toEqual([
    true,
    false,
    false,
  ]);
});

test("channelKind: told by how the name begins", () => {
  const flags = (name: string) => Object.values(channelKind(name)).map(Number).join("");
  expect(
    [
      "a",
      "private-a",
      "presence-a",
      "cache-a",
      "private-cache-a",
      "presence-cache-a",
      "private-encrypted-a",
      "xprivate-a",
    ].map(flags),
  ).toEqual(["0000", "1001", "1101", "0010", "1011", "1111", "1000", "0000"]);
});

test("parseApplication: an id, a key and a secret, or a reason", () => {
  expect(parseApplication("shop:key:se:cret")).toEqual({ id: "shop", key: "key", secret: "se:cret" });
  for (const wrong of ["", "shop", "shop:key", "a.b:key:secret", "shop:key:", ":key:secret"]) {
    expect(() => parseApplication(wrong)).toThrow(SyntaxError);
  }
});

test("signedQuery: parameters in order, as they are, without the signature", () => {
  expect(signedQuery(new URLSearchParams("b=2&auth_signature=x&A=1%202"))).toBe("a=1 2&b=2");
});

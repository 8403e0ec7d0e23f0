/** A server that tells more than any should: what is kept of it has bounds, and the session goes on. */
import { expect, test } from "bun:test";

import type { IrcEvent } from "./event.ts";
import type { Identity } from "./registration.ts";
import { Session } from "./session.ts";

/** A session that begins. */
function begun(more: Partial<Identity> = {}) {
  const events: IrcEvent[] = [];
  const session = new Session(
    { nick: "me", alternates: [], user: "me", realName: "me", mustSignIn: false, ...more },
    {
      send() {},
      tell: (event) => void events.push(event),
      now: () => 0,
      random: () => 0.5,
      isSecure: true,
      version: "test",
    },
  );
  session.begin();
  return { events, session };
}

/** A session that a server has let in. */
function admitted() {
  const made = begun();
  made.session.take(":s 001 me :Welcome me!u@h");
  return made;
}

test("session: words about itself without end are not all kept, and the first ones hold", () => {
  const { session } = admitted();
  session.take(":s 005 me CHANTYPES=# NICKLEN=30 :are supported");
  for (let round = 0; round < 1000; round++) {
    const words = Array.from({ length: 10 }, (_none, index) => `X${round}-${index}`);
    session.take(`:s 005 me ${words.join(" ")} :are supported`);
    session.take(`:s CAP me ACK :${words.join(" ")}`);
    session.take(`:s CAP me NEW :${words.join(" ")}`);
  }
  expect(session.capabilities.length).toBeLessThanOrEqual(200);
  expect(session.support.get("X999-9")).toBeUndefined();
  session.take(":s 005 me NICKLEN=20 :are supported");
  expect(session.support.nickLength).toBe(20);
});

test("session: channels and nicks that a server invents have bounds", () => {
  const { session } = admitted();
  for (let count = 0; count < 1500; count++) session.take(`:me!u@h JOIN #c${count}`);
  expect(session.channels.find("#c0")).toBeUndefined();
  expect(session.channels.find("#c1499")).toBeDefined();
  session.take(`:s 353 me = #c1499 :${"n".repeat(8000)} @short`);
  expect([...(session.channels.find("#c1499")?.members.keys() ?? [])]).toEqual(["me", "short"]);
  session.take(`:short!u@h NICK ${"n".repeat(8000)}`);
  expect([...(session.channels.find("#c1499")?.members.keys() ?? [])]).toEqual(["me"]);
});

test("session: a challenge that never ends is not kept", () => {
  const credentials = { mechanism: "SCRAM-SHA-256", account: "me", password: "x" } as const;
  const { events, session } = begun({ mustSignIn: true, credentials });
  session.take(":s CAP * LS :sasl=SCRAM-SHA-256");
  session.take(":s CAP * ACK :sasl");
  for (let count = 0; count < 100; count++) session.take(`AUTHENTICATE ${"A".repeat(400)}`);
  expect(events).toEqual([
    { kind: "ended", why: "refused", reason: "cannot sign in: the server's challenge is too long" },
  ]);
});

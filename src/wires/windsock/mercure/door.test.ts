import { expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { loadConfig } from "../../../kit/config/load.ts";
import { Fault } from "../../../kit/fault.ts";
import { windsockSection } from "../config.ts";
import { signClaims } from "../doors/jwt.ts";
import { verifyingKeyOf } from "../doors/public-key.ts";
import { signingKeys } from "../doors/signing-keys-fixture.ts";
import { until } from "../links/link-fixture.ts";
import { readAuthority, shownToken } from "./authority.ts";
import { readForm } from "./door.ts";
import { openMercureStage, post, publisherToken, subscriberToken } from "./door-stage.ts";
import { addressOf, contentOf, eventText, updateOf } from "./update.ts";

// Real servers on a busy machine.
setDefaultTimeout(120_000);

/** What curl prints of a stream, as it comes. */
function curl(url: string, ...words: string[]) {
  const child = Bun.spawn(["curl", "-sNi", ...words, url], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const heard = { text: "" };
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) heard.text += decoder.decode(chunk, { stream: true });
  })();
  return {
    heard,
    /** The data of all events that are whole. */
    data: () => [...heard.text.matchAll(/^data: (.*)\n/gm)].map(([, data]) => data),
    async [Symbol.asyncDispose]() {
      child.kill();
      await reading;
    },
  };
}

const query = (...pairs: [string, string][]) => `?${new URLSearchParams(pairs)}`;

test("subscribe: curl hears what is published to its topics, and to nothing else", async () => {
  await using stage = await openMercureStage();
  await using reader = curl(
    stage.url + query(["topic", "https://x.example/a"], ["topic", "https://x.example/books/{id}"]),
  );
  await using patterned = curl(
    stage.url + query(["matchURLPattern", "https://x.example/books/:id"], ["match", "plain"]),
  );
  await until(() => reader.heard.text.includes("\n:") && patterned.heard.text.includes("\n:"));
  const answer = await post(stage.url, [
    ["topic", "https://x.example/a"],
    ["data", "one\ntwo"],
    ["id", "urn:1"],
    ["type", "news"],
    ["retry", "7"],
  ]);
  expect([answer.status, await answer.text()]).toEqual([200, "urn:1"]);
  await post(stage.url, [
    ["topic", "https://x.example/b"],
    ["data", "not for them"],
  ]);
  const made = await post(stage.url, [
    ["topic", "https://x.example/books/1"],
    ["topic", "https://x.example/a"],
    ["data", "book"],
  ]);
  const id = await made.text();
  expect(id).toStartWith("urn:uuid:");
  await stage.hub.publish({ address: addressOf("plain"), content: "from elsewhere" });
  await until(() => reader.data().includes("book") && patterned.data().includes("from elsewhere"));
  expect(reader.heard.text).toContain("event: news\nretry: 7\nid: urn:1\ndata: one\ndata: two\n\n");
  expect(reader.heard.text).toContain("Content-Type: text/event-stream");
  // It has two of the topics, and is one update.
  expect(reader.data()).toEqual(["one", "two", "book"]);
  expect(patterned.data()).toEqual(["book", "from elsewhere"]);
});

test("subscribe: private updates only to those whose token covers a topic of theirs, now and later", async () => {
  await using stage = await openMercureStage();
  const topics = query(["topic", "*"]);
  const token = subscriberToken(["https://x.example/users/{id}"]);
  const header = `Authorization: Bearer ${token}`;
  await using stranger = curl(stage.url + topics);
  await using owner = curl(stage.url + topics, "-H", header);
  await using byCookie = curl(stage.url + topics, "-H", `Cookie: a=b; mercureAuthorization=${token}`);
  await using byQuery = curl(`${stage.url}${topics}&authorization=${token}`);
  const all = [stranger, owner, byCookie, byQuery];
  await until(() => all.every(({ heard }) => heard.text.includes("\n:")));
  const own: [string, string][] = [
    ["topic", "https://x.example/users/1"],
    ["data", "private"],
    ["private", "on"],
  ];
  await post(stage.url, own);
  await post(stage.url, [
    ["topic", "https://x.example/bills/1"],
    ["data", "hidden"],
    ["private", ""],
  ]);
  await post(stage.url, [
    ["topic", "https://x.example/open"],
    ["data", "public"],
  ]);
  await until(() => all.every((one) => one.data().includes("public")));
  expect(all.map((one) => one.data().join())).toEqual(["public", "private,public", "private,public", "private,public"]);
  await using late = curl(`${stage.url}${topics}&lastEventID=earliest`, "-H", header);
  await using lateStranger = curl(`${stage.url}${topics}&lastEventID=earliest`);
  await until(() => late.data().length === 2 && lateStranger.data().length === 1);
  expect(lateStranger.data()).toEqual(["public"]);
});

test("resume: from the last id, by header or parameter; what is not known any more is said in the answer's header", async () => {
  await using stage = await openMercureStage();
  for (const id of ["urn:1", "urn:2", "urn:3"])
    await post(stage.url, [
      ["topic", "a"],
      ["id", id],
      ["data", id],
    ]);
  const topics = query(["topic", "a"]);
  await using byHeader = curl(stage.url + topics, "-H", "Last-Event-ID: urn:1");
  await using byParameter = curl(`${stage.url}${topics}&last_event_id=urn:2`);
  await using unknown = curl(`${stage.url}${topics}&lastEventID=urn:none`);
  await until(() => byHeader.data().length === 2 && byParameter.data().length === 1 && unknown.data().length === 3);
  expect(byHeader.heard.text).toContain("Last-Event-ID: urn:1\r\n");
  expect(byParameter.heard.text).toContain("Last-Event-ID: urn:2\r\n");
  expect(unknown.heard.text).toContain("Last-Event-ID: earliest\r\n");
  expect([byHeader, byParameter, unknown].map((one) => one.data().join())).toEqual([
    "urn:2,urn:3",
    "urn:3",
    "urn:1,urn:2,urn:3",
  ]);
  stage.hub.breakOrder();
  await until(() => [byHeader, byParameter, unknown].every(({ heard }) => heard.text.includes("event: windsock-gap")));
  await using back = curl(`${stage.url}${topics}&lastEventID=urn:3`);
  await until(() => back.data().length === 3);
  expect(back.heard.text).toContain("Last-Event-ID: earliest\r\n");
  // More than the hub keeps.
  for (let count = 0; count < 120; count++)
    await post(stage.url, [
      ["topic", "a"],
      ["id", `urn:x${count}`],
      ["data", String(count)],
    ]);
  await using after = curl(`${stage.url}${topics}&lastEventID=urn:x3`);
  await until(() => after.data().includes("119"));
  expect([after.heard.text.includes("Last-Event-ID: earliest"), after.data().length]).toEqual([true, 100]);
});

test("resume: a long past comes in portions, whole and in order, with what is said while it comes", async () => {
  await using stage = await openMercureStage();
  let said = 0;
  const say = () => {
    const id = `urn:${said++}`;
    const content = contentOf({ id, topics: ["a"], data: `${id} ${"x".repeat(5000)}`, isPrivate: false });
    return stage.hub.publish({ address: addressOf("a"), content });
  };
  await using knowing = curl(stage.url + query(["topic", "a"]), "-H", "Last-Event-ID: urn:none");
  await until(() => knowing.heard.text.includes("\n:"));
  for (let at = 0; at < 80; at++) await say();
  await using reader = curl(stage.url + query(["topic", "a"]), "-H", "Last-Event-ID: urn:0");
  while (reader.data().length === 0) {
    if (said < 95) await say();
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  await say();
  await until(() => reader.data().length >= said - 1);
  expect(reader.heard.text).toContain("Last-Event-ID: urn:0\r\n");
  expect(reader.data().map((data) => data?.split(" ")[0])).toEqual(
    Array.from({ length: said - 1 }, (_, at) => `urn:${at + 1}`),
  );
  expect(reader.heard.text).not.toContain("windsock-gap");
});

test("refusals: each says what is wrong and what to do", async () => {
  await using stage = await openMercureStage({
    isAnonymous: false,
    origins: ["https://app.example", "https://*.shop.example"],
  });
  const ask = async (input: string, init: RequestInit = {}) => {
    const answer = await fetch(input, init);
    const text = await answer.text();
    return { status: answer.status, text, challenge: answer.headers.get("www-authenticate"), headers: answer.headers };
  };
  const nobody = await ask(`${stage.url}?topic=a`, { headers: { Origin: "https://app.example" } });
  expect(nobody).toMatchObject({ status: 401, challenge: "Bearer" });
  expect(nobody.text).toContain("no token; show one in the Authorization header");
  expect(nobody.headers.get("access-control-allow-origin")).toBe("https://app.example");
  const seconds = Math.floor(Date.now() / 1000);
  const wrong: [string, string][] = [
    [subscriberToken(["*"], { exp: seconds - 100 }), "ended 1"],
    [subscriberToken(["*"], { nbf: seconds + 1000 }), "begins in"],
    [publisherToken(), "not signed with a key of this server"],
    ["nonsense", "no JSON Web Token"],
    [signClaims({ sub: "a" }, { secret: "the key of subscribers" }), "no claim"],
    [subscriberToken(["{"]), "selector"],
  ];
  for (const [token, reason] of wrong) {
    const refused = await ask(`${stage.url}?topic=a`, { headers: { Authorization: `Bearer ${token}` } });
    expect(refused).toMatchObject({ status: 401, challenge: 'Bearer error="invalid_token"' });
    expect(refused.text).toContain(reason);
  }
  const reading = { headers: { Authorization: `Bearer ${subscriberToken(["*"])}` } };
  expect((await ask(stage.url, reading)).text).toContain("wanted a parameter topic or match");
  expect((await ask(`${stage.url}?matchRegexp=a`, reading)).text).toContain("unknown");
  expect((await ask(`${stage.url}?matchURLPattern=/(a)`, reading)).status).toBe(400);
  expect((await ask(`${stage.url}?${"topic=a&".repeat(21)}`, reading)).text).toContain("at most 20");
  const costly = `matchURLPattern=${encodeURIComponent(`/${"*a".repeat(100)}`)}&`;
  expect((await ask(`${stage.url}?${costly.repeat(2)}`, reading)).text).toContain("at most 128 of the signs");
  const posting = async (fields: [string, string][], token?: string) => {
    const answer = await post(stage.url, fields, token);
    return `${answer.status} ${await answer.text()}`;
  };
  expect(await posting([["topic", "a"]], publisherToken(["b"]))).toContain('403 {"code":"windsock/mercure-not-yours"');
  expect(await posting([["topic", "a"]], signClaims({ mercure: {} }, { secret: "the key of publishers" }))).toContain(
    "403",
  );
  expect(await posting([["topic", "https://other.example/.well-known/mercure/subscriptions/x"]])).toContain("403");
  expect(await posting([["data", "a"]])).toContain("400");
  expect(
    await posting([
      ["topic", "a"],
      ["id", "#a"],
    ]),
  ).toContain("400");
  expect(
    await posting([
      ["topic", "a"],
      ["retry", "soon"],
    ]),
  ).toContain("400");
  expect(
    await posting([
      ["topic", "a"],
      ["data", "x".repeat(150_000)],
    ]),
  ).toContain("413");
  expect(
    await posting([
      ["topic", "a"],
      ["data", "x".repeat(250_000)],
    ]),
  ).toContain("413");
  const byCookie = (origin: string) =>
    ask(stage.url, {
      method: "POST",
      headers: {
        Origin: origin,
        Cookie: `mercureAuthorization=${publisherToken()}`,
        "Content-Type": "application/x-www-form-urlencoded",
      },
      body: "topic=a",
    });
  expect((await byCookie("https://evil.example")).status).toBe(403);
  expect((await byCookie("https://app.example")).status).toBe(200);
  const below = await byCookie("https://one.shop.example");
  expect(below.status).toBe(200);
  expect(below.headers.get("access-control-allow-origin")).toBe("https://one.shop.example");
  expect((await byCookie("https://shop.example.evil.example")).status).toBe(403);
  expect((await ask(stage.url, { method: "PUT" })).status).toBe(405);
  expect((await ask(`${stage.url}/subscriptions`)).status).toBe(404);
});

test("tokens: those of version 1 are understood, and a connection ends with its token", async () => {
  await using stage = await openMercureStage({ isAnonymous: false });
  const details = [
    { type: "mercure", actions: ["subscribe"], topics: [{ match: "/books/:id", matchType: "URLPattern" }] },
  ];
  const exp = Date.now() / 1000 + 5;
  const token = signClaims({ authorization_details: details, exp, sub: "anna" }, { secret: "the key of subscribers" });
  await using reader = curl(`${stage.url}?match=*&access_token=${token}`);
  await until(() => reader.heard.text.includes("\n:"));
  await post(stage.url, [
    ["topic", "/books/1"],
    ["private", "on"],
    ["data", "mine"],
  ]);
  await post(stage.url, [
    ["topic", "/bills/1"],
    ["private", "on"],
    ["data", "not mine"],
  ]);
  await until(() => reader.data().length === 1);
  expect(reader.data()).toEqual(["mine"]);
  await until(() => stage.door.figures.readers === 0);
});

test("tokens: public keys of all three kinds, each held to its own algorithm", async () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const tokenBy = (alg: string, signer: (data: Buffer) => Buffer, more: object = {}) => {
    const text = `${part({ alg, typ: "JWT", ...more })}.${part({ mercure: { publish: ["*"] } })}`;
    return `${text}.${signer(Buffer.from(text)).toString("base64url")}`;
  };
  const pairs = signingKeys();
  for (const [index, { alg, pem, sign }] of pairs.entries()) {
    await using stage = await openMercureStage({ publisherKey: index === 1 ? pem.replaceAll("\n", "\\n") : pem });
    const ask = async (token: string) => {
      const answer = await post(stage.url, [["topic", "a"]], token);
      return `${answer.status} ${await answer.text()}`;
    };
    const good = tokenBy(alg, sign, { kid: "whatever" });
    expect(await ask(good)).toStartWith("200");
    const [head, body, proof = ""] = good.split(".");
    expect(await ask(`${head}.${part({ mercure: { publish: ["b"] } })}.${proof}`)).toContain("windsock/proof");
    expect(await ask(`${head}.${body}.`)).toStartWith("401");
    expect(await ask(`${head}.${body}.${proof}A`)).toStartWith("401");
    // The public key is no secret, in whatever form: a token that is signed with it is no token.
    for (const secret of [pem, pem.trim(), pem.replaceAll("\n", "")]) {
      expect(await ask(signClaims({ mercure: { publish: ["*"] } }, { secret }))).toContain(
        `the token is not signed by ${alg}`,
      );
    }
    expect(await ask(tokenBy("none", () => Buffer.of()))).toContain("windsock/algorithm");
    for (const other of ["RS256", "ES256", "EdDSA", "RS512", "PS256"]) {
      if (other !== alg) expect(await ask(tokenBy(other, sign))).toContain("windsock/algorithm");
    }
  }
  for (const { privateKey } of pairs) {
    const closed = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(() => verifyingKeyOf(closed)).toThrow("private");
  }
  const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" });
  expect(() => verifyingKeyOf(short.toString())).toThrow("1024 bits");
  const wide = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ type: "spki", format: "pem" });
  expect(() => verifyingKeyOf(wide.toString())).toThrow("secp384r1");
  expect(() => verifyingKeyOf("-----BEGIN PUBLIC KEY-----\nx")).toThrow("no public key");
});

test("subscriptions: listed and told of, to those who may know", async () => {
  await using stage = await openMercureStage({ tellsSubscriptions: true });
  const token = subscriberToken(["/.well-known/mercure/subscriptions{/topic}{/subscriber}"], { sub: "boss" });
  const header = `Authorization: Bearer ${token}`;
  await using boss = curl(
    `${stage.url}${query(["topic", "/.well-known/mercure/subscriptions/{topic}/{subscriber}"])}`,
    "-H",
    header,
  );
  await until(() => boss.data().length === 1);
  const anna = curl(
    `${stage.url}?topic=https://x.example/a`,
    "-H",
    `Authorization: Bearer ${subscriberToken(["a"], { sub: "anna", mercure: { subscribe: ["a"], payload: { room: 1 } } })}`,
  );
  await until(() => boss.data().length === 2);
  const began = JSON.parse(boss.data()[1] ?? "") as Record<string, unknown>;
  const id = "/.well-known/mercure/subscriptions/https%3A%2F%2Fx.example%2Fa/anna";
  expect(began).toMatchObject({
    id,
    type: "Subscription",
    topic: "https://x.example/a",
    subscriber: "anna",
    active: true,
    payload: { room: 1 },
  });
  const list = await fetch(`${stage.url}/subscriptions`, { headers: { Authorization: `Bearer ${token}` } });
  expect(await list.json()).toMatchObject({ type: "Subscriptions", subscriptions: [{ subscriber: "boss" }, { id }] });
  const one = await fetch(`${stage.origin}${id}`, { headers: { Authorization: `Bearer ${token}` } });
  expect(await one.json()).toMatchObject({ id, active: true });
  const stranger = await fetch(`${stage.url}/subscriptions`, {
    headers: { Authorization: `Bearer ${subscriberToken(["a"])}` },
  });
  expect(stranger.status).toBe(403);
  await anna[Symbol.asyncDispose]();
  await until(() => boss.data().length === 3);
  expect(JSON.parse(boss.data()[2] ?? "")).toMatchObject({ id, active: false });
});

test("updates: they come back as they were written, and what else stands under a topic is heard as it is", () => {
  const text = fc.string({ minLength: 1, maxLength: 50 }).filter((one) => !/^#|[\r\n\0]/.test(one));
  fc.assert(
    fc.property(
      text,
      fc.string(),
      fc.boolean(),
      fc.option(text),
      fc.option(fc.nat()),
      (id, data, isPrivate, type, retry) => {
        const update = {
          id,
          topics: ["a"],
          data,
          isPrivate,
          ...(type === null ? {} : { type }),
          ...(retry === null ? {} : { retry }),
        };
        expect(updateOf({ address: "mercure.a", content: contentOf(update), position: "x-1", at: 0 })).toEqual(update);
        const lines = eventText(update).split("\n");
        expect(lines.filter((line) => line.startsWith("data: ")).length).toBe(data.split(/\r\n|\r|\n/).length);
        expect(eventText(update).endsWith("\n\n")).toBe(true);
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => `{"update":${json}}`),
      ),
      (content) => {
        expect(updateOf({ address: "mercure.a", content, position: "x-1", at: 0 })).toEqual({
          id: "urn:windsock:x-1",
          topics: ["a"],
          data: content,
          isPrivate: false,
        });
      },
    ),
  );
  const forged = contentOf({ id: "1", topics: ["b"], data: "", isPrivate: false });
  expect(updateOf({ address: "mercure.a", content: forged, position: "x-1", at: 0 })?.topics).toEqual(["a"]);
});

test("forms and tokens: whatever comes, a reading or a Fault", () => {
  const fault = (action: () => unknown) => {
    try {
      action();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
  };
  const field = fc.tuple(fc.constantFrom("topic", "data", "id", "type", "retry", "private", "x"), fc.string());
  fc.assert(
    fc.property(fc.array(field), (fields) => fault(() => readForm(new URLSearchParams(fields), "https://h.example/"))),
  );
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("mercure", "exp", "nbf", "sub", "authorization_details"), fc.anything()),
      (claims) =>
        fault(() =>
          readAuthority(
            signClaims(JSON.parse(JSON.stringify(claims) ?? "{}") as Record<string, unknown>, { secret: "s" }),
            { secret: "s" },
            1000,
            "https://h.example/",
          ),
        ),
    ),
  );
  fc.assert(
    fc.property(fc.string(), (text) => fault(() => readAuthority(text, { secret: "s" }, 1000, "https://h.example/"))),
  );
  const shown = (headers: Record<string, string>, url = "https://h.example/") =>
    shownToken({ headers: new Headers(headers), url });
  expect(
    shown({ Authorization: "Bearer a", Cookie: "mercureAuthorization=b" }, "https://h.example/?access_token=c"),
  ).toEqual({ text: "a", by: "header" });
  expect(shown({ Cookie: "mercureAuthorization=b" }, "https://h.example/?access_token=c")).toEqual({
    text: "c",
    by: "query",
  });
  expect(shown({ Cookie: "x=1; mercureAuthorization=b" })).toEqual({ text: "b", by: "cookie" });
  expect(shown({})).toBeUndefined();
});

test("options: a public key stands in a file of its own, and what is wrong with one is said by its name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    const path = join(folder, "public.pem");
    const problemsOf = async (pem: string) => {
      writeFileSync(path, pem);
      const environment = {
        WARREN_WINDSOCK_MERCURE_PUBLISHER_KEY_FILE: path,
        WARREN_WINDSOCK_MERCURE_SUBSCRIBER_KEY: "a secret",
      };
      const config = await loadConfig({ sections: [windsockSection], flags: [], environment });
      return config.problems.map(({ message }) => message);
    };
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    expect(await problemsOf(publicKey.export({ type: "spki", format: "pem" }).toString())).toEqual([]);
    const [secret] = await problemsOf(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    expect(secret).toContain("mercure_publisher_key cannot be taken: it is a private key");
    expect((await problemsOf("-----BEGIN PUBLIC KEY-----\nx\n"))[0]).toContain("mercure_publisher_key");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

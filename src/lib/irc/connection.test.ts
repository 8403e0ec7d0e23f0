/** A connection over a wire in memory, on a clock that the test moves: registration, capabilities, pace, coming back. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Connection, type ConnectionOptions } from "./connection.ts";
import type { Target, WireEvents } from "./dial.ts";
import type { IrcEvent } from "./event.ts";
import type { Identity } from "./registration.ts";

const seed = 20_261_122;

/** Time that stands still until it is moved. */
class Time {
  nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  now(): number {
    return Date.UTC(2030, 0, 1) + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on, letting what became runnable run before the next timer. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs;
    await settled();
    while (true) {
      const [next] = [...this.#timers]
        .filter(({ atMs }) => atMs <= untilMs)
        .toSorted((one, other) => one.atMs - other.atMs);
      if (!next) break;
      this.#timers.delete(next);
      this.nowMs = next.atMs;
      next.callback();
      await settled();
    }
    this.nowMs = untilMs;
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const identity: Identity = { nick: "bot", alternates: [], user: "bot", realName: "A bot", mustSignIn: true };

/** A connection and the server's end of it. */
function stand(options: Partial<ConnectionOptions> = {}) {
  const time = new Time();
  const sent: string[] = [];
  const events: IrcEvent[] = [];
  const targets: Target[] = [];
  let wire: WireEvents | undefined;
  let isRefused = false;
  const connection = new Connection({
    host: "irc.example",
    port: 6667,
    tls: false,
    identity,
    dial: async (target, given) => {
      targets.push(target);
      if (isRefused) throw new Error("refused");
      wire = given;
      return {
        write: (line) => sent.push(line),
        end: () => given.closed("closed"),
      };
    },
    clock: time,
    random: () => 0.5,
    tell: (event) => events.push(event),
    version: "a test",
    flood: {},
    ...options,
  });
  return {
    connection,
    time,
    sent,
    events,
    targets,
    /** The server says lines. */
    says(...lines: string[]) {
      wire?.data(Buffer.from(lines.map((line) => `${line}\r\n`).join("")));
    },
    bytes: (chunk: Uint8Array) => wire?.data(chunk),
    closes: () => wire?.closed("the server closed the connection"),
    refuse(on: boolean) {
      isRefused = on;
    },
    /** What was sent since the last look, without line ends. */
    taken: () => sent.splice(0).map((line) => line.trimEnd()),
    kinds: () => events.map(({ kind }) => kind),
  };
}

/** Connected and let in, with these capabilities, in #room. */
async function up(capabilities = "", options: Partial<ConnectionOptions> = {}) {
  const made = stand(options);
  made.connection.open();
  await settled();
  made.says(`:s CAP * LS :${capabilities}`);
  const wanted = made.sent.flatMap((line) => /^CAP REQ :?(.*)\r\n$/.exec(line)?.[1] ?? []);
  for (const names of wanted) made.says(`:s CAP * ACK :${names}`);
  made.says(":s 001 bot :Welcome bot!~bot@host.example", ":s 005 bot CASEMAPPING=ascii CHANTYPES=# :are supported");
  made.says(":bot!~bot@host.example JOIN #room", ":s 353 bot = #room :@anna bot", ":s 366 bot #room :End");
  made.taken();
  return made;
}

describe("registration", () => {
  test("asks for what is offered, over several lines, and ends the negotiation once", async () => {
    const { connection, says, taken } = stand();
    connection.open();
    await settled();
    expect(taken()).toEqual(["CAP LS 302", "NICK bot", "USER bot 12 * :A bot"]);
    says(":s CAP * LS * :server-time unknown-thing", ":s CAP * LS :multi-prefix sasl=PLAIN");
    expect(taken()).toEqual(["CAP REQ :multi-prefix server-time"]);
    says(":s CAP * ACK :multi-prefix server-time");
    expect(taken()).toEqual(["CAP END"]);
    says(":s 001 bot :Welcome");
    expect(connection.session?.capabilities).toEqual(["multi-prefix", "server-time"]);
    says(":s CAP bot NEW :echo-message", ":s CAP bot ACK :echo-message", ":s CAP bot DEL :server-time");
    expect(taken()).toEqual(["CAP REQ echo-message"]);
    expect(connection.session?.capabilities).toEqual(["echo-message", "multi-prefix"]);
  });

  test("signs in before it ends the negotiation, and stays away where that fails", async () => {
    const signed: Identity = {
      ...identity,
      password: "door",
      credentials: { mechanism: "PLAIN", account: "me", password: "secret" },
    };
    const { connection, says, taken, events } = stand({ identity: signed });
    connection.open();
    await settled();
    expect(taken()[1]).toBe("PASS door");
    says(":s CAP * LS :sasl=EXTERNAL,PLAIN", ":s CAP * ACK :sasl");
    expect(taken()).toEqual(["CAP REQ sasl", "AUTHENTICATE PLAIN"]);
    says("AUTHENTICATE +");
    expect(taken()).toEqual([`AUTHENTICATE ${Buffer.from("\0me\0secret").toString("base64")}`]);
    says(":s 900 bot bot!u@h me :You are now logged in", ":s 903 bot :SASL authentication successful");
    expect(taken()).toEqual(["CAP END"]);
    const other = stand({ identity: signed });
    other.connection.open();
    await settled();
    other.says(":s CAP * LS :sasl", ":s CAP * ACK :sasl", "AUTHENTICATE +", ":s 904 bot :SASL authentication failed");
    expect(other.events.at(-1)).toMatchObject({ kind: "ended", why: "refused" });
    await other.time.advance(3_600_000);
    expect([other.connection.state, other.targets.length, events.length]).toEqual(["barred", 1, 0]);
    const without = stand({ identity: signed });
    without.connection.open();
    await settled();
    without.says(":s CAP * LS :multi-prefix");
    expect(without.events.at(-1)).toMatchObject({ kind: "ended", why: "refused" });
  });

  test("tries other nicks, and asks for its own when the holder leaves and from time to time", async () => {
    const { connection, says, taken, time } = stand({ identity: { ...identity, alternates: ["robot"] } });
    connection.open();
    await settled();
    taken();
    const wanted: string[] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      says(":s 433 * bot :Nickname is already in use");
      wanted.push(...taken());
    }
    expect(wanted).toEqual(["NICK robot", "NICK bot_", "NICK bot__", "NICK bot___", "NICK bot550", "NICK bot550"]);
    says(":s 001 bot550 :Welcome");
    says(":bot!u@h QUIT :bye");
    expect(taken()).toEqual(["NICK bot"]);
    says(":s 433 bot550 bot :Nickname is already in use");
    expect(taken()).toEqual([]);
    await time.advance(60_000);
    expect(taken()).toEqual(["NICK bot"]);
    says(":bot550!u@h NICK bot");
    expect(connection.session?.nick).toBe("bot");
    await time.advance(60_000);
    expect(taken()).toEqual([]);
  });

  test("does not ask for ever for a nick that the server has cut", async () => {
    const { connection, says, taken, time } = stand({ identity: { ...identity, nick: "averylongnick" } });
    connection.open();
    await settled();
    says(":s 001 averylong :Welcome", ":s 005 averylong NICKLEN=9 :are supported");
    taken();
    await time.advance(120_000);
    expect([connection.session?.nick, taken()]).toEqual(["averylong", []]);
  });

  test("comes back encrypted where the server says so", async () => {
    const { connection, says, targets, time } = stand();
    connection.open();
    await settled();
    says(":s CAP * LS :sts=port=6697,duration=1 multi-prefix");
    await time.advance(1000);
    expect(targets).toEqual([
      { host: "irc.example", port: 6667, isSecure: false },
      { host: "irc.example", port: 6697, isSecure: true },
    ]);
  });
});

describe("what is said", () => {
  test("fits a line with our whole mask before it, at the pace of the server", async () => {
    const { connection, sent, time } = await up("", { flood: { lineMs: 1000, burstMs: 3000 } });
    connection.session?.say("#room", "wört ".repeat(400).trim());
    expect(sent.length).toBeLessThan(5);
    await time.advance(60_000);
    const pieces = sent.map((line) => line.trimEnd().replace("PRIVMSG #room :", ""));
    expect(pieces.join(" ")).toBe("wört ".repeat(400).trim());
    for (const line of sent) {
      const seen = Buffer.byteLength(`:bot!~bot@host.example ${line}`);
      expect(seen).toBeLessThanOrEqual(512);
    }
    expect(Math.max(...sent.map((line) => Buffer.byteLength(`:bot!~bot@host.example ${line}`)))).toBeGreaterThan(500);
  });

  test("answers to the server go out at once, and what is said afterwards makes room for them", async () => {
    const { connection, says, taken, time } = await up("", {
      flood: { lineMs: 1000, bytesPerSecond: 0, burstMs: 3000 },
    });
    const pings = Array.from({ length: 5 }, (_, at) => `PING ${at}`);
    says(...pings);
    expect(taken()).toEqual(pings.map((line) => line.replace("PING", "PONG")));
    connection.session?.say("#room", "hello");
    expect(taken()).toEqual([]);
    await time.advance(1000);
    expect(taken()).toEqual(["PRIVMSG #room :hello"]);
  });

  test("never is another command, whatever the text, the name and the channel", async () => {
    const made = await up("message-tags echo-message labeled-response draft/relaymsg=/", {
      flood: { lineMs: 0, bytesPerSecond: 0 },
    });
    const hostile = fc.string({
      unit: fc.constantFrom("\r", "\n", "\0", "\u0001", " ", ":", "a", "🦊", "\ud800"),
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        hostile,
        hostile,
        hostile,
        fc.constantFrom("message", "notice", "action"),
        (text, before, target, how) => {
          const session = made.connection.session;
          session?.say("#room", text, { how, before });
          session?.say(target, text);
          session?.relay("#room", before, text);
          session?.join(target, text);
          for (const line of made.sent.splice(0)) {
            expect(line.endsWith("\r\n")).toBe(true);
            expect(/[\r\n\0]/.test(line.slice(0, -2))).toBe(false);
            expect(/^(?:@label=f\d+ )?(?:PRIVMSG|NOTICE|RELAYMSG|JOIN) /.test(line)).toBe(true);
            expect(Buffer.byteLength(line.replace(/^@\S+ /, ""))).toBeLessThanOrEqual(512);
          }
        },
      ),
      { seed, numRuns: 500 },
    );
  });

  test("that comes back as an echo is not heard; what another client of the account says is", async () => {
    const { connection, events, says, taken } = await up("echo-message message-tags batch labeled-response");
    connection.session?.say("#room", "mine");
    connection.session?.say("#room", "with words");
    expect(taken()).toEqual(["@label=f0 PRIVMSG #room :mine", "@label=f1 PRIVMSG #room :with words"]);
    events.length = 0;
    says("@label=f1 :bot!~bot@host.example PRIVMSG #room :with ****");
    says(":bot!~bot@host.example PRIVMSG #room :mine", ":bot!~bot@host.example PRIVMSG #room :from my telephone");
    expect(events).toMatchObject([{ kind: "said", text: "from my telephone", isOwn: true }]);
  });
});

describe("what is heard", () => {
  test("has the server's time and name, and is known as told again within a batch of history", async () => {
    const { connection, events, says, taken } = await up("batch chathistory message-tags server-time account-tag");
    connection.session?.askHistory("#room", Date.UTC(2029, 0, 1), 50);
    expect(taken()).toEqual(["CHATHISTORY AFTER #room timestamp=2029-01-01T00:00:00.000Z 50"]);
    events.length = 0;
    says(
      ":s BATCH +7 chathistory #room",
      "@batch=7;time=2029-05-01T00:00:00.000Z;msgid=x1;account=anna :anna!u@h PRIVMSG #room :\u0001ACTION waved\u0001",
      ":s BATCH -7",
      ":anna!u@h PRIVMSG @#room :for operators",
      ":anna!u@h PRIVMSG bot :psst",
    );
    expect(events).toEqual([
      {
        kind: "said",
        how: "action",
        nick: "anna",
        source: "anna!u@h",
        target: "#room",
        isPrivate: false,
        text: "waved",
        at: Date.UTC(2029, 4, 1),
        id: "x1",
        account: "anna",
        isOwn: false,
        isReplayed: true,
      },
      expect.objectContaining({ target: "@#room", isReplayed: false }),
      expect.objectContaining({ target: "bot", isPrivate: true }),
    ]);
  });

  test("questions of clients are answered, a few each minute", async () => {
    const { says, sent, time } = await up();
    for (let index = 0; index < 20; index++) says(":anna!u@h PRIVMSG bot :\u0001VERSION\u0001");
    says(":anna!u@h NOTICE bot :\u0001PING 1\u0001");
    await time.advance(60_000);
    expect(sent.map((line) => line.trimEnd())).toEqual(
      Array.from({ length: 5 }, () => "NOTICE anna :\u0001VERSION a test\u0001"),
    );
    sent.length = 0;
    says(":anna!u@h PRIVMSG bot :\u0001PING 12 34\u0001", "PING :are you there");
    expect(sent.map((line) => line.trimEnd())).toEqual(["NOTICE anna :\u0001PING 12 34\u0001", "PONG :are you there"]);
  });

  test("any bytes from a server leave the connection standing or ended, and nothing is sent that is no line", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 200 }),
            fc
              .tuple(
                fc.constantFrom(":s", ":bot!u@h", ":anna!u@h", "@a=b :x"),
                fc.constantFrom(
                  "CAP",
                  "AUTHENTICATE",
                  "001",
                  "005",
                  "353",
                  "MODE",
                  "BATCH",
                  "NICK",
                  "JOIN",
                  "KICK",
                  "PRIVMSG",
                  "433",
                  "396",
                ),
                fc.array(fc.string({ maxLength: 12 }), { maxLength: 4 }),
              )
              .map(([source, command, params]) => Buffer.from(`${source} ${command} ${params.join(" ")}\r\n`)),
          ),
          { maxLength: 40 },
        ),
        async (chunks) => {
          const made = stand();
          made.connection.open();
          await settled();
          for (const chunk of chunks) made.bytes(chunk);
          await made.time.advance(10_000);
          for (const line of made.sent) expect(/^[^\r\n\0]+\r\n$/.test(line)).toBe(true);
        },
      ),
      { seed, numRuns: 300 },
    );
  });
});

describe("coming back", () => {
  test("takes longer each time, up to the longest, and begins anew after a good connection", async () => {
    const { connection, refuse, says, closes, targets, time } = stand({ reconnectMs: 1000, reconnectMaxMs: 8000 });
    refuse(true);
    connection.open();
    const delays: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      await settled();
      delays.push((connection.retryAt ?? 0) - time.now());
      await time.advance(delays.at(-1) ?? 0);
    }
    expect(delays).toEqual([1000, 2000, 4000, 8000, 8000]);
    refuse(false);
    await time.advance(8000);
    says(":s 001 bot :Welcome");
    await time.advance(61_000);
    closes();
    expect([connection.state, (connection.retryAt ?? 0) - time.now()]).toEqual(["waiting", 1000]);
    expect(targets.length).toBe(7);
  });

  test("is not tried after a ban until it is told to, and late after a request to wait", async () => {
    const banned = await up();
    banned.says(":s 465 bot :You are banned from this server", "ERROR :Closing Link");
    await banned.time.advance(86_400_000);
    expect([banned.connection.state, banned.targets.length]).toEqual(["barred", 1]);
    expect(banned.kinds().filter((kind) => kind === "ended")).toHaveLength(1);
    banned.connection.open();
    await settled();
    expect(banned.targets.length).toBe(2);
    const slowed = await up();
    slowed.says("ERROR :Trying to reconnect too fast, throttled");
    expect((slowed.connection.retryAt ?? 0) - slowed.time.now()).toBe(300_000);
  });

  test("a server that falls silent is left", async () => {
    const { connection, time, taken, says } = await up();
    await time.advance(180_000);
    expect(taken().filter((line) => line.startsWith("PING"))).toHaveLength(1);
    says(":s PONG s :x");
    await time.advance(240_000);
    expect(connection.state).toBe("up");
    await time.advance(60_000);
    expect(connection.reason).toBe("the server fell silent");
  });

  test("closing says goodbye, and nothing comes after it", async () => {
    const { connection, sent, time, targets } = await up();
    connection.close("bye\r\nJOIN #x");
    expect(sent).toEqual(["QUIT :bye  JOIN #x\r\n"]);
    await time.advance(86_400_000);
    expect([connection.state, targets.length]).toEqual(["closed", 1]);
  });
});

/** The codec and the rules of IRC: what is read, what is never sent, where text is cut, how fast lines go. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Channels } from "./channels.ts";
import { formatCtcp, parseCtcp } from "./ctcp.ts";
import { whyEnded } from "./ending.ts";
import { Flood } from "./flood.ts";
import { formattedBy, withMarks, withoutFormatting } from "./formatting.ts";
import { foldName, ServerSupport } from "./isupport.ts";
import { decodeLine, LineReader } from "./lines.ts";
import { formatMessage, IrcLineError, parseMask, parseMessage } from "./message.ts";
import { beginSasl, saslPieces } from "./sasl.ts";
import { splitText } from "./split.ts";

const seed = 20_261_122;

describe("parseMessage", () => {
  test("reads tags, source, command and the last parameter with its blanks", () => {
    expect(
      parseMessage("@time=2026-01-01T00:00:00.000Z;+a/b=x\\:y\\sz\\\\;c :nick!u@h PRIVMSG #room :hello  there :)"),
    ).toEqual({
      tags: new Map([
        ["time", "2026-01-01T00:00:00.000Z"],
        ["+a/b", "x;y z\\"],
        ["c", ""],
      ]),
      source: "nick!u@h",
      command: "PRIVMSG",
      params: ["#room", "hello  there :)"],
    });
    expect(parseMessage("ping   token")).toEqual({ command: "PING", params: ["token"] });
    expect(parseMessage(":irc.example 001 me :")).toEqual({
      source: "irc.example",
      command: "001",
      params: ["me", ""],
    });
  });

  test("any bytes give a message or a SyntaxError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const line = decodeLine(bytes);
        try {
          const { command } = parseMessage(line);
          return /^(?:[A-Z]+|\d{3})$/.test(command);
        } catch (thrown) {
          return thrown instanceof SyntaxError;
        }
      }),
      { seed, numRuns: 3000 },
    );
  });
});

describe("formatMessage", () => {
  test("gives exactly one line of at most 512 bytes, or throws; what it gives is read back as it was", () => {
    const word = fc.string({ unit: "binary", maxLength: 600 });
    fc.assert(
      fc.property(
        fc.constantFrom("PRIVMSG", "NICK", "JOIN", "TOPIC"),
        fc.array(word, { maxLength: 4 }),
        fc.dictionary(fc.string({ maxLength: 5 }), word, { maxKeys: 2 }),
        (command, params, tags) => {
          let line: string;
          const message = { command, params, tags: new Map(Object.entries(tags)) };
          try {
            line = formatMessage(message);
          } catch (thrown) {
            return thrown instanceof IrcLineError;
          }
          expect(line.endsWith("\r\n")).toBe(true);
          expect(/[\0\r\n]/.test(line.slice(0, -2))).toBe(false);
          const withoutTags = line.startsWith("@") ? line.slice(line.indexOf(" ") + 1) : line;
          expect(Buffer.byteLength(withoutTags)).toBeLessThanOrEqual(512);
          const back = parseMessage(line.slice(0, -2));
          expect(back.params).toEqual(params);
          if (message.tags.size > 0) expect(back.tags).toEqual(message.tags);
          return true;
        },
      ),
      { seed, numRuns: 3000 },
    );
  });

  test("refuses what would be a second line", () => {
    expect(() => formatMessage({ command: "PRIVMSG", params: ["#a", "x\r\nQUIT"] })).toThrow(IrcLineError);
    expect(() => formatMessage({ command: "PRIVMSG", params: ["#a b", "x"] })).toThrow(IrcLineError);
  });
});

test("parseMask: takes a source apart, also one without user or host", () => {
  expect(parseMask("n!u@h")).toEqual({ nick: "n", user: "u", host: "h" });
  expect(parseMask("irc.example")).toEqual({ nick: "irc.example", user: "", host: "" });
  expect(parseMask(undefined)).toEqual({ nick: "", user: "", host: "" });
});

describe("LineReader", () => {
  test("gives the same lines however the bytes were cut, and forgets a line that is too long", () => {
    const bytes = Buffer.concat([
      Buffer.from("one\r\ntw\u00f6\n\r\n"),
      Buffer.alloc(20_000, "x"),
      Buffer.from("\r\ngr"),
      Buffer.from([0xfc]),
      Buffer.from("n\r\n"),
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 50 }), (cuts) => {
        const reader = new LineReader();
        const lines: string[] = [];
        let at = 0;
        for (const length of [...cuts, bytes.length]) {
          lines.push(...reader.take(bytes.subarray(at, at + length)));
          at += length;
        }
        expect(lines).toEqual(["one", "twö", "grün"]);
        expect(reader.skipped).toBe(1);
      }),
      { seed, numRuns: 200 },
    );
  });
});

describe("splitText", () => {
  test("pieces fit, are whole characters, and are together the text but for blanks at the cuts", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", " ", "ö", "語", "🦊", "e\u0301", "👩‍👩‍👧"), maxLength: 400 }),
        fc.integer({ min: 32, max: 120 }),
        (text, maxBytes) => {
          const pieces = splitText(text, maxBytes);
          for (const piece of pieces) {
            expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(maxBytes);
            expect(piece.isWellFormed()).toBe(true);
          }
          expect(pieces.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
        },
      ),
      { seed, numRuns: 1000 },
    );
  });

  test("cuts between words, and through a word that is longer than a line", () => {
    expect(splitText("the quick brown fox", 10)).toEqual(["the quick", "brown fox"]);
    expect(splitText("a".repeat(25), 10)).toEqual(["a".repeat(10), "a".repeat(10), "a".repeat(5)]);
    expect(splitText("👩‍👩‍👧".repeat(2), 20)).toEqual(["👩‍👩‍👧", "👩‍👩‍👧"]);
  });
});

test("Flood: after ten seconds' worth each line waits for as long as it costs, and time pays back", () => {
  const flood = new Flood();
  expect([1, 2, 3, 4].map(() => flood.charge(60, 0))).toEqual([0, 0, 0, 0]);
  expect(flood.charge(60, 0)).toBe(2500);
  expect(flood.charge(60, 60_000)).toBe(0);
});

test("ServerSupport: folds names as the server does", () => {
  expect(foldName("Nick[]\\~", "rfc1459")).toBe("nick{}|^");
  expect(foldName("Nick[]\\~", "strict-rfc1459")).toBe("nick{}|~");
  expect(foldName("Nick[]\\~", "ascii")).toBe("nick[]\\~");
  const support = new ServerSupport();
  expect(support.caseMapping).toBe("rfc1459");
  support.take([
    "CASEMAPPING=ascii",
    "NICKLEN=30",
    "CHANTYPES=#",
    "PREFIX=(qov)~@+",
    "NETWORK=The\\x20Net",
    "LINELEN=1024",
  ]);
  expect([support.nickLength, support.lineBytes, support.network]).toEqual([30, 1024, "The Net"]);
  expect([support.isChannel("#a"), support.isChannel("&a"), support.isSame("A[", "a[")]).toEqual([true, false, true]);
  support.take(["-NICKLEN"]);
  expect(support.nickLength).toBe(9);
});

test("Channels: follows names, modes, changes of nick and leaving", () => {
  const support = new ServerSupport();
  const channels = new Channels(support);
  channels.enter("#a");
  channels.takeNames("#a", ["@+op!u@h", "voice", "+Talker", ""]);
  channels.takeModes("#a", "+vo-v", ["voice", "voice", "talker"]);
  channels.rename("OP", "chief");
  const seen = () =>
    [...(channels.find("#A")?.members.values() ?? [])].map(({ nick, signs }) => signs + nick).toSorted();
  expect(seen()).toEqual(["@+chief", "@+voice", "Talker"]);
  expect(channels.quit("chief")).toEqual(["#a"]);
  channels.remove("#a", "TALKER");
  expect(seen()).toEqual(["@+voice"]);
});

test("CTCP: is read with and without its end, and never nested", () => {
  expect(parseCtcp("\u0001ACTION waves\u0001")).toEqual({ command: "ACTION", text: "waves" });
  expect(parseCtcp("\u0001version")).toEqual({ command: "VERSION", text: "" });
  expect(parseCtcp("hello")).toBeUndefined();
  expect(formatCtcp("PING", "1\u0001\r\n2")).toBe("\u0001PING 12\u0001");
});

test("formatting: is removed, or written as marks that are closed", () => {
  expect(withoutFormatting("\u0002bold\u000f \u000304,12red\u0003 \u0004ff0000hex\u0004 9\t")).toBe("bold red hex 9\t");
  expect(withMarks("\u0002bold\u0002 and \u001dslanted")).toBe("*bold* and _slanted_");
  expect(formattedBy("keep", "\u0002a\r\nb")).toBe("\u0002ab");
});

describe("SASL", () => {
  test("PLAIN and EXTERNAL are what the server expects, in pieces of 400", () => {
    const plain = beginSasl({ mechanism: "PLAIN", account: "me", password: "secret" }).answer(Buffer.alloc(0));
    expect(saslPieces(plain)).toEqual([Buffer.from("\0me\0secret").toString("base64")]);
    expect(saslPieces(beginSasl({ mechanism: "EXTERNAL" }).answer(Buffer.alloc(0)))).toEqual(["+"]);
    expect(saslPieces(Buffer.alloc(300)).map((piece) => piece.length)).toEqual([400, 1]);
  });

  test("SCRAM-SHA-256 gives the proof of RFC 7677, and takes the server's", () => {
    const attempt = beginSasl(
      { mechanism: "SCRAM-SHA-256", account: "user", password: "pencil" },
      "rOprNGfwEbeRWgbNEkqO",
    );
    expect(attempt.answer(Buffer.alloc(0)).toString()).toBe("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    const said = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    expect(attempt.answer(Buffer.from(said)).toString()).toBe(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    );
    expect(attempt.answer(Buffer.from("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")).length).toBe(0);
    const other = beginSasl({ mechanism: "SCRAM-SHA-256", account: "user", password: "pencil" }, "abc");
    other.answer(Buffer.alloc(0));
    expect(() => other.answer(Buffer.from(said))).toThrow(SyntaxError);
  });
});

test("whyEnded: knows a ban, a refusal and a request to wait from a lost connection", () => {
  const why = (line: string) => whyEnded(parseMessage(line))?.why;
  expect(why(":s 465 me :You are banned from this server")).toBe("banned");
  expect(why(":s 463 me :Your host isn't among the privileged")).toBe("banned");
  expect(why("ERROR :Closing Link: me[1.2.3.4] (K-Lined: go away)")).toBe("banned");
  expect(why(":s 464 me :Password incorrect")).toBe("refused");
  expect(why("ERROR :Your host is trying to (re)connect too fast -- throttled")).toBe("throttled");
  expect(why("ERROR :Closing link: Server going down")).toBe("lost");
  expect(why("PRIVMSG #a :K-lined")).toBeUndefined();
});

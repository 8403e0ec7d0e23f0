/** Mail against servers that misbehave; tests/alone/hound-delivery.test.ts has one that does not. */
import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";

import { systemClock } from "../clock.ts";
import { Fault } from "../fault.ts";
import { createMailer, type MailMessage } from "./mailer.ts";
import { clearLogin, type MailRelay, securityOfPort } from "./relay.ts";

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

const message: MailMessage = {
  from: "Hound <hound@example.org>",
  to: ["ops@example.org"],
  subject: "Load",
  text: "It is high\n",
  id: "n1",
  createdAt: 0,
};

/** A server that answers each line as `answer` says; undefined ends the connection, the empty text says nothing. */
async function serverOf(answer: (line: string) => string | undefined, heard: string[] = []): Promise<MailRelay> {
  const server = createServer((socket) => {
    sockets.add(socket);
    const say = (line: string) => {
      const words = answer(line);
      if (words === undefined) socket.destroy();
      else if (words !== "") socket.write(`${words}\r\n`);
    };
    let rest = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      const lines = `${rest}${bytes.toString()}`.split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        heard.push(line);
        say(line);
      }
    });
    say("(connected)");
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { host: "127.0.0.1", port, security: "none", timeoutMs: 60_000 };
}

/** What a well-behaved server says. */
function usual(line: string): string {
  if (line === "(connected)") return "220 well.example ESMTP";
  if (line.startsWith("EHLO")) return "250-well.example\r\n250 AUTH PLAIN LOGIN";
  if (line === "DATA") return "354 go on";
  if (line === ".") return "250 taken as 42";
  if (line === "STARTTLS") return "502 5.5.1 not known here";
  if (line === "QUIT") return "221 bye";
  if (line.startsWith("AUTH")) return "235 welcome";
  return /^(?:MAIL|RCPT)/.test(line) ? "250 ok" : "";
}

async function faultOf(relay: MailRelay, what: Partial<MailMessage> = {}, signal?: AbortSignal): Promise<Fault> {
  try {
    await createMailer(relay, { clock: systemClock }).send({ ...message, ...what }, signal);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error("It was sent");
}

describe("createMailer", () => {
  test("send: gives the server's words when it took the message", async () => {
    const heard: string[] = [];
    const relay = await serverOf(usual, heard);
    const receipt = await createMailer(relay, { clock: systemClock }).send(message);
    expect(receipt).toEqual({ accepted: ["ops@example.org"], rejected: [], response: "250 taken as 42" });
    expect(heard).toContain("Message-ID: <n1@example.org>");
    expect(heard).toContain("Auto-Submitted: auto-generated");
    expect(heard).toContain("From: Hound <hound@example.org>");
  });

  test("send: several recipients in one message; one that is refused does not keep it from the others", async () => {
    const relay = await serverOf((line) => (/^RCPT.*gone@/.test(line) ? "550 5.1.1 no such mailbox" : usual(line)));
    const receipt = await createMailer(relay, { clock: systemClock }).send({
      ...message,
      to: ["ops@example.org", "gone@example.org", "Boss <boss@example.org>"],
    });
    expect(receipt.accepted).toEqual(["ops@example.org", "boss@example.org"]);
    expect(receipt.rejected).toEqual([
      { address: "gone@example.org", reason: "550 5.1.1 no such mailbox", isFinal: true },
    ]);
  });

  test("send: no header and no command can be slipped in", async () => {
    const heard: string[] = [];
    const relay = await serverOf(usual, heard);
    await createMailer(relay, { clock: systemClock }).send({
      ...message,
      subject: "High\r\nBcc: spy@evil.example\r\n\r\nbody",
      id: "a>\r\nX-Evil: 1",
      headers: { "X-Note": "one\r\nX-Evil: 2" },
      text: "first\r\n.\r\nMAIL FROM:<spy@evil.example>\r\n",
    });
    expect(heard.filter((line) => /^(?:Bcc|X-Evil)/i.test(line))).toEqual([]);
    expect(heard.filter((line) => line === ".")).toHaveLength(1);
    expect(heard.filter((line) => line.startsWith("RCPT"))).toEqual(["RCPT TO:<ops@example.org>"]);
    for (const bad of ["a@b>\r\nRCPT TO:<c@d", "a@b, c@d", ""]) {
      expect((await faultOf(relay, { to: [bad] })).code).toBe("mail/address");
    }
  });

  test("send: no line is longer than servers take, whatever a subject or a text holds", async () => {
    for (const long of ["x".repeat(5000), "é".repeat(5000), `${"a b ".repeat(2000)}😀`]) {
      const heard: string[] = [];
      const relay = await serverOf(usual, heard);
      const headers = { "X-Odd": long };
      const what = { subject: `[ALERT] ${long}`, text: long, html: `<p>${long}</p>`, headers };
      await createMailer(relay, { clock: systemClock }).send({ ...message, ...what });
      expect(Math.max(...heard.map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(998);
      expect(heard.find((line) => line.startsWith("Subject: "))).toBeDefined();
    }
  });

  test("send: what is worth trying again is told from what is not", async () => {
    const codes: [string, string, string][] = [];
    for (const [at, words] of [
      ["MAIL", "451 4.3.0 later"],
      ["RCPT", "450 4.2.1 busy"],
      ["RCPT", "550 5.1.1 no such mailbox"],
      [".", "554 5.7.1 looks like spam"],
      [".", "452 4.3.1 disk full"],
      ["(connected)", "421 4.3.2 too many connections"],
      ["MAIL", "530 5.7.0 log in first"],
    ] as const) {
      const relay = await serverOf((line) => (line.startsWith(at) ? words : usual(line)));
      const { code, kind } = await faultOf(relay);
      codes.push([words.slice(0, 3), code, kind]);
    }
    expect(codes).toEqual([
      ["451", "mail/deferred", "unavailable"],
      ["450", "mail/deferred", "unavailable"],
      ["550", "mail/refused", "invalid"],
      ["554", "mail/refused", "invalid"],
      ["452", "mail/deferred", "unavailable"],
      ["421", "mail/deferred", "unavailable"],
      ["530", "mail/login", "unauthorized"],
    ]);
  });

  test("send: a server that turns everybody away at its door is tried again", async () => {
    for (const at of [/^\(connected\)/, /^(?:EHLO|HELO)/]) {
      const relay = await serverOf((line) => (at.test(line) ? "554 5.3.2 closed" : usual(line)));
      const { code, kind, message: words } = await faultOf(relay);
      expect([at, code, kind]).toEqual([at, "mail/deferred", "unavailable"]);
      expect(words).toContain("takes no mail now: 554 5.3.2 closed");
    }
  });

  test("send: a server that dies at any line, before the last word, has not taken it", async () => {
    for (const at of ["(connected)", "EHLO", "MAIL", "RCPT", "DATA", "It is high", "."]) {
      const relay = await serverOf((line) => (line.startsWith(at) ? undefined : usual(line)));
      const fault = await faultOf(relay);
      expect([at, fault.kind]).toEqual([at, "unavailable"]);
    }
  });

  test("send: a server that hangs at any line is given up in time", async () => {
    for (const at of ["(connected)", "MAIL", "."]) {
      const relay = await serverOf((line) => (line.startsWith(at) ? "" : usual(line)));
      const fault = await faultOf({ ...relay, timeoutMs: 100 });
      expect([at, fault.code, fault.kind]).toEqual([at, "mail/late", "timeout"]);
    }
  });

  test("send: nobody there, and a caller who leaves", async () => {
    const relay = await serverOf(usual);
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    expect((await faultOf(relay)).code).toBe("mail/unreachable");
    const silent = await serverOf(() => "");
    const leaving = new AbortController();
    const left = faultOf(silent, {}, leaving.signal);
    leaving.abort(new Fault("unavailable", "test/left", "Left"));
    expect((await left).code).toBe("test/left");
  });

  test("send: the password shows in no sentence, even when the server repeats it", async () => {
    const password = "correct horse";
    const login = { user: "hound", password };
    const forms = [password, ...[password, `\0hound\0${password}`].map((text) => Buffer.from(text).toString("base64"))];
    const relay = await serverOf((line) =>
      line.startsWith("AUTH") ? `535 no: ${forms.join(" ")} ${line}` : usual(line),
    );
    const fault = await faultOf({ ...relay, login });
    expect(fault.code).toBe("mail/login");
    expect(fault.cause).toBeUndefined();
    for (const form of forms) expect(fault.message).not.toContain(form);
    expect(fault.message).toContain("***");
  });

  test("send: STARTTLS that is not offered is a failure, not a message in the clear", async () => {
    const heard: string[] = [];
    const relay = await serverOf(usual, heard);
    const fault = await faultOf({ ...relay, security: "starttls" });
    expect(fault.kind).toBe("unavailable");
    expect(heard.filter((line) => line.startsWith("MAIL"))).toEqual([]);
  });
});

test("clearLogin: a password crosses no network unencrypted unless that is allowed by name", () => {
  const login = { user: "u", password: "p" };
  const relay = { host: "mail.example", port: 25, security: "none", login } as const;
  expect(clearLogin(relay)).toContain("unencrypted");
  expect(clearLogin({ ...relay, allowClearLogin: true })).toBeUndefined();
  expect(clearLogin({ ...relay, security: "starttls" })).toBeUndefined();
  expect(clearLogin({ ...relay, host: "127.0.0.1" })).toBeUndefined();
  expect(clearLogin({ host: "mail.example", port: 25, security: "none" })).toBeUndefined();
});

test("securityOfPort: 25 is plain, 587 changes to TLS, others are TLS", () => {
  expect([25, 465, 587, 2525].map(securityOfPort)).toEqual(["none", "tls", "starttls", "tls"]);
});
